// The one clock of all coroutines, and the time of a loop, which a test may replace.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <chrono>
#include <ratio>
#include <type_traits>

namespace chorus {

/// All deadlines of the library are points of this clock.
using clock = std::chrono::steady_clock;

/// Returns the time of the executor's loop: the real time, unless a `testing::virtual_clock` is installed there.
clock::time_point now(const executor& ex);

namespace detail {

/// The length in the unit of the clock, or the nearest that fits there: `milliseconds::max()` stands for no limit.
template <class Rep, class Period>
    requires std::ratio_greater_equal_v<Period, clock::period>
constexpr clock::duration saturating_cast(std::chrono::duration<Rep, Period> length) noexcept {
    // Compared in the coarser unit, where all lengths of the clock fit.
    using comparable = std::chrono::duration<std::common_type_t<Rep, clock::rep>, Period>;
    constexpr auto longest = std::chrono::duration_cast<comparable>(clock::duration::max());
    if (length >= longest) return clock::duration::max();
    if (length < length.zero() && length <= -longest) return clock::duration::min();
    return std::chrono::duration_cast<clock::duration>(length);
}

/// `start + length`, or the end (or beginning) of time where the sum would overflow.
template <class Rep, class Period>
constexpr clock::time_point saturating_add(clock::time_point start,
                                           std::chrono::duration<Rep, Period> length) noexcept {
    constexpr auto first = clock::time_point::min();
    constexpr auto last = clock::time_point::max();
    const clock::duration step = saturating_cast(length);
    const clock::duration elapsed = start.time_since_epoch();
    if (elapsed > elapsed.zero() && step > last - start) return last;
    if (elapsed < elapsed.zero() && step < first - start) return first;
    return start + step;
}

}  // namespace detail
}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/async/timer_service.hpp>  // has the body of now()
#endif
