// Contracts of the argument checker: the words that the model reads, and that it always ends.
#include <chorus/tools/argument_check.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace chorus::argument_check_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using json = nlohmann::json;
using lines = std::vector<std::string>;

lines check(std::string_view schema, std::string_view arguments, std::size_t most = 8) {
    return check_arguments(json::parse(arguments), json::parse(schema), most);
}

constexpr std::string_view weather = R"({
    "type": "object",
    "properties": {
        "city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": false
})";

TEST(argument_check, has_nothing_to_say_of_arguments_that_fit) {
    EXPECT_THAT(check(weather, R"({"city": "Ulm", "unit": "C", "days": 3})"), IsEmpty());
    EXPECT_THAT(check(weather, R"({"city": "Ulm"})"), IsEmpty());
    EXPECT_THAT(check("{}", R"({"anything": [1, null]})"), IsEmpty());
}

TEST(argument_check, names_every_thing_that_is_wrong_at_once) {
    EXPECT_THAT(
        check(weather, R"({"unit": "K", "days": "two", "color": 1})"),
        ElementsAre("arguments.city is missing", "arguments.color is not known; the members are city, days, unit",
                    R"(arguments.days must be an integer, not "two")",
                    R"(arguments.unit must be one of "C", "F", not "K")"));
}

TEST(argument_check, names_no_more_than_it_is_asked_for) {
    constexpr std::string_view schema = R"({"required": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]})";
    EXPECT_EQ(check(schema, "{}").size(), 8u);
    EXPECT_EQ(check(schema, "{}", 3).size(), 3u);
    EXPECT_EQ(check(schema, "{}", 0).size(), 1u) << "what is wrong never looks right";
    EXPECT_EQ(check(schema, "{}", 100).size(), 10u);
}

struct single_case {
    const char* schema;
    const char* fits;
    const char* wrong;
    const char* line;
};

class argument_check_of_keyword : public ::testing::TestWithParam<single_case> {};

TEST_P(argument_check_of_keyword, says_what_is_wrong) {
    const single_case& now = GetParam();
    EXPECT_THAT(check(now.schema, now.fits), IsEmpty()) << now.schema << now.fits;
    EXPECT_THAT(check(now.schema, now.wrong), ElementsAre(now.line)) << now.schema << now.wrong;
}

INSTANTIATE_TEST_SUITE_P(
    all, argument_check_of_keyword,
    ::testing::Values(
        single_case{R"({"type": "object"})", "{}", "[1]", "arguments must be an object, not a list"},
        single_case{R"({"type": "string"})", R"("")", "null", "arguments must be a string, not null"},
        single_case{R"({"type": "boolean"})", "false", "0", "arguments must be a boolean, not 0"},
        single_case{R"({"type": "integer"})", "5.0", "5.5", "arguments must be an integer, not 5.5"},
        single_case{R"({"type": "number"})", "-1", R"("1")", R"(arguments must be a number, not "1")"},
        single_case{R"({"type": ["string", "null", "array"]})", "null", "1",
                    "arguments must be a string, null or a list, not 1"},
        single_case{R"({"type": "string", "nullable": true})", "null", "1", "arguments must be a string, not 1"},
        single_case{R"({"const": "a"})", R"("a")", "{}", R"(arguments must be "a", not an object)"},
        single_case{R"({"enum": [1, null]})", "1.0", "2", "arguments must be one of 1, null, not 2"},
        single_case{R"({"minimum": 0})", "0", "-1", "arguments must be at least 0, not -1"},
        single_case{R"({"exclusiveMinimum": 0})", "0.1", "0", "arguments must be greater than 0, not 0"},
        single_case{R"({"maximum": 10.5})", "10.5", "11", "arguments must be at most 10.5, not 11"},
        single_case{R"({"exclusiveMaximum": 10})", "9", "10", "arguments must be less than 10, not 10"},
        single_case{R"({"maximum": 18446744073709551615})", "18446744073709551615", "1e30",
                    "arguments must be at most 18446744073709551615, not 1e+30"},
        single_case{R"({"multipleOf": 0.1})", "0.3", "0.35", "arguments must be a multiple of 0.1, not 0.35"},
        single_case{R"({"minLength": 2})", R"("\u00e4\u00f6")", R"("\u00e4")",
                    "arguments must have at least 2 characters, not 1"},
        single_case{R"({"maxLength": 1})", R"("\ud83d\ude00")", R"("ab")",
                    "arguments must have at most 1 character, not 2"},
        single_case{R"({"minItems": 1})", "[0]", "[]", "arguments must have at least 1 item, not 0"},
        single_case{R"({"maxItems": 2})", "[0, 0]", "[0, 0, 0]", "arguments must have at most 2 items, not 3"},
        single_case{R"({"items": {"type": "integer"}})", "[1, 2]", R"([1, "2"])",
                    R"(arguments[1] must be an integer, not "2")"},
        single_case{R"({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}})", R"(["a", 2])",
                    R"([1, 2])", "arguments[0] must be a string, not 1"},
        single_case{R"({"items": [{"type": "string"}]})", R"(["a", 2])", R"([1, 2])",
                    "arguments[0] must be a string, not 1"},
        single_case{R"({"additionalProperties": {"type": "integer"}})", R"({"a": 1})", R"({"a b": "1"})",
                    R"(arguments["a b"] must be an integer, not "1")"},
        single_case{R"({"additionalProperties": false})", "{}", R"({"a": 1})",
                    "arguments.a is not known; there are no members"},
        single_case{R"({"properties": {"a": false}})", "{}", R"({"a": 1})", "arguments.a is not allowed"},
        single_case{R"({"properties": {"a": {"required": ["b"]}}})", R"({"a": {"b": 0}})", R"({"a": {}})",
                    "arguments.a.b is missing"},
        single_case{R"({"allOf": [{"minimum": 0}, {"maximum": 9}]})", "5", "10", "arguments must be at most 9, not 10"},
        single_case{R"({"anyOf": [{"type": "string"}, {"type": "null"}]})", "null", "1",
                    "arguments must be a string or null, not 1"},
        single_case{R"({"anyOf": [{"type": "object", "required": ["a"]}, {"type": "null"}]})", "null", "{}",
                    "arguments.a is missing"},
        single_case{R"({"oneOf": [{"minimum": 0}, {"maximum": 9}]})", "10", "5",
                    "arguments must fit one of its alternatives only, and fits several"},
        single_case{R"({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}})", "1", "true",
                    "arguments must be a number, not true"},
        single_case{
            R"({"properties": {"a": {"$ref": "#/definitions/x~1y"}}, "definitions": {"x/y": {"type": "null"}}})",
            R"({"a": null})", R"({"a": 0})", "arguments.a must be null, not 0"}));

