#pragma once

#include <chorus/policy/concurrency_limit.hpp>

#include <algorithm>

namespace chorus::policy {

CHORUS_DECL concurrency_limit::concurrency_limit(const concurrency_options& options) : options_(options) {
    options_.max = std::max<std::size_t>(options_.max, 1);
    options_.decrease = std::clamp(options_.decrease, 0.0, 1.0);
    const std::size_t start =
        options_.adaptive ? std::clamp<std::size_t>(options_.initial, 1, options_.max) : options_.max;
    limit_ = static_cast<double>(start);
}

CHORUS_DECL void concurrency_limit::succeeded(time_point start, std::optional<std::chrono::nanoseconds> latency,
                                              std::size_t in_flight, time_point now) noexcept {
    if (!options_.adaptive) return;
    if (latency && is_slow(*latency)) {
        overloaded(start, now);
        return;
    }
    if (static_cast<double>(in_flight) * 2 < limit_) return;
    limit_ = std::min(limit_ + (has_decreased_ ? 1 / limit_ : 1), static_cast<double>(options_.max));
}

CHORUS_DECL void concurrency_limit::overloaded(time_point start, time_point now) noexcept {
    if (!options_.adaptive || (has_decreased_ && start <= decreased_at_)) return;
    limit_ = std::max(limit_ * options_.decrease, 1.0);
    has_decreased_ = true;
    decreased_at_ = now;
}

/// The usual latency follows shorter ones fast and longer ones slowly: an average that stays near the minimum.
CHORUS_DECL bool concurrency_limit::is_slow(std::chrono::nanoseconds latency) noexcept {
    if (options_.latency_factor <= 0) return false;
    const auto taken = static_cast<double>(latency.count());
    if (usual_latency_ <= 0) {
        usual_latency_ = taken;
        return false;
    }
    const bool slow = taken > usual_latency_ * options_.latency_factor;
    usual_latency_ += (taken - usual_latency_) * (taken < usual_latency_ ? 0.5 : 0.01);
    return slow;
}

CHORUS_DECL std::optional<std::chrono::nanoseconds> concurrency_limit::usual_latency() const noexcept {
    if (usual_latency_ <= 0) return std::nullopt;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(usual_latency_));
}

}  // namespace chorus::policy
