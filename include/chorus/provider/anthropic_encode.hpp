// Writes chat requests as Anthropic's Messages API reads them.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstdint>
#include <string>

/// The format without addresses and keys: for servers that share it.
namespace chorus::anthropic_format {

/// What a request does not say itself.
struct encoding {
    std::int64_t max_tokens = 8192;  ///< the most tokens of text, where the request sets no limit: the API wants one
    bool stream = false;
};

/// Writes the body of `POST /v1/messages`. The request is valid: see `validate`.
///
/// Messages `system` and `developer` at the start become `system`; answers that hold a `native_answer` of this format
/// are sent as they came; refusals are sent as text, thinking of other formats is left out. A limit that the request
/// does not set grows by its budget of thinking.
/// Errors: `errc::invalid_argument` in `phase::input` for what the API has not and what it cannot take; `param()` is the
/// path of the field. Fields set to what the API does anyway pass (`n` 1, penalties of 0, `store` false).
result<std::string> encode_chat(const chat_request& request, const encoding& how = {});

/// Writes the body of `POST /v1/messages/count_tokens`: of the request only what fills the context.
/// Errors: as `encode_chat`.
result<std::string> encode_count_tokens(const chat_request& request);

}  // namespace chorus::anthropic_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/anthropic_encode.ipp>
#endif
