#pragma once

#include <chorus/net/connect.hpp>
#include <chorus/net/dialer.hpp>
#include <chorus/net/h1_connection.hpp>
#ifdef CHORUS_WITH_HTTP2
#include <chorus/net/h2_connection.hpp>
#endif
#include <chorus/net/http_transport.hpp>
#include <chorus/net/opening_progress.hpp>
#include <chorus/net/proxy.hpp>
#include <chorus/policy/replay_limits.hpp>
#include <chorus/shared_new.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace chorus::net {

namespace detail {

/// A pool that may hold nothing would make each call wait in vain.
CHORUS_DECL std::optional<error> check(const policy::pool_options& options) {
    auto refuse = [](const char* option) {
        error refused(errc::invalid_argument, "must be at least 1");
        return refused.param(option);
    };
    if (options.max_connections == 0) return refuse("max_connections");
    if (options.max_connections_per_origin == 0) return refuse("max_connections_per_origin");
    if (options.max_connecting == 0) return refuse("max_connecting");
    return std::nullopt;
}

/// Adds what the connection knows to the times of an exchange. The stages of its opening are those of the call that it was
/// opened for.
CHORUS_DECL void complete(http::timing& timing, const http::timing& opening, bool is_reused, bool had_opening,
                          clock::duration queued) {
    timing.reused = is_reused;
    timing.queue = queued;
    if (is_reused || !had_opening) return;
    timing.dns = opening.dns;
    timing.connect = opening.connect;
    timing.tls = opening.tls;
    timing.tls_resumed = opening.tls_resumed;
}

CHORUS_DECL error told_of_call(error failed, const http::request& message, int attempts, clock::duration queued) {
    failed.attempts(attempts).queued(queued);
    if (failed.text().empty()) failed.text(message.origin.to_string());
    return failed;
}

/// A response that holds the connection it comes from.
class leased_response final : public incoming_response {
 public:
    leased_response(std::shared_ptr<transport> owner, lease link, std::unique_ptr<incoming_response> body)
        : owner_(std::move(owner)), link_(std::move(link)), body_(std::move(body)) {}

    http::response take_head() noexcept override {
        http::response head = body_->take_head();
        timing_.first_byte = head.timing.first_byte;
        head.timing = timing_;
        return head;
    }
    bool is_request_sent() const noexcept override { return body_->is_request_sent(); }
    awaitable<result<bool>> read(http::body_sink& into, time_limit limit) override { return body_->read(into, limit); }
    bool is_complete() const noexcept override { return body_->is_complete(); }
    http::timing& timing() noexcept { return timing_; }

 private:
    http::timing timing_;
    std::shared_ptr<transport> owner_;  // the lease refers to its pool
    lease link_;
    std::unique_ptr<incoming_response> body_;  // goes first: the connection is then fit or not
};

/// What `send` does on a connection, and then.
struct whole_call {
    using outcome = result<void>;
    http::response& answer;

    awaitable<outcome> begin(connection& link, const http::request& message, const http::limits& caps,
                             clock::time_point deadline) const {
        return link.exchange(message, caps, deadline, answer);
    }
    outcome finish(outcome done, const std::shared_ptr<transport>&, lease&) const { return done; }
    http::timing& timing(outcome&) const noexcept { return answer.timing; }
};

/// What `open` does.
struct streamed_call {
    using outcome = result<std::unique_ptr<incoming_response>>;

    awaitable<outcome> begin(connection& link, const http::request& message, const http::limits& caps,
                             clock::time_point deadline) const {
        return link.open(message, caps, deadline);
    }
    outcome finish(outcome done, const std::shared_ptr<transport>& owner, lease& link) const {
        return std::make_unique<leased_response>(owner, std::move(link), std::move(*done));
    }
    http::timing& timing(outcome& done) const noexcept { return static_cast<leased_response&>(**done).timing(); }
};

/// What a call gives that has succeeded. It is no part of `carry_out`, whose frame each call holds while it waits.
template <class Call>
typename Call::outcome finish(const Call& call, typename Call::outcome done, const std::shared_ptr<transport>& owner,
                              lease& link, bool is_reused, clock::duration queued, clock::duration total) {
    const connection& via = *link;
    const bool had_opening = link.had_opening();
    auto ready = call.finish(std::move(done), owner, link);
    http::timing& timing = call.timing(ready);
    complete(timing, via.opening, is_reused, had_opening, queued);
    timing.total = total;
    return ready;
}

}  // namespace detail

