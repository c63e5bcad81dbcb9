// The real transport: pooled connections, over TLS or plain TCP.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/protocol.hpp>
#include <chorus/net/pool.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/policy/pool_ledger.hpp>

#include <memory>

namespace chorus::net {

struct scratch_buffers;

/// Sends each request over a connection of its pool.
class http_transport final : public transport, public std::enable_shared_from_this<http_transport> {
 public:
    /// Errors: `errc::invalid_argument` of the TLS options.
    static result<std::shared_ptr<http_transport>> create(executor ex, const policy::pool_options& pool = {},
                                                          const tls_options& tls = {},
                                                          http::protocol protocol = http::protocol::negotiate);

    ~http_transport() override;

    /// As `transport::send`. A request that was sent on a connection which had been idle, and of which no byte of a
    /// response came, is sent again: the server had closed the connection meanwhile. So is one that an HTTP/2 server
    /// says it has not processed: some times, and without limit as long as each connection gets something done before
    /// the server's GOAWAY.
    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& answer) override;
    /// As `transport::open`, replaying as `send` does. What it gives shares the transport and holds a connection until
    /// it is destroyed, which is then fit for the next request if the body was read to its end. The total time of its
    /// head is that until the head.
    awaitable<result<std::unique_ptr<incoming_response>>> open(const http::request& message,
                                                               const http::limits& caps) override;
    net::pool_stats pool_stats() const override { return pool_->stats(); }
    awaitable<void> close() override { return pool_->close(); }
    void abort() noexcept override { pool_->abort(); }

 private:
    http_transport(executor ex, const policy::pool_options& pool, tls_context tls, http::protocol protocol);
    static awaitable<result<std::unique_ptr<connection>>> connect(std::shared_ptr<http_transport> self,
                                                                  http::origin where);
    template <class Call>
    awaitable<typename Call::outcome> carry_out(const http::request& message, const http::limits& caps, Call call);

    executor executor_;
    timer_service& timers_;
    tls_context tls_;
    [[maybe_unused]] http::protocol protocol_;  // HTTP/1.1 alone in a build without HTTP/2
    resolver resolver_;
    std::shared_ptr<scratch_buffers> scratch_;
    std::shared_ptr<net::pool> pool_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/http_transport.ipp>
#endif
