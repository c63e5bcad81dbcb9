// Reads answers of Anthropic's Messages API that come whole.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <cstdint>

namespace chorus::anthropic_format {

/// Reads the answer to `POST /v1/messages`. Blocks become text, reasoning, tool calls and annotations; an answer whose
/// blocks say more than these keeps them as its `native_answer`. `usage::prompt_tokens` counts all input, whether it came
/// from the cache, went there, or neither. Reasons to stop get the names of `finish_reason`; those without one stay.
/// Unknown fields are passed over; `chat_response::raw` has them.
/// Errors: as `provider::decode`.
result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now);

/// Reads the answer to `POST /v1/messages/count_tokens`. Errors: as `provider::decode`.
result<std::int64_t> decode_count_tokens(http::response received, std::chrono::system_clock::time_point now);

}  // namespace chorus::anthropic_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/anthropic_decode.ipp>
#endif
