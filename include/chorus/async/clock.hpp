// The one clock of all coroutines, and the time of a loop, which a test may replace.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <chrono>

namespace chorus {

/// All deadlines of the library are points of this clock.
using clock = std::chrono::steady_clock;

/// Returns the time of the executor's loop: the real time, unless a `testing::virtual_clock` is installed there.
clock::time_point now(const executor& ex);

namespace detail {

/// `start + length`, or the end of time where the sum would overflow.
constexpr clock::time_point saturating_add(clock::time_point start, clock::duration length) noexcept {
    constexpr auto end = clock::time_point::max();
    return start.time_since_epoch().count() > 0 && length > end - start ? end : start + length;
}

}  // namespace detail
}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/async/timer_service.hpp>  // has the body of now()
#endif
