#pragma once

#include <chorus/provider/detail/ollama_host.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <charconv>

namespace chorus::detail {

CHORUS_DECL bool is_port(std::string_view text) noexcept {
    unsigned value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc() && end == text.data() + text.size() && value > 0 && value <= 65535;
}

CHORUS_DECL std::string ollama_base_url(std::string_view host) {
    constexpr std::string_view quotes = "\"'";
    host = trimmed(host);
    while (!host.empty() && quotes.find(host.front()) != quotes.npos) host.remove_prefix(1);
    while (!host.empty() && quotes.find(host.back()) != quotes.npos) host.remove_suffix(1);

    std::string scheme = "http";
    std::string_view port = "11434";
    if (const auto end = host.find("://"); end != host.npos) {
        scheme = host.substr(0, end);
        host.remove_prefix(end + 3);
        port = scheme == "https" ? "443" : "80";
    } else if (host == "ollama.com") {
        scheme = "https";
        port = "443";
    }
    const auto slash = std::min(host.find('/'), host.size());
    std::string_view path = host.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    host = host.substr(0, slash);

    // An IPv6 address has several colons, and a port behind it only with brackets.
    const auto colon = host.rfind(':');
    const bool is_bare_ipv6 = !host.starts_with('[') && host.find(':') != colon;
    if (colon != host.npos && !is_bare_ipv6 && !host.ends_with(']')) {
        if (const std::string_view own = host.substr(colon + 1); is_port(own)) port = own;
        host = host.substr(0, colon);
    }
    std::string address(host);
    if (is_bare_ipv6) address = "[" + address + "]";
    if (address.empty() || address == "0.0.0.0") address = "127.0.0.1";
    if (address == "[::]") address = "[::1]";
    return scheme + "://" + address + ":" + std::string(port) + std::string(path) + "/v1";
}

}  // namespace chorus::detail
