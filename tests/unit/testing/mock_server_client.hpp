// A client of few words for the tests of the mock server: it sends bytes and shows what comes back.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace chorus_test {

using chorus::awaitable;
namespace asio = boost::asio;

inline std::string chat_request(std::string_view prompt, std::string_view fields = {}) {
    std::string body = R"({"model":"m","messages":[{"role":"user","content":")";
    body.append(prompt).append("\"}]}");
    std::string request = "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\n";
    request.append(fields).append("content-length: ").append(std::to_string(body.size()));
    return request.append("\r\n\r\n").append(body);
}

/// The context of a client that trusts this server; none for plain HTTP.
inline std::optional<chorus::net::tls_context> trust(const chorus::testing::mock_server& server) {
    if (server.ca_pem().empty()) return std::nullopt;
    return chorus::net::tls_context::client(chorus::net::tls_options().ca_pem(server.ca_pem())).value();
}

class byte_client {
 public:
    explicit byte_client(chorus::executor ex) : socket_(std::move(ex)) {}

    awaitable<void> connect(std::uint16_t port, const std::optional<chorus::net::tls_context>& tls) {
        const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
        co_await socket_.async_connect(server, chorus::use_awaitable);
        if (!tls) {
            stream_ = std::make_unique<chorus::net::tcp_stream>(std::move(socket_));
            co_return;
        }
        auto secured = chorus::net::tls_stream::client(std::move(socket_), *tls, "127.0.0.1", port);
        const chorus::result<void> agreed = co_await secured->handshake();
        if (!agreed) throw std::runtime_error(agreed.error().message());
        resumed = secured->was_resumed();
        stream_ = std::move(secured);
    }

    awaitable<void> send(std::string bytes) {
        for (std::string_view rest = bytes; !rest.empty();) {
            const auto moved = stream_->write_some(rest);
            if (moved.status == chorus::net::io_status::done) {
                rest.remove_prefix(moved.bytes);
            } else if (!co_await wait(moved.status)) {
                co_return;
            }
        }
    }

    /// Receives one response with `Content-Length` or chunks, or what there is of it when the connection ends.
    awaitable<std::string> response() {
        bool more = true;
        while (more && response_size() == 0) more = co_await receive();
        const std::size_t size = response_size() == 0 ? received_.size() : response_size();
        std::string first = received_.substr(0, size);
        received_.erase(0, size);
        co_return first;
    }

    /// Receives at least this much, if so much comes.
    awaitable<std::string> at_least(std::size_t bytes) {
        bool more = true;
        while (more && received_.size() < bytes) more = co_await receive();
        co_return std::exchange(received_, {});
    }

    /// Receives until the connection ends.
    awaitable<std::string> rest() {
        // g++ 12 miscompiles a co_await in a condition where the coroutine has no local variable.
        bool more = true;
        while (more) more = co_await receive();
        co_return std::exchange(received_, {});
    }

    void close() { stream_->close(); }

    bool resumed = false;
    chorus::net::io_status ending = chorus::net::io_status::done;  ///< `end` or `failed` once the connection ended.

 private:
    std::size_t response_size() const {
        const auto head = received_.find("\r\n\r\n");
        if (head == std::string::npos) return 0;
        const auto chunked = received_.find("transfer-encoding: chunked");
        if (chunked < head) {
            const auto last = received_.find("\r\n0\r\n\r\n", head);
            return last == std::string::npos ? 0 : last + 7;
        }
        const auto length = received_.find("content-length: ");
        const std::size_t body = length < head ? std::stoul(received_.substr(length + 16)) : 0;
        return received_.size() >= head + 4 + body ? head + 4 + body : 0;
    }

    awaitable<bool> receive() {
        const auto arrived = stream_->read_some(buffer_);
        switch (arrived.status) {
            case chorus::net::io_status::done:
                received_.append(buffer_.data(), arrived.bytes);
                co_return true;
            case chorus::net::io_status::want_read:
            case chorus::net::io_status::want_write:
                co_return co_await wait(arrived.status);
            default:
                ending = arrived.status;
                co_return false;
        }
    }

    awaitable<bool> wait(chorus::net::io_status reason) {
        if (reason != chorus::net::io_status::want_read && reason != chorus::net::io_status::want_write)
            co_return false;
        boost::system::error_code failure;
        co_await stream_->async_wait(
            reason == chorus::net::io_status::want_read ? chorus::net::readiness::read : chorus::net::readiness::write,
            asio::redirect_error(chorus::use_awaitable, failure));
        co_return !failure;
    }

    asio::ip::tcp::socket socket_;
    std::unique_ptr<chorus::net::stream> stream_;
    std::array<char, 16 * 1024> buffer_{};
    std::string received_;
};

}  // namespace chorus_test
