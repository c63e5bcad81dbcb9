// Waiting for time to pass without blocking the thread.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

#include <chrono>

namespace chorus {

/// Suspends the coroutine for a duration, counted from the moment it is awaited. With zero or less it lets other ready
/// handlers run first.
/// Cancellation: total; throws `system_error` with `asio::error::operation_aborted`.
/// Executor: that of the awaiting coroutine, whose loop also gives the time.
///
///     co_await chorus::sleep_for(200ms);
awaitable<void> sleep_for(clock::duration length);

/// The same for any unit; what is too long for the clock has no end.
template <class Rep, class Period>
awaitable<void> sleep_for(std::chrono::duration<Rep, Period> length) {
    return sleep_for(detail::saturating_cast(length));
}

/// The same, until a point in time; a point in the past completes soon.
awaitable<void> sleep_until(clock::time_point when);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/sleep.ipp>
#endif
