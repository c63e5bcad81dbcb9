// Reads C++ values out of JSON by their shapes, and writes them.
#pragma once

#include <chorus/error.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/structured/detail/mismatch.hpp>
#include <chorus/structured/detail/shape.hpp>

#include <boost/mp11/algorithm.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace chorus::detail {

/// How much of a value has to be there.
enum class completeness {
    whole,    ///< Every member that is not nullable.
    partial,  ///< What is missing, null or the start of a name is still to come and stays as it was.
};

/// What became of one value.
enum class fit { no, not_yet, yes };

template <class T>
std::string expected_text() {
    constexpr shape kind = shape_of<T>;
    if constexpr (kind == shape::boolean) {
        return "true or false";
    } else if constexpr (kind == shape::integer) {
        return "an integer";
    } else if constexpr (kind == shape::number) {
        return "a number";
    } else if constexpr (kind == shape::string) {
        return "a string";
    } else if constexpr (kind == shape::enumeration) {
        constexpr auto names = enumerator_names<T>();
        return join_names(names);
    } else if constexpr (kind == shape::list) {
        return "a list";
    } else if constexpr (kind == shape::array) {
        return "a list of " + std::to_string(std::tuple_size_v<T>);
    } else if constexpr (kind == shape::nullable) {
        return expected_text<element_of<T>>() + " or null";
    } else if constexpr (kind == shape::choice) {
        return "a value";
    } else {
        return "an object";
    }
}

/// A value to read into.
template <class T>
T make_default() {
    static_assert(std::is_default_constructible_v<T>,
                  "chorus: a type that is read from JSON needs a default constructor");
    return T{};
}

class json_converter {
 public:
    using tree = nlohmann::json;

    explicit json_converter(completeness wanted) noexcept : is_partial_(wanted == completeness::partial) {}

    /// Reads a value; after `fit::no`, `failure` says what did not fit and where.
    template <class T>
    fit read(const tree& from, T& out, const json_place& at) {
        require_json<T>();
        constexpr shape kind = shape_of<T>;
        if (at.depth > json::reader::max_depth) return fail(at, "nested too deeply");
        if constexpr (kind == shape::nullable) {
            return read_nullable(from, out, at);
        } else {
            if (is_partial_ && from.is_null()) return fit::not_yet;
            if constexpr (kind == shape::boolean) {
                if (!from.is_boolean()) return mismatch<T>(from, at);
                out = from.get<bool>();
                return fit::yes;
            } else if constexpr (kind == shape::integer) {
                return read_integer(from, out, at);
            } else if constexpr (kind == shape::number) {
                return read_number(from, out, at);
            } else if constexpr (kind == shape::string) {
                if (!from.is_string()) return mismatch<T>(from, at);
                out = from.get_ref<const std::string&>();
                return fit::yes;
            } else if constexpr (kind == shape::enumeration) {
                return read_enumeration(from, out, at);
            } else if constexpr (kind == shape::list) {
                return read_list(from, out, at);
            } else if constexpr (kind == shape::array) {
                return read_array(from, out, at);
            } else if constexpr (kind == shape::map) {
                return read_map(from, out, at);
            } else if constexpr (kind == shape::choice) {
                return read_choice(from, out, at);
            } else if constexpr (kind == shape::structure) {
                return read_structure(from, out, at);
            } else {
                return fit::no;
            }
        }
    }

    error& failure() noexcept { return failure_; }

 private:
    // A type that holds variants of itself can be read in exponentially many ways.
    static constexpr int most_trials = 10'000;

    fit fail(const json_place& at, std::string text) {
        failure_ = make_mismatch(at, std::move(text));
        return fit::no;
    }
    fit mismatch(const json_place& at, const std::string& expected, const tree& found) {
        return fail(at, "expected " + expected + ", found " + summary_of(found));
    }
    template <class T>
    fit mismatch(const tree& found, const json_place& at) {
        return mismatch(at, expected_text<T>(), found);
    }

