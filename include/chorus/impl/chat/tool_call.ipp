#pragma once

#include <chorus/chat/tool_call.hpp>

#include <atomic>
#include <cstdint>

namespace chorus {

CHORUS_DECL std::string make_tool_call_id() {
    static std::atomic<std::uint64_t> made{0};
    return "call_" + std::to_string(++made);
}

}  // namespace chorus
