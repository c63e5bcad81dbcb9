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
#include <string_view>
#include <utility>

namespace chorus::detail {

/// What is asked in one call. Those who derive add the pair of functions of the provider, `encode` and `decode`.
template <class Request>
struct question {
    Request request;
    std::string_view operation;

    call_subject subject() const { return subject_of(operation, request); }
    const call_options* options() const {
        if constexpr (requires { request.options(); }) {
            return &request.options();
        } else {
            return nullptr;
        }
    }
    void forget_request() { request = {}; }
};

template <class Question>
using answer_to = decltype(std::declval<Question&>().decode(std::declval<const provider&>(), {}, {}));

/// Sends what a question encodes, as often as it takes, and gives what it decodes.
/// Cancellation: terminal; the error is `errc::cancelled`.
template <class Question>
awaitable<answer_to<Question>> call(std::shared_ptr<client_state> shared, Question asked) {
    if (const auto ready = shared->check(); !ready) co_return ready.error();
    call_progress progress(*shared, asked.options());
    if (progress.is_watched()) progress.watch(asked.subject());
    auto message = asked.encode(*shared->api);
    if (!message) co_return progress.conclude(message.error());
    asked.forget_request();  // it is in the encoded body now; a call that waits holds it once
    for (;;) {
        http::response received;
        result<void> begun;
        result<void> done;
        bool is_begun = false;
        progress.await_head(received);
        try {
            if (!progress.try_begin(*message)) begun = co_await progress.begin(*message);
            is_begun = bool(begun);
            if (is_begun) done = co_await (*shared->transport)->send(*message, progress.limits(), received);
        } catch (...) {
            // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
            (is_begun ? done : begun) = error::from_exception(std::current_exception());
        }
        if (!begun) co_return progress.conclude(begun.error());
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
    }
}

/// Throws the error that a call returns.
template <class Value>
awaitable<Value> or_throw(awaitable<result<Value>> work) {
    auto outcome = co_await std::move(work);
    if (!outcome) throw_error(outcome.error());
    co_return std::move(*outcome);
}

/// The one limit on all calls that a request takes.
class shared_deadline {
 public:
    shared_deadline(const client_state& shared, const std::optional<std::chrono::milliseconds>& own)
        : timers_(shared.timers), end_(saturating_add(timers_.now(), own.value_or(shared.limits.total))) {}

    /// What is left for the next of them.
    std::chrono::milliseconds left() const {
        const auto now = timers_.now();
        return std::chrono::ceil<std::chrono::milliseconds>(std::max(end_, now) - now);
    }
    /// Errors: `errc::deadline_exceeded` where nothing is left.
    result<void> check() const {
        if (left() > std::chrono::milliseconds::zero()) return {};
        error passed(errc::deadline_exceeded);
        return passed.phase(phase::pool);
    }

 private:
    timer_service& timers_;
    clock::time_point end_;
};

}  // namespace chorus::detail
