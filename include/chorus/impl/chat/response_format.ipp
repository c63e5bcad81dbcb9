#pragma once

#include <chorus/chat/detail/json_text.hpp>
#include <chorus/chat/response_format.hpp>

namespace chorus {

CHORUS_DECL response_format response_format::json_schema(std::string name, const nlohmann::json& schema) {
    response_format format(kind::json_schema);
    format.name_ = std::move(name);
    format.schema_ = detail::to_json_text(schema);
    return format;
}

}  // namespace chorus
