// How long a mock reply takes: a fixed time, or drawn from a distribution in an order that repeats.
#pragma once

#include <chorus/config.hpp>

#include <chrono>
#include <cstdint>

namespace chorus::testing {

/// A source of latencies. A value: two copies draw the same sequence. The same seed gives the same latencies on every
/// platform.
class mock_latency {
 public:
    using duration = std::chrono::nanoseconds;

    /// No latency.
    mock_latency() noexcept = default;

    static mock_latency fixed(duration value) noexcept;
    /// Evenly spread from `shortest` to `longest`, both included.
    static mock_latency uniform(duration shortest, duration longest, std::uint64_t seed = 1) noexcept;
    /// Log-normal, as the latencies of real services are: half of the draws lie below `median`; `sigma` is the standard
    /// deviation of the logarithm (0.5 puts 1 % above 3.2 times the median). No draw exceeds 100 times the median.
    static mock_latency lognormal(duration median, double sigma, std::uint64_t seed = 1) noexcept;

    /// Draws the next latency; never negative.
    duration next() noexcept;

 private:
    enum class shape { fixed, uniform, lognormal };
    mock_latency(shape kind, duration low, duration span, double sigma, std::uint64_t seed) noexcept;
    double next_fraction() noexcept;

    shape shape_ = shape::fixed;
    duration low_{};   // the fixed value, the shortest, the median
    duration span_{};  // longest - shortest
    double sigma_ = 0;
    std::uint64_t state_ = 0;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_latency.ipp>
#endif
