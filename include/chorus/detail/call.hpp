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
#include <chorus/provider/detail/redactor.hpp>
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

/// Waits until the attempt may begin, and makes it.
CHORUS_LAZY awaitable<result<void>> make_later_attempt(call_progress& progress, net::transport& via,
                                                       http::request& message, http::response& received);

/// What could not even be attempted.
CHORUS_LAZY awaitable<result<void>> make_no_attempt(error why);

/// Makes the next attempt of a call. Most of them begin at once, and take no frame to do so.
template <class Question>
awaitable<result<void>> make_attempt(client_state& shared, call_progress& progress, Question& asked,
                                     http::response& received) {
    if (!progress.has_message()) {
        if (progress.is_watched()) progress.watch(asked.subject());
        if (auto encoded = asked.encode(*shared.api); !encoded) return make_no_attempt(encoded.error());
    }
    progress.await_head(received);
    net::transport& via = **shared.transport;
    if (!progress.try_begin(asked.message())) return make_later_attempt(progress, via, asked.message(), received);
    return via.send(asked.message(), progress.limits(), received);
}

/// Sends what a question encodes, as often as it takes, and gives what it decodes.
/// Cancellation: terminal; the error is `errc::cancelled`.
/// What a frame holds, each call holds that waits for an answer: it has no names for what is over before.
template <class Question>
awaitable<answer_to<Question>> call(std::shared_ptr<client_state> shared, Question asked) {
    if (!shared->check()) co_return shared->check().error();
    call_progress progress(*shared, asked.options());
    for (;;) {
        http::response received;
        try {
            auto done = co_await make_attempt(*shared, progress, asked, received);
            if (done) {
                progress.answered(received);
                auto answer = asked.decode(*shared->api, std::move(received), std::chrono::system_clock::now());
                if (answer) {
                    progress.succeeded(*answer);
                    co_return answer;
                }
                done = without_secrets_of(asked.message().headers, answer.error());
            }
            if (!progress.failed(done.error())) co_return progress.conclude(done.error());
        } catch (...) {
            // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
            if (!progress.failed(error::from_exception(std::current_exception()))) {
                co_return progress.conclude(error::from_exception(std::current_exception()));
            }
        }
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

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/call.ipp>
#endif
