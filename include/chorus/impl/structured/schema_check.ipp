#pragma once

#include <chorus/structured/detail/mismatch.hpp>
#include <chorus/structured/detail/schema_check.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

namespace chorus::detail {

/// One pass over value and schema. The schema is the program's own, the value may be anything.
class schema_checker {
 public:
    using tree = nlohmann::json;
    using lines = std::vector<schema_problem>;

    schema_checker(const tree& schema, std::size_t most) : root_(schema), most_(std::max<std::size_t>(most, 1)) {}

    schema_report run(const tree& value) {
        schema_report report;
        check(value, root_, json_place(), report.problems);
        report.is_too_complex = is_too_complex_;
        return report;
    }

 private:
    static constexpr std::size_t max_depth = 400;      // of schemas within each other, references followed
    static constexpr std::size_t max_steps = 100'000;  // alternatives within alternatives double at each level
    static constexpr std::size_t most_named = 20;

    void add(lines& found, const json_place& at, std::string_view what) {
        if (found.size() >= most_) return;
        steps_ += at.depth;  // what its path costs
        found.push_back({path_of(at), std::string(what)});
    }
    void add_limit(lines& found, const json_place& at, std::string_view must, const tree& limit, const tree& value) {
        add(found, at, std::string(must).append(" ").append(limit.dump()).append(", not ").append(value.dump()));
    }
    void add_size(lines& found, const json_place& at, std::string_view must, const tree& limit, std::string_view unit,
                  std::size_t size) {
        std::string what = std::string(must).append(" ").append(limit.dump()).append(" ").append(unit);
        if (limit != 1) what += 's';
        add(found, at, what.append(", not ").append(std::to_string(size)));
    }

    static const tree* member(const tree& object, const char* name) {
        const auto found = object.find(name);
        return found == object.end() ? nullptr : &*found;
    }
    static const tree* member_if(const tree& object, const char* name, bool (tree::*is_right)() const noexcept) {
        const tree* const found = member(object, name);
        return found != nullptr && (found->*is_right)() ? found : nullptr;
    }
    static const tree* number(const tree& object, const char* name) {
        return member_if(object, name, &tree::is_number);
    }
    static const tree* list(const tree& object, const char* name) { return member_if(object, name, &tree::is_array); }

    void check(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (is_too_complex_ || found.size() >= most_) return;
        if (depth_ == max_depth || ++steps_ > max_steps) {
            is_too_complex_ = true;
            return;
        }
        ++depth_;
        check_all(value, schema, at, found);
        --depth_;
    }

    void check_all(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (schema == false) add(found, at, "is not allowed");
        if (!schema.is_object()) return;
        if (value.is_null() && schema.value("nullable", tree()) == true) return;
        if (!has_type(value, schema)) {
            return add(found, at, "must be " + types_of(schema).append(", not ").append(summary_of(value)));
        }
        check_choice(value, schema, at, found);
        if (value.is_object()) check_object(value, schema, at, found);
        if (value.is_array()) check_array(value, schema, at, found);
        if (value.is_string()) check_string(value.get_ref<const std::string&>(), schema, at, found);
        if (value.is_number()) check_number(value, schema, at, found);
        if (const tree* const target = referred(schema)) check(value, *target, at, found);
        if (const tree* const all = list(schema, "allOf")) {
            for (const tree& one : *all) check(value, one, at, found);
        }
        if (const tree* const any = list(schema, "anyOf")) check_alternatives(value, *any, false, at, found);
        if (const tree* const one = list(schema, "oneOf")) check_alternatives(value, *one, true, at, found);
    }

    // --- types ---

    static std::string_view word_for(const tree& type) {
        static constexpr std::pair<std::string_view, std::string_view> words[] = {
            {"string", "a string"},  {"number", "a number"}, {"integer", "an integer"}, {"boolean", "a boolean"},
            {"object", "an object"}, {"array", "a list"},    {"null", "null"}};
        for (const auto& [name, word] : words) {
            if (type == name) return word;
        }
        return {};
    }

