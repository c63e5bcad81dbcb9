// A response whose body is read piece by piece, as fast as its reader asks for it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/body_sink.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace chorus::net {

/// A moment, and the error of what is not done by then.
struct time_limit {
    clock::time_point when = clock::time_point::max();
    errc reason = errc::deadline_exceeded;

    /// The nearer of this limit and another one, of so long from `start` on.
    time_limit or_after(std::chrono::milliseconds length, clock::time_point start, errc why) const noexcept {
        const clock::time_point other = chorus::detail::saturating_add(start, length);
        return other < when ? time_limit{other, why} : *this;
    }
};

/// A response whose head is there. Nothing is received that nobody asks for, so a slow reader holds back its peer and
/// nobody else. Leaving before the end drops the transfer at once: over HTTP/1.1 the connection is closed, over HTTP/2
/// the stream is reset.
class incoming_response {
 public:
    virtual ~incoming_response() = default;

    /// Gives away status, headers and timing, without a body: once, so that nobody holds them twice.
    virtual http::response take_head() noexcept = 0;

    /// Whether the request has been sent whole: its message is not needed any more. A server may answer before that.
    virtual bool is_request_sent() const noexcept { return true; }

    /// Reads until some bytes of the body were given to `into` and completes with true, or with false when the body
    /// has ended. Bytes that are there are given in one turn, by one call of the sink or by some.
    /// Cancellation: terminal; the transfer is dropped.
    /// Errors: `errc::truncated`, `errc::protocol_error`, `limit.reason`, that of the sink; nothing follows one.
    /// Lifetimes: the sink outlives the operation; one read at a time.
    virtual awaitable<result<bool>> read(http::body_sink& into, time_limit limit) = 0;

    /// Whether the end of the body is known to have come: then `read` completes with false at once.
    virtual bool is_complete() const noexcept = 0;
};

/// A response that came whole, given out as if it had not.
class whole_response final : public incoming_response {
 public:
    explicit whole_response(http::response answer);

    http::response take_head() noexcept override { return std::move(head_); }
    awaitable<result<bool>> read(http::body_sink& into, time_limit limit) override;
    bool is_complete() const noexcept override { return body_.empty(); }

 private:
    std::string body_;
    http::response head_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/incoming_response.ipp>
#endif
