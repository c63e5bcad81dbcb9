// The JSON schema of a C++ type, as servers take it that hold a model to a schema.
#pragma once

#include <chorus/structured/described.hpp>
#include <chorus/structured/detail/schema_builder.hpp>
#include <chorus/structured/detail/shape.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace chorus {

/// Whether a schema keeps to what OpenAI's strict mode takes.
enum class schema_mode {
    strict,  ///< Every object lists its members and has no others: the server can hold the model to it exactly.
    loose,   ///< The same, and maps.
};

/// Tells whether the schema of a type can be strict: there is no map in it.
template <class T>
inline constexpr bool has_strict_schema = !detail::holds_map<T>();

/// Makes the JSON schema of a type: bool, integers, floating point, std::string, enums and structs described with
/// Boost.Describe (inherited members too), and of all these std::optional, std::unique_ptr, std::vector (list, set,
/// array), std::map<std::string, T> and std::variant. Members come in the order in which they are described, and models
/// write them in that order.
///
/// All members are required, and no others are allowed; what is optional may be null. A type that holds itself, through
/// a list or a pointer, is a definition (`$defs`). Limits of numbers and lengths are not in the schema, because not all
/// servers take them: `from_json` checks them. Other types do not compile, and say what to do.
///
///     struct person { std::string name; std::optional<int> age; };
///     BOOST_DESCRIBE_STRUCT(person, (), (name, age))
///
///     chorus::schema_of<person>().dump(2);
template <class T, schema_mode Mode = schema_mode::strict>
nlohmann::ordered_json schema_of() {
    static_assert(Mode == schema_mode::loose || has_strict_schema<T>,
                  "chorus: strict mode knows no maps: take a std::vector of structs with a key and a value, or "
                  "schema_of<T, schema_mode::loose>()");
    return detail::schema_builder().whole<T>();
}

/// The name of a type as a schema bears it: that of `described<T>`, else that of the type without its namespaces.
template <class T>
std::string schema_name_of() {
    return detail::schema_name<T>();
}

}  // namespace chorus
