// What was let through within the last minute, for servers that count by the minute.
#pragma once

#include <chorus/config.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace chorus::policy {

/// How many tokens a call takes, estimated or counted.
struct token_cost {
    std::int64_t input = 0;
    std::int64_t output = 0;

    constexpr std::int64_t total() const noexcept { return input + output; }
    bool operator==(const token_cost&) const = default;
};

/// What calls take out of the limits of a server.
struct rate_amounts {
    std::int64_t requests = 0;
    token_cost tokens;

    constexpr rate_amounts& operator+=(const rate_amounts& other) noexcept {
        requests += other.requests;
        tokens.input += other.tokens.input;
        tokens.output += other.tokens.output;
        return *this;
    }
    constexpr rate_amounts& operator-=(const rate_amounts& other) noexcept {
        requests -= other.requests;
        tokens.input -= other.tokens.input;
        tokens.output -= other.tokens.output;
        return *this;
    }
    bool operator==(const rate_amounts&) const = default;
};

/// What a limit counts.
enum class meter { requests, total_tokens, input_tokens, output_tokens };

constexpr std::int64_t amount_of(const rate_amounts& amounts, meter what) noexcept {
    switch (what) {
        case meter::requests:
            return amounts.requests;
        case meter::total_tokens:
            return amounts.tokens.total();
        case meter::input_tokens:
            return amounts.tokens.input;
        case meter::output_tokens:
            return amounts.tokens.output;
    }
    return 0;
}

/// Sums up what was let through in the last minute, in slots of a second. What is within a limit in every such minute
/// is within it for a server that counts in fixed windows, in a sliding window, or with a bucket refilled all the time.
///
/// A minute here has one second more, because a call that was sent first may arrive late and the next one early, and
/// the rest of the second that it began in.
class minute_window {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Forgets what is over. Called before the rest, with a time that does not go back.
    void advance(time_point now) noexcept;
    /// Adds what was let through, or taken back, at `when`; forgotten at once if that is too long ago.
    void add(time_point when, const rate_amounts& amounts) noexcept;
    /// What was let through at `from` was sent only at `to`.
    void move(time_point from, time_point to, const rate_amounts& amounts) noexcept;
    /// A request let through at `when` was refused by the server.
    void refuse(time_point when) noexcept;

    const rate_amounts& sum() const noexcept { return sum_; }
    /// Requests that were let through and not refused.
    std::int64_t accepted() const noexcept { return sum_.requests - refused_; }
    /// The first time at which no more than `most` are left of what was let through until now.
    time_point when_at_most(meter what, std::int64_t most) const noexcept;

 private:
    static constexpr std::int64_t length = 62;
    struct slot {
        rate_amounts amounts;
        std::int64_t refused = 0;
    };

    static std::int64_t number_at(time_point when) noexcept;
    slot& at(std::int64_t number) noexcept { return slots_[static_cast<std::size_t>(number % length)]; }
    const slot& at(std::int64_t number) const noexcept { return slots_[static_cast<std::size_t>(number % length)]; }
    bool holds(std::int64_t number) const noexcept { return number <= newest_ && number > newest_ - length; }

    std::array<slot, length> slots_{};
    rate_amounts sum_;
    std::int64_t refused_ = 0;
    std::int64_t newest_ = 0;  // the number of the slot of now
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/minute_window.ipp>
#endif
