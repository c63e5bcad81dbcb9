// What a response says about how much more may be sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace chorus {

/// One bucket of a server's rate limiter. Servers leave out what they like.
struct rate_limit {
    std::optional<std::int64_t> limit;
    std::optional<std::int64_t> remaining;
    std::optional<std::chrono::milliseconds> reset;  ///< until the bucket is full again, counted from the response

    bool known() const noexcept { return limit || remaining || reset; }
    bool operator==(const rate_limit&) const = default;
};

/// The buckets that the headers of one response name. A bucket that they do not name is not `known()`.
struct rate_limits {
    rate_limit requests;  ///< OpenAI, Anthropic, Mistral (a minute), Groq (a day)
    rate_limit tokens;
    rate_limit project_tokens;  ///< OpenAI
    rate_limit input_tokens;    ///< Anthropic, as all that follow
    rate_limit output_tokens;
    // These are told, and hold no call back: see `policy::rate_limiter`.
    rate_limit cache_creation_input_tokens;
    rate_limit priority_input_tokens;  ///< Of the priority tier: what is beyond it is served as usual.
    rate_limit priority_output_tokens;
    rate_limit unified;  ///< Of subscriptions, which name a reset alone.

    bool operator==(const rate_limits&) const = default;
};

}  // namespace chorus
