#pragma once

#include <chorus/http/headers.hpp>
#include <chorus/text.hpp>

#include <algorithm>

namespace chorus::http {

namespace detail {

constexpr std::string_view colon = ": ";
constexpr std::string_view line_end = "\r\n";

}  // namespace detail

CHORUS_DECL bool equal_names(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
               return chorus::detail::to_lower(a) == chorus::detail::to_lower(b);
           });
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
    for (header field : *this) {
        if (equal_names(field.name, name)) return field.value;
    }
    return {};
}

CHORUS_DECL bool headers::contains(std::string_view name) const noexcept {
    return std::any_of(begin(), end(), [&](header field) { return equal_names(field.name, name); });
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

CHORUS_DECL headers::iterator& headers::iterator::operator++() noexcept {
    rest_.remove_prefix(rest_.find('\n') + 1);
    return *this;
}

CHORUS_DECL bool headers::is_valid_name(std::string_view name) noexcept {
    constexpr std::string_view symbols = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        const char lower = chorus::detail::to_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || symbols.find(c) != symbols.npos;
    });
}

CHORUS_DECL bool headers::is_valid_value(std::string_view value) noexcept {
    return std::all_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\t';
    });
}

}  // namespace chorus::http
