// Where the time of one call went.
#pragma once

#include <chrono>

namespace chorus::http {

/// The stages of one exchange, in order. A stage that did not happen (a reused connection has no handshake) is zero.
///
/// `total` holds every stage, and besides them the writing of the request and what of the response follows its first
/// byte. In the answers of a client `queue` and `total` are those of the whole call: `queue` with the waits for the limits
/// of its server, and both over all attempts; `total` holds the waits between attempts too. The other stages are those of
/// the attempt that brought the answer. So `total - queue` is the time that is left without any queue. Of a call that
/// failed, `error::queued` tells the same wait.
struct timing {
    std::chrono::nanoseconds queue{};       ///< Waiting for its turn, without the opening of a connection for it.
    std::chrono::nanoseconds dns{};         ///< Resolving the host name.
    std::chrono::nanoseconds connect{};     ///< Connecting the socket.
    std::chrono::nanoseconds tls{};         ///< The TLS handshake.
    std::chrono::nanoseconds first_byte{};  ///< From the request being written to the first byte of the response.
    std::chrono::nanoseconds total{};       ///< From the call to the last byte of the response.
    bool reused = false;                    ///< Sent on a connection that had served a request before.
    bool tls_resumed = false;               ///< The handshake resumed an earlier session.
};

}  // namespace chorus::http
