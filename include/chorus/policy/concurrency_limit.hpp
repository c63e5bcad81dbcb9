// How many calls may be in flight at once: found by trying, or fixed.
#pragma once

#include <chorus/config.hpp>

#include <chrono>
#include <cstddef>
#include <optional>

namespace chorus::policy {

struct concurrency_options {
    std::size_t max = 1000;    ///< Never more than this, and always this where it is not `adaptive`.
    bool adaptive = true;      ///< Start with `initial`, and follow what the server bears.
    std::size_t initial = 64;  ///< At most `max`.
    double decrease = 0.7;     ///< The limit is multiplied by it when the server is overloaded.
    /// A call that takes longer than so many times the usual shortest latency is a sign of overload. Off (0) unless set:
    /// the latency of a whole answer says more about its length than about the server. It is for first bytes of streams.
    double latency_factor = 0;
};

/// Additive increase, multiplicative decrease (TCP's congestion control, RFC 5681, with calls in place of segments): a
/// success raises the limit by one until the first sign of overload, so that it doubles every round trip; afterwards as
/// many successes as the limit raise it by one. Overload lowers it, at most once a round trip: what was sent before the
/// last decrease says nothing about it. Successes count only while at least half of the limit is in use.
class concurrency_limit {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit concurrency_limit(const concurrency_options& options = {});

    std::size_t limit() const noexcept { return static_cast<std::size_t>(limit_); }

    /// A call that was let through at `start` succeeded; `in_flight` counts it.
    void succeeded(time_point start, std::optional<std::chrono::nanoseconds> latency, std::size_t in_flight,
                   time_point now) noexcept;
    /// A call that was let through at `start` met a server that has too much to do: 429, 5xx, no answer in time.
    void overloaded(time_point start, time_point now) noexcept;

    /// What the shortest latencies of late have been, in the long run.
    std::optional<std::chrono::nanoseconds> usual_latency() const noexcept;

 private:
    bool is_slow(std::chrono::nanoseconds latency) noexcept;

    concurrency_options options_;
    double limit_;
    bool has_decreased_ = false;
    time_point decreased_at_{};
    double usual_latency_ = 0;  // ns; 0 before the first
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/concurrency_limit.ipp>
#endif
