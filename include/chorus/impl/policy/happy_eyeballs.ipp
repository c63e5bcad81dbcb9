// An order made once, and a time that moves.
#pragma once

#include <chorus/policy/happy_eyeballs.hpp>

namespace chorus::policy {

CHORUS_DECL happy_eyeballs::happy_eyeballs(std::span<const address_family> families, happy_eyeballs_options options)
    : attempt_delay_(options.attempt_delay) {
    std::vector<std::size_t> turns[2];  // of the first family, of the other
    for (std::size_t index = 0; index < families.size(); ++index) {
        turns[families[index] == families.front() ? 0 : 1].push_back(index);
    }
    for (std::size_t round = 0; order_.size() < families.size(); ++round) {
        for (const auto& turn : turns) {
            if (round < turn.size()) order_.push_back(turn[round]);
        }
    }
}

CHORUS_DECL std::optional<std::size_t> happy_eyeballs::next(time_point now) {
    if (has_succeeded_ || started_ == order_.size() || now < due_) return std::nullopt;
    due_ = now + attempt_delay_;
    return order_[started_++];
}

CHORUS_DECL std::optional<happy_eyeballs::time_point> happy_eyeballs::next_at() const noexcept {
    if (has_succeeded_ || started_ == order_.size()) return std::nullopt;
    return due_;
}

CHORUS_DECL void happy_eyeballs::failed() noexcept {
    ++failed_;
    due_ = time_point::min();
}

CHORUS_DECL void happy_eyeballs::succeeded() noexcept {
    has_succeeded_ = true;
}

CHORUS_DECL bool happy_eyeballs::is_exhausted() const noexcept {
    return !has_succeeded_ && failed_ == order_.size();
}

}  // namespace chorus::policy
