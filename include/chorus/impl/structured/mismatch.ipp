#pragma once

#include <chorus/structured/detail/mismatch.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace chorus::detail {

CHORUS_DECL bool is_plain_name(std::string_view name) noexcept {
    const auto is_plain = [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), is_plain);
}

CHORUS_DECL std::string quoted_json(std::string_view text) {
    const nlohmann::json value = std::string(text);
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

CHORUS_DECL std::string path_of(const json_place& place) {
    if (place.outer == nullptr) return "$";
    std::string path = path_of(*place.outer);
    if (place.member.data() == nullptr) return path + "[" + std::to_string(place.index) + "]";
    if (is_plain_name(place.member)) return path.append(".").append(place.member);
    return path + "[" + quoted_json(place.member) + "]";
}

CHORUS_DECL std::string summary_of(const nlohmann::json& value) {
    constexpr std::size_t most = 40;
    switch (value.type()) {
        case nlohmann::json::value_t::object:
            return "an object";
        case nlohmann::json::value_t::array:
            return "a list";
        case nlohmann::json::value_t::string: {
            const auto& text = value.get_ref<const std::string&>();
            if (text.size() <= most) return quoted_json(text);
            std::size_t end = most;
            while (end != 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
            return quoted_json(text.substr(0, end) + "...");
        }
        default:
            return value.dump();
    }
}

CHORUS_DECL std::string join_names(std::span<const std::string_view> names) {
    std::string line;
    for (std::size_t i = 0; i != names.size(); ++i) {
        if (i != 0) line += i + 1 == names.size() ? " or " : ", ";
        line.append("\"").append(names[i]).append("\"");
    }
    return line;
}

CHORUS_DECL error make_mismatch(const json_place& place, std::string text) {
    error failure(errc::schema_mismatch, std::move(text));
    failure.phase(phase::decode).param(path_of(place));
    return failure;
}

CHORUS_DECL name_match match_name(std::string_view text, std::span<const std::string_view> names) noexcept {
    const auto found = std::find(names.begin(), names.end(), text);
    const bool is_start =
        std::any_of(names.begin(), names.end(), [&](std::string_view name) { return name.starts_with(text); });
    return {static_cast<std::size_t>(found - names.begin()), is_start};
}

}  // namespace chorus::detail
