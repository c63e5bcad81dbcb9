// The types that the tests of structured output ask for.
#pragma once

#include <chorus/structured/described.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace sample {

enum class mood { calm, cheerful, cross };
BOOST_DESCRIBE_ENUM(mood, calm, cheerful, cross)

struct person {
    std::string name;
    std::optional<int> age;
    bool operator==(const person&) const = default;
};
BOOST_DESCRIBE_STRUCT(person, (), (name, age))

struct employee : person {
    double salary = 0;
    mood usual_mood = mood::calm;
    bool operator==(const employee&) const = default;
};
BOOST_DESCRIBE_STRUCT(employee, (person), (salary, usual_mood))

struct item {
    std::string label;
    double price = 0;
    bool operator==(const item&) const = default;
};
BOOST_DESCRIBE_STRUCT(item, (), (label, price))

struct order {
    std::vector<item> items;
    std::array<std::int8_t, 2> place{};
    std::set<std::string> tags;
    bool paid = false;
    std::optional<mood> feeling;
    bool operator==(const order&) const = default;
};
BOOST_DESCRIBE_STRUCT(order, (), (items, place, tags, paid, feeling))

struct node {
    std::string text;
    std::vector<node> children;
    bool operator==(const node&) const = default;
};
BOOST_DESCRIBE_STRUCT(node, (), (text, children))

struct forest {
    node oak;
    node elm;
};
BOOST_DESCRIBE_STRUCT(forest, (), (oak, elm))

struct chain {
    int link = 0;
    std::unique_ptr<chain> next;
};
BOOST_DESCRIBE_STRUCT(chain, (), (link, next))

enum class circle_tag { circle };
BOOST_DESCRIBE_ENUM(circle_tag, circle)
enum class square_tag { square };
BOOST_DESCRIBE_ENUM(square_tag, square)

struct circle {
    circle_tag kind = circle_tag::circle;
    double size = 0;
    bool operator==(const circle&) const = default;
};
BOOST_DESCRIBE_STRUCT(circle, (), (kind, size))
struct square {
    square_tag kind = square_tag::square;
    double size = 0;
    bool operator==(const square&) const = default;
};
BOOST_DESCRIBE_STRUCT(square, (), (kind, size))

struct drawing {
    std::vector<std::variant<circle, square>> figures;
    bool operator==(const drawing&) const = default;
};
BOOST_DESCRIBE_STRUCT(drawing, (), (figures))

struct prices {
    std::map<std::string, double> by_name;
    bool operator==(const prices&) const = default;
};
BOOST_DESCRIBE_STRUCT(prices, (), (by_name))

struct empty {};
BOOST_DESCRIBE_STRUCT(empty, (), ())

struct noted {
    person who;
    std::array<double, 2> place{};
    node tree;
};
BOOST_DESCRIBE_STRUCT(noted, (), (who, place, tree))

template <class T>
struct page {
    std::vector<T> rows;
};
BOOST_DESCRIBE_STRUCT(page<person>, (), (rows))

}  // namespace sample

template <>
struct chorus::described<sample::noted> {
    static constexpr std::string_view name = "note-1";
    static constexpr std::string_view description = "Something noted.";
    static constexpr field_note fields[] = {
        {"who", "who noted it"}, {"place", "latitude and longitude"}, {"tree", "what it is about"}};
};
template <>
struct chorus::described<sample::mood> {
    static constexpr std::string_view description = "How somebody feels.";
};
