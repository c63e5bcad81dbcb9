// Through which proxy an origin is reached, if any: what the user or the environment says, and nothing is asked of a net.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/url.hpp>
#include <chorus/policy/no_proxy.hpp>
#include <chorus/secret.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::policy {

enum class proxy_kind {
    http,     ///< Tunnels by CONNECT (RFC 9110, 9.3.6); passes on requests to http origins.
    socks5,   ///< RFC 1928; host names are resolved here.
    socks5h,  ///< RFC 1928; host names are resolved by the proxy.
};

/// One proxy. Messages name it by host and port alone.
struct proxy {
    proxy_kind kind = proxy_kind::http;
    std::string host;  ///< Lower case; an IPv6 address without its brackets.
    std::uint16_t port = 0;
    secret user;
    secret password;

    /// Parses `[scheme://][user[:password]@]host[:port]`. Schemes: http (the default; port 80), socks5, socks5h and
    /// socks, which is socks5 (port 1080). User and password are percent-encoded.
    /// Errors: `errc::invalid_argument`; the text quotes nothing of user and password.
    static result<proxy> parse(std::string_view url);

    bool has_credentials() const noexcept { return !user.empty() || !password.empty(); }
    /// The value of `Proxy-Authorization` (RFC 7617), or empty.
    std::string basic_authorization() const;
    /// `host:port`, for messages.
    std::string to_string() const;
};

/// The proxies of a client. Without any, every connection is direct.
///
///     auto settings = chorus::policy::proxy_settings("http://user:pass%40word@proxy.example:3128");
///     settings.no_proxy("localhost,.internal.example,10.0.0.0/8");
class proxy_settings {
 public:
    /// No proxy.
    proxy_settings() = default;
    /// One proxy for everything, this machine too.
    explicit proxy_settings(std::string_view url) { all(url); }
    /// What the environment says: `https_proxy` for https origins, `http_proxy` for http origins, `all_proxy` for those
    /// that have no own, and `no_proxy`; each also in upper case, which counts where the lower case is unset. Empty is
    /// unset. `HTTP_PROXY` is passed over where `REQUEST_METHOD` is set: in a CGI program its value is a header of the
    /// request that the program answers (CVE-2016-5385). This machine is reached directly, as Go's programs do it.
    static proxy_settings from_environment(const char* (*variables)(const char* name));
    /// No proxy, whatever the environment says.
    static proxy_settings none() { return {}; }

    /// The proxy of http origins.
    proxy_settings& http(std::string_view url) { return set(http_, url, "proxy"); }
    /// The proxy of https origins.
    proxy_settings& https(std::string_view url) { return set(https_, url, "proxy"); }
    /// The proxy of the origins that the two above leave.
    proxy_settings& all(std::string_view url) { return set(all_, url, "proxy"); }
    /// The origins that are reached directly; see `no_proxy_list`.
    proxy_settings& no_proxy(std::string_view list) {
        direct_ = no_proxy_list(list);
        return *this;
    }
    /// Whether this machine is reached through the proxy too. Default: yes, but for `from_environment`.
    proxy_settings& proxy_loopback(bool value = true) {
        proxies_loopback_ = value;
        return *this;
    }

    /// Gives the proxy of an origin, or null where the connection is direct. Valid as long as the settings, unchanged.
    /// Errors: `errc::invalid_argument` when the URL of that proxy is malformed, in `phase::input`; `param` is the
    /// variable it comes from, or `proxy`. A malformed URL that no origin needs does no harm.
    result<const proxy*> choose(const http::origin& where) const;

 private:
    struct choice {
        bool is_given = false;
        proxy value;
        error refused;  // why it is none, if it is malformed
    };
    proxy_settings& set(choice& which, std::string_view url, const char* source);

    choice http_;
    choice https_;
    choice all_;
    no_proxy_list direct_;
    bool proxies_loopback_ = true;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/proxy_settings.ipp>
#endif
