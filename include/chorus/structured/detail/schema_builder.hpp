// Builds a JSON schema out of shapes, with the definitions that it needs.
#pragma once

#include <chorus/config.hpp>
#include <chorus/structured/detail/shape.hpp>

#include <boost/core/demangle.hpp>
#include <boost/mp11/algorithm.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <variant>
#include <vector>

namespace chorus::detail {

/// A type name as C++ writes it, as a name for a schema: the last parts of qualified names, joined by `_`, at most 64.
std::string short_type_name(std::string_view qualified);

template <class T>
std::string schema_name() {
    if constexpr (requires { described<T>::name; }) {
        return std::string(described<T>::name);
    } else {
        return short_type_name(boost::core::demangle(typeid(T).name()));
    }
}

class schema_builder {
 public:
    using json = nlohmann::ordered_json;

    /// The schema of a type, with its definitions.
    template <class T>
    json whole() {
        json schema = schema_of<T>();
        return with_definitions(std::move(schema));
    }

 private:
    /// A struct that is being built, or that is a definition because it holds itself.
    struct definition {
        const std::type_info* type;
        std::string name;
        bool is_used = false;  // somebody refers to it
        json schema;           // null while it is being built
    };

    template <class T>
    json schema_of() {
        require_json<T>();
        constexpr shape kind = shape_of<T>;
        if constexpr (kind == shape::boolean) {
            return of_type("boolean");
        } else if constexpr (kind == shape::integer) {
            return of_type("integer");
        } else if constexpr (kind == shape::number) {
            return of_type("number");
        } else if constexpr (kind == shape::string) {
            return of_type("string");
        } else if constexpr (kind == shape::enumeration) {
            static constexpr auto names = enumerator_names<T>();
            static_assert(!names.empty(), "chorus: an enum without names has no values");
            return described_as(of_names(names), description_of<T>());
        } else if constexpr (kind == shape::list) {
            return list_of(schema_of<element_of<T>>());
        } else if constexpr (kind == shape::array) {
            // As words: not every server that is strict takes minItems.
            return described_as(list_of(schema_of<element_of<T>>()),
                                "exactly " + std::to_string(std::tuple_size_v<T>) + " items");
        } else if constexpr (kind == shape::map) {
            return map_of(schema_of<element_of<T>>());
        } else if constexpr (kind == shape::nullable) {
            return nullable(schema_of<element_of<T>>());
        } else if constexpr (kind == shape::choice) {
            json alternatives = json::array();
            boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, element_of<T>>>(
                [&](auto one) { alternatives.push_back(schema_of<typename decltype(one)::type>()); });
            return any_of(std::move(alternatives));
        } else if constexpr (kind == shape::structure) {
            return structure<T>();
        } else {
            return {};
        }
    }

    template <class T>
    json structure() {
        static_assert(are_notes_right<T>(), "chorus: a note of described<T>::fields names no member of the type");
        if (definition* known = find(typeid(T))) return reference_to(*known);
        const std::size_t place = definitions_.size();
        definitions_.push_back({&typeid(T), unused_name(schema_name<T>()), false, nullptr});
        json properties = json::object();
        each_member<T>([&](auto member) {
            properties[member.name] =
                described_as(schema_of<member_type<T, decltype(member)>>(), note_of<T>(member.name));
            return true;
        });
        return finish(place, described_as(object_of(std::move(properties)), description_of<T>()));
    }

    static json of_type(std::string_view name);
    static json of_names(std::span<const std::string_view> names);
    static json list_of(json items);
    static json map_of(json values);
    static json nullable(json schema);
    static json any_of(json alternatives);
    static json object_of(json properties);
    static json described_as(json schema, std::string_view text);

    definition* find(const std::type_info& type) noexcept;
    static json reference_to(definition& target);
    std::string unused_name(std::string wanted) const;
    json finish(std::size_t place, json schema);
    json with_definitions(json schema) const;

    std::vector<definition> definitions_;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/structured/schema_builder.ipp>
#endif
