// Reads answers of OpenAI's Responses API that come whole.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>

namespace chorus::responses_format {

/// Reads the answer to `POST /responses`. Its items become the text, thinking, tool calls and annotations of one choice;
/// an answer whose items say more than these keeps them as its `native_answer`. Thinking is that of the model if it comes,
/// else its summary. The status becomes a `finish_reason`, where it has a name for it. Unknown fields are passed over;
/// `chat_response::raw` has them.
/// Errors: as `provider::decode`; a response that has failed is classed by its code.
result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now);

}  // namespace chorus::responses_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/responses_decode.ipp>
#endif
