// Where the time of one call went.
#pragma once

#include <chrono>

namespace chorus::http {

/// The stages of one call, in order. A stage that did not happen (a reused connection has no handshake) is zero.
struct timing {
    std::chrono::nanoseconds queue{};       ///< Waiting for a connection of the pool.
    std::chrono::nanoseconds dns{};         ///< Resolving the host name.
    std::chrono::nanoseconds connect{};     ///< Connecting the socket.
    std::chrono::nanoseconds tls{};         ///< The TLS handshake.
    std::chrono::nanoseconds first_byte{};  ///< From the request being written to the first byte of the response.
    std::chrono::nanoseconds total{};       ///< From the call to the last byte of the response.
    bool reused = false;                    ///< Sent on a connection that had served a request before.
    bool tls_resumed = false;               ///< The handshake resumed an earlier session.
};

}  // namespace chorus::http