    static bool is_of_type(const tree& value, const tree& type) {
        if (type == "string") return value.is_string();
        if (type == "number") return value.is_number();
        if (type == "integer") {
            return value.is_number_integer() ||
                   (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
        }
        if (type == "boolean") return value.is_boolean();
        if (type == "object") return value.is_object();
        if (type == "array") return value.is_array();
        if (type == "null") return value.is_null();
        return true;
    }

    static bool has_type(const tree& value, const tree& schema) {
        const tree* const type = member(schema, "type");
        if (type == nullptr) return true;
        if (!type->is_array()) return is_of_type(value, *type);
        return type->empty() ||
               std::any_of(type->begin(), type->end(), [&](const tree& one) { return is_of_type(value, one); });
    }

    static void add_types(const tree& schema, std::vector<std::string_view>& words) {
        const auto add_one = [&](const tree& type) {
            const std::string_view word = word_for(type);
            if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
        };
        const tree* const type = member(schema, "type");
        if (type == nullptr) return;
        if (!type->is_array()) return add_one(*type);
        for (const tree& one : *type) add_one(one);
    }
    static std::string joined(std::span<const std::string_view> words) {
        std::string line;
        for (std::size_t i = 0; i != words.size(); ++i) {
            if (i != 0) line += i + 1 == words.size() ? " or " : ", ";
            line += words[i];
        }
        return line;
    }
    static std::string types_of(const tree& schema) {
        std::vector<std::string_view> words;
        add_types(schema, words);
        return joined(words);
    }

    // --- values ---

    void check_choice(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (const tree* const only = member(schema, "const"); only != nullptr && value != *only) {
            add(found, at, "must be " + summary_of(*only).append(", not ").append(summary_of(value)));
        }
        const tree* const known = list(schema, "enum");
        if (known == nullptr || std::find(known->begin(), known->end(), value) != known->end()) return;
        std::string what = "must be one of ";
        append_some(what, known->size(), [&](std::size_t i) { return summary_of((*known)[i]); });
        add(found, at, what.append(", not ").append(summary_of(value)));
    }

    template <class TextOf>
    static void append_some(std::string& line, std::size_t count, TextOf&& text_of) {
        for (std::size_t i = 0; i != std::min(count, most_named); ++i) {
            if (i != 0) line += ", ";
            line += text_of(i);
        }
        if (count > most_named) line.append(" ... (").append(std::to_string(count)).append(" in all)");
    }

    void check_object(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (const tree* const required = list(schema, "required")) {
            for (const tree& name : *required) {
                if (!name.is_string() || value.contains(name.get_ref<const std::string&>())) continue;
                add(found, at.in_member(name.get_ref<const std::string&>()), "is missing");
            }
        }
        const tree* const properties = member_if(schema, "properties", &tree::is_object);
        // Which members those are would take regular expressions.
        const tree* const others =
            schema.contains("patternProperties") ? nullptr : member(schema, "additionalProperties");
        for (const auto& [name, inner] : value.items()) {
            const json_place place = at.in_member(name);
            const auto known = properties ? properties->find(name) : tree::const_iterator();
            if (properties != nullptr && known != properties->end()) {
                check(inner, *known, place, found);
            } else if (others != nullptr && *others == false) {
                add(found, place, "is not known" + names_of(properties));
            } else if (others != nullptr) {
                check(inner, *others, place, found);
            }
        }
    }
    static std::string names_of(const tree* properties) {
        if (properties == nullptr || properties->empty()) return "; there are no members";
        std::string line = "; the members are ";
        auto next = properties->begin();
        append_some(line, properties->size(), [&](std::size_t) { return (next++).key(); });
        return line;
    }

    void check_array(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (const tree* const least = number(schema, "minItems"); least && value.size() < *least) {
            add_size(found, at, "must have at least", *least, "item", value.size());
        }
        if (const tree* const largest = number(schema, "maxItems"); largest && value.size() > *largest) {
            add_size(found, at, "must have at most", *largest, "item", value.size());
        }
        const tree* const items = member(schema, "items");
        const tree* first = list(schema, "prefixItems");
        if (first == nullptr) first = list(schema, "items");  // as it was called before 2020-12
        const std::size_t first_count = first == nullptr ? 0 : first->size();
        for (std::size_t i = 0; i != value.size(); ++i) {
            if (i < first_count) {
                check(value[i], (*first)[i], at.in_element(i), found);
            } else if (items != nullptr && !items->is_array()) {
                check(value[i], *items, at.in_element(i), found);
            }
        }
    }

    void check_string(const std::string& text, const tree& schema, const json_place& at, lines& found) {
        const auto length = [&] {
            const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
            return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins));
        };
        if (const tree* const least = number(schema, "minLength"); least && length() < *least) {
            add_size(found, at, "must have at least", *least, "character", length());
        }
        if (const tree* const largest = number(schema, "maxLength"); largest && length() > *largest) {
            add_size(found, at, "must have at most", *largest, "character", length());
        }
    }

