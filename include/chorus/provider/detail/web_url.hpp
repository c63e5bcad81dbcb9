// Tells addresses in the web from data URLs and all else.
#pragma once

#include <chorus/text.hpp>

#include <string>
#include <string_view>

namespace chorus::detail {

/// Whether it is an http(s) URL.
inline bool is_web_url(std::string_view url) {
    const std::string start = to_lower(url.substr(0, 8));
    return start == "https://" || start.starts_with("http://");
}

}  // namespace chorus::detail
