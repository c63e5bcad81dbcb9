// Names that become parts of a URL.
#pragma once

#include <string>
#include <string_view>

namespace chorus::detail {

/// RFC 3986, section 2.3: everything but letters, digits and `-._~` as `%XX`, so that an id with a slash stays one
/// segment of a path, and one with `&` one value of a query.
inline std::string percent_encoded(std::string_view name) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(name.size());
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '.' || c == '_' || c == '~';
        if (is_plain) {
            encoded += c;
        } else {
            encoded.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
    }
    return encoded;
}

/// Adds a field to the query of a URL or target.
inline std::string with_query(std::string target, std::string_view name, std::string_view value) {
    target += target.find('?') == target.npos ? '?' : '&';
    return target.append(percent_encoded(name)).append("=").append(percent_encoded(value));
}

}  // namespace chorus::detail
