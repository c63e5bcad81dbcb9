// A body that is kept as it comes, for tests of what reads one.
#pragma once

#include <chorus/http/body_sink.hpp>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace chorus::testing_support {

/// Keeps what it is given, and refuses what is too much.
struct collecting_sink final : http::body_sink {
    result<void> take(std::string_view bytes) override {
        ++calls;
        body += bytes;
        if (body.size() > most_bytes) return error(errc::body_too_large);
        return {};
    }

    std::string body;
    std::size_t calls = 0;
    std::size_t most_bytes = std::numeric_limits<std::size_t>::max();
};

}  // namespace chorus::testing_support
