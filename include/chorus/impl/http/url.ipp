#pragma once

#include <chorus/http/url.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <charconv>

namespace chorus::http {

namespace detail {

CHORUS_DECL bool is_host(std::string_view host) noexcept {
    return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

CHORUS_DECL bool is_ipv6(std::string_view host) noexcept {
    return host.find(':') != host.npos && std::all_of(host.begin(), host.end(), [](char c) {
               return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
           });
}

/// RFC 3986: what a path or query may hold unescaped, and `%`.
CHORUS_DECL bool is_path_character(char c) noexcept {
    constexpr std::string_view refused = R"("<>\^`{|})";
    return c > 0x20 && c < 0x7f && refused.find(c) == refused.npos;
}

}  // namespace detail

CHORUS_DECL std::string origin::authority() const {
    std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
    if (port != (tls ? 443 : 80)) text.append(":").append(std::to_string(port));
    return text;
}

CHORUS_DECL std::string origin::to_string() const {
    return (tls ? "https://" : "http://") + authority();
}

CHORUS_DECL result<url> url::parse(std::string_view text) {
    // Keys get pasted into URLs, and in place of them. So a host or port is all that an error quotes, and not where an
    // '@' follows: then it may be a piece of a password that holds a '/' or '#'.
    const auto refuse = [](const std::string& why) { return error(errc::invalid_argument, "the URL " + why); };
    text = chorus::detail::trimmed(text);
    const auto scheme_end = text.find("://");
    if (scheme_end == text.npos) return refuse("has no scheme (http:// or https://)");
    const std::string scheme = chorus::detail::to_lower(text.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") return refuse("has a scheme other than http and https");
    const std::string_view whole = text;
    text.remove_prefix(scheme_end + 3);
    const auto refuse_part = [&](const std::string& why, std::string_view part) {
        const bool quotable = text.find('@') == text.npos &&
                              std::all_of(part.begin(), part.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
        return refuse(quotable ? why + ": '" + std::string(part) + "'" : why);
    };

    const auto authority_end = std::min(text.find_first_of("/?#"), text.size());
    std::string_view authority = text.substr(0, authority_end);
    std::string_view rest = text.substr(authority_end);
    if (authority.find('@') != authority.npos) {
        return refuse("holds user information; pass credentials as options");
    }
    if (rest.find('#') != rest.npos) return refuse("has a fragment");

    url parsed;
    parsed.origin_.tls = scheme == "https";
    parsed.origin_.port = parsed.origin_.tls ? 443 : 80;
    std::string_view port;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == authority.npos) return refuse_part("has an unclosed IPv6 address", authority);
        parsed.origin_.host = chorus::detail::to_lower(authority.substr(1, close - 1));
        if (!detail::is_ipv6(parsed.origin_.host)) return refuse_part("has no valid host", authority);
        port = authority.substr(close + 1);
    } else {
        const auto colon = authority.find(':');
        parsed.origin_.host = chorus::detail::to_lower(authority.substr(0, colon));
        if (!detail::is_host(parsed.origin_.host)) return refuse_part("has no valid host", authority);
        if (colon != authority.npos) port = authority.substr(colon);
    }
    if (!port.empty()) {
        const std::string_view digits = port.substr(1);
        unsigned value = 0;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (port[0] != ':' || failure != std::errc() || end != digits.data() + digits.size() || value == 0 ||
            value > 65535) {
            return refuse_part("has no valid port", port);
        }
        parsed.origin_.port = static_cast<std::uint16_t>(value);
    }
    if (const auto bad = std::find_if_not(rest.begin(), rest.end(), &detail::is_path_character); bad != rest.end()) {
        return refuse("holds at offset " + std::to_string(&*bad - whole.data()) +
                      " a character that must be percent-encoded");
    }
    const auto question = rest.find('?');
    if (const auto path = rest.substr(0, question); !path.empty()) parsed.path_ = path;
    if (question != rest.npos) parsed.query_ = rest.substr(question + 1);
    return parsed;
}

CHORUS_DECL std::string url::target() const {
    return query_.empty() ? path_ : path_ + "?" + query_;
}

CHORUS_DECL url url::join(std::string_view endpoint) const {
    url joined = *this;
    if (joined.path_.ends_with('/')) joined.path_.pop_back();
    if (!endpoint.starts_with('/')) joined.path_ += '/';
    joined.path_ += endpoint;
    return joined;
}

}  // namespace chorus::http
