// A socket that reaches an origin through a proxy.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/policy/proxy_settings.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace chorus::net {

class opening_progress;

/// Connects to a proxy and has it open a tunnel to an origin. What is sent over the socket then, the origin receives.
/// With `policy::proxy_kind::socks5` each address of the origin is tried until the proxy reaches one.
/// Completes when the tunnel stands or no address could be reached; it sets no limit of time.
/// Cancellation: terminal; gives `errc::cancelled` with the phase that was cut short.
/// Errors: those of `resolver::resolve` and `connect` for the proxy, and of `policy::proxy_handshake`; the cause names
/// the proxy.
/// Lifetimes: the arguments outlive the operation. Executor: that of the awaiting coroutine, which becomes the socket's.
/// `times.dns` gets what the look-ups took, and `times.connect` the rest; `progress` is told as by `connect`.
awaitable<result<asio::ip::tcp::socket>> connect_through(const policy::proxy& via, const http::origin& where,
                                                         resolver& names, http::timing& times,
                                                         opening_progress* progress = nullptr);

/// Adds to an error which origin was to be reached by which proxy.
error told_of_proxy(error failed, const http::origin& where, const policy::proxy& via);

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/proxy.ipp>
#endif
