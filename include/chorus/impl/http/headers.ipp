#pragma once

#include <chorus/http/headers.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <array>

namespace chorus::http {

namespace detail {

constexpr std::string_view colon = ": ";
constexpr std::string_view line_end = "\r\n";

/// Where a character may stand. A table, for each byte of each head that is received is looked up in it.
enum character_class : unsigned char { in_name = 1, in_value = 2 };

inline constexpr std::array<unsigned char, 256> characters = [] {
    std::array<unsigned char, 256> classes{};
    for (std::size_t byte = 0x20; byte < classes.size(); ++byte) classes[byte] = in_value;
    classes[0x7f] = 0;
    classes['\t'] = in_value;
    constexpr std::string_view symbols =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char c : symbols) classes[static_cast<unsigned char>(c)] |= in_name;
    return classes;
}();

CHORUS_DECL std::string_view content_coding(const headers& fields) noexcept {
    for (const header field : fields) {
        if (!equal_names(field.name, "content-encoding")) continue;
        if (!field.value.empty() && !equal_names(field.value, "identity")) return field.value;
    }
    return {};
}

CHORUS_DECL error coded_body(std::string_view coding) {
    error refused(errc::decode_failed,
                  "the body has the content coding " + quoted(coding) + ", which was not asked for");
    return refused.phase(phase::read);
}

CHORUS_DECL std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text.substr(0, 40)) out += c >= 0x20 && c < 0x7f ? c : '?';
    return out += "'";
}

}  // namespace detail

CHORUS_DECL bool equal_names(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
               return chorus::detail::to_lower(a) == chorus::detail::to_lower(b);
           });
}

CHORUS_DECL bool holds_secret(std::string_view name) noexcept {
    const auto ends_with = [name](std::string_view end) {
        return name.size() >= end.size() && equal_names(name.substr(name.size() - end.size()), end);
    };
    if (name.empty()) return false;
    switch (chorus::detail::to_lower(name.back())) {  // asked of each field of each request of HTTP/2
        case 'd':
            return ends_with("password");
        case 'e':
            return ends_with("cookie") || ends_with("signature");
        case 'n':
            return ends_with("authorization") || ends_with("token");
        case 't':
            return ends_with("secret");
        case 'y':
            return (ends_with("-key") || ends_with("apikey")) && !equal_names(name, "idempotency-key");
        default:
            return false;
    }
}

CHORUS_DECL headers& headers::add(std::string_view name, std::string_view value) {
    block_.append(name).append(detail::colon).append(value).append(detail::line_end);
    return *this;
}

CHORUS_DECL headers& headers::add(const headers& others) {
    block_.append(others.block_);
    return *this;
}

CHORUS_DECL headers& headers::set(std::string_view name, std::string_view value) {
    return remove(name).add(name, value);
}

CHORUS_DECL headers& headers::remove(std::string_view name) {
    if (!contains(name)) return *this;
    headers kept;
    for (header field : *this) {
        if (!equal_names(field.name, name)) kept.add(field.name, field.value);
    }
    return *this = std::move(kept);
}

CHORUS_DECL std::string_view headers::get(std::string_view name) const noexcept {
    const iterator found = find(name);
    return found == end() ? std::string_view() : (*found).value;
}

CHORUS_DECL bool headers::contains(std::string_view name) const noexcept {
    return find(name) != end();
}

CHORUS_DECL headers::iterator headers::find(std::string_view name) const noexcept {
    iterator at = begin();
    while (at != end() && !at.is_named(name)) ++at;
    return at;
}

CHORUS_DECL headers::iterator headers::begin() const noexcept {
    return iterator(block_);
}
CHORUS_DECL headers::iterator headers::end() const noexcept {
    return iterator();
}

CHORUS_DECL header headers::iterator::operator*() const noexcept {
    const auto colon = rest_.find(detail::colon);
    const auto start = colon + detail::colon.size();
    return {rest_.substr(0, colon), rest_.substr(start, rest_.find('\r', start) - start)};
}

CHORUS_DECL bool headers::iterator::is_named(std::string_view name) const noexcept {
    // The colon tells most names apart before their letters do.
    return rest_.size() > name.size() && rest_[name.size()] == detail::colon[0] &&
           equal_names(rest_.substr(0, name.size()), name);
}

CHORUS_DECL headers::iterator& headers::iterator::operator++() noexcept {
    rest_.remove_prefix(rest_.find('\n') + 1);
    return *this;
}

CHORUS_DECL bool headers::is_name_character(char c) noexcept {
    return (detail::characters[static_cast<unsigned char>(c)] & detail::in_name) != 0;
}

CHORUS_DECL bool headers::is_valid_name(std::string_view name) noexcept {
    return !name.empty() && std::all_of(name.begin(), name.end(), &is_name_character);
}

CHORUS_DECL bool headers::is_valid_value(std::string_view value) noexcept {
    return std::all_of(value.begin(), value.end(), [](char c) {
        return (detail::characters[static_cast<unsigned char>(c)] & detail::in_value) != 0;
    });
}

}  // namespace chorus::http
