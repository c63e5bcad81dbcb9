// Server-sent events as bytes: recognised in whatever pieces they arrive, and handed out where they lie.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::sse {

/// One event. The views are valid until the decoder is called again.
struct event {
    std::string_view type;  ///< Empty where the stream names none; browsers then say "message".
    std::string_view data;  ///< The data lines, joined by LF, as valid UTF-8. Of a comment: its text.
};

/// What a step of the decoder came to.
enum class step {
    event,    ///< An event is complete.
    comment,  ///< A comment: servers send them as signs of life.
    more,     ///< All bytes are used up: feed more.
    failed,   ///< The stream breaks a limit; `failure` says which. Nothing can follow.
};

/// Decodes an event stream (WHATWG HTML, 9.2 "Server-sent events"). A pure machine: bytes are pushed, events pulled.
///
/// An event that lies whole in the bytes fed is not copied; its bytes are looked at a fixed number of times, however
/// they were cut. Bytes that are not UTF-8 become U+FFFD. The result does not depend on the cuts.
///
///     decoder.feed(bytes);
///     for (sse::event next; decoder.next(next) == sse::step::event;) use(next.data);
class decoder {
 public:
    static constexpr std::size_t usual_limit_bytes = 16 * 1024 * 1024;

    /// The limit holds for the data of an event and the line behind it, whatever field or comment it is.
    explicit decoder(std::size_t most_event_bytes = usual_limit_bytes) noexcept : limit_(most_event_bytes) {}

    /// Gives the next bytes, when `next` has used up the last ones.
    /// Lifetimes: they stay where they are until `next` returns `more`.
    void feed(std::string_view bytes) noexcept;

    /// Takes the next event or comment out of the bytes.
    step next(event& out);

    /// Tells that the stream has ended, and gives what the standard discards: an event without the empty line behind it.
    /// Some servers end so; whether it is complete is for its reader to say. False if there is none.
    bool finish(event& out);

    /// Errors: `errc::body_too_large`, for an event or a line above the limit.
    const error& failure() const noexcept { return failure_; }
    /// The last `id` of the stream; it outlives its event.
    const std::string& last_id() const noexcept { return last_id_; }
    /// How long the server asks clients to wait before they connect again.
    std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

 private:
    bool take_line(std::string_view& line);
    const char* find_line_end() noexcept;
    std::string_view without_mark(std::string_view line) noexcept;
    void take_field(std::string_view line);
    void add_data(std::string_view value);
    void settle_data();
    void forget_dispatched() noexcept;
    bool dispatch(event& out);
    std::string_view repaired(std::string_view text);
    bool is_too_large(std::size_t line) noexcept;

    std::size_t limit_;
    // What is left of the bytes fed, and where its next line ends of either kind are: each byte is searched once.
    const char* next_ = nullptr;
    const char* end_ = nullptr;
    const char* next_lf_ = nullptr;
    const char* next_cr_ = nullptr;
    // A line that began in earlier bytes.
    std::string line_;
    bool is_line_kept_ = false;  // `line_` has been handed out and is to be forgotten
    bool skips_lf_ = false;      // the last line ended with CR, which LF may follow
    bool is_first_line_ = true;
    // The event so far.
    std::string type_;
    std::string_view data_view_;  // while it is one line, of bytes that are still there
    std::string data_;
    bool has_data_ = false;
    bool is_data_own_ = false;
    bool is_dispatched_ = false;  // the event handed out last is to be forgotten
    std::string repaired_;
    std::string last_id_;
    std::optional<std::chrono::milliseconds> retry_;
    error failure_;
};

}  // namespace chorus::sse

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/sse/decoder.ipp>
#endif
