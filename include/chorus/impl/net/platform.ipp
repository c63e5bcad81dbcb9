// Non-blocking system calls on Linux.
#pragma once

#include <chorus/net/platform.hpp>

#include <cerrno>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace chorus::net::platform {

namespace detail {

CHORUS_DECL io_result failed_step(int code, io_status when_it_would_block) noexcept {
    if (code == EAGAIN || code == EWOULDBLOCK) return {.status = when_it_would_block};
    return {.status = io_status::failed, .error = {code, boost::system::system_category()}};
}

CHORUS_DECL void set_option(native_socket socket, int level, int name, int value,
                            boost::system::error_code& first_failure) noexcept {
    if (::setsockopt(socket, level, name, &value, sizeof value) != 0 && !first_failure) {
        first_failure.assign(errno, boost::system::system_category());
    }
}

CHORUS_DECL asio::ip::address to_address(const ::addrinfo& entry) {
    if (entry.ai_family == AF_INET) {
        const auto& raw = *reinterpret_cast<const ::sockaddr_in*>(entry.ai_addr);
        return asio::ip::address_v4(ntohl(raw.sin_addr.s_addr));
    }
    const auto& raw = *reinterpret_cast<const ::sockaddr_in6*>(entry.ai_addr);
    asio::ip::address_v6::bytes_type bytes;
    std::copy(std::begin(raw.sin6_addr.s6_addr), std::end(raw.sin6_addr.s6_addr), bytes.begin());
    return asio::ip::address_v6(bytes, raw.sin6_scope_id);
}

}  // namespace detail

CHORUS_DECL io_result receive(native_socket socket, std::span<char> buffer) noexcept {
    if (buffer.empty()) return {};
    for (;;) {
        const auto count = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count > 0) return {.bytes = static_cast<std::size_t>(count)};
        if (count == 0) return {.status = io_status::end};
        if (errno != EINTR) return detail::failed_step(errno, io_status::want_read);
    }
}

CHORUS_DECL io_result send(native_socket socket, std::span<const char> bytes) noexcept {
    if (bytes.empty()) return {};
    for (;;) {
        const auto count = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) return {.bytes = static_cast<std::size_t>(count)};
        if (errno != EINTR) return detail::failed_step(errno, io_status::want_write);
    }
}

CHORUS_DECL idle_state look_at(native_socket socket) noexcept {
    for (;;) {
        char byte;
        const auto count = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count > 0) return idle_state::readable;
        if (count == 0) return idle_state::closed;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return idle_state::quiet;
        if (errno != EINTR) return idle_state::closed;
    }
}

CHORUS_DECL boost::system::error_code set_options(native_socket socket, keep_alive probing) noexcept {
    boost::system::error_code failure;
    const auto seconds = [](std::chrono::seconds span) { return static_cast<int>(span.count()); };
    detail::set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, failure);
    detail::set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1, failure);
    detail::set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds(probing.idle), failure);
    detail::set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds(probing.interval), failure);
    detail::set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, probing.probes, failure);
    detail::set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, seconds(probing.user_timeout) * 1000, failure);
    return failure;
}

CHORUS_DECL result<std::vector<asio::ip::address>> look_up(const std::string& host, address_families wanted) {
    ::addrinfo hints{};
    hints.ai_family = wanted == address_families::ipv4 ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    // Families that this machine has no address of are left out; with loopback alone, glibc leaves out none.
    hints.ai_flags = AI_ADDRCONFIG;
    ::addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    const int system_code = errno;
    const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> owner(found, [](::addrinfo* list) {
        if (list) ::freeaddrinfo(list);
    });
    if (code != 0) {
        error failure(errc::resolve_failed, host);
        failure.phase(phase::dns)
            .cause(code == EAI_SYSTEM
                       ? boost::system::error_code(system_code, boost::system::system_category()).message()
                       : ::gai_strerror(code));
        return failure;
    }
    std::vector<asio::ip::address> addresses;
    for (const ::addrinfo* entry = found; entry; entry = entry->ai_next) {
        if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
            addresses.push_back(detail::to_address(*entry));
        }
    }
    return addresses;
}

CHORUS_DECL file_stamp stamp_of(const std::string& path) noexcept {
    struct ::stat found {};
    if (::stat(path.c_str(), &found) != 0) return {};
    const auto modified = std::chrono::seconds(found.st_mtim.tv_sec) + std::chrono::nanoseconds(found.st_mtim.tv_nsec);
    return {static_cast<std::int64_t>(found.st_ino), static_cast<std::int64_t>(found.st_size), modified};
}

}  // namespace chorus::net::platform
