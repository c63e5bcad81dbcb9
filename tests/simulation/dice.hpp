// Random choices that are the same on every platform.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace chorus::simulation {

/// SplitMix64, and what a world asks of it. Not <random>: its distributions differ between libraries.
class dice {
 public:
    explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t value = state_ += 0x9e3779b97f4a7c15U;
        value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
        value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
        return value ^ (value >> 31U);
    }
    /// From `least` to `most`, both included.
    std::size_t between(std::size_t least, std::size_t most) noexcept { return least + next() % (most - least + 1); }
    std::chrono::microseconds between(std::chrono::microseconds least, std::chrono::microseconds most) noexcept {
        const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
        return least + std::chrono::microseconds(next() % span);
    }
    bool percent(std::size_t chance) noexcept { return next() % 100 < chance; }

 private:
    std::uint64_t state_;
};

}  // namespace chorus::simulation
