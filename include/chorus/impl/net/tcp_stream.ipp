// Each step is one system call.
#pragma once

#include <chorus/net/platform.hpp>
#include <chorus/net/tcp_stream.hpp>

#include <utility>

namespace chorus::net {

CHORUS_DECL tcp_stream::tcp_stream(asio::ip::tcp::socket socket) noexcept : socket_(std::move(socket)) {}

CHORUS_DECL io_result tcp_stream::read_some(std::span<char> buffer) noexcept {
    return platform::receive(socket_.native_handle(), buffer);
}

CHORUS_DECL io_result tcp_stream::write_some(std::span<const char> bytes) noexcept {
    return platform::send(socket_.native_handle(), bytes);
}

CHORUS_DECL void tcp_stream::async_wait_ready(readiness what, ready_handler handler) {
    socket_.async_wait(what == readiness::read ? asio::socket_base::wait_read : asio::socket_base::wait_write,
                       std::move(handler));
}

CHORUS_DECL void tcp_stream::cancel() noexcept {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

CHORUS_DECL void tcp_stream::close() noexcept {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

CHORUS_DECL bool tcp_stream::is_idle_and_open() noexcept {
    return socket_.is_open() && platform::look_at(socket_.native_handle()) == platform::idle_state::quiet;
}

CHORUS_DECL executor tcp_stream::get_executor() noexcept {
    return socket_.get_executor();
}

}  // namespace chorus::net
