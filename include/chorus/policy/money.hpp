// Sums of money that add up exactly.
#pragma once

#include <chorus/config.hpp>

#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace chorus::policy {

/// An amount of money in whole billionths of a dollar (or of whatever currency the prices are in), up to 9.2 billion
/// dollars either way. Sums are exact; beyond the range they stay at its end.
class money {
 public:
    constexpr money() noexcept = default;
    /// Rounds to the nearest billionth, so that 0.15 is 15 cents exactly.
    static constexpr money dollars(double amount) noexcept {
        const double scaled = amount * 1e9;
        if (scaled >= 9.2e18) return most();
        if (scaled <= -9.2e18) return nano_dollars(-most().count());
        if (scaled != scaled) return money();
        return nano_dollars(static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5)));
    }
    static constexpr money nano_dollars(std::int64_t count) noexcept {
        money made;
        made.count_ = count;
        return made;
    }
    static constexpr money most() noexcept { return nano_dollars(std::numeric_limits<std::int64_t>::max()); }

    /// In billionths of a dollar.
    constexpr std::int64_t count() const noexcept { return count_; }

    friend constexpr money operator+(money left, money right) noexcept {
        if (right.count_ > 0 && left.count_ > most().count_ - right.count_) return most();
        if (right.count_ < 0 && left.count_ < -most().count_ - right.count_) return nano_dollars(-most().count_);
        return nano_dollars(left.count_ + right.count_);
    }
    friend constexpr money operator-(money left, money right) noexcept { return left + nano_dollars(-right.count_); }
    constexpr money& operator+=(money other) noexcept { return *this = *this + other; }
    constexpr money& operator-=(money other) noexcept { return *this = *this - other; }
    friend constexpr auto operator<=>(money, money) noexcept = default;

 private:
    std::int64_t count_ = 0;
};

/// Such as `$12.50` or `$0.000075`: at least two digits behind the point, and no zeros behind those.
std::string to_string(money amount);

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/money.ipp>
#endif
