// Which origins are reached without a proxy: the list that NO_PROXY holds.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/url.hpp>

#include <string>
#include <string_view>

namespace chorus::policy {

/// Tells whether a host is this machine: `localhost` and names below it (RFC 6761, 6.3), 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

/// Entries between commas or white space, in the common grammar of curl, Go and Python. Without regard to case:
///
///     *                     everything
///     example.com           this host and all below it; `.example.com` and `*.example.com` say the same
///     10.1.2.3, fd00::1     an address, however it is written; IPv6 may stand in brackets
///     10.0.0.0/8, fd00::/8  a network
///     example.com:8443      any host, or address in brackets, with a port: only there
///
/// An entry that is none of these matches nothing. Addresses match origins that are given as addresses: no name is
/// resolved to find out.
class no_proxy_list {
 public:
    no_proxy_list() = default;
    explicit no_proxy_list(std::string_view text) : text_(text) {}

    bool covers(const http::origin& where) const;

 private:
    std::string text_;  // read when a connection is opened, which is dearer by far
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/no_proxy.ipp>
#endif