    template <class T>
    fit read_integer(const tree& from, T& out, const json_place& at) {
        const auto take = [&](auto wide) {
            if (!std::in_range<T>(wide)) {
                return mismatch(at,
                                "an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                                    std::to_string(std::numeric_limits<T>::max()),
                                from);
            }
            out = static_cast<T>(wide);
            return fit::yes;
        };
        if (from.is_number_unsigned()) return take(from.get<std::uint64_t>());
        if (from.is_number_integer()) return take(from.get<std::int64_t>());
        // JSON tells 3 from 3.0 as little as a schema does.
        const double number = from.is_number_float() ? from.get<double>() : 0.5;
        constexpr double limit = 9223372036854775808.0;  // 2^63
        if (number != std::trunc(number) || !(number >= -limit && number < 2 * limit)) return mismatch<T>(from, at);
        return number < limit ? take(static_cast<std::int64_t>(number)) : take(static_cast<std::uint64_t>(number));
    }

    template <class T>
    fit read_number(const tree& from, T& out, const json_place& at) {
        if (!from.is_number()) return mismatch<T>(from, at);
        const double number = from.get<double>();
        if (std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) return mismatch<T>(from, at);
        out = static_cast<T>(number);
        return fit::yes;
    }

    template <class T>
    fit read_enumeration(const tree& from, T& out, const json_place& at) {
        static constexpr auto names = enumerator_names<T>();
        if (!from.is_string()) return mismatch<T>(from, at);
        const name_match match = match_name(from.get_ref<const std::string&>(), names);
        if (match.index != names.size()) {
            out = enumerator_values<T>()[match.index];
            return fit::yes;
        }
        return is_partial_ && match.is_start ? fit::not_yet : mismatch<T>(from, at);
    }

    template <class T>
    fit read_nullable(const tree& from, T& out, const json_place& at) {
        out.reset();
        if (from.is_null()) return fit::yes;
        auto held = make_default<element_of<T>>();
        const fit came = read(from, held, at);
        if (came != fit::yes) return came;
        if constexpr (requires { out.emplace(std::move(held)); }) {
            out.emplace(std::move(held));
        } else {
            out = T(new element_of<T>(std::move(held)));
        }
        return fit::yes;
    }

    template <class T>
    fit read_list(const tree& from, T& out, const json_place& at) {
        if (!from.is_array()) return mismatch<T>(from, at);
        out.clear();
        for (std::size_t i = 0; i != from.size(); ++i) {
            auto element = make_default<element_of<T>>();
            const fit came = read(from[i], element, at.in_element(i));
            if (came == fit::no) return came;
            if (came == fit::yes) out.insert(out.end(), std::move(element));
        }
        return fit::yes;
    }

    template <class T>
    fit read_array(const tree& from, T& out, const json_place& at) {
        if (!from.is_array()) return mismatch<T>(from, at);
        if (from.size() > out.size() || (from.size() < out.size() && !is_partial_)) {
            return fail(at, "expected " + expected_text<T>() + ", found a list of " + std::to_string(from.size()));
        }
        for (std::size_t i = 0; i != from.size(); ++i) {
            if (read(from[i], out[i], at.in_element(i)) == fit::no) return fit::no;
        }
        return fit::yes;
    }

    template <class T>
    fit read_map(const tree& from, T& out, const json_place& at) {
        if (!from.is_object()) return mismatch<T>(from, at);
        out.clear();
        for (const auto& [name, value] : from.items()) {
            auto held = make_default<element_of<T>>();
            const fit came = read(value, held, at.in_member(name));
            if (came == fit::no) return came;
            if (came == fit::yes) out.emplace(name, std::move(held));
        }
        return fit::yes;
    }

