// Headers of the user that name one request alone: a server or proxy may answer another of that name with the first
// answer, or refuse it. Where one call of the user takes several requests, each needs a name of its own.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace chorus::detail {

inline constexpr std::array<std::string_view, 2> naming_headers = {"Idempotency-Key", "X-Client-Request-Id"};

/// The name of the n-th request.
inline std::string numbered_name(std::string_view name, std::size_t number) {
    return std::string(name).append("-").append(std::to_string(number));
}

}  // namespace chorus::detail
