// The way of one call, whatever it asks: encode, send, decode.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/timer_service.hpp>
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

namespace chorus::detail {

/// What is asked in one call: a pair of functions of the provider, and what they are given.
template <class Request, auto Encode, auto Decode>
struct question {
    Request request;

    result<http::request> encode(const provider& api) const { return (api.*Encode)(request); }
    std::optional<std::chrono::milliseconds> timeout() const {
        if constexpr (requires { request.options().timeout; }) {
            return request.options().timeout;
        } else {
            return std::nullopt;
        }
    }
    void forget_request() { request = {}; }
    auto decode(const provider& api, http::response&& received, std::chrono::system_clock::time_point now) const {
        return (api.*Decode)(std::move(received), now);
    }
};

template <class Question>
using answer_to = decltype(std::declval<Question&>().decode(std::declval<const provider&>(), {}, {}));

/// Sends what a question encodes, and gives what it decodes.
/// Cancellation: terminal; the error is `errc::cancelled`.
template <class Question>
awaitable<answer_to<Question>> call(std::shared_ptr<client_state> shared, Question asked) {
    if (const auto ready = shared->check(); !ready) co_return ready.error();
    auto message = asked.encode(*shared->api);
    if (!message) co_return message.error();
    const http::limits limits = shared->limits_with(asked.timeout());
    asked.forget_request();  // it is in the encoded body now; a call that waits holds it once
    http::response answer;
    result<void> sent;
    try {
        sent = co_await (*shared->transport)->send(*message, limits, answer);
    } catch (...) {
        // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
        sent = error::from_exception(std::current_exception());
    }
    if (!sent) co_return sent.error();
    co_return asked.decode(*shared->api, std::move(answer), std::chrono::system_clock::now());
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
        : timers_(timer_service::of(shared.home)), end_(saturating_add(timers_.now(), shared.limits_with(own).total)) {}

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
