// A limit of time around any coroutine.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace chorus {

namespace detail {

/// The part of a limited coroutine that does not depend on its type.
class time_limit : public children {
 public:
    time_limit(executor where, clock::duration limit);

 protected:
    ~time_limit() = default;
    void run(awaitable<void> work);
    bool passed() const noexcept { return passed_; }
    bool is_cancellation(std::exception_ptr failure) const noexcept;
    error timed_out() const;

 private:
    void on_limit();
    void ended(child&) override { alarm_.clear(); }

    child place_;
    alarm alarm_;
    clock::duration limit_;
    bool passed_ = false;
};

template <class T>
class time_limited final : public time_limit {
 public:
    time_limited(executor where, clock::duration limit, awaitable<T> work)
        : time_limit(std::move(where), limit), work_(std::move(work)) {}

    template <class... Value>
    void value(Value&&... value) {
        value_.emplace(std::forward<Value>(value)...);
    }
    void failure(std::exception_ptr exception) noexcept { failure_ = std::move(exception); }

    T take() {
        if (failure_ && passed() && is_cancellation(failure_)) {
            if constexpr (is_result<T>)
                return timed_out();
            else
                throw_error(timed_out());
        }
        if (failure_) std::rethrow_exception(failure_);
        if (!value_) rethrow_reason();
        if constexpr (is_result<T>)
            if (passed() && !*value_ && value_->error() == condition::cancelled) return timed_out();
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

 private:
    struct receiver {
        time_limited* owner;
        template <class... Value>
        void value(Value&&... value) {
            owner->value(std::forward<Value>(value)...);
        }
        void failure(std::exception_ptr exception) noexcept { owner->failure(std::move(exception)); }
    };

    void begin() override { run(deliver(std::move(work_), receiver{this})); }

    awaitable<T> work_;
    std::optional<stored<T>> value_;
    std::exception_ptr failure_;
};

}  // namespace detail

/// Runs a coroutine and cancels it if it has not ended within the limit; one of `milliseconds::max()` never passes.
/// Completes when the coroutine has ended, with its value or exception; never leaves it running behind.
/// Cancellation: passes through to the coroutine, with whatever that makes of it.
/// Errors: when the limit made it end as cancelled, throws `api_error` with `errc::timed_out`; where `T` is a
/// `result`, returns that error instead. A coroutine that delivers a value all the same, or fails in its own way, is
/// heard.
///
///     auto reply = co_await chorus::with_timeout(2s, llm.complete(request));
template <class T, class Rep, class Period>
awaitable<T> with_timeout(std::chrono::duration<Rep, Period> limit, awaitable<T> work) {
    detail::time_limited<T> limited(co_await this_coro::executor, detail::saturating_cast(limit), std::move(work));
    co_await limited.join();
    co_return limited.take();
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/timeout.ipp>
#endif
