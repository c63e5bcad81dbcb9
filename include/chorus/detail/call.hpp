// The way of one call, whatever it asks: encode, send, decode.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/detail/call_progress.hpp>
#include <chorus/detail/call_subject.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/provider.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace chorus::detail {

/// What is asked in one call, and once it is encoded the message in the same place: a call that waits holds one of them.
/// Those who derive add its `subject` and the pair of functions of the provider, `encode` and `decode`.
template <class Request>
class question {
 public:
    explicit question(Request asked) : content_(std::in_place_index<0>, std::move(asked)) {}

    const Request& request() const { return std::get<0>(content_); }
    const call_options* options() const {
        if constexpr (requires { request().options(); }) {
            return &request().options();
        } else {
            return nullptr;
        }
    }
    http::request& message() { return std::get<1>(content_); }

 protected:
    result<void> become(result<http::request> encoded) {
        if (!encoded) return encoded.error();
        content_.template emplace<1>(std::move(*encoded));
        return {};
    }

 private:
    std::variant<Request, http::request> content_;
};

template <class Question>
using answer_to = decltype(std::declval<Question&>().decode(std::declval<const provider&>(), {}, {}));

/// Sends what a question encodes, as often as it takes, and gives what it decodes.
/// Cancellation: terminal; the error is `errc::cancelled`.
/// What a frame holds, each call holds that waits for an answer: it has one place for what goes wrong, whichever step it is.
template <class Question>
awaitable<answer_to<Question>> call(std::shared_ptr<client_state> shared, Question asked) {
    result<void> done = shared->check();
    if (!done) co_return done.error();
    call_progress progress(*shared, asked.options());
    if (progress.is_watched()) progress.watch(asked.subject());
    done = asked.encode(*shared->api);
    if (!done) co_return progress.conclude(done.error());
    for (;;) {
        http::response received;
        bool is_begun = false;
        progress.await_head(received);
        try {
            is_begun = progress.try_begin(asked.message());
            if (!is_begun) is_begun = co_await progress.begin(asked.message(), done);
            if (is_begun) done = co_await (*shared->transport)->send(asked.message(), progress.limits(), received);
        } catch (...) {
            // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
            done = error::from_exception(std::current_exception());
        }
        if (!is_begun) co_return progress.conclude(done.error());
        if (done) {
            progress.answered(received);
            auto answer = asked.decode(*shared->api, std::move(received), std::chrono::system_clock::now());
            if (answer) {
                progress.succeeded(*answer);
                co_return answer;
            }
            done = answer.error();
        }
        if (!progress.failed(done.error())) co_return progress.conclude(done.error());
        done = {};
    }
}

/// Throws the error that a call returns.
template <class Value>
awaitable<Value> or_throw(awaitable<result<Value>> work) {
    auto outcome = co_await std::move(work);
    if (!outcome) throw_error(outcome.error());
    co_return std::move(*outcome);
}

/// The one limit on all calls that a request takes. Those that are under way side by side have a copy for each line of
/// calls, since what one of them waits for its turn is no wait of the others.
class shared_deadline {
 public:
    shared_deadline(const client_state& shared, const call_options& own)
        : timers_(&shared.timers), end_(saturating_add(timers_->now(), shared.limits_of(&own).total)) {}

    /// A call waited so long for its turn, which is none of its own time.
    void put_off(std::chrono::nanoseconds waited) noexcept { end_ = saturating_add(end_, waited); }

    /// What is left for the next of them.
    std::chrono::milliseconds left() const {
        const auto now = timers_->now();
        return std::chrono::ceil<std::chrono::milliseconds>(std::max(end_, now) - now);
    }
    /// Errors: `errc::deadline_exceeded` where nothing is left.
    result<void> check() const {
        if (left() > std::chrono::milliseconds::zero()) return {};
        error passed(errc::deadline_exceeded);
        return passed.phase(phase::pool);
    }

 private:
    timer_service* timers_;
    clock::time_point end_;
};

}  // namespace chorus::detail
