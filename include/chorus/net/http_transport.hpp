// The real transport: pooled connections, over TLS or plain TCP.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/protocol.hpp>
#include <chorus/net/pool.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/policy/pool_ledger.hpp>
#include <chorus/policy/proxy_settings.hpp>

#include <memory>
#include <utility>

namespace chorus::net {

class dialer;
class opening_progress;
struct scratch_buffers;

/// Sends each request over a connection of its pool.
class http_transport final : public transport, public std::enable_shared_from_this<http_transport> {
 public:
    /// With a dialer, that opens the streams, and the TLS options and proxies do not count.
    /// Errors: `errc::invalid_argument` of the TLS options. A malformed proxy is an error of the calls that need it.
    static result<std::shared_ptr<http_transport>> create(executor ex, const policy::pool_options& pool = {},
                                                          const tls_options& tls = {},
                                                          http::protocol protocol = http::protocol::negotiate,
                                                          policy::proxy_settings proxies = {},
                                                          std::shared_ptr<dialer> streams = nullptr);

    ~http_transport() override;

    /// Tells an observer of the connections that are opened, used and closed from now on.
    void watch(std::shared_ptr<observer> who) noexcept { watcher_ = std::move(who); }

    /// As `transport::send`. A request that was sent on a connection which had been idle, and of which no byte of a
    /// response came, is sent again, once: the server had closed the connection meanwhile. So is one that an HTTP/2
    /// server says it has not processed: some times, and without limit as long as each connection gets something done
    /// before the server's GOAWAY. All this within the `replay` level of the request.
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
    http_transport(executor ex, const policy::pool_options& pool, tls_context tls, http::protocol protocol,
                   policy::proxy_settings proxies, std::shared_ptr<dialer> streams);
    static awaitable<result<std::unique_ptr<connection>>> connect(std::shared_ptr<http_transport> self,
                                                                  http::origin where, opening_progress& progress);
    static awaitable<result<std::unique_ptr<connection>>> connect_watched(std::shared_ptr<http_transport> self,
                                                                          http::origin where,
                                                                          opening_progress& progress);
    error told_of_proxy(error failed, const http::origin& where) const;
    error told_of_wait(error failed, const http::origin& where, clock::duration queued) const;
    template <class Call>
    awaitable<typename Call::outcome> carry_out(const http::request& message, const http::limits& caps, Call call);

    executor executor_;
    timer_service& timers_;
    tls_context tls_;
    [[maybe_unused]] http::protocol protocol_;  // HTTP/1.1 alone in a build without HTTP/2
    policy::proxy_settings proxies_;
    std::shared_ptr<dialer> streams_;    // null: sockets
    std::shared_ptr<observer> watcher_;  // null: nobody looks
    resolver resolver_;
    std::shared_ptr<scratch_buffers> scratch_;
    std::shared_ptr<net::pool> pool_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/http_transport.ipp>
#endif
