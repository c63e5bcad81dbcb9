#pragma once

#include <chorus/policy/minute_window.hpp>

#include <algorithm>

namespace chorus::policy {

CHORUS_DECL std::int64_t minute_window::number_at(time_point when) noexcept {
    // The epoch of a steady clock is the start of the machine; a test may go before it.
    return std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(when.time_since_epoch()).count(), 0);
}

CHORUS_DECL void minute_window::advance(time_point now) noexcept {
    const std::int64_t number = number_at(now);
    if (number <= newest_) return;
    for (std::int64_t each = std::max(newest_ + 1, number - length + 1); each <= number; ++each) {
        slot& over = at(each);
        sum_ -= over.amounts;
        refused_ -= over.refused;
        over = {};
    }
    newest_ = number;
}

CHORUS_DECL void minute_window::add(time_point when, const rate_amounts& amounts) noexcept {
    const std::int64_t number = number_at(when);
    if (!holds(number)) return;
    at(number).amounts += amounts;
    sum_ += amounts;
}

CHORUS_DECL void minute_window::move(time_point from, time_point to, const rate_amounts& amounts) noexcept {
    if (number_at(from) == number_at(to)) return;
    rate_amounts back;
    back -= amounts;
    add(from, back);
    add(to, amounts);
}

CHORUS_DECL void minute_window::refuse(time_point when) noexcept {
    const std::int64_t number = number_at(when);
    if (!holds(number)) return;
    ++at(number).refused;
    ++refused_;
}

CHORUS_DECL minute_window::time_point minute_window::when_at_most(meter what, std::int64_t most) const noexcept {
    std::int64_t left = amount_of(sum_, what);
    std::int64_t number = std::max<std::int64_t>(newest_ - length + 1, 0);
    for (; left > most && number <= newest_; ++number) left -= amount_of(at(number).amounts, what);
    return time_point(std::chrono::seconds(number - 1 + length));
}

}  // namespace chorus::policy
