// When a second request is sent beside one that is late, and how often that may be.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/observe/latency_histogram.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace chorus::policy {

/// A number out of its range counts as the nearest in it.
struct hedging_options {
    /// How long the first request is waited for. Unset: as long as `quantile` of those before it took.
    std::optional<std::chrono::milliseconds> delay{};
    double quantile = 0.95;
    /// Before so many answers have been seen, the quantile is not known, and nothing is hedged.
    std::uint64_t least_answers = 50;
    /// Never wait less than this, however quick the answers are.
    std::chrono::milliseconds shortest_delay{10};

    /// The cost guard: second requests are never more than this share of the calls so far, from 0 to 1, and never more
    /// than `burst` in a row.
    double max_share = 0.05;
    int burst = 10;
    /// A call that may use more tokens, by its estimate, is never hedged.
    std::optional<std::int64_t> max_tokens{};
};

struct hedging_stats {
    std::uint64_t calls = 0;
    std::uint64_t sent = 0;     ///< second requests
    std::uint64_t won = 0;      ///< of them: the answer was theirs
    std::uint64_t lost = 0;     ///< of them: the first request answered, or neither, or the call was cancelled
    std::uint64_t refused = 0;  ///< a second request that a budget or an open circuit stopped before it was sent
    std::uint64_t denied = 0;   ///< calls that the share left no second request for

    bool operator==(const hedging_stats&) const = default;
};

/// Decides for all calls that share it. A pure machine; needs no clock. Takes 20 KiB.
///
/// The lengths of time that the quantile is of are those of first requests, the last 500 to 1,000 of them. One that was
/// overtaken counts with the time it had already taken. So what is told is the quantile of requests that are left alone,
/// not of hedged calls, which would draw the delay ever further down.
///
///     hedging decides(options);
///     const bool may = decides.on_call(estimate);                             // each call
///     const auto delay = decides.delay();
///     if (may && delay && is_late_after(*delay) && decides.take()) ask_again();
///     if (may) decides.on_first(elapsed);                                     // it answered, or was overtaken
class hedging {
 public:
    explicit hedging(const hedging_options& options = {});

    const hedging_options& options() const noexcept { return options_; }

    /// A call begins. False if it is too large ever to be hedged.
    bool on_call(const token_estimate& asked) noexcept;
    /// How long its first request is waited for before a second is sent; none while that is not known.
    std::optional<std::chrono::nanoseconds> delay() const noexcept;
    /// Whether a first request that failed like this, before a second was sent, is followed by one at once. What may pass
    /// with time is; but a server that asks for patience, or for no other attempt, is not asked a second time.
    static bool is_followed(const error& failed, bool by_same_server) noexcept;
    /// Takes the right to a second request, if there is one.
    bool take() noexcept;

    /// A first request was answered, or overtaken, after this time.
    void on_first(std::chrono::nanoseconds elapsed) noexcept;
    /// What became of a second request.
    void on_won() noexcept { ++stats_.won; }
    void on_lost() noexcept { ++stats_.lost; }
    /// It failed. True if that was before it was sent, which takes it back.
    bool on_failed(const error& failed) noexcept;

    const hedging_stats& stats() const noexcept { return stats_; }

 private:
    hedging_options options_;
    std::int64_t milli_share_;
    std::int64_t milli_burst_;
    std::int64_t milli_rights_ = 0;
    latency_histogram latest_;
    latency_histogram before_;
    std::optional<std::chrono::nanoseconds> observed_;
    hedging_stats stats_;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/hedging.ipp>
#endif
