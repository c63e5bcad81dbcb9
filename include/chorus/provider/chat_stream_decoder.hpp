// The seam between an event stream and what it means: one decoder a streamed answer.
#pragma once

#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/error.hpp>
#include <chorus/sse/decoder.hpp>

namespace chorus {

/// Understands the events of one streamed answer in one format. A pure machine.
class chat_stream_decoder {
 public:
    virtual ~chat_stream_decoder() = default;

    /// Takes the next event. Unknown ones are passed over.
    /// Errors: what the server says in the middle of its stream, classed by its words (`decode_stream_error`);
    /// `errc::decode_failed` for what cannot be understood.
    virtual result<void> read(const sse::event& next, chat_accumulator& into) = 0;

    /// Whether the format's own mark of the end has come: nothing after it counts.
    virtual bool is_complete() const noexcept = 0;

    /// The stream has ended without that mark. Errors: `errc::truncated`, unless the format lets an answer end so.
    virtual result<void> finish(chat_accumulator& into) = 0;
};

}  // namespace chorus
