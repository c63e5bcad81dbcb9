// Addresses compare as bytes, so that two spellings of one are equal.
#pragma once

#include <chorus/policy/no_proxy.hpp>
#include <chorus/text.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace chorus::policy {

namespace detail {

/// The 4 or 16 bytes of an address, or nothing for what is none. One of IPv4 within IPv6 is one of IPv4.
CHORUS_DECL std::string address_bytes(std::string_view text) {
    boost::system::error_code failure;
    const auto address = boost::asio::ip::make_address(std::string(text), failure);
    if (failure) return {};
    const auto copy = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
    if (address.is_v4()) return copy(address.to_v4().to_bytes());
    const std::string bytes = copy(address.to_v6().to_bytes());
    return address.to_v6().is_v4_mapped() ? bytes.substr(12) : bytes;
}

CHORUS_DECL bool is_in_network(std::string_view address, std::string_view network, std::size_t bits) noexcept {
    if (address.size() != network.size()) return false;
    const std::size_t whole = bits / 8;
    if (address.substr(0, whole) != network.substr(0, whole)) return false;
    if (bits % 8 == 0) return true;
    const auto differing = static_cast<unsigned char>(address[whole] ^ network[whole]);
    return differing >> (8 - bits % 8) == 0;
}

CHORUS_DECL std::string_view without_last_dot(std::string_view host) noexcept {
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
}

/// A decimal number with nothing round it, no larger than `most`.
CHORUS_DECL bool read_number(std::string_view text, std::size_t most, std::size_t& value) noexcept {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc() && end == text.data() + text.size() && value <= most;
}

}  // namespace detail

CHORUS_DECL bool is_loopback(std::string_view host) {
    const std::string name = chorus::detail::to_lower(detail::without_last_dot(host));
    if (name == "localhost" || name.ends_with(".localhost")) return true;
    const std::string address = detail::address_bytes(name);
    if (address.size() == 4) return address[0] == 127;
    return address.size() == 16 && address.back() == 1 &&
           std::all_of(address.begin(), address.end() - 1, [](char byte) { return byte == 0; });
}

namespace detail {

/// An entry of the list.
struct no_proxy_rule {
    std::string name;        // of a host, or empty
    std::string network;     // the bytes of an address, or empty
    std::size_t bits = 0;    // of the network that count
    std::uint16_t port = 0;  // 0: any
};

/// False for an entry that matches nothing.
CHORUS_DECL bool read_rule(std::string_view entry, no_proxy_rule& made) {
    std::string_view host = entry;
    std::string_view port;
    if (host.starts_with('[')) {
        const auto close = host.find(']');
        if (close == host.npos) return false;
        port = host.substr(close + 1);
        host = host.substr(1, close - 1);
        if (!port.empty() && !port.starts_with(':')) return false;
    } else if (const auto colon = host.find(':'); colon != host.npos && host.find(':', colon + 1) == host.npos) {
        port = host.substr(colon);  // more colons than one are those of an IPv6 address
        host = host.substr(0, colon);
    }
    if (!port.empty()) {
        std::size_t value = 0;
        if (!read_number(port.substr(1), 65535, value) || value == 0) return false;
        made.port = static_cast<std::uint16_t>(value);
    }
    const auto slash = host.find('/');
    made.network = address_bytes(host.substr(0, slash));
    made.bits = 8 * made.network.size();
    if (slash != host.npos && !read_number(host.substr(slash + 1), 8 * made.network.size(), made.bits)) return false;
    if (!made.network.empty()) return true;
    if (slash != host.npos || host.find(':') != host.npos) return false;
    if (host.starts_with("*.")) host.remove_prefix(1);
    if (host.starts_with('.')) host.remove_prefix(1);
    made.name = chorus::detail::to_lower(without_last_dot(host));
    return !made.name.empty();
}

}  // namespace detail

CHORUS_DECL bool no_proxy_list::covers(const http::origin& where) const {
    constexpr std::string_view between = ", \t\r\n\v\f";
    const std::string host = chorus::detail::to_lower(detail::without_last_dot(where.host));
    const std::string address = detail::address_bytes(host);
    for (std::string_view rest = text_;;) {
        rest.remove_prefix(std::min(rest.find_first_not_of(between), rest.size()));
        if (rest.empty()) return false;
        const std::string_view entry = rest.substr(0, rest.find_first_of(between));
        rest.remove_prefix(entry.size());
        if (entry == "*") return true;
        detail::no_proxy_rule rule;
        if (!detail::read_rule(entry, rule) || (rule.port != 0 && rule.port != where.port)) continue;
        if (!address.empty()) {
            if (!rule.network.empty() && detail::is_in_network(address, rule.network, rule.bits)) return true;
        } else if (!rule.name.empty() && host.ends_with(rule.name)) {
            if (host.size() == rule.name.size() || host[host.size() - rule.name.size() - 1] == '.') return true;
        }
    }
}

}  // namespace chorus::policy
