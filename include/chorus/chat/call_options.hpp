// How a call is made, whatever it asks: what a request says of itself and not to the model.
#pragma once

#include <chorus/chat/priority.hpp>
#include <chorus/http/limits.hpp>

#include <chrono>
#include <optional>

namespace chorus {

/// What is unset is as the client's options say.
struct call_options {
    std::optional<std::chrono::milliseconds> timeout;  ///< the limit on the whole call, in place of `limits`' own
    std::optional<http::limits> limits;
    std::optional<int> max_attempts;
    chorus::priority priority = chorus::priority::normal;
};

}  // namespace chorus
