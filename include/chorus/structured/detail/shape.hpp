// What a C++ type looks like in JSON: decided here once, for schemas, for reading and for writing.
#pragma once

#include <chorus/structured/described.hpp>

#include <boost/describe/bases.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace chorus::detail {

enum class shape {
    boolean,
    integer,
    number,
    string,
    enumeration,  ///< a described enum: the name of a value
    structure,    ///< a described struct: an object with these members
    list,
    array,  ///< a list of a fixed length
    map,    ///< an object with any members
    nullable,
    choice,
    // No JSON; `require_json` says what to do.
    character,
    borrowed,
    plain_enum,
    plain_class,
    map_key,
    other,
};

/// Tells how a type of the standard library is made up; `element` is what it holds.
template <class T>
struct wrapper {
    static constexpr shape kind = shape::other;
};
template <class T>
struct holds {
    using element = T;
};
template <shape Kind, class T>
struct wraps : holds<T> {
    static constexpr shape kind = Kind;
};
template <class T, class A>
struct wrapper<std::vector<T, A>> : wraps<shape::list, T> {};
template <class T, class A>
struct wrapper<std::deque<T, A>> : wraps<shape::list, T> {};
template <class T, class A>
struct wrapper<std::list<T, A>> : wraps<shape::list, T> {};
template <class T, class C, class A>
struct wrapper<std::set<T, C, A>> : wraps<shape::list, T> {};
template <class T, class H, class E, class A>
struct wrapper<std::unordered_set<T, H, E, A>> : wraps<shape::list, T> {};
template <class T, std::size_t N>
struct wrapper<std::array<T, N>> : wraps<shape::array, T> {};
template <class K, class T, class C, class A>
struct wrapper<std::map<K, T, C, A>> : wraps<std::is_same_v<K, std::string> ? shape::map : shape::map_key, T> {};
template <class K, class T, class H, class E, class A>
struct wrapper<std::unordered_map<K, T, H, E, A>>
    : wraps<std::is_same_v<K, std::string> ? shape::map : shape::map_key, T> {};
template <class T>
struct wrapper<std::optional<T>> : wraps<shape::nullable, T> {};
template <class T>
struct wrapper<std::unique_ptr<T>> : wraps<shape::nullable, T> {};
template <class T>
struct wrapper<std::shared_ptr<T>> : wraps<shape::nullable, T> {};
template <class... Ts>
struct wrapper<std::variant<Ts...>> : wraps<shape::choice, boost::mp11::mp_list<Ts...>> {};

template <class T>
using element_of = typename wrapper<T>::element;

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

template <class T>
constexpr shape find_shape() {
    if constexpr (std::is_same_v<T, bool>) {
        return shape::boolean;
    } else if constexpr (is_character<T>) {
        return shape::character;
    } else if constexpr (std::is_integral_v<T>) {
        return shape::integer;
    } else if constexpr (std::is_floating_point_v<T>) {
        return shape::number;
    } else if constexpr (std::is_same_v<T, std::string>) {
        return shape::string;
    } else if constexpr (std::is_enum_v<T>) {
        return boost::describe::has_describe_enumerators<T>::value ? shape::enumeration : shape::plain_enum;
    } else if constexpr (std::is_pointer_v<T> || std::is_same_v<T, std::string_view>) {
        return shape::borrowed;
    } else if constexpr (wrapper<T>::kind != shape::other) {
        return wrapper<T>::kind;
    } else if constexpr (std::is_class_v<T>) {
        return boost::describe::has_describe_members<T>::value ? shape::structure : shape::plain_class;
    } else {
        return shape::other;
    }
}

template <class T>
inline constexpr shape shape_of = find_shape<T>();

