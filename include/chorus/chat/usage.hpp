// How many tokens a call consumed, as the server counted them.
#pragma once

#include <cstdint>
#include <optional>

namespace chorus {

/// A count that the server may leave out. It is never guessed.
using token_count = std::optional<std::int64_t>;

struct usage {
    token_count prompt_tokens;
    token_count completion_tokens;  ///< includes reasoning tokens
    token_count total_tokens;

    struct prompt_details {
        token_count cached_tokens;
        token_count cache_write_tokens;
        token_count audio_tokens;
        token_count image_tokens;
        token_count text_tokens;
    };
    struct completion_details {
        token_count reasoning_tokens;
        token_count audio_tokens;
        token_count text_tokens;
        token_count accepted_prediction_tokens;
        token_count rejected_prediction_tokens;
    };
    prompt_details prompt;
    completion_details completion;
};

}  // namespace chorus
