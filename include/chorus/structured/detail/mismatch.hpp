// Where in a JSON value something does not fit, and how to say so.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace chorus::detail {

/// A place in a JSON value, as a link to the place that it lies in: a path costs nothing until it is told.
struct json_place {
    const json_place* outer = nullptr;
    std::string_view member = {};
    std::size_t index = 0;
    std::size_t depth = 0;

    json_place in_member(std::string_view name) const noexcept { return {this, name, 0, depth + 1}; }
    json_place in_element(std::size_t at) const noexcept { return {this, {}, at, depth + 1}; }
};

/// The place as JSONPath (RFC 9535), such as `$.items[2].price`.
std::string path_of(const json_place& place);

/// A short text for an error: the value if it is a scalar, else its kind.
std::string summary_of(const nlohmann::json& value);

/// `"a", "b" or "c"`
std::string join_names(std::span<const std::string_view> names);

/// `errc::schema_mismatch` at this place.
error make_mismatch(const json_place& place, std::string text);

/// Where a text is among these names.
struct name_match {
    std::size_t index;      // the number of names where it is none of them
    bool is_start = false;  // it is one, or the start of one
};
name_match match_name(std::string_view text, std::span<const std::string_view> names) noexcept;

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/structured/mismatch.ipp>
#endif