/// Fails to compile, and says what to do, where a type has no JSON.
template <class T>
constexpr void require_json() {
    static_assert(shape_of<T> != shape::character,
                  "chorus: a character has no JSON of its own: take std::string for text, std::int8_t or std::uint8_t "
                  "for a small number");
    static_assert(shape_of<T> != shape::borrowed,
                  "chorus: a value read from JSON owns what it holds: take std::string for text, std::optional or "
                  "std::unique_ptr for what may be absent");
    static_assert(shape_of<T> != shape::plain_enum,
                  "chorus: the names of this enum are not known: add BOOST_DESCRIBE_ENUM(type, names...) behind it, "
                  "in its namespace");
    static_assert(shape_of<T> != shape::plain_class,
                  "chorus: the members of this type are not known: add BOOST_DESCRIBE_STRUCT(type, (bases), "
                  "(members)) behind it, in its namespace, or take a type that has JSON");
    static_assert(shape_of<T> != shape::map_key, "chorus: the keys of a JSON object are texts: take std::string");
    static_assert(shape_of<T> != shape::other, "chorus: this type has no JSON: take a struct, a list or a scalar");
}

/// The public members of a described struct, those of its bases first.
template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

/// The type of a member, of its descriptor.
template <class T, class Member>
using member_type = std::remove_cvref_t<decltype(std::declval<T&>().*Member::pointer)>;

/// Calls `visit(member)` for the descriptor of each member until it returns false. Returns false if one did.
template <class T, class Visit>
constexpr bool each_member(Visit&& visit) {
    bool goes_on = true;
    boost::mp11::mp_for_each<members_of<T>>([&](auto member) { goes_on = goes_on && visit(member); });
    return goes_on;
}

/// The names of a described enum.
template <class Enum>
constexpr auto enumerator_names() {
    using all = boost::describe::describe_enumerators<Enum>;
    std::array<std::string_view, boost::mp11::mp_size<all>::value> names{};
    std::size_t next = 0;
    boost::mp11::mp_for_each<all>([&](auto enumerator) { names[next++] = enumerator.name; });
    return names;
}

/// The values in the same order.
template <class Enum>
constexpr auto enumerator_values() {
    using all = boost::describe::describe_enumerators<Enum>;
    std::array<Enum, boost::mp11::mp_size<all>::value> values{};
    std::size_t next = 0;
    boost::mp11::mp_for_each<all>([&](auto enumerator) { values[next++] = enumerator.value; });
    return values;
}

/// What the user says of the type, of a member; empty where he says nothing.
template <class T>
constexpr std::string_view description_of() {
    if constexpr (requires { described<T>::description; }) return described<T>::description;
    return {};
}
template <class T>
constexpr std::string_view note_of(std::string_view field) {
    if constexpr (requires { described<T>::fields; }) {
        for (const field_note& note : described<T>::fields) {
            if (note.field == field) return note.text;
        }
    }
    return {};
}

/// Tells whether each note names a member.
template <class T>
constexpr bool are_notes_right() {
    if constexpr (requires { described<T>::fields; }) {
        for (const field_note& note : described<T>::fields) {
            const auto is_other = [&](auto member) { return note.field != member.name; };
            if (each_member<T>(is_other)) return false;
        }
    }
    return true;
}

/// Tells whether a map is somewhere within: strict mode wants the name of every member, so it knows no maps.
template <class T, class Seen = boost::mp11::mp_list<>>
constexpr bool holds_map() {
    constexpr shape kind = shape_of<T>;
    if constexpr (boost::mp11::mp_contains<Seen, T>::value) {
        return false;
    } else if constexpr (kind == shape::map) {
        return true;
    } else if constexpr (kind == shape::structure) {
        using seen = boost::mp11::mp_push_back<Seen, T>;
        return !each_member<T>([](auto member) { return !holds_map<member_type<T, decltype(member)>, seen>(); });
    } else if constexpr (kind == shape::choice) {
        bool found = false;
        boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, element_of<T>>>(
            [&](auto one) { found = found || holds_map<typename decltype(one)::type, Seen>(); });
        return found;
    } else if constexpr (kind == shape::list || kind == shape::array || kind == shape::nullable) {
        return holds_map<element_of<T>, Seen>();
    } else {
        return false;
    }
}

}  // namespace chorus::detail