TEST(argument_check, tells_what_is_wrong_with_the_nearest_alternative) {
    constexpr std::string_view shapes = R"({"properties": {"shape": {"anyOf": [
        {"type": "object", "properties": {"kind": {"const": "circle"}}, "required": ["kind", "radius"]},
        {"type": "object", "properties": {"kind": {"const": "square"}}, "required": ["kind", "side"]}
    ]}}})";
    EXPECT_THAT(check(shapes, R"({"shape": {"kind": "square", "side": 1}})"), IsEmpty());
    EXPECT_THAT(check(shapes, R"({"shape": {"kind": "square"}})"),
                ElementsAre("arguments.shape fits none of its 2 alternatives; of the nearest one:",
                            "arguments.shape.side is missing"));
}

TEST(argument_check, passes_over_what_it_does_not_know) {
    EXPECT_THAT(check(R"({"type": "mystery", "pattern": "^(a+)+$", "format": "email", "if": {}, "x-order": 3})",
                      R"("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")"),
                IsEmpty());
    EXPECT_THAT(check(R"({"patternProperties": {"^x": {}}, "additionalProperties": false})", R"({"x1": 1})"),
                IsEmpty());
    EXPECT_THAT(check(R"({"$ref": "https://schemas.example/a.json"})", "1"), IsEmpty());
    EXPECT_THAT(check(R"({"$ref": "#/nowhere"})", "1"), IsEmpty());
    EXPECT_THAT(check(R"({"$ref": "#nonsense~9"})", "1"), IsEmpty());
    EXPECT_THAT(check(R"({"required": "a", "properties": 3, "enum": 4, "minimum": "0", "anyOf": []})", "{}"),
                IsEmpty());
    EXPECT_THAT(check("null", "{}"), IsEmpty());
}

TEST(argument_check, follows_a_schema_that_holds_itself) {
    constexpr std::string_view tree = R"({"type": "object", "properties": {
        "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["name"]})";
    EXPECT_THAT(check(tree, R"({"name": "a", "children": [{"name": "b"}]})"), IsEmpty());
    EXPECT_THAT(check(tree, R"({"name": "a", "children": [{"name": "b", "children": [{}]}]})"),
                ElementsAre("arguments.children[0].children[0].name is missing"));
}

TEST(argument_check, ends_whatever_schema_and_arguments_are) {
    const auto too_complex = ElementsAre("arguments are too complex to be checked");
    EXPECT_THAT(check(R"({"$ref": "#"})", "1"), too_complex);
    EXPECT_THAT(check(R"({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})", "1"), too_complex);
    // Two ways at each level, of which both fail at the innermost: 2^60 ways in all.
    std::string nested = "1";
    for (int i = 0; i != 60; ++i) nested = R"({"a": )" + nested + "}";
    EXPECT_THAT(check(R"({"type": "object", "anyOf": [{"properties": {"a": {"$ref": "#"}}},
                                                    {"properties": {"a": {"$ref": "#"}}}]})",
                      nested),
                too_complex);
    json deep = 1;
    for (int i = 0; i != 5000; ++i) deep = json::array({std::move(deep)});
    EXPECT_THAT(check_arguments(deep, json::parse(R"({"items": {"$ref": "#"}})")), too_complex);
}

TEST(argument_check, shortens_what_is_long) {
    json schema;
    for (int i = 0; i != 200; ++i) schema["enum"].push_back(i);
    const auto wrong = check_arguments(std::string(5000, 'x'), schema);
    ASSERT_EQ(wrong.size(), 1u);
    EXPECT_THAT(wrong[0], HasSubstr("0, 1, 2"));
    EXPECT_THAT(wrong[0], HasSubstr("19 ... (200 in all), not \"xxx"));
    EXPECT_LT(wrong[0].size(), 250u);
}

}  // namespace
}  // namespace chorus::argument_check_tests