    template <class T>
    fit read_structure(const tree& from, T& out, const json_place& at) {
        if (!from.is_object()) return mismatch<T>(from, at);
        const bool all_fit = each_member<T>([&](auto member) {
            using type = member_type<T, decltype(member)>;
            const json_place place = at.in_member(member.name);
            const auto found = from.find(member.name);
            if (found != from.end()) return read(*found, out.*member.pointer, place) != fit::no;
            if (is_partial_) return true;
            if constexpr (shape_of<type> == shape::nullable) {
                (out.*member.pointer).reset();
                return true;
            }
            return fail(place, "expected " + expected_text<type>() + ", found nothing") == fit::yes;
        });
        return all_fit ? fit::yes : fit::no;
    }

    /// How well an object fits a struct at first sight: the number of members that are there, or -1 where one names
    /// another kind of thing. 0 for types that are no structs.
    template <class T>
    int score(const tree& from) const {
        if constexpr (shape_of<T> == shape::structure) {
            if (!from.is_object()) return -1;
            int present = 0;
            const bool fits = each_member<T>([&](auto member) {
                using type = member_type<T, decltype(member)>;
                const auto found = from.find(member.name);
                if (found == from.end()) return true;
                ++present;
                if constexpr (shape_of<type> == shape::enumeration) {
                    static constexpr auto names = enumerator_names<type>();
                    if (!found->is_string()) return false;
                    const name_match match = match_name(found->template get_ref<const std::string&>(), names);
                    return match.index != names.size() || (is_partial_ && match.is_start);
                }
                return true;
            });
            return fits ? present : -1;
        } else {
            return 0;
        }
    }

    /// Tries the alternatives, the best at first sight first, and takes the first that fits.
    template <class... Alternatives>
    fit read_choice(const tree& from, std::variant<Alternatives...>& out, const json_place& at) {
        constexpr std::size_t count = sizeof...(Alternatives);
        const std::array<int, count> scores{score<Alternatives>(from)...};
        std::array<std::size_t, count> order{};
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t left, std::size_t right) { return scores[left] > scores[right]; });
        // An object of which nothing known has come may still become any of them.
        if (is_partial_ && from.is_object() && scores[order[0]] == 0) return fit::not_yet;
        error first_failure;
        for (const std::size_t index : order) {
            if (++trials_ > most_trials) return fail(at, "there are too many ways to read it");
            const fit came = boost::mp11::mp_with_index<count>(index, [&](auto chosen) {
                auto alternative = make_default<std::variant_alternative_t<chosen, std::variant<Alternatives...>>>();
                const fit tried = read(from, alternative, at);
                if (tried == fit::yes) out.template emplace<chosen>(std::move(alternative));
                return tried;
            });
            if (came != fit::no) return came;
            if (index == order[0]) first_failure = std::move(failure_);
        }
        failure_ = std::move(first_failure);
        return fit::no;
    }

    bool is_partial_;
    int trials_ = 0;
    error failure_;
};

/// Writes a value as JSON.
template <class T>
nlohmann::ordered_json write_json(const T& value) {
    using tree = nlohmann::ordered_json;
    require_json<T>();
    constexpr shape kind = shape_of<T>;
    if constexpr (kind == shape::enumeration) {
        const auto values = enumerator_values<T>();
        const auto found = std::find(values.begin(), values.end(), value);
        if (found == values.end()) return nullptr;
        return enumerator_names<T>()[static_cast<std::size_t>(found - values.begin())];
    } else if constexpr (kind == shape::list || kind == shape::array) {
        tree all = tree::array();
        for (const auto& element : value) all.push_back(write_json<element_of<T>>(element));
        return all;
    } else if constexpr (kind == shape::map) {
        tree all = tree::object();
        for (const auto& [name, element] : value) all[name] = write_json(element);
        return all;
    } else if constexpr (kind == shape::nullable) {
        return value ? write_json(*value) : tree(nullptr);
    } else if constexpr (kind == shape::choice) {
        return std::visit([](const auto& chosen) { return write_json(chosen); }, value);
    } else if constexpr (kind == shape::structure) {
        tree all = tree::object();
        each_member<T>([&](auto member) {
            all[member.name] = write_json(value.*member.pointer);
            return true;
        });
        return all;
    } else {
        return value;
    }
}

}  // namespace chorus::detail
