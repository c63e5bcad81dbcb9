// How many tokens a call will use, guessed before it is sent.
#pragma once

#include <chorus/config.hpp>

#include <cstdint>

namespace chorus {
class chat_request;
}

namespace chorus::policy {

/// Tokens of one call.
struct token_estimate {
    std::int64_t input = 0;
    std::int64_t output = 0;

    std::int64_t total() const noexcept { return input + output; }
};

/// Guesses the tokens of a call, for those who reserve before it is sent and settle by the server's count after it.
///
/// Input: a token for each 4 bytes of text, which is about right for English, and 4 for each message and tool. An image counts 1,000, in low detail 85; a sound a token for each 1,000
/// characters of base64, a file one for each 64; a file given by its id 1,000. At least 16 in all.
/// Output: the maximum that the request sets, times its number of choices; `output_if_unset` for each choice without
/// one.
token_estimate estimate_tokens(const chat_request& request, std::int64_t output_if_unset = 500);

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/token_estimate.ipp>
#endif
