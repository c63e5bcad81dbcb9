// The only place that knows POSIX and Linux, with signals.hpp: a port to another system rewrites their bodies and nothing
// else.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/net/stream.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chorus::net::platform {

using native_socket = asio::ip::tcp::socket::native_handle_type;

/// Receives what is there without blocking. `end` means that the peer has sent FIN. An empty buffer is `done` at once.
io_result receive(native_socket socket, std::span<char> buffer) noexcept;

/// Sends what fits without blocking, and without SIGPIPE when the peer has gone. No bytes are `done` at once.
io_result send(native_socket socket, std::span<const char> bytes) noexcept;

/// What an idle socket looks like from outside, without taking anything from it.
enum class idle_state {
    quiet,     ///< Open, and nothing to read.
    readable,  ///< Open, with bytes to read.
    closed,    ///< The peer has closed, or the socket is broken.
};
idle_state look_at(native_socket socket) noexcept;

/// How long a silent peer is believed to be alive.
struct keep_alive {
    std::chrono::seconds idle{60};           ///< Silence before the first probe.
    std::chrono::seconds interval{60};       ///< Between probes.
    int probes = 5;                          ///< Unanswered probes before the connection is given up.
    std::chrono::seconds user_timeout{360};  ///< Sent bytes that stay unacknowledged so long end the connection.
};

/// Sets TCP_NODELAY, keep-alive probes and TCP_USER_TIMEOUT.
/// Where TCP_USER_TIMEOUT is set it decides about unanswered probes too (tcp(7)), hence its default: idle plus all
/// probes. Errors: the first option that the system refused; the others are set all the same.
boost::system::error_code set_options(native_socket socket, keep_alive probing = {}) noexcept;

/// The kinds of addresses that a look-up is for.
enum class address_families { all, ipv4 };

/// Asks the system for the addresses of a host, in its order of preference (RFC 6724). Blocks: call it on a thread of
/// its own. Errors: `errc::resolve_failed`; the cause is the system's reason.
result<std::vector<asio::ip::address>> look_up(const std::string& host, address_families wanted);

/// What tells one state of a file from another, without reading it. A file that is missing has the stamp of none.
struct file_stamp {
    std::int64_t file = 0;  ///< Its number on the disk.
    std::int64_t bytes = -1;
    std::chrono::nanoseconds modified{};
    bool operator==(const file_stamp&) const = default;
};
file_stamp stamp_of(const std::string& path) noexcept;

}  // namespace chorus::net::platform

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/platform.ipp>
#endif
