// Writes chat requests as OpenAI's Responses API reads them.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/openai_encode.hpp>

#include <string>

/// The format without addresses and keys.
namespace chorus::responses_format {

/// Writes the body of `POST /responses`. The request is valid: see `validate`.
///
/// Messages become items in their order, instructions too; messages that hold a `native_answer` of this format are sent
/// as its items. Thinking of other formats is left out. `web_search` becomes a tool. A function that is not said to be
/// strict is said not to be: the API has it the other way round. With `store` false the request asks for the thinking in
/// an encrypted form that can be sent back, unless its model is one that does not think; `logprobs` asks for those of the
/// text. Text of the thinking comes if asked for with `extra("reasoning", {{"summary", "auto"}})`.
/// Errors: `errc::invalid_argument` in `phase::input` for what the API has not; `param()` is the path of the field. Fields
/// set to what the API does anyway pass (`n` 1, penalties of 0).
result<std::string> encode_chat(const chat_request& request,
                                openai_format::delivery how = openai_format::delivery::whole);

}  // namespace chorus::responses_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/responses_encode.ipp>
#endif
