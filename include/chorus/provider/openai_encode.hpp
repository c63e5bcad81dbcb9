// Writes chat requests in the format of OpenAI, which many other servers read too.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>

#include <string>

/// The format without addresses and keys: for providers that share it.
namespace chorus::openai_format {

/// Writes the body of `POST /chat/completions`. The request is valid: see `validate`.
std::string encode_chat(const chat_request& request);

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_encode.ipp>
#endif