    void check_number(const tree& value, const tree& schema, const json_place& at, lines& found) {
        if (const tree* const limit = number(schema, "minimum"); limit && value < *limit) {
            add_limit(found, at, "must be at least", *limit, value);
        }
        if (const tree* const limit = number(schema, "exclusiveMinimum"); limit && value <= *limit) {
            add_limit(found, at, "must be greater than", *limit, value);
        }
        if (const tree* const limit = number(schema, "maximum"); limit && value > *limit) {
            add_limit(found, at, "must be at most", *limit, value);
        }
        if (const tree* const limit = number(schema, "exclusiveMaximum"); limit && value >= *limit) {
            add_limit(found, at, "must be less than", *limit, value);
        }
        if (const tree* const unit = number(schema, "multipleOf"); unit && !is_multiple(value, *unit)) {
            add_limit(found, at, "must be a multiple of", *unit, value);
        }
    }
    static bool is_multiple(const tree& value, const tree& unit) {
        // 0.3 is a multiple of 0.1, though not in binary.
        const double count = value.get<double>() / unit.get<double>();
        return !std::isfinite(count) || std::abs(count - std::round(count)) <= 1e-9 * std::max(1.0, std::abs(count));
    }

    // --- schemas within schemas ---

    /// The target of a reference within the schema; null where there is none, or it is elsewhere.
    const tree* referred(const tree& schema) const {
        const tree* const reference = member_if(schema, "$ref", &tree::is_string);
        if (reference == nullptr || !reference->get_ref<const std::string&>().starts_with('#')) return nullptr;
        try {
            return &root_.at(tree::json_pointer(reference->get_ref<const std::string&>().substr(1)));
        } catch (const tree::exception&) {
            return nullptr;
        }
    }
    const tree& followed(const tree& schema) const {
        const tree* at = &schema;
        for (std::size_t i = 0; i != max_depth && at->is_object(); ++i) {
            const tree* const next = referred(*at);
            if (next == nullptr) break;
            at = next;
        }
        return *at;
    }

    void check_alternatives(const tree& value, const tree& alternatives, bool only_one, const json_place& at,
                            lines& found) {
        if (alternatives.empty()) return;
        std::size_t fitting = 0;
        std::size_t near = 0;  // those whose type is right
        lines nearest;
        std::vector<std::string_view> types;
        for (const tree& one : alternatives) {
            lines wrong;
            check(value, one, at, wrong);
            if (is_too_complex_) return;
            if (wrong.empty() && !only_one) return;
            fitting += wrong.empty();
            const tree& target = followed(one);
            if (target.is_object()) add_types(target, types);
            if (!target.is_object() || !has_type(value, target)) continue;
            if (near++ == 0 || wrong.size() < nearest.size()) nearest = std::move(wrong);
        }
        if (fitting == 1) return;
        if (fitting > 1) return add(found, at, "must fit one of its alternatives only, and fits several");
        if (near == 0) {
            return add(found, at, "must be " + joined(types).append(", not ").append(summary_of(value)));
        }
        if (near > 1) {
            add(found, at, "fits none of its " + std::to_string(near) + " alternatives; of the nearest one:");
        }
        for (schema_problem& line : nearest) {
            if (found.size() < most_) found.push_back(std::move(line));
        }
    }

    const tree& root_;
    const std::size_t most_;
    std::size_t depth_ = 0;
    std::size_t steps_ = 0;
    bool is_too_complex_ = false;
};

CHORUS_DECL schema_report check_schema(const nlohmann::json& value, const nlohmann::json& schema, std::size_t most) {
    return schema_checker(schema, most).run(value);
}

}  // namespace chorus::detail
