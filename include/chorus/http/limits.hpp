// The named limits of one call.
#pragma once

#include <chrono>
#include <cstddef>

namespace chorus::http {

/// How long and how large one call may become. Each limit that passes has an error of its own.
/// The time that a call waits for its turn counts against `pool_wait` alone: thousands of calls begun at once do not time
/// out for being many. Each attempt is so long at most in the queue of the pool, and as long at the gates of the client.
/// Opening a connection for a call is no such wait.
struct limits {
    std::chrono::milliseconds pool_wait = std::chrono::minutes(10);  ///< `errc::pool_timed_out`
    /// `errc::connect_timed_out`; for DNS, and then anew for each address from when it is tried (happy eyeballs): one that
    /// is silent takes no time from the next. A proxy's tunnel counts with its address, and HTTP/2's greeting like one.
    std::chrono::milliseconds connect = std::chrono::seconds(5);
    std::chrono::milliseconds tls = std::chrono::seconds(10);   ///< `errc::tls_timed_out`; the handshake
    std::chrono::milliseconds write = std::chrono::minutes(1);  ///< `errc::write_timed_out`; the peer takes no byte
    std::chrono::milliseconds first_byte = std::chrono::minutes(10);  ///< `errc::first_byte_timed_out`
    std::chrono::milliseconds idle = std::chrono::minutes(5);  ///< `errc::idle_timed_out`; between bytes of a response
    /// `errc::content_timed_out`; between pieces of content of a stream. Signs of life are none: servers send them while a
    /// model thinks, which may take minutes, and some for ever. Longer than `idle`, so that silence is told as silence, and
    /// shorter than `total`, so that a stream without content is told from one that is long.
    std::chrono::milliseconds content_idle = std::chrono::minutes(6);
    std::chrono::milliseconds total = std::chrono::minutes(10);  ///< `errc::deadline_exceeded`; all attempts together
    std::size_t head_bytes = 64 * 1024;                          ///< `errc::head_too_large`; interim responses too
    std::size_t head_fields = 256;                               ///< `errc::head_too_large`
    std::size_t body_bytes = 64 * 1024 * 1024;                   ///< `errc::body_too_large`
    /// `errc::body_too_large`; all events of one stream. They wrap each word of an answer in hundreds of bytes.
    std::size_t stream_bytes = 256 * 1024 * 1024;
};

}  // namespace chorus::http
