#pragma once

#include <chorus/testing/mock_latency.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace chorus::testing {

CHORUS_DECL mock_latency::mock_latency(shape kind, duration low, duration span, double sigma,
                                       std::uint64_t seed) noexcept
    : shape_(kind),
      low_(std::max(low, duration::zero())),
      span_(std::max(span, duration::zero())),
      sigma_(sigma),
      state_(seed) {}

CHORUS_DECL mock_latency mock_latency::fixed(duration value) noexcept {
    return mock_latency(shape::fixed, value, {}, 0, 0);
}

CHORUS_DECL mock_latency mock_latency::uniform(duration shortest, duration longest, std::uint64_t seed) noexcept {
    return mock_latency(shape::uniform, shortest, longest - shortest, 0, seed);
}

CHORUS_DECL mock_latency mock_latency::lognormal(duration median, double sigma, std::uint64_t seed) noexcept {
    return mock_latency(shape::lognormal, median, {}, sigma, seed);
}

CHORUS_DECL mock_latency::duration mock_latency::next() noexcept {
    switch (shape_) {
        case shape::fixed:
            break;
        case shape::uniform:
            return low_ +
                   duration(static_cast<duration::rep>(next_fraction() * static_cast<double>(span_.count() + 1)));
        case shape::lognormal: {
            // Box-Muller by hand: the sequences of std::lognormal_distribution differ between standard libraries.
            const double radius = std::sqrt(-2.0 * std::log(1.0 - next_fraction()));
            const double normal = radius * std::cos(2.0 * std::numbers::pi * next_fraction());
            const double factor = std::min(std::exp(sigma_ * normal), 100.0);
            return duration(static_cast<duration::rep>(static_cast<double>(low_.count()) * factor));
        }
    }
    return low_;
}

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014); 53 bits make a double < 1.
CHORUS_DECL double mock_latency::next_fraction() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t bits = state_;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    bits ^= bits >> 31U;
    return static_cast<double>(bits >> 11U) * 0x1.0p-53;
}

}  // namespace chorus::testing
