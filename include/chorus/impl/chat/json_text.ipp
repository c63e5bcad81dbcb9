#pragma once

#include <chorus/chat/detail/json_text.hpp>

#include <nlohmann/json.hpp>

namespace chorus::detail {

CHORUS_DECL std::string to_json_text(const nlohmann::json& value) {
    try {
        return value.dump();
    } catch (const nlohmann::json::type_error&) {
        return {};
    }
}

}  // namespace chorus::detail
