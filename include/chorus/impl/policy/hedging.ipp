// A bucket of rights that starts empty, and two histograms of which the older goes when the newer is full.
#pragma once

#include <chorus/policy/hedging.hpp>

#include <algorithm>
#include <cmath>

namespace chorus::policy {

namespace detail {

constexpr std::uint64_t hedging_window = 500;
constexpr std::uint64_t hedging_refresh = 10;  // answers between two looks at 1,248 buckets
constexpr std::chrono::milliseconds longest_hedging_delay = std::chrono::hours(24);  // so that no sum of it overflows

/// In thousandths. Not std::clamp: it lets through what is no number.
CHORUS_DECL std::int64_t in_milli(double value, double most) noexcept {
    return value > 0 ? std::llround(std::min(value, most) * 1000) : 0;
}

CHORUS_DECL std::chrono::milliseconds sound_delay(std::chrono::milliseconds given) noexcept {
    return std::clamp(given, given.zero(), longest_hedging_delay);
}

}  // namespace detail

CHORUS_DECL hedging::hedging(const hedging_options& options)
    : options_(options),
      milli_share_(detail::in_milli(options.max_share, 1)),
      milli_burst_(std::int64_t{1000} * std::max(options.burst, 0)) {
    options_.quantile = options.quantile > 0 ? std::min(options.quantile, 1.0) : 0.0;
    options_.least_answers = std::max<std::uint64_t>(options.least_answers, 1);
    options_.shortest_delay = detail::sound_delay(options.shortest_delay);
    if (options.delay) options_.delay = detail::sound_delay(*options.delay);
}

CHORUS_DECL bool hedging::on_call(const token_estimate& asked) noexcept {
    ++stats_.calls;
    milli_rights_ = std::min(milli_burst_, milli_rights_ + milli_share_);
    return !options_.max_tokens || asked.total() <= *options_.max_tokens;
}

CHORUS_DECL std::optional<std::chrono::nanoseconds> hedging::delay() const noexcept {
    if (options_.delay) return *options_.delay;
    if (!observed_) return std::nullopt;
    return std::max<std::chrono::nanoseconds>(*observed_, options_.shortest_delay);
}

CHORUS_DECL bool hedging::is_followed(const error& failed, bool by_same_server) noexcept {
    if (failed != condition::retryable) return false;
    const bool asks_for_patience = failed.retry_after() || failed == condition::rate_limited ||
                                   failed == errc::overloaded || failed == errc::circuit_open ||
                                   failed.should_retry() == false;
    return !by_same_server || !asks_for_patience;
}

CHORUS_DECL bool hedging::take() noexcept {
    if (milli_rights_ < 1000) {
        ++stats_.denied;
        return false;
    }
    milli_rights_ -= 1000;
    ++stats_.sent;
    return true;
}

CHORUS_DECL void hedging::on_first(std::chrono::nanoseconds elapsed) noexcept {
    if (latest_.count() == detail::hedging_window) {
        before_ = latest_;
        latest_ = {};
    }
    latest_.record(elapsed);
    const std::uint64_t answers = before_.count() + latest_.count();
    if (answers < options_.least_answers) return;
    if (observed_ && latest_.count() % detail::hedging_refresh != 0) return;
    latency_histogram both = before_;
    both += latest_;
    observed_ = both.quantile(options_.quantile);
}

CHORUS_DECL bool hedging::on_failed(const error& failed) noexcept {
    const bool is_held_back = failed == errc::budget_exceeded || failed == errc::circuit_open;
    if (!is_held_back) return false;
    milli_rights_ = std::min(milli_burst_, milli_rights_ + 1000);
    --stats_.sent;
    ++stats_.refused;
    return true;
}

}  // namespace chorus::policy
