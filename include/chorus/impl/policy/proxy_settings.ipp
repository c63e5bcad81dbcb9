// An error here may come to be read by many, and half of a malformed URL may be a password: so it quotes next to nothing.
#pragma once

#include <chorus/base64.hpp>
#include <chorus/policy/proxy_settings.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

namespace chorus::policy {

namespace detail {

/// RFC 3986, 2.1. Nothing for a `%` without two digits behind it.
CHORUS_DECL std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (; !text.empty(); text.remove_prefix(1)) {
        if (text[0] != '%') {
            decoded += text[0];
            continue;
        }
        unsigned char byte = 0;
        const std::string_view digits = text.substr(1, 2);
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() != 2 || failure != std::errc() || end != digits.data() + 2) return std::nullopt;
        decoded += static_cast<char>(byte);
        text.remove_prefix(2);
    }
    return decoded;
}

CHORUS_DECL bool has_control_character(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Notes user and password in a proxy. Gives what is wrong with them, or nothing.
CHORUS_DECL const char* read_credentials(std::string_view text, proxy& into) {
    const auto colon = text.find(':');
    auto user = percent_decoded(text.substr(0, colon));
    auto password = percent_decoded(colon == text.npos ? std::string_view() : text.substr(colon + 1));
    if (!user || !password) return "has a '%' in its user or password that no two hexadecimal digits follow";
    if (has_control_character(*user) || has_control_character(*password)) {
        return "has a control character in its user or password";
    }
    if (into.kind == proxy_kind::http) {
        if (user->find(':') != user->npos) return "has a colon in its user, which Basic authentication cannot carry";
    } else if (user->size() > 255 || password->size() > 255 || (user->empty() && !password->empty())) {
        return "has a user or password that SOCKS5 cannot carry: 1 to 255 bytes each";  // RFC 1929, 2
    }
    into.user = secret(std::move(*user));
    into.password = secret(std::move(*password));
    return nullptr;
}

}  // namespace detail

CHORUS_DECL result<proxy> proxy::parse(std::string_view url) {
    const auto refuse = [](const char* why) {
        return error(errc::invalid_argument, std::string("the URL of the proxy ") + why);
    };
    url = chorus::detail::trimmed(url);
    proxy made;
    std::string scheme = "http";
    if (const auto end = url.find("://"); end != url.npos) {
        scheme = chorus::detail::to_lower(url.substr(0, end));
        url.remove_prefix(end + 3);
    }
    if (scheme == "socks5" || scheme == "socks") {
        made.kind = proxy_kind::socks5;
    } else if (scheme == "socks5h") {
        made.kind = proxy_kind::socks5h;
    } else if (scheme == "https") {
        return refuse("asks for TLS to the proxy itself, which is not supported: http and SOCKS5 are");
    } else if (scheme != "http") {
        return refuse("has a scheme other than http, socks5 and socks5h");
    }

    const auto end = std::min(url.find_first_of("/?#"), url.size());
    std::string_view authority = url.substr(0, end);
    const std::string_view rest = url.substr(end);
    if (rest.find('@') != rest.npos) {
        return refuse("has a character in its user or password that must be percent-encoded");
    }
    if (!rest.empty() && rest != "/") return refuse("has a path");
    if (const auto at = authority.rfind('@'); at != authority.npos) {
        if (const char* why = detail::read_credentials(authority.substr(0, at), made)) return refuse(why);
        authority.remove_prefix(at + 1);
    }
    const auto parsed = http::url::parse("http://" + std::string(authority));
    if (!parsed) return refuse("has no valid host or port");  // where an '@' is missing, they are user and password
    made.host = parsed->origin().host;
    made.port = parsed->origin().port;
    const auto host_end = authority.find(']');
    const bool has_port = authority.find(':', host_end == authority.npos ? 0 : host_end) != authority.npos;
    if (!has_port && made.kind != proxy_kind::http) made.port = 1080;
    return made;
}

CHORUS_DECL std::string proxy::basic_authorization() const {
    if (!has_credentials()) return {};
    const std::string pair = user.expose() + ':' + password.expose();
    return "Basic " + chorus::detail::encode_base64(std::as_bytes(std::span(pair)));
}

CHORUS_DECL std::string proxy::to_string() const {
    return (host.find(':') == host.npos ? host : "[" + host + "]") + ':' + std::to_string(port);
}

CHORUS_DECL proxy_settings proxy_settings::from_environment(const char* (*variables)(const char* name)) {
    const auto value_of = [variables](const char* name) {
        const char* const value = variables(name);
        return value == nullptr ? std::string_view() : chorus::detail::trimmed(value);
    };
    proxy_settings made;
    const auto set_from = [&](choice& which, const char* name) {
        if (which.is_given) return;
        if (const auto value = value_of(name); !value.empty()) made.set(which, value, name);
    };
    set_from(made.https_, "https_proxy");
    set_from(made.https_, "HTTPS_PROXY");
    set_from(made.http_, "http_proxy");
    if (variables("REQUEST_METHOD") == nullptr) set_from(made.http_, "HTTP_PROXY");
    set_from(made.all_, "all_proxy");
    set_from(made.all_, "ALL_PROXY");
    std::string_view list = value_of("no_proxy");
    if (list.empty()) list = value_of("NO_PROXY");
    made.no_proxy(list).proxy_loopback(false);
    return made;
}

CHORUS_DECL proxy_settings& proxy_settings::set(choice& which, std::string_view url, const char* source) {
    which = choice();
    which.is_given = true;
    auto parsed = proxy::parse(url);
    if (parsed) {
        which.value = std::move(*parsed);
    } else {
        which.refused = std::move(parsed).error();
        which.refused.phase(phase::input).param(source);
    }
    return *this;
}

CHORUS_DECL result<const proxy*> proxy_settings::choose(const http::origin& where) const {
    const choice& own = where.tls ? https_ : http_;
    const choice& chosen = own.is_given ? own : all_;
    const proxy* found = nullptr;
    if (!chosen.is_given || direct_.covers(where) || (!proxies_loopback_ && is_loopback(where.host))) return found;
    if (chosen.refused.code()) return chosen.refused;
    found = &chosen.value;
    return found;
}

}  // namespace chorus::policy
