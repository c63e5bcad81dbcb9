#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>
#include <chorus/structured/from_json.hpp>
#include <chorus/text.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace chorus::detail {

/// What is inside a Markdown code fence, or the text itself.
CHORUS_DECL std::string_view without_code_fence(std::string_view text) noexcept {
    constexpr std::string_view fence = "```";
    text = trimmed(text);
    if (!text.starts_with(fence)) return text;
    const auto value = text.find_first_of("\n{[", fence.size());
    text.remove_prefix(value == text.npos ? text.size() : value);
    text = trimmed(text);
    if (text.ends_with(fence)) text.remove_suffix(fence.size());
    return trimmed(text);
}

CHORUS_DECL result<void> parse_fenced(std::string_view text, nlohmann::json& into) {
    text = without_code_fence(text);
    // The reader knows the offset of what is wrong, and the limit on nesting.
    json::reader check(text);
    check.skip();
    if (auto sound = check.finish(); !sound) return sound.error();
    into = nlohmann::json::parse(text, nullptr, false);
    if (into.is_discarded()) into = nlohmann::json::parse(json::repaired(text), nullptr, false);
    if (!into.is_discarded()) return {};
    error failure(errc::decode_failed, "invalid JSON: a number is out of range");
    return failure.phase(phase::decode);
}

}  // namespace chorus::detail
