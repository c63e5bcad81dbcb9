#pragma once

#include <chorus/json/text.hpp>

#include <bit>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace chorus::json {

namespace detail {

/// The high bit of each byte of a word.
inline constexpr std::uint64_t high_bits = 0x8080808080808080u;

CHORUS_DECL std::uint64_t load_word(const char* from) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

CHORUS_DECL bool is_ascii_block(const char* from) noexcept {
    const std::uint64_t all = load_word(from) | load_word(from + 8) | load_word(from + 16) | load_word(from + 24);
    return (all & high_bits) == 0;
}

CHORUS_DECL bool is_special(char c) noexcept {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

/// Marks special bytes in their high bit. The lowest mark is exact; a borrow may set false ones above it.
CHORUS_DECL std::uint64_t special_bytes(std::uint64_t word) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    const std::uint64_t quote = word ^ (ones * '"');
    const std::uint64_t backslash = word ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) & high_bits;
}

CHORUS_DECL const char* find_special(const char* first, const char* last, bool& is_ascii) noexcept {
#if defined(__SSE2__)
    // Part of every x86-64 processor: twice the bytes a step, and their marks without carries to think of.
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i highest_control = _mm_set1_epi8(0x1f);
    for (; last - first >= 16; first += 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
        const __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(block, highest_control), block);
        const __m128i is_mark = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
        const auto marks = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(is_control, is_mark)));
        const auto beyond_ascii = static_cast<unsigned>(_mm_movemask_epi8(block));
        if (marks != 0) {
            const int clean = std::countr_zero(marks);
            if ((beyond_ascii & ((1u << clean) - 1)) != 0) is_ascii = false;
            return first + clean;
        }
        if (beyond_ascii != 0) is_ascii = false;
    }
#endif
    // Marks are exact from the lowest byte up, so a word may be searched by its bits only where that byte comes first.
    if constexpr (std::endian::native == std::endian::little) {
        for (; last - first >= 8; first += 8) {
            const std::uint64_t word = load_word(first);
            if (const std::uint64_t marks = special_bytes(word)) {
                const int bits = std::countr_zero(marks) - 7;
                if ((word & high_bits & ((std::uint64_t{1} << bits) - 1)) != 0) is_ascii = false;
                return first + bits / 8;
            }
            if ((word & high_bits) != 0) is_ascii = false;
        }
    }
    for (; first != last && !is_special(*first); ++first) {
        if (static_cast<unsigned char>(*first) >= 0x80) is_ascii = false;
    }
    return first;
}

CHORUS_DECL utf8_step step_utf8(const char* first, const char* last) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(first[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {1, true};
    if (lead < 0xc2 || lead > 0xf4) return {1, false};
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    const auto left = static_cast<std::size_t>(last - first);
    for (std::size_t i = 1; i < length; ++i) {
        if (i == left || byte(i) < lowest || byte(i) > highest) return {i, false};
        lowest = 0x80;
        highest = 0xbf;
    }
    return {length, true};
}

CHORUS_DECL std::int32_t read_hex4(const char* first, const char* last) noexcept {
    if (last - first < 4) return -1;
    std::int32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = first[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

}  // namespace detail

CHORUS_DECL std::size_t find_invalid_utf8(std::string_view text) noexcept {
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* next = begin;
    while (next != end) {
        if (end - next >= 32 && detail::is_ascii_block(next)) {
            next += 32;
            continue;
        }
        if (end - next >= 8 && (detail::load_word(next) & detail::high_bits) == 0) {
            next += 8;
            continue;
        }
        const detail::utf8_step step = detail::step_utf8(next, end);
        if (!step.valid) return static_cast<std::size_t>(next - begin);
        next += step.length;
    }
    return std::string_view::npos;
}

CHORUS_DECL bool is_valid_utf8(std::string_view text) noexcept {
    return find_invalid_utf8(text) == std::string_view::npos;
}

CHORUS_DECL void append_repaired(std::string& out, std::string_view text) {
    while (true) {
        const std::size_t bad = find_invalid_utf8(text);
        out.append(text.substr(0, bad));
        if (bad == std::string_view::npos) return;
        text.remove_prefix(bad);
        append_code_point(out, 0xfffd);
        text.remove_prefix(detail::step_utf8(text.data(), text.data() + text.size()).length);
    }
}

CHORUS_DECL void append_code_point(std::string& out, std::uint32_t code_point) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    const auto follow = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3f)); };
    if ((code_point >= 0xd800 && code_point <= 0xdfff) || code_point > 0x10ffff) code_point = 0xfffd;
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xc0 | (code_point >> 6));
        follow(0);
    } else if (code_point < 0x10000) {
        put(0xe0 | (code_point >> 12));
        follow(6);
        follow(0);
    } else {
        put(0xf0 | (code_point >> 18));
        follow(12);
        follow(6);
        follow(0);
    }
}

CHORUS_DECL std::string repaired(std::string_view document) {
    std::string text;
    text.reserve(document.size() + 16);
    append_repaired(text, document);
    const char* const end = text.data() + text.size();
    for (std::size_t at = text.find('\\'); at != text.npos && at + 1 < text.size(); at = text.find('\\', at)) {
        const std::int32_t unit = text[at + 1] == 'u' ? detail::read_hex4(text.data() + at + 2, end) : -1;
        if (!detail::is_high_surrogate(unit) && !detail::is_low_surrogate(unit)) {
            at += 2;
            continue;
        }
        const bool escape_follows = text.compare(at + 6, 2, "\\u") == 0;
        if (detail::is_high_surrogate(unit) && escape_follows &&
            detail::is_low_surrogate(detail::read_hex4(text.data() + at + 8, end))) {
            at += 12;
            continue;
        }
        text.replace(at + 2, 4, "fffd");
        at += 6;
    }
    return text;
}

}  // namespace chorus::json
