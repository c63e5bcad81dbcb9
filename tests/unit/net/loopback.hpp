// Two ends of a connection over loopback, and the loops of steps and waits that tests of streams share.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/net/platform.hpp>
#include <chorus/net/stream.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/certificates.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace loopback {

namespace asio = boost::asio;
namespace net = chorus::net;
using asio::ip::tcp;
using chorus::awaitable;
using chorus::result;

struct sockets {
    tcp::socket client;
    tcp::socket server;

    explicit sockets(const chorus::executor& executor) : client(executor), server(executor) {
        tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        client.connect(acceptor.local_endpoint());
        acceptor.accept(server);
        net::platform::set_options(client.native_handle());
        net::platform::set_options(server.native_handle());
    }
};

/// Both ends of a TLS connection.
struct tls_pair {
    std::unique_ptr<net::tls_stream> client;
    std::unique_ptr<net::tls_stream> server;

    tls_pair(const chorus::executor& executor, const net::tls_context& client_context,
             const net::tls_context& server_context, std::string_view host = "localhost") {
        sockets ends(executor);
        client = net::tls_stream::client(std::move(ends.client), client_context, host, 443);
        server = net::tls_stream::server(std::move(ends.server), server_context);
    }

    struct outcomes {
        result<void> client;
        result<void> server;
    };

    awaitable<outcomes> handshake() {
        using namespace asio::experimental::awaitable_operators;
        auto both = co_await (client->handshake() && server->handshake());
        co_return outcomes{std::get<0>(both), std::get<1>(both)};
    }
};

/// A server certificate for localhost, and a client that trusts its authority.
struct world {
    chorus::testing::certificate_authority authority;
    chorus::testing::certificate certificate = authority.issue();

    net::tls_options client_options() const { return net::tls_options().ca_pem(authority.pem()); }
    net::tls_options server_options() const { return server_options(certificate); }
    static net::tls_options server_options(const chorus::testing::certificate& shown) {
        return net::tls_options()
            .certificate_chain_pem(shown.certificate_pem())
            .private_key_pem(shown.private_key_pem());
    }
    net::tls_context client() const { return net::tls_context::client(client_options()).value(); }
    net::tls_context server() const { return net::tls_context::server(server_options()).value(); }
};

inline awaitable<boost::system::error_code> wait(net::stream& end, net::io_status wanted) {
    boost::system::error_code failure;
    co_await end.async_wait(wanted == net::io_status::want_read ? net::readiness::read : net::readiness::write,
                            asio::redirect_error(chorus::use_awaitable, failure));
    co_return failure;
}

inline bool would_block(net::io_status status) {
    return status == net::io_status::want_read || status == net::io_status::want_write;
}

/// Reads once, waiting as the stream asks.
inline awaitable<net::io_result> read(net::stream& end, std::span<char> buffer) {
    for (;;) {
        const auto step = end.read_some(buffer);
        if (!would_block(step.status)) co_return step;
        if (auto failure = co_await wait(end, step.status)) {
            co_return net::io_result{net::io_status::failed, 0, failure};
        }
    }
}

/// Reads until `count` bytes have come; fewer mean that the stream ended or failed.
inline awaitable<std::string> read_exactly(net::stream& end, std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t have = 0;
    while (have < count) {
        const auto step = co_await read(end, std::span(bytes).subspan(have));
        if (step.status != net::io_status::done) break;
        have += step.bytes;
    }
    bytes.resize(have);
    co_return bytes;
}

/// Writes everything; returns the first failure.
inline awaitable<boost::system::error_code> write(net::stream& end, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto step = end.write_some(bytes);
        if (would_block(step.status)) {
            if (auto failure = co_await wait(end, step.status)) co_return failure;
        } else if (step.status == net::io_status::done) {
            bytes.remove_prefix(step.bytes);
        } else {
            co_return step.error;
        }
    }
    co_return boost::system::error_code();
}

/// Bytes that differ from place to place.
inline std::string noise(std::size_t count) {
    std::string bytes(count, '\0');
    unsigned state = 1;
    for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
    return bytes;
}

}  // namespace loopback
