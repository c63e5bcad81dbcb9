// The parts of an http(s) URL that a client needs, and how an endpoint is appended to a base URL.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::http {

/// Where connections go: the key of a pool. Equal origins may share connections.
struct origin {
    bool tls = true;
    std::string host;  ///< Lower case; an IPv6 address without its brackets.
    std::uint16_t port = 443;

    auto operator<=>(const origin&) const = default;

    /// The `Host` header: brackets round an IPv6 address, no default port.
    std::string authority() const;
    /// `https://host:port`, for messages.
    std::string to_string() const;
};

/// A parsed http or https URL.
class url {
 public:
    url() = default;

    /// Parses an absolute URL. White space around it is dropped. User information and fragments are refused.
    /// Errors: `errc::invalid_argument`; the text names the part that is wrong and quotes at most host or port, for
    /// anything else may be a secret.
    static result<url> parse(std::string_view text);

    const chorus::http::origin& origin() const noexcept { return origin_; }
    /// The path, at least `/`.
    const std::string& path() const noexcept { return path_; }
    /// The query without its `?`.
    const std::string& query() const noexcept { return query_; }
    /// What a request line asks for: path and query.
    std::string target() const;

    /// Appends an endpoint such as `/chat/completions` to the path: one slash between them, the query kept.
    /// Not RFC 3986 resolution, which would drop the path of a base such as `https://host/v1`.
    url join(std::string_view endpoint) const;

 private:
    chorus::http::origin origin_;
    std::string path_ = "/";
    std::string query_;
};

}  // namespace chorus::http

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/http/url.ipp>
#endif
