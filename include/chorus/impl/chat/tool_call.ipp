#pragma once

#include <chorus/chat/tool_call.hpp>
#include <chorus/json/reader.hpp>

#include <atomic>
#include <cstdint>

namespace chorus {

CHORUS_DECL bool tool_call::has_valid_arguments() const noexcept {
    if (type != tool_type::function || arguments.empty()) return true;
    return json::reader(arguments).peek() == json::kind::object && json::is_complete(arguments);
}

CHORUS_DECL std::string make_tool_call_id() {
    static std::atomic<std::uint64_t> made{0};
    return "call_" + std::to_string(++made);
}

}  // namespace chorus
