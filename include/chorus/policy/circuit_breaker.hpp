// Whether a server that keeps failing is left alone for a while.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <array>
#include <chrono>
#include <cstdint>

namespace chorus::policy {

/// When a circuit opens, and for how long. A number or a time below its least sensible value counts as that value.
struct circuit_breaker_options {
    int min_calls = 20;        ///< With fewer in the window nothing is concluded.
    int failure_percent = 50;  ///< Of the calls in the window, from which on it opens.
    std::chrono::milliseconds window = std::chrono::seconds(10);
    std::chrono::milliseconds open_for = std::chrono::seconds(5);      ///< Doubled each time the probes fail,
    std::chrono::milliseconds longest_open = std::chrono::minutes(1);  ///< up to this.
    int probes = 1;  ///< Calls that may try at once whether the server is back.
};

enum class circuit_state { closed, open, half_open };

/// Refuses calls to an origin that keeps failing, so that they fail at once and the origin has time to recover. One for
/// each origin. A pure machine; each operation takes constant time.
///
/// Closed, it lets all calls through and counts them. A failure opens it when, in the window, there were at least
/// `min_calls` ends and at least `failure_percent` of them failures. Open, it refuses; after its time it is half open:
/// it lets `probes` calls through. The first of them to end decides: a success closes it, a failure opens it again for
/// twice as long.
///
/// A call reports its end with the pass it was given, so that one which began before the circuit opened does not pass
/// for a probe. Every pass must be reported once; best as soon as the head of a response is there, because a probe
/// holds all others back.
class circuit_breaker {
 public:
    using time_point = std::chrono::steady_clock::time_point;
    /// What a call reports its end with.
    enum class pass : std::uint64_t {};

    explicit circuit_breaker(const circuit_breaker_options& options = {});

    /// Lets a call through. Errors: `errc::circuit_open`, with how long it stays so as `retry_after`, unless a probe
    /// under way decides it.
    result<pass> allow(time_point now);
    /// The origin answered, be it with an error such as 400 or 429: it is alive.
    void on_success(pass given, time_point now) noexcept;
    /// The origin failed.
    void on_failure(pass given, time_point now) noexcept;
    /// The call ended without telling anything about the origin, such as by cancellation. A probe gives its place back.
    void on_abandoned(pass given) noexcept;
    /// Sorts an error into one of the three. Failures: faults of the transport, and 5xx, also in the body of another
    /// status. Nothing is told by limits that the caller set on the whole call, cancellation, what failed before a
    /// connection was asked for, a rejected certificate, and a proxy that refuses.
    void on_error(pass given, const error& failed, time_point now) noexcept;

    /// As of the last operation: an open one whose time is over becomes half open with the next call.
    circuit_state state() const noexcept { return state_; }
    /// When it lets a probe through, if it is open.
    time_point open_until() const noexcept { return open_until_; }

 private:
    static constexpr std::size_t bucket_count = 10;
    struct tally {
        std::int64_t ends = 0;
        std::int64_t failures = 0;
    };

    void advance(time_point now) noexcept;
    void count(bool failed, time_point now) noexcept;
    void open(time_point now) noexcept;
    void close() noexcept;
    void change(circuit_state next) noexcept;
    bool is_of_this_state(pass given) const noexcept { return static_cast<std::uint64_t>(given) == generation_; }

    circuit_breaker_options options_;
    std::chrono::steady_clock::duration bucket_width_;
    std::array<tally, bucket_count> buckets_{};
    tally sum_;                // of the buckets
    std::size_t current_ = 0;  // the bucket of this moment
    time_point bucket_end_{};
    time_point open_until_{};
    std::chrono::milliseconds open_for_{};
    std::uint64_t generation_ = 0;  // of the state; what began in an earlier one does not count
    int probing_ = 0;
    circuit_state state_ = circuit_state::closed;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/circuit_breaker.ipp>
#endif
