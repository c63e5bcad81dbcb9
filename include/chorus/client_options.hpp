// What a client is made with, apart from the provider.
#pragma once

#include <chorus/http/limits.hpp>
#include <chorus/http/protocol.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/policy/pool_ledger.hpp>

#include <chrono>
#include <cstddef>
#include <utility>

namespace chorus {

/// The limits, pool and TLS settings of a client. The defaults suit a service that talks to a public API.
///
///     auto options = chorus::client_options().timeout(30s).max_connections(200);
class client_options {
 public:
    /// The total limit of a call that has none of its own (`chat_request::timeout`).
    client_options& timeout(std::chrono::milliseconds total) & {
        limits_.total = total;
        return *this;
    }
    /// The limit on opening a connection: DNS, TCP and TLS together.
    client_options& connect_timeout(std::chrono::milliseconds limit) & {
        limits_.connect = limit;
        return *this;
    }
    /// The limit on the silence between the request and its response.
    client_options& first_byte_timeout(std::chrono::milliseconds limit) & {
        limits_.first_byte = limit;
        return *this;
    }
    /// The limit on the wait for a free connection.
    client_options& pool_timeout(std::chrono::milliseconds limit) & {
        limits_.pool_wait = limit;
        return *this;
    }
    /// How many connections may be open at once, and so how many calls may be under way over HTTP/1.1.
    client_options& max_connections(std::size_t count) & {
        pool_.max_connections = count;
        pool_.max_connections_per_origin = count;
        return *this;
    }
    /// Which version of HTTP to speak. Without HTTP/2 in the build (`CHORUS_WITH_HTTP2`) it is always HTTP/1.1.
    client_options& protocol(http::protocol choice) & {
        protocol_ = choice;
        return *this;
    }
    /// Every limit of a call at once.
    client_options& limits(http::limits all) & {
        limits_ = all;
        return *this;
    }
    /// Every setting of the pool at once.
    client_options& pool(policy::pool_options all) & {
        pool_ = all;
        return *this;
    }
    /// Whom to trust, and which certificate to show.
    client_options& tls(net::tls_options all) & {
        tls_ = std::move(all);
        return *this;
    }

    // The forms for temporaries.
    client_options&& timeout(std::chrono::milliseconds total) && { return std::move(timeout(total)); }
    client_options&& connect_timeout(std::chrono::milliseconds limit) && { return std::move(connect_timeout(limit)); }
    client_options&& first_byte_timeout(std::chrono::milliseconds limit) && {
        return std::move(first_byte_timeout(limit));
    }
    client_options&& pool_timeout(std::chrono::milliseconds limit) && { return std::move(pool_timeout(limit)); }
    client_options&& max_connections(std::size_t count) && { return std::move(max_connections(count)); }
    client_options&& protocol(http::protocol choice) && { return std::move(protocol(choice)); }
    client_options&& limits(http::limits all) && { return std::move(limits(all)); }
    client_options&& pool(policy::pool_options all) && { return std::move(pool(all)); }
    client_options&& tls(net::tls_options all) && { return std::move(tls(std::move(all))); }

    http::protocol protocol() const noexcept { return protocol_; }
    const http::limits& limits() const noexcept { return limits_; }
    const policy::pool_options& pool() const noexcept { return pool_; }
    const net::tls_options& tls() const noexcept { return tls_; }

 private:
    http::limits limits_;
    http::protocol protocol_ = http::protocol::negotiate;
    policy::pool_options pool_;
    net::tls_options tls_;
};

}  // namespace chorus
