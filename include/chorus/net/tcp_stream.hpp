// Plain TCP as a stream: for http:// servers, mostly on this machine.
#pragma once

#include <chorus/config.hpp>
#include <chorus/net/stream.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace chorus::net {

/// A connected TCP socket, read and written without blocking.
class tcp_stream final : public stream {
 public:
    explicit tcp_stream(asio::ip::tcp::socket socket) noexcept;

    io_result read_some(std::span<char> buffer) noexcept override;
    io_result write_some(std::span<const char> bytes) noexcept override;
    void async_wait_ready(readiness what, ready_handler handler) override;
    void cancel() noexcept override;
    void close() noexcept override;
    bool is_idle_and_open() noexcept override;
    executor get_executor() noexcept override;

    asio::ip::tcp::socket& next_layer() noexcept { return socket_; }

 private:
    asio::ip::tcp::socket socket_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/tcp_stream.ipp>
#endif
