// Bytes that claim to be text: where a JSON string needs attention, and whether it is UTF-8.
#pragma once

#include <chorus/config.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::json {

/// What some programs put before a text in UTF-8, and readers may pass over (RFC 8259, 8.1).
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Tells whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view text) noexcept;

/// The offset of the first byte that does not belong to well-formed UTF-8, or `npos`.
std::size_t find_invalid_utf8(std::string_view text) noexcept;

/// Appends a text, with U+FFFD in place of what is not UTF-8 (one for each maximal part, as WHATWG decoders do).
void append_repaired(std::string& out, std::string_view text);

/// Appends one code point. Surrogates become U+FFFD.
void append_code_point(std::string& out, std::uint32_t code_point);

/// Copies a JSON document, with U+FFFD in place of invalid UTF-8 and of lone surrogate escapes, so that parsers
/// stricter than `json::reader` take it too.
std::string repaired(std::string_view document);

namespace detail {

/// Finds the first byte that a JSON string cannot hold as it is: a quote, a backslash or a control character.
/// Clears `is_ascii` if a byte before it is not ASCII.
const char* find_special(const char* first, const char* last, bool& is_ascii) noexcept;

struct utf8_step {
    std::size_t length;
    bool valid;
};

/// Steps over one well-formed sequence, or over the maximal part of an ill-formed one (Unicode, table 3-7).
utf8_step step_utf8(const char* first, const char* last) noexcept;

/// Reads the four digits of a `\u` escape; -1 if they are none.
std::int32_t read_hex4(const char* first, const char* last) noexcept;

inline constexpr bool is_high_surrogate(std::int32_t unit) noexcept {
    return unit >= 0xd800 && unit <= 0xdbff;
}
inline constexpr bool is_low_surrogate(std::int32_t unit) noexcept {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

}  // namespace detail

}  // namespace chorus::json

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/json/text.ipp>
#endif
