// One loop, one main coroutine, two signals.
#pragma once

#include <chorus/async/run.hpp>
#include <chorus/error.hpp>
#include <chorus/impl/async/children.ipp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <stdexcept>

namespace chorus::detail {

// From the first delivery on the signal has its default action, without the help of a loop that may be blocked.
CHORUS_DECL void reset_on_delivery([[maybe_unused]] int number) {
#ifdef SA_RESETHAND
    struct sigaction action = {};
    if (::sigaction(number, nullptr, &action) != 0) return;
    action.sa_flags |= static_cast<int>(SA_RESETHAND);
    ::sigaction(number, &action, nullptr);
#endif
}

CHORUS_DECL int run_main(awaitable<void> main, const run_options& options) {
    int cancelled_by = 0;
    bool begun = false;
    bool done = false;
    asio::cancellation_signal cancellation;
    asio::io_context context{1};
    asio::signal_set signals(context);
    if (options.handle_signals) {
        for (const int number : {SIGINT, SIGTERM}) {
            signals.add(number);
            reset_on_delivery(number);
        }
        signals.async_wait([&](const boost::system::error_code& error, int number) {
            if (error) return;
            signals.clear();
            cancelled_by = number;
            if (begun) cancellation.emit(asio::cancellation_type::terminal);
        });
    }
    // A coroutine cancelled before it has begun does not begin: the last that co_spawn does to one that never was
    // suspended is to post, which in a cancelled one throws, out of the loop.
    auto body = [&]() -> awaitable<void> {
        begun = true;
        return cancelled_by == 0 ? std::move(main) : nothing();
    };
    asio::co_spawn(context, std::move(body),
                   asio::bind_cancellation_slot(cancellation.slot(), [&](std::exception_ptr failure) {
                       done = true;
                       context.stop();
                       if (failure) std::rethrow_exception(failure);
                   }));
    context.run();
    if (!done) throw std::logic_error("the loop was stopped before the main coroutine had ended");
    return cancelled_by;
}

CHORUS_DECL bool is_cancelled(const std::exception_ptr& failure) noexcept {
    return error::from_exception(failure) == condition::cancelled;
}

}  // namespace chorus::detail
