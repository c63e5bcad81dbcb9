// The seam between what a call means and how it travels. Replace it with a fake, a recorder or a proxy.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/net/incoming_response.hpp>

#include <memory>

namespace chorus::net {

/// Counts of a connection pool.
struct pool_stats {
    std::size_t in_use = 0;      ///< Connections that serve a request now.
    std::size_t idle = 0;        ///< Connections kept open for the next request.
    std::size_t connecting = 0;  ///< Connections being opened.
    std::size_t waiting = 0;     ///< Calls waiting for a connection.
    std::size_t opened = 0;      ///< Connections opened since the start.
    std::size_t reused = 0;      ///< Requests sent on a connection that had served another.
    std::size_t resumed = 0;     ///< TLS handshakes that resumed an earlier session.
};

/// Sends requests and returns responses: one virtual call a request.
class transport {
 public:
    virtual ~transport() = default;

    /// Sends a request and completes when `answer` holds its whole response, whatever its status.
    /// Cancellation: terminal; nothing of the request is left behind.
    /// Errors: of connecting, sending and receiving, each with its phase. An error status is not an error here.
    /// Lifetimes: the arguments outlive the operation.
    virtual awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                         http::response& answer) = 0;

    /// Sends a request and completes when the head of its response is there, whatever its status: the body is read from
    /// what it gives. A transport that does not know better receives the whole first.
    /// Cancellation: terminal; nothing of the request is left behind.
    /// Errors: as `send`. `caps.body_bytes` does not count: the reader sees what it reads.
    /// Lifetimes: the arguments outlive the operation; `caps` also what it gives, and `message` until that says
    /// `is_request_sent`.
    virtual awaitable<result<std::unique_ptr<incoming_response>>> open(const http::request& message,
                                                                       const http::limits& caps);

    /// The counts of the pool; zeros where there is none.
    virtual net::pool_stats pool_stats() const { return {}; }

    /// Refuses new requests and completes when those under way have ended.
    /// Cancellation: terminal; new requests stay refused.
    virtual awaitable<void> close() = 0;

    /// Fails the requests under way with `errc::client_closed`, and refuses new ones.
    virtual void abort() noexcept = 0;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/transport.ipp>
#endif
