// How many tokens a server counted.
#pragma once

#include <chorus/chat/usage.hpp>
#include <chorus/json/reader.hpp>

#include <cstdint>

namespace chorus::detail {

/// Reads a count. What no call can consume is none: counts are added up, and such would not fit.
inline void read_count(json::reader& in, token_count& out) {
    constexpr std::int64_t most = 1'000'000'000'000;
    token_count said;
    if (in.read(said) && *said >= 0 && *said <= most) out = said;
}

}  // namespace chorus::detail
