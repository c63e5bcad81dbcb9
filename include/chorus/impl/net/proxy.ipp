// The machine decides; here bytes are moved and failures get the name of the proxy.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/net/connect.hpp>
#include <chorus/net/proxy.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/policy/proxy_handshake.hpp>

#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chorus::net {

namespace detail {

CHORUS_DECL error named(error failed, const policy::proxy& via) {
    failed.cause(via.to_string() + ' ' + std::string(failed.cause()));
    return failed;
}

CHORUS_DECL error broken_handshake(errc code, std::string cause) {
    error failed(code);
    failed.phase(phase::proxy).cause(std::move(cause));
    return failed;
}

/// Has the machine talk to the proxy until the tunnel stands.
CHORUS_DECL awaitable<result<void>> shake_hands(tcp_stream& wire, policy::proxy_handshake& talk) {
    std::string out = talk.start();
    char in[64];
    while (!out.empty() || talk.wants() != 0) {
        const bool sends = !out.empty();
        const io_result step =
            sends ? wire.write_some(out) : wire.read_some(std::span(in, std::min(sizeof in, talk.wants())));
        if (step.status == io_status::done && sends) {
            out.erase(0, step.bytes);
        } else if (step.status == io_status::done) {
            auto next = talk.feed({in, step.bytes});
            if (!next) co_return next.error();
            out = std::move(*next);
        } else if (step.status == io_status::end) {
            co_return broken_handshake(errc::connect_failed, "closed the connection during the handshake");
        } else if (step.status == io_status::failed) {
            co_return broken_handshake(errc::connect_failed,
                                       "broke the connection during the handshake: " + step.error.message());
        } else {
            boost::system::error_code cut;
            co_await wire.async_wait(step.status == io_status::want_read ? readiness::read : readiness::write,
                                     asio::redirect_error(use_awaitable, cut));
            if (cut) co_return broken_handshake(errc::cancelled, "had not answered yet");
        }
    }
    co_return result<void>();
}

/// What the proxy is asked for: the name of the origin, or one after the other its addresses.
CHORUS_DECL std::vector<std::string> targets_of(const std::vector<asio::ip::tcp::endpoint>& endpoints) {
    std::vector<std::string> addresses;
    for (const auto& endpoint : endpoints) addresses.push_back(endpoint.address().to_string());
    return addresses;
}

}  // namespace detail

CHORUS_DECL awaitable<result<asio::ip::tcp::socket>> connect_through(const policy::proxy& via,
                                                                     const http::origin& where, resolver& names,
                                                                     http::timing& times, opening_progress* progress) {
    const auto ex = co_await this_coro::executor;
    const auto begun = now(ex);
    std::vector<std::string> targets{where.host};
    if (via.kind == policy::proxy_kind::socks5) {
        const auto addresses = co_await names.resolve(where.host, where.port);
        times.dns = now(ex) - begun;
        if (!addresses) co_return addresses.error();
        targets = detail::targets_of(*addresses);
    }
    const auto proxies = co_await names.resolve(via.host, via.port);
    const auto resolved = now(ex);
    times.dns = resolved - begun;
    if (!proxies) co_return proxies.error();

    result<asio::ip::tcp::socket> outcome = error(errc::connect_failed);
    for (const std::string& target : targets) {
        auto socket = co_await connect(*proxies, {}, progress);
        if (!socket) {
            if (socket.error() == errc::connect_failed) names.forget(via.host);
            outcome = socket.error();
            break;
        }
        tcp_stream wire(std::move(*socket));
        const auto talk = via.kind == policy::proxy_kind::http ? policy::connect_handshake(via, target, where.port)
                                                               : policy::socks5_handshake(via, target, where.port);
        const auto done = co_await detail::shake_hands(wire, *talk);
        if (done) {
            outcome = std::move(wire.next_layer());
            break;
        }
        outcome = detail::named(done.error(), via);
        if (done.error() != errc::connect_failed) break;
    }
    times.connect = now(ex) - resolved;
    co_return outcome;
}

CHORUS_DECL error told_of_proxy(error failed, const http::origin& where, const policy::proxy& via) {
    // The host that was asked for may be that of the proxy or, for SOCKS5, of the origin.
    if (failed.phase() == phase::dns && !failed.text().empty()) {
        const std::string cause(failed.cause());
        failed.cause(std::string(failed.text()) + (cause.empty() ? "" : ": ") + cause);
    }
    return failed.text(where.to_string() + " by the proxy " + via.to_string());
}

}  // namespace chorus::net
