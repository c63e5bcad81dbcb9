#pragma once

#include <chorus/structured/detail/schema_builder.hpp>

#include <algorithm>
#include <utility>

namespace chorus::detail {

CHORUS_DECL std::string short_type_name(std::string_view qualified) {
    constexpr std::size_t most = 64;  // OpenAI's limit on the name of a schema
    constexpr std::string_view anonymous = "(anonymous namespace)::";
    std::string name;
    std::vector<std::size_t> starts = {0};  // within `name`: of the name being read, of those it is an argument of
    while (!qualified.empty()) {
        const char c = qualified.front();
        if (qualified.starts_with(anonymous)) {
            qualified.remove_prefix(anonymous.size());
            continue;
        }
        qualified.remove_prefix(1);
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (is_letter || (c >= '0' && c <= '9') || c == '_') {
            name += c;
        } else if (c == ':') {
            name.resize(starts.back());
        } else if (c == '<' || c == ',') {
            if (c == '<') starts.emplace_back();
            if (!name.ends_with('_')) name += '_';
            starts.back() = name.size();
        } else if (c == '>' && starts.size() > 1) {
            starts.pop_back();
        }
    }
    name.resize(std::min(name.size(), most));
    return name.empty() ? "type" : name;
}

CHORUS_DECL schema_builder::json schema_builder::of_type(std::string_view name) {
    json schema = json::object();
    schema["type"] = name;
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::of_names(std::span<const std::string_view> names) {
    json schema = of_type("string");
    schema["enum"] = names;
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::list_of(json items) {
    json schema = of_type("array");
    schema["items"] = std::move(items);
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::map_of(json values) {
    json schema = of_type("object");
    schema["additionalProperties"] = std::move(values);
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::any_of(json alternatives) {
    json schema = json::object();
    schema["anyOf"] = std::move(alternatives);
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::nullable(json schema) {
    if (schema.contains("anyOf")) {
        json& alternatives = schema["anyOf"];
        if (alternatives.back() != of_type("null")) alternatives.push_back(of_type("null"));
        return schema;
    }
    json alternatives = json::array();
    alternatives.push_back(std::move(schema));
    alternatives.push_back(of_type("null"));
    return any_of(std::move(alternatives));
}

CHORUS_DECL schema_builder::json schema_builder::object_of(json properties) {
    json schema = of_type("object");
    json required = json::array();
    for (const auto& [name, unused] : properties.items()) required.push_back(name);
    schema["properties"] = std::move(properties);
    schema["required"] = std::move(required);
    schema["additionalProperties"] = false;
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::described_as(json schema, std::string_view text) {
    if (text.empty()) return schema;
    if (schema.contains("$ref")) {
        // Strict mode takes nothing beside a reference.
        json alternatives = json::array();
        alternatives.push_back(std::move(schema));
        schema = any_of(std::move(alternatives));
    }
    // The length of an array stays beside what the user says of it.
    const bool has_length = schema.contains("description") && schema["type"] == "array";
    std::string whole(text);
    if (has_length) whole += "; " + schema["description"].get<std::string>();
    schema["description"] = std::move(whole);
    return schema;
}

CHORUS_DECL schema_builder::definition* schema_builder::find(const std::type_info& type) noexcept {
    const auto found = std::find_if(definitions_.begin(), definitions_.end(),
                                    [&](const definition& one) { return *one.type == type; });
    return found == definitions_.end() ? nullptr : &*found;
}

CHORUS_DECL schema_builder::json schema_builder::reference_to(definition& target) {
    target.is_used = true;
    json schema = json::object();
    schema["$ref"] = "#/$defs/" + target.name;
    return schema;
}

CHORUS_DECL std::string schema_builder::unused_name(std::string wanted) const {
    const auto is_taken = [&](const std::string& name) {
        return std::any_of(definitions_.begin(), definitions_.end(),
                           [&](const definition& one) { return one.name == name; });
    };
    std::string name = wanted;
    for (int number = 2; is_taken(name); ++number) name = wanted + "_" + std::to_string(number);
    return name;
}

// What holds itself becomes a definition; everything else stands where it is used, which every server understands.
CHORUS_DECL schema_builder::json schema_builder::finish(std::size_t place, json schema) {
    definition& built = definitions_[place];
    if (built.is_used) {
        built.schema = std::move(schema);
        return reference_to(built);
    }
    definitions_.erase(definitions_.begin() + static_cast<std::ptrdiff_t>(place));
    return schema;
}

CHORUS_DECL schema_builder::json schema_builder::with_definitions(json schema) const {
    if (definitions_.empty()) return schema;
    // The outermost schema has to be an object and no reference.
    const std::string reference = schema.value("$ref", std::string());
    json all = json::object();
    for (const definition& one : definitions_) {
        if (reference == "#/$defs/" + one.name) schema = one.schema;
        all[one.name] = one.schema;
    }
    schema["$defs"] = std::move(all);
    return schema;
}

}  // namespace chorus::detail
