#pragma once

#include <chorus/error.hpp>
#include <chorus/tools/tool_set.hpp>

#include <algorithm>

namespace chorus {

namespace detail {

/// The name of a tool; one given as JSON bears it inside, at one of two places.
CHORUS_DECL std::string name_of(const tool& description) {
    if (!description.definition()) return description.name();
    const auto definition = nlohmann::json::parse(*description.definition(), nullptr, false);
    if (!definition.is_object()) return {};
    const auto inner = definition.find("function");
    const nlohmann::json& named = inner != definition.end() && inner->is_object() ? *inner : definition;
    const auto name = named.find("name");
    return name != named.end() && name->is_string() ? name->get<std::string>() : std::string();
}

CHORUS_DECL nlohmann::json schema_from(const tool& description) {
    if (!description.parameters()) return nullptr;
    auto schema = nlohmann::json::parse(*description.parameters(), nullptr, false);
    return schema.is_discarded() ? nlohmann::json() : schema;
}

[[noreturn]] CHORUS_DECL void refuse_tool(std::string_view name, std::string_view why) {
    std::string text("the tool \"");
    throw_error(error(errc::invalid_argument, text.append(name).append("\" ").append(why)));
}

}  // namespace detail

CHORUS_DECL void tool_set::insert(tool description, detail::handler_input input,
                                  std::shared_ptr<detail::tool_handler> handler) {
    std::string name = detail::name_of(description);
    if (name.empty()) throw_error(error(errc::invalid_argument, "a tool of a tool_set has no name"));
    if (contains(name)) detail::refuse_tool(name, "is in the set already");
    if (description.type() == tool_type::custom && input == detail::handler_input::json) {
        detail::refuse_tool(name, "is custom: its handler takes std::string_view");
    }
    auto schema = detail::schema_from(description);
    detail::tool_entry entry{std::move(description), std::move(name), std::move(schema), std::move(handler)};
    entries_.push_back(std::make_shared<const detail::tool_entry>(std::move(entry)));
}

CHORUS_DECL const detail::tool_entry* tool_set::find(std::string_view name) const noexcept {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry->name == name; });
    return found == entries_.end() ? nullptr : found->get();
}

CHORUS_DECL std::vector<tool> tool_set::descriptions() const {
    std::vector<tool> all;
    all.reserve(entries_.size());
    for (const auto& entry : entries_) all.push_back(entry->description);
    return all;
}

CHORUS_DECL std::vector<std::string> tool_set::names() const {
    std::vector<std::string> all;
    all.reserve(entries_.size());
    for (const auto& entry : entries_) all.push_back(entry->name);
    return all;
}

}  // namespace chorus
