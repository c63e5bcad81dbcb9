// Reads answers of OpenAI's Responses API that come as a stream of events.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>

#include <memory>

namespace chorus::responses_format {

/// Makes a decoder of the answer to `POST /responses` with `stream`. It gathers what `decode_chat` gives of the same
/// response that comes whole. A tool call is finished with its item, so that its tool can run while others are written.
/// The answer ends with `response.completed` or `response.incomplete`; without them it is truncated. Events `keepalive`
/// are heartbeats; unknown events and items are passed over, and items stay for the next request.
/// Errors: of the decoder, that of `response.failed` and `error`, classed by its code; `errc::decode_failed` for data that
/// is no JSON, and for items or calls beyond a limit.
std::unique_ptr<chat_stream_decoder> make_stream_decoder();

}  // namespace chorus::responses_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/responses_stream.ipp>
#endif
