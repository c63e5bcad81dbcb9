// HTTP/2 as bytes: the client's side of one connection. Requests go in, frames come out, and the other way round.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::http {

/// What this side allows its peer, and itself.
struct h2_options {
    std::uint32_t stream_window_bytes = 1024 * 1024;           ///< Of one response, before it is consumed.
    std::uint32_t connection_window_bytes = 16 * 1024 * 1024;  ///< Of all responses together.
    std::uint32_t most_streams = 1000;    ///< At once on one connection, however many the peer allows.
    std::uint32_t assumed_streams = 100;  ///< The peer's limit, until its SETTINGS say otherwise.
    std::size_t empty_frames = 1000;      ///< Frames in a row that bring nothing, before the peer counts as hostile.
};

/// One client's side of an HTTP/2 connection (RFC 9113), on nghttp2. A pure machine: it is fed what was received, says
/// what to send, and reports how each exchange ended.
class h2_session {
    class machine;

 public:
    using time_point = std::chrono::steady_clock::time_point;

    /// One exchange. It belongs to the caller, who cancels it if it goes before it has completed.
    class stream {
     public:
        /// Lifetimes: request, limits and response outlive the exchange. The body is sent from where it is, and the
        /// answer written to where it is to be.
        stream(const request& message, const limits& caps, response& answer) noexcept
            : message_(message), caps_(caps), answer_(answer), unsent_(message.body) {}
        /// One whose body is read piece by piece: it gathers in `unread` up to the window of the stream, and the owner
        /// tells by `consume` what he has taken. `caps.body_bytes` does not count.
        stream(const request& message, const limits& caps, response& answer, std::string& unread) noexcept
            : message_(message), caps_(caps), answer_(answer), unread_(&unread), unsent_(message.body) {}
        stream(const stream&) = delete;
        stream& operator=(const stream&) = delete;

        /// What went wrong, when it has completed: `errc::refused`, when it was not sent, or the peer promises that
        /// it has not processed it; `errc::connection_lost` and `errc::truncated` before and after the response began;
        /// `errc::protocol_error`; the errors of the limits. Success is an error without a code.
        error failure;

        /// True once the head of the response is there, which is no interim one.
        bool has_head() const noexcept { return has_head_; }
        /// True once nothing of the request is left to send.
        bool is_request_sent() const noexcept { return unsent_.empty(); }
        /// When bytes of the body were last given away to be sent, if some were.
        time_point last_sent() const noexcept { return last_sent_; }
        /// True once the peer has said all that it had to say.
        bool has_ended() const noexcept { return is_complete_; }
        /// When the last of the response came, once it has begun: a head, bytes of a body or the end.
        time_point last_heard() const noexcept { return last_heard_; }

     protected:
        const limits& caps() const noexcept { return caps_; }
        /// How many bytes the request may take to send.
        std::size_t size() const noexcept { return message_.headers.block().size() + message_.body.size(); }
        ~stream() = default;

     private:
        friend class machine;

        const request& message_;
        const limits& caps_;
        response& answer_;
        std::string* unread_ = nullptr;  // or the body belongs to the answer
        std::string_view unsent_;        // of the body
        std::size_t announced_bytes_ = 0;
        time_point last_heard_{};
        time_point last_sent_{};
        stream* previous_ = nullptr;
        stream* next_ = nullptr;
        std::int32_t id_ = 0;
        errc broken_limit_{};
        std::size_t head_fields_ = 0;
        bool is_open_ = false;
        bool was_not_sent_ = false;
        bool has_begun_ = false;    // the response
        bool has_head_ = false;     // likewise
        bool is_complete_ = false;  // likewise
        bool has_news_ = false;     // and is listed for it
        bool is_body_dropped_ = false;
    };

    explicit h2_session(const h2_options& options = {});
    ~h2_session();
    h2_session(const h2_session&) = delete;
    h2_session& operator=(const h2_session&) = delete;

    /// Begins an exchange.
    /// Errors: `errc::refused` when the connection takes no more streams.
    result<void> submit(stream& one);

    /// Forgets an exchange: no completion follows, and the peer is told if the stream is still open.
    void cancel(stream& one) noexcept;

    /// Takes what was received at that time, all of it.
    /// Errors: `errc::protocol_error` for a peer that breaks the protocol or floods: what has to be sent still tells
    /// it why (RFC 9113, 5.4.1; a flood is ENHANCE_YOUR_CALM), and then the connection is of no use.
    result<void> feed(std::string_view bytes, time_point now = {});

    /// Tells that the peer ended the stream of bytes, or that it broke: every exchange left ends.
    void feed_end(std::string_view cause);

    /// Appends what is to be sent at that time, about `enough` bytes at most. Returns false when nothing is left to send.
    bool append_output(std::string& out, time_point now = {}, std::size_t enough = 64 * 1024);

    /// The exchanges that ended since the last call, and those whose response began; also, where the response has a
    /// listener, those whose head came.
    std::vector<stream*> take_completions() noexcept;
    std::vector<stream*> take_first_bytes() noexcept;
    /// Those read piece by piece of which a head, bytes of a body or an end came. A completion is no news.
    std::vector<stream*> take_news() noexcept;

    /// Tells that so many bytes of `unread` were taken, so that the peer may send as many more. Returns whether there
    /// is something to send for it.
    bool consume(stream& one, std::size_t bytes);

    /// Asks the peer for a sign of life; `pings_answered` counts them.
    void ping();
    std::size_t pings_answered() const noexcept;

    /// How many exchanges may be under way at once; a peer that allows none for now lets one wait.
    std::size_t capacity() const noexcept;
    std::size_t open_streams() const noexcept;
    /// Whether a further exchange may begin: no GOAWAY, no error, no malformed response, stream numbers left.
    bool is_accepting() const noexcept;
    /// Whether the peer has said in its GOAWAY that it has taken up streams, which end in order.
    bool has_taken_up_streams() const noexcept;
    /// Whether the peer's SETTINGS have arrived, so that `capacity` is what it says.
    bool has_settings() const noexcept;

    /// Says goodbye: GOAWAY with NO_ERROR.
    void shut_down();

 private:
    std::unique_ptr<machine> machine_;
};

}  // namespace chorus::http

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/http/h2_session.ipp>
#endif
