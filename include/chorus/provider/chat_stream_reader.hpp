// The body of a streamed answer, whatever the server made of it: events, a whole answer, or an error.
#pragma once

#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/provider.hpp>
#include <chorus/sse/decoder.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chorus {

/// Reads the body of the answer to `provider::encode_stream`, in whatever pieces it comes. A pure machine.
///
/// What the body is, its first byte tells, for servers mislabel it: JSON in place of events is a whole answer, or an
/// error; so is the body of an error status.
class chat_stream_reader {
 public:
    /// How much of an error body is of interest.
    static constexpr std::size_t most_error_bytes = 64 * 1024;

    /// `head` is the response without its body, `received_at` when it came. Of the limits those on bodies count:
    /// `stream_bytes` for an event stream, `body_bytes` for what is none.
    /// Lifetimes: the provider outlives the reader.
    chat_stream_reader(const provider& api, http::response head, chat_event_options wanted,
                       std::chrono::system_clock::time_point received_at, const http::limits& caps);

    /// Takes the next bytes of the body.
    /// Errors: of the server, in the middle of its stream; of its format. Events of pieces before it stay.
    result<void> take(std::string_view bytes);

    /// Tells that the body has ended.
    /// Errors: `errc::truncated` if the answer is not complete; what the server says in place of an answer.
    result<void> finish();

    /// Whether the answer is complete: what follows of the body counts for nothing.
    bool is_complete() const noexcept { return is_complete_; }

    /// Takes the next event; its views are valid until more is read. False if there is none.
    bool next(chat_event& out) { return accumulator_.next(out); }
    bool has_events() const noexcept { return accumulator_.has_events(); }

    /// What has come of the answer so far. `total` is the time that it took.
    chat_response response(std::chrono::nanoseconds total) const;
    bool is_empty() const noexcept { return accumulator_.is_empty(); }
    std::size_t contents() const noexcept { return accumulator_.contents(); }
    std::string_view request_id() const noexcept { return find_request_id(head_.headers); }
    /// How many bytes of the body have come since it was last asked.
    std::size_t take_byte_count() noexcept { return std::exchange(byte_count_, 0); }

 private:
    enum class body_kind { unknown, events, whole };

    result<void> take_events(std::string_view bytes);
    result<void> take_whole(std::string_view bytes);
    result<void> understand(const sse::event& next);
    result<void> finish_whole();
    body_kind kind_of(std::string_view bytes);
    bool is_success() const noexcept { return head_.status >= 200 && head_.status < 300; }

    const provider& api_;
    http::response head_;
    chat_event_options wanted_;
    std::chrono::system_clock::time_point received_at_;
    std::size_t most_bytes_;
    std::size_t stream_bytes_left_;
    std::size_t byte_count_ = 0;
    body_kind kind_ = body_kind::unknown;
    bool is_complete_ = false;
    sse::decoder events_;
    std::unique_ptr<chat_stream_decoder> decoder_;
    chat_accumulator accumulator_;
    std::string whole_;  // a body that is no event stream; what came before its kind was known
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/chat_stream_reader.ipp>
#endif
