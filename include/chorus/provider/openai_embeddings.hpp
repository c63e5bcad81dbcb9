// Writes and reads embeddings in the format of OpenAI.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace chorus::openai_format {

/// Writes the body of `POST /embeddings` for the inputs from `next` on, as many as one call takes, and moves `next`
/// behind them. The request is valid: see `validate`.
///
/// The vectors are asked for in base64, a third of the size of decimals, unless the quirks drop `encoding_format`.
/// Errors: `errc::invalid_argument` in `phase::input` for what the quirks refuse; `param()` is the field.
result<std::string> encode_embeddings(const embedding_request& request, std::size_t& next,
                                      const openai_quirks& quirks = {});

/// Reads the answer for so many inputs: base64 and lists of numbers alike, ordered by their index.
/// Errors: as `provider::decode`; it must hold one embedding for each input.
result<embedding_response> decode_embeddings(http::response received, std::size_t inputs,
                                             std::chrono::system_clock::time_point now);

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_embeddings.ipp>
#endif
