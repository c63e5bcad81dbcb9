// Writes chat requests in the format of OpenAI, which many other servers read too.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <string>
#include <string_view>

/// The format without addresses and keys: for providers that share it.
namespace chorus::openai_format {

/// How the answer is to come.
enum class delivery { whole, stream };

/// Writes the body of `POST /chat/completions` for a server with these quirks. The request is valid: see `validate`.
///
/// Arguments of tool calls go back as they came, and `{}` where there were none. The members of a `native_answer` of
/// this format join those of its message.
/// Errors: `errc::invalid_argument` in `phase::input` for what the quirks refuse; `param()` is the path of the field.
result<std::string> encode_chat(const chat_request& request, const openai_quirks& quirks = {},
                                delivery how = delivery::whole);

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_encode.ipp>
#endif
