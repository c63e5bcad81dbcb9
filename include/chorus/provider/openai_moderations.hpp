// Writes and reads moderations in the format of OpenAI.
#pragma once

#include <chorus/api/moderation.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <chrono>
#include <string>

namespace chorus::openai_format {

/// Writes the body of `POST /moderations`. The request is valid: see `validate`.
/// Errors: `errc::invalid_argument` in `phase::input` for what the quirks refuse; `param()` is the field.
result<std::string> encode_moderation(const moderation_request& request, const openai_quirks& quirks = {});

/// Reads its answer, with the categories in the order in which they come.
/// Errors: as `provider::decode`; it must have a list of results.
result<moderation_response> decode_moderation(http::response received, std::chrono::system_clock::time_point now);

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_moderations.ipp>
#endif
