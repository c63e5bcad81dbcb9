// Turns JSON into C++ values, checked, and back.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/structured/detail/json_converter.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

/// Parses JSON text, with or without a Markdown code fence around it.
result<void> parse_fenced(std::string_view text, nlohmann::json& into);

template <class T>
result<T> convert(const nlohmann::json& from, completeness wanted) {
    json_converter converter(wanted);
    auto value = make_default<T>();
    if (converter.read(from, value, json_place()) == fit::no) return std::move(converter.failure());
    return value;
}

}  // namespace detail

/// Reads a value of any type that `schema_of` takes. Members that the type does not have are passed over; nullable ones
/// may be missing. Of a variant, the alternative that has most of the members that came is taken, if it fits.
/// Errors: `errc::schema_mismatch`; `param()` is the path of what does not fit, such as `$.items[2].price`, and the text
/// says what was expected there and what was found. Integers out of the range of their type are a mismatch.
///
///     auto read = chorus::from_json<person>(json);
///     if (!read) std::cerr << read.error().message() << '\n';
template <class T>
result<T> from_json(const nlohmann::json& from) {
    return detail::convert<T>(from, detail::completeness::whole);
}

/// Reads JSON text; a Markdown code fence around it is passed over.
/// Errors: `errc::decode_failed` if it is no JSON, and those of `from_json`.
template <class T>
result<T> from_json_text(std::string_view text) {
    nlohmann::json parsed;
    if (auto sound = detail::parse_fenced(text, parsed); !sound) return sound.error();
    return from_json<T>(parsed);
}

/// Reads a value that is still coming, of which members may be missing: they stay as the type makes them. So do those
/// that cannot be told yet: a null where the type has none, the start of the name of an enum, an object that may become
/// any alternative of a variant; in a list they are left out. Errors: as `from_json`, for the rest.
///
///     json::partial text;             // fed with what the model has said so far
///     auto so_far = chorus::partial_from_json_text<person>(text.completed());
template <class T>
result<T> partial_from_json(const nlohmann::json& from) {
    return detail::convert<T>(from, detail::completeness::partial);
}
template <class T>
result<T> partial_from_json_text(std::string_view text) {
    nlohmann::json parsed;
    if (auto sound = detail::parse_fenced(text, parsed); !sound) return sound.error();
    return partial_from_json<T>(parsed);
}

/// Writes a value as `from_json` reads it, with its members in order: an example of an answer, for a prompt. An enum
/// without a name for its value is null.
template <class T>
nlohmann::ordered_json to_json(const T& value) {
    return detail::write_json(value);
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/structured/from_json.ipp>
#endif
