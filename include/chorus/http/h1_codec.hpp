// HTTP/1.1 as bytes: a request is appended to a buffer, a response is recognised in whatever pieces it arrives.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/body_sink.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/secret.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::http {

/// A proxy that passes requests on, rather than to open a tunnel.
struct forwarding {
    std::string proxy;   ///< `host:port`, for messages.
    secret credentials;  ///< The value of `Proxy-Authorization`, or empty.
};

/// Appends a request as HTTP/1.1 sends it: request line, Host, the headers given, Content-Length, body (RFC 9112). To a
/// proxy the request line names the origin too (RFC 9112, 3.2.2).
void encode_h1(const request& message, std::string& out, const forwarding* via = nullptr);

/// Recognises one response after the other. A pure machine: it is fed bytes and asked what it knows.
class h1_response_decoder {
 public:
    h1_response_decoder();
    ~h1_response_decoder();
    h1_response_decoder(h1_response_decoder&&) noexcept;
    h1_response_decoder& operator=(h1_response_decoder&&) noexcept;

    /// Begins the next response with the limits of its call. What the last one left is forgotten.
    void start(const limits& caps);
    /// As `start`, for a response whose body goes elsewhere: `feed` stops behind the head, and what follows is for
    /// `feed_body`. `caps.body_bytes` does not count.
    void start_streamed(const limits& caps);

    /// Takes bytes and returns how many it used. Bytes not used belong to a line that is not yet complete: pass them
    /// again with more behind them. Interim responses (1xx) are passed over, and count against the limits of the head.
    /// Trailers are read and dropped. The body of a response with a status of 300 or above is dropped where it is coded
    /// (`Content-Encoding`).
    /// Errors: `errc::protocol_error`, also for what two readers may read in two ways (RFC 9112, 11.2);
    /// `errc::head_too_large`, `errc::body_too_large`; `errc::decode_failed` for a success whose body is coded, which no
    /// request asks for. Nothing can be fed after one. They do not depend on how the bytes are cut.
    result<std::size_t> feed(std::string_view bytes);

    /// As `feed`, once the head is there: gives to `into` what these bytes hold of the body, and keeps nothing of it.
    /// Errors: also that of the sink.
    result<std::size_t> feed_body(std::string_view bytes, body_sink& into);

    /// Tells that the peer ended the stream. A body that is delimited by the end becomes complete.
    /// Errors: `errc::truncated` when a response had begun, `errc::connection_lost` when none had.
    result<void> feed_end();

    /// True once a byte of the response was recognised.
    bool has_begun() const noexcept;
    /// True once the head is there, of a response that is no interim one.
    bool has_head() const noexcept;
    /// The status. Valid once the head is there.
    int status() const noexcept;
    bool is_complete() const noexcept;
    /// Whether another request may follow on the connection: not after a response that is readable and yet doubtful, such
    /// as one with a folded field or with its length said twice. Valid once complete.
    bool keep_alive() const noexcept;
    /// The `timeout` of a `Keep-Alive` header: how long the server keeps an idle connection (RFC 2068 section 19.7.1).
    std::optional<std::chrono::seconds> keep_alive_timeout() const noexcept;

    /// Gives the response away, without its timing: when it is complete, or without a body when the head is there.
    response take() noexcept;

 private:
    class machine;
    std::unique_ptr<machine> machine_;
};

}  // namespace chorus::http

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/http/h1_codec.ipp>
#endif
