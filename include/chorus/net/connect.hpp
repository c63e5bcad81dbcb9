// From an origin to a stream: resolve, connect, shake hands.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/net/stream.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/policy/happy_eyeballs.hpp>
#include <chorus/policy/proxy_settings.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <vector>

namespace chorus::net {

class opening_progress;

/// Connects to the first of several addresses that answers (happy eyeballs, RFC 8305). Attempts that lose are closed.
/// Completes when one attempt succeeds or all have failed; it sets no limit of time.
/// Cancellation: terminal; closes all attempts and gives `errc::cancelled`.
/// Errors: `errc::connect_failed`; the cause names each address with its reason.
/// Executor: that of the awaiting coroutine, which becomes the socket's.
/// `progress` is told of each attempt.
awaitable<result<asio::ip::tcp::socket>> connect(std::vector<asio::ip::tcp::endpoint> endpoints,
                                                 policy::happy_eyeballs_options options = {},
                                                 opening_progress* progress = nullptr);

/// Opens a stream to an origin: a `tls_stream` after its handshake, or a `tcp_stream` for http. The socket sends
/// without delay and probes a silent peer. With a proxy, all of it goes through a tunnel that the proxy opens.
/// Completes when requests can be sent; it sets no limit of time.
/// Cancellation: terminal; gives `errc::cancelled` with the phase that was cut short.
/// Errors: those of `resolver::resolve`, `connect`, `connect_through` and `tls_stream::handshake`; the text names host or
/// origin, and the proxy.
/// Lifetimes: the arguments outlive the operation; `tls` is null only where no https origin is asked for.
/// `times` gets dns, connect, tls and tls_resumed, also of what was cut short; `progress` is told of each address that is
/// tried, and of the handshake.
///
///     auto opened = co_await chorus::net::open_stream(origin, names, &context, times);
awaitable<result<std::unique_ptr<stream>>> open_stream(const http::origin& where, resolver& names,
                                                       const tls_context* tls, http::timing& times,
                                                       const policy::proxy* via = nullptr,
                                                       opening_progress* progress = nullptr);

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/connect.ipp>
#endif
