// The response format that asks for a C++ type.
#pragma once

#include <chorus/chat/response_format.hpp>
#include <chorus/structured/schema.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace chorus {

/// Makes the response format for a described struct: its schema under its name, strict if the type has a strict schema,
/// which it has unless there is a map in it. The description of the type goes along.
template <class T>
response_format response_format_of() {
    constexpr auto kind = detail::shape_of<T>;
    static_assert(kind == detail::shape::structure || kind == detail::shape::map,
                  "chorus: the whole of an answer has to be an object: put the value into a described struct");
    const nlohmann::ordered_json schema = schema_of<T, schema_mode::loose>();
    auto format = response_format::json_schema<nlohmann::ordered_json>(schema_name_of<T>(), schema);
    format.strict(has_strict_schema<T>);
    if (const auto text = detail::description_of<T>(); !text.empty()) format.description(std::string(text));
    return format;
}

}  // namespace chorus
