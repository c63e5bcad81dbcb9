// What a schema tells the model about a type, beyond its members: written by the user, beside the type.
#pragma once

#include <string_view>

namespace chorus {

/// What a member of a struct means, in words for the model.
struct field_note {
    std::string_view field;
    std::string_view text;
};

/// Specialise it to describe a struct or an enum to the model. Each member is optional; a note that names no member of
/// the type does not compile.
///
///     template <>
///     struct chorus::described<person> {
///         static constexpr std::string_view name = "person";  // letters, digits, `_` and `-`; else that of the type
///         static constexpr std::string_view description = "Somebody whom the text names.";
///         static constexpr chorus::field_note fields[] = {{"age", "in years"}, {"home", "the town, without country"}};
///     };
template <class T>
struct described {};

}  // namespace chorus
