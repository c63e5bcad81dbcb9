// Contracts of the JSON schema of a type: what strict mode demands, in the order of the members.
#include <chorus/structured/response_format.hpp>
#include <chorus/structured/schema.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "types.hpp"

namespace schema_tests {

namespace {

using namespace chorus;
using tree = nlohmann::ordered_json;

tree parse(std::string_view text) {
    return tree::parse(text);
}

TEST(schema, knows_the_scalars) {
    EXPECT_EQ(schema_of<bool>(), parse(R"({"type":"boolean"})"));
    EXPECT_EQ(schema_of<std::uint8_t>(), parse(R"({"type":"integer"})"));
    EXPECT_EQ(schema_of<long long>(), parse(R"({"type":"integer"})"));
    EXPECT_EQ(schema_of<float>(), parse(R"({"type":"number"})"));
    EXPECT_EQ(schema_of<std::string>(), parse(R"({"type":"string"})"));
    EXPECT_EQ(schema_of<sample::circle_tag>(), parse(R"({"type":"string","enum":["circle"]})"));
}

TEST(schema, requires_every_member_and_allows_no_other) {
    EXPECT_EQ(schema_of<sample::item>().dump(),
              R"({"type":"object","properties":{"label":{"type":"string"},"price":{"type":"number"}},)"
              R"("required":["label","price"],"additionalProperties":false})");
    EXPECT_EQ(schema_of<sample::empty>().dump(),
              R"({"type":"object","properties":{},"required":[],"additionalProperties":false})");
}

TEST(schema, makes_what_is_optional_a_union_with_null) {
    const tree schema = schema_of<sample::person>();
    EXPECT_EQ(schema["properties"]["age"], parse(R"({"anyOf":[{"type":"integer"},{"type":"null"}]})"));
    EXPECT_EQ(schema["required"], parse(R"(["name","age"])"));
    EXPECT_EQ((schema_of<std::optional<std::variant<int, std::string>>>()),
              parse(R"({"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]})"));
    EXPECT_EQ(schema_of<std::optional<std::optional<bool>>>(), schema_of<std::shared_ptr<bool>>());
}

TEST(schema, lists_inherited_members_first) {
    const tree schema = schema_of<sample::employee>();
    EXPECT_EQ(schema["required"], parse(R"(["name","age","salary","usual_mood"])"));
    EXPECT_EQ(schema["properties"]["usual_mood"],
              parse(R"({"type":"string","enum":["calm","cheerful","cross"],"description":"How somebody feels."})"));
}

TEST(schema, knows_lists_and_alternatives) {
    EXPECT_EQ(schema_of<std::vector<bool>>(), parse(R"({"type":"array","items":{"type":"boolean"}})"));
    EXPECT_EQ(schema_of<std::list<int>>(), schema_of<std::set<int>>());
    EXPECT_EQ((schema_of<std::array<int, 3>>()),
              parse(R"({"type":"array","items":{"type":"integer"},"description":"exactly 3 items"})"));
    const tree figures = schema_of<sample::drawing>()["properties"]["figures"]["items"]["anyOf"];
    ASSERT_EQ(figures.size(), 2u);
    EXPECT_EQ(figures[0], schema_of<sample::circle>());
    EXPECT_EQ(figures[1], schema_of<sample::square>());
}

TEST(schema, refers_to_a_definition_where_a_type_holds_itself) {
    const std::string object = R"({"type":"object","properties":{"text":{"type":"string"},)"
                               R"("children":{"type":"array","items":{"$ref":"#/$defs/node"}}},)"
                               R"("required":["text","children"],"additionalProperties":false)";
    EXPECT_EQ(schema_of<sample::node>(), parse(object + R"(,"$defs":{"node":)" + object + "}}}"));
    EXPECT_EQ(schema_of<sample::forest>(),
              parse(R"({"type":"object","properties":{"oak":{"$ref":"#/$defs/node"},"elm":{"$ref":"#/$defs/node"}},)"
                    R"("required":["oak","elm"],"additionalProperties":false,"$defs":{"node":)" +
                    object + "}}}"));
    EXPECT_EQ(schema_of<sample::chain>()["properties"]["next"],
              parse(R"({"anyOf":[{"$ref":"#/$defs/chain"},{"type":"null"}]})"));
}

TEST(schema, says_what_the_user_says_of_a_type) {
    const tree schema = schema_of<sample::noted>();
    EXPECT_EQ(schema["description"], "Something noted.");
    EXPECT_EQ(schema["properties"]["who"]["description"], "who noted it");
    EXPECT_EQ(schema["properties"]["place"]["description"], "latitude and longitude; exactly 2 items");
    // Strict mode takes nothing beside a reference.
    EXPECT_EQ(schema["properties"]["tree"],
              parse(R"({"anyOf":[{"$ref":"#/$defs/node"}],"description":"what it is about"})"));
}

TEST(schema, allows_maps_only_when_loose) {
    static_assert(!has_strict_schema<sample::prices>);
    static_assert(!has_strict_schema<std::vector<std::optional<std::unordered_map<std::string, int>>>>);
    static_assert(!has_strict_schema<std::variant<int, sample::prices>>);
    static_assert(has_strict_schema<sample::node> && has_strict_schema<sample::chain>);
    EXPECT_EQ((schema_of<sample::prices, schema_mode::loose>()["properties"]["by_name"]),
              parse(R"({"type":"object","additionalProperties":{"type":"number"}})"));
    EXPECT_EQ((schema_of<sample::node, schema_mode::loose>()), schema_of<sample::node>());
}

struct not_described {};
enum class names_unknown { a };

TEST(schema, tells_apart_what_has_no_json) {
    using detail::shape;
    EXPECT_EQ(detail::shape_of<not_described>, shape::plain_class);
    EXPECT_EQ(detail::shape_of<names_unknown>, shape::plain_enum);
    EXPECT_EQ(detail::shape_of<char>, shape::character);
    EXPECT_EQ(detail::shape_of<std::string_view>, shape::borrowed);
    EXPECT_EQ(detail::shape_of<const char*>, shape::borrowed);
    EXPECT_EQ((detail::shape_of<std::map<int, int>>), shape::map_key);
    EXPECT_EQ(detail::shape_of<void>, shape::other);
}

TEST(schema, is_named_as_the_type_without_its_namespaces) {
    EXPECT_EQ(schema_name_of<sample::person>(), "person");
    EXPECT_EQ(schema_name_of<not_described>(), "not_described");
    EXPECT_EQ(schema_name_of<sample::page<sample::person>>(), "page_person");
    EXPECT_EQ(schema_name_of<sample::noted>(), "note-1");
    EXPECT_EQ(detail::short_type_name("a::b<c::d<int>, e::f*>::g::h"), "h");
    EXPECT_EQ(detail::short_type_name("a::pair<b::c, unsigned long>"), "pair_c_unsignedlong");
    EXPECT_EQ(detail::short_type_name(std::string(100, 'x')), std::string(64, 'x'));
    EXPECT_EQ(detail::short_type_name("{lambda}"), "lambda");
}

namespace other {
struct node {
    std::vector<node> inner;
    sample::node outer;
};
BOOST_DESCRIBE_STRUCT(node, (), (inner, outer))
}  // namespace other

TEST(schema, gives_types_of_one_name_definitions_of_their_own) {
    const tree schema = schema_of<other::node>();
    ASSERT_EQ(schema["$defs"].size(), 2u);
    EXPECT_EQ(schema["properties"]["inner"]["items"]["$ref"], "#/$defs/node");
    EXPECT_EQ(schema["properties"]["outer"]["$ref"], "#/$defs/node_2");
    EXPECT_EQ(schema["$defs"]["node_2"]["required"], parse(R"(["text","children"])"));
}

TEST(response_format_of, asks_for_the_schema_of_the_type) {
    const response_format format = response_format_of<sample::noted>();
    EXPECT_EQ(format.type(), response_format::kind::json_schema);
    EXPECT_EQ(format.name(), "note-1");
    EXPECT_EQ(format.description(), "Something noted.");
    EXPECT_EQ(format.is_strict(), true);
    EXPECT_EQ(format.schema(), schema_of<sample::noted>().dump());
}

TEST(response_format_of, is_not_strict_where_there_is_a_map) {
    EXPECT_EQ(response_format_of<sample::prices>().is_strict(), false);
    EXPECT_EQ((response_format_of<std::map<std::string, int>>().schema()),
              R"({"type":"object","additionalProperties":{"type":"integer"}})");
}

}  // namespace

}  // namespace schema_tests
