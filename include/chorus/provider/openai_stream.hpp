// Reads streamed chat answers in the format of OpenAI and in the dialects of compatible servers.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <memory>

namespace chorus::openai_format {

/// Makes the decoder of the events of one answer to `POST /chat/completions` with `stream`. It understands what
/// `decode_chat` does, in pieces. The mark of the end is `[DONE]`; unless the quirks demand it, an answer of which every
/// choice has ended is complete without it.
/// Errors: of the decoder, `errc::decode_failed` for data that is no JSON, and for choices or calls beyond the limits
/// of `chat_accumulator`.
std::unique_ptr<chat_stream_decoder> make_stream_decoder(const openai_quirks& quirks = {});

}  // namespace chorus::openai_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_stream.ipp>
#endif
