// How many requests and tokens may still be sent to a server that limits them: reserved before, corrected after.
#pragma once

#include <chorus/chat/rate_limits.hpp>
#include <chorus/config.hpp>
#include <chorus/policy/minute_window.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace chorus::policy {

struct rate_limiter_options {
    /// What is known beforehand. Where the server names a limit too, the smaller one counts.
    std::optional<std::int64_t> requests_per_minute;
    std::optional<std::int64_t> tokens_per_minute;
    /// How much may go at once, as the time in which a limit gives it back. Ten requests may in any case.
    std::chrono::milliseconds burst = std::chrono::seconds(6);
    /// The pause after a refusal without `retry_after`, doubled with each refusal in a row.
    std::chrono::milliseconds first_pause = std::chrono::seconds(1);
    std::chrono::milliseconds longest_pause = std::chrono::seconds(60);
    /// After so long a pause one call asks again, even if the server named a longer one.
    std::chrono::milliseconds longest_retry_after = std::chrono::hours(1);
};

/// Lets through as many requests and tokens as one bucket group of a server (host, key, model) allows. A pure machine:
/// it is told what happened, with the time. Unlimited until options, headers or a refusal say otherwise.
///
/// Three views decide together, and the strictest one counts:
/// - Its own limits, by the minute: a bucket refilled all the time, which spreads the calls, and beside it the sum over
///   the last minute, which no way of counting on the other side can find too large.
/// - What the server said last (rate_limits): what remained, less what was reserved after the request that was answered,
///   refilled at the rate that limit and reset give. So a limit by the day is one that fills in a day. The answer to the
///   request that was sent last counts, in whatever order answers come.
/// - One pause for all after a refusal. Then calls go in a trickle: one in the first second, two in the next, four, until
///   a second is not used up. After `slow_down` (OpenAI: the traffic grew too fast) such a step takes five seconds.
///
/// Three buckets of Anthropic count for none of this: that of tokens written to the cache, which no estimate knows
/// beforehand; those of the priority tier, beyond which calls are served from the others; and that of subscriptions, which
/// has no size. A refusal for their sake pauses as any other.
///
/// Where neither options nor headers name a limit, the first refusal does: what the server accepted in that minute. It
/// is raised by half when there was no refusal for two minutes, and more rarely each time that turns out wrong.
class rate_limiter {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    /// What a call that was let through has taken.
    struct reservation {
        std::uint64_t sequence = 0;  ///< 1 for the first one
        time_point at{};             ///< when it was let through, or sent, if it is known
        token_cost tokens;
        rate_amounts reserved_until_then;  ///< by all calls, itself included
    };

    explicit rate_limiter(const rate_limiter_options& options = {});

    /// The earliest time at which a call of this cost may go, `now` if at once, when what is `ahead` of it goes before.
    /// No promise: an answer that comes in between may move it.
    time_point earliest(const token_cost& cost, time_point now, const rate_amounts& ahead = {}) noexcept;
    /// Takes one request and the tokens, whether or not there is room.
    reservation reserve(const token_cost& cost, time_point now) noexcept;

    // What became of it. Times do not go back.

    /// It was sent only now: waiting for a connection may take long.
    void sent(reservation& one, time_point now) noexcept;
    /// The head of its answer came, with these headers; also of an error.
    void learn(const reservation& one, const rate_limits& said, time_point now) noexcept;
    /// It succeeded.
    void succeeded(const reservation& one) noexcept;
    /// The server counted so many tokens.
    void spent(const reservation& one, const token_cost& used, time_point now) noexcept;
    /// It was never sent.
    void give_back(const reservation& one, time_point now) noexcept;
    /// The server refused it, with a 429 that passes: everybody pauses.
    void refused(const reservation& one, std::optional<std::chrono::milliseconds> retry_after, bool slow_down,
                 time_point now) noexcept;
    /// The server asked for patience for another reason than its limits.
    void hold(const reservation& one, std::optional<std::chrono::milliseconds> retry_after, bool slow_down,
              time_point now) noexcept;

    /// The end of the last pause, which may be over.
    time_point paused_until() const noexcept { return paused_until_; }
    /// The limits by the minute that hold now, if any.
    std::optional<std::int64_t> requests_per_minute() const noexcept { return limit_of(requests); }
    std::optional<std::int64_t> tokens_per_minute() const noexcept { return limit_of(tokens); }

 private:
    enum kind : std::size_t { requests, tokens, project_tokens, input_tokens, output_tokens, kinds };

    struct account {
        // By the minute; 0 while no limit is known.
        double limit = 0;
        double rate = 0;  // the same a second
        double capacity = 0;
        double level = 0;
        double named = 0;  // by the server
        // What the server said.
        bool has_view = false;
        double view_limit = 0;
        double view_level = 0;
        double view_rate = 0;       // a second
        time_point view_full_at{};  // if nothing is reserved until then
        std::uint64_t view_of = 0;  // the sequence of the request that was answered

        bool is_known() const noexcept { return limit > 0 || has_view; }
    };
    struct trickle {
        bool on = false;
        std::int64_t allowed = 1;  // in this step
        std::int64_t used = 0;
        std::chrono::seconds step{1};
        time_point step_ends{};  // of a step that was begun by its first call
    };

    static meter meter_of(std::size_t which) noexcept;
    std::optional<std::int64_t> limit_of(kind which) const noexcept;
    void settle(time_point now) noexcept;
    void set_limit(std::size_t which) noexcept;
    void take(const rate_amounts& amounts, std::uint64_t sequence) noexcept;
    void learn_one(std::size_t which, const rate_limit& said, const reservation& one, time_point now) noexcept;
    void learn_from_refusal(bool first_of_its_kind, time_point now) noexcept;
    static time_point room_in(const account& limits, double wanted, double before, time_point now) noexcept;
    static time_point room_at_server(const account& limits, double wanted, double before, time_point now) noexcept;

    rate_limiter_options options_;
    std::array<account, kinds> accounts_{};
    minute_window window_;
    rate_amounts reserved_;       // since the start
    std::uint64_t sequence_ = 0;  // of the last reservation
    time_point settled_{};        // the time of the levels

    time_point paused_until_{};
    std::chrono::milliseconds pause_{};  // the last one without a word of the server
    std::uint64_t pause_covers_ = 0;     // refusals of reservations up to here belong to the last pause
    trickle trickle_;

    bool headers_seen_ = false;
    double guessed_limit_ = 0;  // of requests a minute, from refusals
    time_point guessed_at_{};
    std::chrono::minutes patience_{};
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/rate_limiter.ipp>
#endif
