// One loop, one main coroutine, two signals.
#pragma once

#include <chorus/async/run.hpp>
#include <chorus/error.hpp>
#include <chorus/impl/async/children.ipp>
#include <chorus/net/signals.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <optional>
#include <stdexcept>
#include <utility>

namespace chorus::detail {

struct loop_place {
    std::optional<asio::io_context> loop{std::in_place, 1};
};

/// A loop, and the one coroutine that it lives for. The loop goes first: the frames left in it know this object.
class main_loop final : private loop_place, private children {
 public:
    main_loop() : children(loop->get_executor()), work_(loop->get_executor()) {}
    ~main_loop() {
        is_going_ = true;
        work_.reset();
        loop.reset();
    }

    asio::io_context& context() noexcept { return *loop; }
    /// Runs the coroutine to its end.
    void run(awaitable<void> main) {
        start(main_, std::move(main));
        loop->run();
        if (running() > 0) throw std::logic_error("the loop was stopped before the main coroutine had ended");
    }
    void cancel() { children::cancel(); }

 private:
    void finished() override {
        if (!is_going_) loop->stop();
    }

    child main_;
    asio::executor_work_guard<asio::io_context::executor_type>
        work_;  // while the coroutine runs, its loop does not end
    bool is_going_ = false;
};

CHORUS_DECL int run_main(awaitable<void> main, const run_options& options) {
    int cancelled_by = 0;
    main_loop loop;
    asio::signal_set signals(loop.context());
    if (options.handle_signals) {
        for (const int number : {SIGINT, SIGTERM}) {
            signals.add(number);
            net::platform::reset_on_delivery(number);
        }
        signals.async_wait([&](const boost::system::error_code& error, int number) {
            if (error) return;
            signals.clear();
            cancelled_by = number;
            loop.cancel();
        });
    }
    loop.run(std::move(main));
    return cancelled_by;
}

CHORUS_DECL bool is_cancelled(const std::exception_ptr& failure) noexcept {
    return error::from_exception(failure) == condition::cancelled;
}

}  // namespace chorus::detail
