#pragma once

#include <chorus/chat/tool_call.hpp>
#include <chorus/json/reader.hpp>

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace chorus {

CHORUS_DECL bool tool_call::has_valid_arguments() const noexcept {
    if (type != tool_type::function || arguments.empty()) return true;
    return json::reader(arguments).peek() == json::kind::object && json::is_complete(arguments);
}

CHORUS_DECL std::string make_tool_call_id() {
    // Servers count their own calls from 0 or 1, and a conversation may go on in another program.
    static const std::string own = [] {
        constexpr std::string_view digits = "0123456789abcdef";
        std::random_device entropy;
        std::string prefix = "call_";
        for (std::uint32_t half = 0; half < 2; ++half) {
            for (std::uint32_t bits = entropy(), i = 0; i < 8; ++i, bits >>= 4) prefix += digits[bits & 15];
        }
        return prefix + '_';
    }();
    static std::atomic<std::uint64_t> made{0};
    return own + std::to_string(++made);
}

}  // namespace chorus
