// Which version of HTTP a client speaks.
#pragma once

namespace chorus::http {

/// How the version of HTTP is chosen for a new connection.
enum class protocol {
    negotiate,  ///< https: HTTP/2 if the server knows it (ALPN, RFC 7301); http: HTTP/1.1.
    http1,      ///< HTTP/1.1 only.
    http2,      ///< HTTP/2 only; on http by prior knowledge (RFC 9113, 3.3), as some local servers have it.
};

}  // namespace chorus::http
