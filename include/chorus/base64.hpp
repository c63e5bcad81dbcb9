// Base64, both ways: images go out in it, embeddings come back in it.
#pragma once

#include <chorus/config.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chorus::detail {

/// RFC 4648, section 4: the standard alphabet, padded.
std::string encode_base64(std::span<const std::byte> bytes);

/// The same as a data URL (RFC 2397), `data:image/png;base64,...`.
std::string make_data_url(std::string_view media_type, std::span<const std::byte> bytes);

/// How many bytes a text decodes to, from its length and its padding alone.
std::size_t base64_decoded_size(std::string_view text) noexcept;

/// Decodes into exactly `base64_decoded_size(text)` bytes. Padding may be missing; nothing else may.
/// Returns false, with the bytes undefined, for what is no base64: other characters, white space among them, a length
/// that no bytes give, and bits left over that are not zero.
bool decode_base64(std::string_view text, std::span<std::byte> out) noexcept;

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/base64.ipp>
#endif
