// Reads chat responses in the format of OpenAI and in the dialects of compatible servers.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <chrono>

namespace chorus::openai_format {

/// Reads the answer to `POST /chat/completions`: with missing and null fields, numbers as texts, content in parts,
/// reasoning under its various names, and calls without ids, which get one. Unknown fields are passed over; `chat_response::raw` has them.
/// Members that a server wants back are kept as a `native_answer` of the format `openai`, as members of a message.
/// Of the quirks those of answers count.
/// Errors: as `provider::decode`. A success status with an `error` and without choices is an error.
result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now,
                                  const openai_quirks& quirks = {});

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_decode.ipp>
#endif
