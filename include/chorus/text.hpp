// Trimming and lower case of ASCII, the same in every locale.
#pragma once

#include <string>
#include <string_view>

namespace chorus::detail {

/// The text without the white space around it.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blank = " \t\r\n\v\f";
    const auto first = text.find_first_not_of(blank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

inline std::string to_lower(std::string_view text) {
    std::string copy(text);
    for (char& c : copy) c = to_lower(c);
    return copy;
}

}  // namespace chorus::detail
