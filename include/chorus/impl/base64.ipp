#pragma once

#include <chorus/base64.hpp>

#include <array>
#include <cstdint>

namespace chorus::detail {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr std::uint32_t no_base64 = 0x8000'0000;

/// For each of the four places of a group, what a character there adds to its 24 bits. A character that is none sets
/// the top bit, so that many can be joined before one test.
inline constexpr auto base64_values = [] {
    std::array<std::array<std::uint32_t, 256>, 4> table{};
    for (auto& place : table) place.fill(no_base64);
    for (std::uint32_t value = 0; value < 64; ++value) {
        for (std::size_t place = 0; place < 4; ++place) {
            table[place][static_cast<unsigned char>(base64_alphabet[value])] = value << (18 - 6 * place);
        }
    }
    return table;
}();

CHORUS_DECL std::uint32_t base64_group(const char* four) noexcept {
    const auto value = [&](std::size_t place) { return base64_values[place][static_cast<unsigned char>(four[place])]; };
    return value(0) | value(1) | value(2) | value(3);
}

CHORUS_DECL std::string_view without_padding(std::string_view text) noexcept {
    // Padding completes a group of four, so there is none of it elsewhere.
    if (text.size() % 4 != 0) return text;
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.ends_with('=')) text.remove_suffix(1);
    return text;
}

CHORUS_DECL void append_base64(std::string& text, std::span<const std::byte> bytes) {
    const std::size_t start = text.size();
    text.resize(start + (bytes.size() + 2) / 3 * 4, '=');
    char* out = text.data() + start;
    for (; !bytes.empty(); bytes = bytes.subspan(bytes.size() < 3 ? bytes.size() : 3)) {
        const auto byte = [&](std::size_t i) {
            return i < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i]) : 0;
        };
        const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
        const std::size_t characters = bytes.size() < 3 ? bytes.size() + 1 : 4;
        for (std::size_t i = 0; i < characters; ++i) out[i] = base64_alphabet[group >> (18 - 6 * i) & 63];
        out += 4;
    }
}

CHORUS_DECL std::string encode_base64(std::span<const std::byte> bytes) {
    std::string text;
    append_base64(text, bytes);
    return text;
}

CHORUS_DECL std::string make_data_url(std::string_view media_type, std::span<const std::byte> bytes) {
    std::string url;
    // Images are large: one allocation, and no copy.
    url.reserve(media_type.size() + 16 + (bytes.size() + 2) / 3 * 4);
    url.append("data:").append(media_type).append(";base64,");
    append_base64(url, bytes);
    return url;
}

CHORUS_DECL std::size_t base64_decoded_size(std::string_view text) noexcept {
    const std::size_t characters = without_padding(text).size();
    return characters / 4 * 3 + characters % 4 * 3 / 4;
}

CHORUS_DECL bool decode_base64(std::string_view text, std::span<std::byte> out) noexcept {
    text = without_padding(text);
    const char* from = text.data();
    std::byte* to = out.data();
    std::uint32_t seen = 0;
    for (std::size_t groups = text.size() / 4; groups > 0; --groups, from += 4, to += 3) {
        const std::uint32_t group = base64_group(from);
        seen |= group;
        to[0] = static_cast<std::byte>(group >> 16 & 0xff);
        to[1] = static_cast<std::byte>(group >> 8 & 0xff);
        to[2] = static_cast<std::byte>(group & 0xff);
    }
    // One character more has six bits, which make no byte; two have four bits to spare, three two.
    const std::size_t rest = text.size() % 4;
    if (rest == 1) return false;
    if (rest > 1) {
        const char last[4] = {from[0], from[1], rest == 3 ? from[2] : 'A', 'A'};
        const std::uint32_t group = base64_group(last);
        seen |= group;
        to[0] = static_cast<std::byte>(group >> 16 & 0xff);
        if (rest == 3) to[1] = static_cast<std::byte>(group >> 8 & 0xff);
        if ((group & (rest == 2 ? 0xffffU : 0xffU)) != 0) return false;
    }
    return (seen & no_base64) == 0;
}

}  // namespace chorus::detail
