// HTTP/2 as bytes: the client's side of one connection. Requests go in, frames come out, and the other way round.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>

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
 public:
    /// Names an exchange that has not completed.
    struct stream;

    /// How one exchange ended.
    struct completion {
        void* exchange = nullptr;
        /// The response, or: `errc::refused`, when the peer promises that it has not processed the request;
        /// `errc::connection_lost` and `errc::truncated` before and after the response began; `errc::protocol_error`;
        /// the errors of the limits.
        result<response> outcome;
    };

    explicit h2_session(const h2_options& options = {});
    ~h2_session();
    h2_session(const h2_session&) = delete;
    h2_session& operator=(const h2_session&) = delete;

    /// Begins an exchange. `exchange` comes back in its completion, and in `first_bytes`.
    /// Lifetimes: `message` outlives the exchange, or is cancelled before it goes: its body is sent from where it is.
    /// Errors: `errc::refused` when the connection takes no more streams.
    result<stream*> submit(const request& message, const limits& caps, void* exchange);

    /// Forgets an exchange: no completion follows, and the peer is told if the stream is still open.
    void cancel(stream* one) noexcept;

    /// Takes what was received, all of it.
    /// Errors: `errc::protocol_error` for a peer that breaks the protocol or floods: what has to be sent still tells
    /// it why, and then the connection is of no use.
    result<void> feed(std::string_view bytes);

    /// Tells that the peer ended the stream of bytes, or that it broke: every exchange left ends.
    void feed_end(std::string_view cause);

    /// Appends what is to be sent now, about `enough` bytes at most. Returns false when nothing is left to send.
    bool append_output(std::string& out, std::size_t enough = 64 * 1024);

    /// The exchanges that ended since the last call, and those whose response began.
    std::vector<completion> take_completions() noexcept;
    std::vector<void*> take_first_bytes() noexcept;

    /// Asks the peer for a sign of life; `pings_answered` counts them.
    void ping();
    std::size_t pings_answered() const noexcept;

    /// How many exchanges may be under way at once; a peer that allows none for now lets one wait.
    std::size_t capacity() const noexcept;
    std::size_t open_streams() const noexcept;
    /// Whether a further exchange may begin: no GOAWAY, no error, stream numbers left.
    bool is_accepting() const noexcept;
    /// Whether the peer's SETTINGS have arrived, so that `capacity` is what it says.
    bool has_settings() const noexcept;

    /// Says goodbye: GOAWAY with NO_ERROR.
    void shut_down();

 private:
    class machine;
    std::unique_ptr<machine> machine_;
};

}  // namespace chorus::http

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/http/h2_session.ipp>
#endif