CHORUS_DECL result<std::shared_ptr<http_transport>> http_transport::create(
    executor ex, const policy::pool_options& pool, const tls_options& tls, http::protocol protocol,
    policy::proxy_settings proxies, std::shared_ptr<dialer> streams) {
#ifndef CHORUS_WITH_HTTP2
    if (protocol == http::protocol::http2) {
        error missing(errc::invalid_argument, "this program was built without HTTP/2 (CHORUS_WITH_HTTP2)");
        return missing.param("protocol");
    }
    protocol = http::protocol::http1;
#endif
    if (auto refused = detail::check(pool)) return *refused;
    tls_options offered = tls;
    if (protocol == http::protocol::negotiate) offered.alpn({"h2", "http/1.1"});
    if (protocol == http::protocol::http2) offered.alpn({"h2"});
    auto context = tls_context::client(offered);
    if (!context) return context.error();
    return std::shared_ptr<http_transport>(
        new http_transport(std::move(ex), pool, std::move(*context), protocol, std::move(proxies), std::move(streams)));
}

CHORUS_DECL http_transport::http_transport(executor ex, const policy::pool_options& pool, tls_context tls,
                                           http::protocol protocol, policy::proxy_settings proxies,
                                           std::shared_ptr<dialer> streams)
    : executor_(std::move(ex)),
      timers_(timer_service::of(executor_)),
      tls_(std::move(tls)),
      protocol_(protocol),
      proxies_(std::move(proxies)),
      streams_(std::move(streams)),
      resolver_(executor_),
      scratch_(chorus::detail::shared_new<scratch_buffers>()),
      pool_(chorus::detail::shared_new<net::pool>(
          executor_, pool, [this](http::origin where, opening_progress& progress) {
              // The opening shares the transport: it may outlast the call that caused it.
              return watcher_ ? connect_watched(shared_from_this(), std::move(where), progress)
                              : connect(shared_from_this(), std::move(where), progress);
          })) {}

CHORUS_DECL http_transport::~http_transport() {
    pool_->abandon();
}

CHORUS_DECL awaitable<result<void>> http_transport::send(const http::request& message, const http::limits& caps,
                                                         http::response& answer) {
    return carry_out(message, caps, detail::whole_call{answer});
}

CHORUS_DECL awaitable<result<std::unique_ptr<incoming_response>>> http_transport::open(const http::request& message,
                                                                                       const http::limits& caps) {
    return carry_out(message, caps, detail::streamed_call());
}

template <class Call>
awaitable<typename Call::outcome> http_transport::carry_out(const http::request& message, const http::limits& caps,
                                                            Call call) {
    const auto self = shared_from_this();
    const clock::time_point started = timers_.now();
    clock::time_point deadline = chorus::detail::saturating_add(started, caps.total);
    policy::replay_limits replays;
    clock::duration queued{};
    for (int attempts = 1;; ++attempts) {
        lease link = pool_->try_acquire(message.origin);
        if (!link) {
            auto acquired = co_await pool_->acquire(message, caps, deadline);
            if (!acquired) co_return told_of_wait(acquired.error(), message.origin, queued);
            link = std::move(*acquired);
            queued += link.queued();
            deadline = chorus::detail::saturating_add(chorus::detail::saturating_add(started, caps.total), queued);
        }
        connection& via = *link;
        const connection::use_counts before = via.use;
        if (watcher_ && before.answered > 0) {
            watcher_->on_connection(connection_event::reused, {.server = &message.origin});
        }
        auto done = co_await call.begin(via, message, caps, deadline);
        if (done) {
            ++via.use.answered;
            co_return detail::finish(call, std::move(done), self, link, before.answered > 0, queued,
                                     timers_.now() - started);
        }
        if (!replays.allow(done.error(), {before.answered, before.under_way, via.is_reusable(), via.has_been_of_use()},
                           message.replay)) {
            co_return detail::told_of_call(done.error(), message, attempts, queued);
        }
    }
}

