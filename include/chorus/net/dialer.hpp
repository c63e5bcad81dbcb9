// What opens the streams of a transport in place of sockets: a simulated network, a Unix socket, a tunnel of one's own.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/error.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>
#include <chorus/net/stream.hpp>

#include <memory>

namespace chorus::net {

/// Opens streams to origins.
class dialer {
 public:
    virtual ~dialer() = default;

    /// Opens a stream on which requests can be sent at once: to an https origin, one that is secured already, and whose
    /// `stream::alpn` says "h2" if it is to carry HTTP/2. Neither names are resolved before nor proxies asked.
    /// Completes when the stream stands; it sets no limit of time.
    /// Cancellation: terminal.
    /// Errors: should have the phase that failed.
    /// Lifetimes: the arguments outlive the operation.
    /// `times` gets what is known of dns, connect and tls.
    virtual awaitable<result<std::unique_ptr<stream>>> dial(const http::origin& where, http::timing& times) = 0;
};

}  // namespace chorus::net
