// Whether a call that failed is tried again, and when: retries that know money and time.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/replay_level.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::policy {

using http::replay_level;

/// The lowest level at which a request that failed like this may be sent again.
///
/// These statuses say that the request was not processed, and are charged to nobody: 408 (RFC 9110, 15.5.9: it did not
/// arrive in full), 429 (RFC 6585, 4), 529 (Anthropic: overloaded), and 503 with a time to come back (RFC 9110, 15.6.4);
/// without one it may be a proxy that lost the server in the middle of the work.
replay_level needed_level(const error& failed) noexcept;

/// How a call is retried. A number or a time below its least sensible value counts as that value.
struct retry_options {
    /// Of one call, the first one included. Not counted is what a transport sends again by itself, because the server
    /// had closed the connection meanwhile or says that it has not taken the request up; `level` limits it.
    int max_attempts = 3;
    /// The wait before retry n is drawn evenly from 0 to `first_delay` * 2^(n-1), at most `longest_delay`: with the
    /// whole range at random, calls that failed together come back apart.
    std::chrono::milliseconds first_delay{500};
    std::chrono::milliseconds longest_delay = std::chrono::seconds(8);
    /// A server that asks for a longer wait is not waited for: the call fails at once.
    std::chrono::milliseconds longest_retry_after = std::chrono::minutes(2);
    replay_level level = replay_level::any;
};

/// How many retries the calls of a client may share.
struct retry_budget_options {
    int tokens = 100;                ///< At the start, and at most: the retries that a sudden outage may cause.
    double tokens_per_answer = 0.1;  ///< Given back: in the long run there is one retry to so many answers.
};

/// Bounds the retries of all calls of a client together, so that an outage does not multiply the load: a retry takes a
/// token, an answered call gives a fraction of one back. Needs no clock. Counts in thousandths of a token.
class retry_budget {
 public:
    explicit retry_budget(const retry_budget_options& options = {});

    /// A call was answered: it succeeded, or failed with an error that no retry mends, such as a 400.
    void on_answer() noexcept;
    /// Takes a token for a retry, if there is one.
    bool take() noexcept;
    /// Whole tokens that are left.
    int left() const noexcept { return static_cast<int>(milli_tokens_ / 1000); }

 private:
    std::int64_t most_;
    std::int64_t per_answer_;
    std::int64_t milli_tokens_;
};

/// Decides for one call, after each attempt that failed, whether and when there is another. A pure machine.
///
/// - Tried again: 408, 409, 429, 5xx, and faults of the transport: name not resolved, connection refused, late or lost,
///   TLS handshake broken, first byte late, stream silent, answer cut off or no valid HTTP. The server's
///   `x-should-retry` overrides what the status alone would mean.
/// - Final, whatever the server says: money or quota spent, a certificate that was rejected, a proxy that
///   refuses, limits of the program's
///   own (deadline, wait for a connection, open circuit, budget), cancellation, bad input.
/// - `retry_after` is a floor, with up to an eighth added at random, so that those who were sent away together come back
///   apart. Where it is absent or zero, the wait is drawn as `retry_options` says.
/// - A wait that the deadline does not leave time for is not begun: the call fails now, and says how long it would have
///   been. The budget is asked last, so that a retry which is not made costs nothing.
///
///     retry again(options, &budget);
///     while (!(outcome = attempt())) {
///         const auto next = again.after(outcome.error(), now, deadline, random());
///         if (!next) return again.conclude(outcome.error());
///         sleep_for(next.delay);
///     }
class retry {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    enum class verdict {
        again,          ///< The one that is followed by another attempt.
        final_error,    ///< No retry mends this.
        level,          ///< The replay level forbids it: the server may have done the work.
        attempts,       ///< There were as many as allowed.
        wait_too_long,  ///< The server asks for more than `longest_retry_after`.
        deadline,       ///< The deadline leaves no time for the wait.
        budget,         ///< The retries of the client are used up.
    };
    struct decision {
        verdict what;
        std::chrono::milliseconds delay{};  ///< To wait before the next attempt.

        explicit operator bool() const noexcept { return what == verdict::again; }
    };

    /// The budget, where there is one, must outlive this.
    explicit retry(const retry_options& options = {}, retry_budget* budget = nullptr)
        : options_(options), budget_(budget) {}

    /// An attempt failed at `now`. `random` is any 64 evenly drawn bits.
    decision after(const error& failed, time_point now, time_point deadline, std::uint64_t random);

    /// The error of the call: the last one, with the attempts, and the reason if the wait, the level or the budget ended
    /// them.
    error conclude(error failed) const;

    /// Retries decided on so far.
    int retries() const noexcept { return retries_; }

 private:
    verdict judge(const error& failed) const noexcept;
    std::chrono::milliseconds delay_after(const error& failed, std::uint64_t random) const noexcept;

    retry_options options_;
    retry_budget* budget_;
    std::vector<attempt> history_;
    std::string why_;  // there is no other attempt, where the last error does not say so itself
    int sent_ = 0;
    int retries_ = 0;
};

/// The verdict as it appears in logs, such as "retry budget".
std::string_view to_string(retry::verdict what) noexcept;

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/retry.ipp>
#endif
