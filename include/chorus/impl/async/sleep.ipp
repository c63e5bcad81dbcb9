// A sleep is one entry of the timer service that holds the suspended coroutine.
#pragma once

#include <chorus/async/detail/post.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/timer_service.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <optional>
#include <utility>

namespace chorus::detail {

// Three may refer to it: the service while it waits, the completion on its way, and the cancellation slot. The handler
// is let go of as soon as the first of them says so, for it owns the coroutine that may own the slot.
template <class Handler>
class sleep_entry final : public timer_entry {
 public:
    static void start(timer_service& service, clock::time_point when, Handler&& handler) {
        boost::intrusive_ptr<sleep_entry> entry(new sleep_entry(service, std::move(handler)));
        auto slot = asio::get_associated_cancellation_slot(*entry->handler_);
        if (slot.is_connected()) slot.template emplace<canceller>(entry);
        service.schedule(*entry, when);
    }

 private:
    struct canceller {
        boost::intrusive_ptr<sleep_entry> entry;
        explicit canceller(const boost::intrusive_ptr<sleep_entry>& sleep) : entry(sleep) {}
        void operator()(asio::cancellation_type_t type) {
            if (type != asio::cancellation_type::none && entry->handler_ && entry->service_.cancel(*entry))
                entry->post_completion(asio::error::operation_aborted);
        }
    };

    // A queued completion that is destroyed instead of run, as a context does when it goes away, lets go as well.
    struct completion {
        boost::intrusive_ptr<sleep_entry> entry;
        boost::system::error_code error;

        completion(boost::intrusive_ptr<sleep_entry> sleep, boost::system::error_code code)
            : entry(std::move(sleep)), error(code) {}
        completion(completion&&) noexcept = default;
        ~completion() {
            if (entry) entry->handler_.reset();
        }
        void operator()() {
            auto owner = std::move(entry);
            Handler handler = std::move(*owner->handler_);
            owner->handler_.reset();
            owner.reset();
            std::move(handler)(error);
        }
    };

    sleep_entry(timer_service& service, Handler&& handler) : service_(service), handler_(std::move(handler)) {}

    void on_due(std::uint64_t) override { post_completion({}); }
    void on_shutdown() noexcept override { handler_.reset(); }

    void post_completion(boost::system::error_code error) {
        auto ex = asio::get_associated_executor(*handler_);
        detail::post(ex, completion(boost::intrusive_ptr<sleep_entry>(this), error));
    }

    timer_service& service_;
    std::optional<Handler> handler_;
};

// An asynchronous operation in Asio's sense: awaiting it needs no coroutine frame of its own.
inline auto async_sleep(timer_service& service, clock::time_point when) {
    return asio::async_initiate<const asio::deferred_t, void(boost::system::error_code)>(
        [&service, when](auto handler) { sleep_entry<decltype(handler)>::start(service, when, std::move(handler)); },
        asio::deferred);
}

}  // namespace chorus::detail

namespace chorus {

CHORUS_DECL awaitable<void> sleep_for(clock::duration length) {
    auto& service = timer_service::of(co_await this_coro::executor);
    co_await detail::async_sleep(service, detail::saturating_add(service.now(), length));
}

CHORUS_DECL awaitable<void> sleep_until(clock::time_point when) {
    co_await detail::async_sleep(timer_service::of(co_await this_coro::executor), when);
}

}  // namespace chorus
