// Reads answers of Anthropic's Messages API that come as a stream of events.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>

#include <memory>

namespace chorus::anthropic_format {

/// Makes a decoder of the answer to `POST /v1/messages` with `stream`. It gathers what `decode_chat` gives of the same
/// message that comes whole. A tool call is finished with its block, so that its tool can run while others are written.
/// The answer ends with `message_stop`; without it, it is truncated. Pings are heartbeats. Unknown events, blocks and
/// pieces are passed over.
std::unique_ptr<chat_stream_decoder> make_stream_decoder();

}  // namespace chorus::anthropic_format

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/anthropic_stream.ipp>
#endif