/// The pool, whose limit it is, knows of no proxy; and a proxy is where such time is lost.
CHORUS_DECL error http_transport::told_of_proxy(error failed, const http::origin& where) const {
    if (failed != errc::connect_timed_out) return failed;
    const auto chosen = proxies_.choose(where);
    if (!chosen || !*chosen) return failed;
    return failed.text(std::string(failed.text()) + " by the proxy " + (*chosen)->to_string());
}

CHORUS_DECL error http_transport::told_of_wait(error failed, const http::origin& where, clock::duration queued) const {
    failed = told_of_proxy(std::move(failed), where);
    return failed.queued(queued + failed.queued());
}

CHORUS_DECL awaitable<result<std::unique_ptr<connection>>> http_transport::connect_watched(
    std::shared_ptr<http_transport> self, http::origin where, opening_progress& progress) {
    const std::shared_ptr<observer> watcher = self->watcher_;
    auto made = co_await connect(std::move(self), where, progress);
    if (!made) {
        const error failure = made.error();
        watcher->on_connection(connection_event::failed, {.server = &where, .failure = &failure});
        co_return made;
    }
    const http::timing& opening = (*made)->opening;
    watcher->on_connection(opening.tls_resumed ? connection_event::resumed : connection_event::opened,
                           {.server = &where, .timing = &opening});
    (*made)->farewell = std::shared_ptr<const void>(nullptr, [watcher, where](const void*) {
        watcher->on_connection(connection_event::closed, {.server = &where});
    });
    co_return made;
}

CHORUS_DECL awaitable<result<std::unique_ptr<connection>>> http_transport::connect(std::shared_ptr<http_transport> self,
                                                                                   http::origin where,
                                                                                   opening_progress& progress) {
    const auto chosen = self->streams_ ? result<const policy::proxy*>(nullptr) : self->proxies_.choose(where);
    if (!chosen) co_return chosen.error();
    const policy::proxy* const via = *chosen;
    // Many proxies open tunnels to TLS ports only. What they pass on is HTTP/1.1.
    const bool is_forwarded = via != nullptr && via->kind == policy::proxy_kind::http && !where.tls &&
                              self->protocol_ != http::protocol::http2;
    http::origin peer = where;
    if (is_forwarded) {
        peer.host = via->host;
        peer.port = via->port;
    }
    http::timing opening;
    auto stands = self->streams_ ? self->streams_->dial(peer, opening)
                                 : open_stream(peer, self->resolver_, where.tls ? &self->tls_ : nullptr, opening,
                                               is_forwarded ? nullptr : via, &progress);
    auto opened = co_await std::move(stands);
    if (!opened) {
        co_return is_forwarded ? net::told_of_proxy(opened.error(), where, *via) : opened.error();
    }
    std::unique_ptr<connection> link;
#ifdef CHORUS_WITH_HTTP2
    const bool is_http2 = where.tls ? (*opened)->alpn() == "h2" : self->protocol_ == http::protocol::http2;
    if (is_http2) {
        auto made = std::make_unique<h2_connection>(std::move(*opened), self->scratch_);
        progress.begins(phase::connect);
        const auto greeted = co_await made->prepare();
        if (!greeted) {
            error failed = greeted.error();
            if (failed.text().empty()) failed.text(where.to_string());
            co_return failed;
        }
        link = std::move(made);
    } else if (self->protocol_ == http::protocol::http2) {
        error other(errc::protocol_error, where.to_string() + " does not speak HTTP/2");
        co_return other.phase(phase::tls);
    }
#endif
    if (!link) {
        std::unique_ptr<http::forwarding> forwarding;
        if (is_forwarded) {
            forwarding = std::make_unique<http::forwarding>();
            forwarding->proxy = via->to_string();
            forwarding->credentials = secret(via->basic_authorization());
        }
        link = std::make_unique<h1_connection>(std::move(*opened), self->scratch_, std::move(forwarding));
    }
    link->opening = opening;
    co_return link;
}

}  // namespace chorus::net
