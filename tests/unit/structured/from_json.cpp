// Contracts of checked conversion: what fits, and what is said of what does not.
#include <chorus/json/partial.hpp>
#include <chorus/structured/from_json.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "types.hpp"

namespace from_json_tests {

namespace {

using namespace chorus;

template <class T>
T read(std::string_view text) {
    auto value = from_json_text<T>(text);
    if (value) return std::move(*value);
    ADD_FAILURE() << text << ": " << value.error().message();
    return {};
}
template <class T>
T read_partial(std::string_view text) {
    auto value = partial_from_json_text<T>(text);
    if (value) return std::move(*value);
    ADD_FAILURE() << text << ": " << value.error().message();
    return {};
}
/// The path and the text of the mismatch.
template <class T>
std::string mismatch(std::string_view text, bool is_partial = false) {
    const auto value = is_partial ? partial_from_json_text<T>(text) : from_json_text<T>(text);
    if (value) return "fits";
    EXPECT_EQ(value.error(), errc::schema_mismatch);
    EXPECT_EQ(value.error().phase(), phase::decode);
    return std::string(value.error().param()) + " " + std::string(value.error().text());
}

const std::string whole_order = R"({"items": [{"label": "tea", "price": 2.5}, {"label": "scone", "price": 3}],)"
                                R"( "place": [4, -4], "tags": ["b", "a", "b"], "paid": true, "feeling": "cheerful"})";
const sample::order known_order = {
    {{"tea", 2.5}, {"scone", 3}}, {std::int8_t{4}, std::int8_t{-4}}, {"a", "b"}, true, sample::mood::cheerful};

TEST(from_json, reads_nested_structs) {
    EXPECT_EQ(read<sample::order>(whole_order), known_order);
    EXPECT_EQ(read<sample::employee>(R"({"name":"Ada","age":36,"salary":1e3,"usual_mood":"cross"})"),
              (sample::employee{{"Ada", 36}, 1000, sample::mood::cross}));
    EXPECT_EQ(read<std::vector<bool>>("[true,false]"), (std::vector<bool>{true, false}));
    EXPECT_EQ((read<std::map<std::string, std::list<int>>>(R"({"a":[1,2]})")),
              (std::map<std::string, std::list<int>>{{"a", {1, 2}}}));
    EXPECT_EQ((read<std::unordered_map<std::string, float>>(R"({"a":0.5})").at("a")), 0.5f);
}

TEST(from_json, takes_null_and_nothing_for_what_is_optional) {
    EXPECT_EQ(read<sample::person>(R"({"name":"Ada","age":null})").age, std::nullopt);
    EXPECT_EQ(read<sample::person>(R"({"name":"Ada"})").age, std::nullopt);
    const auto links = read<sample::chain>(R"({"link":1,"next":{"link":2,"next":null}})");
    ASSERT_TRUE(links.next);
    EXPECT_EQ(links.next->link, 2);
    EXPECT_EQ(links.next->next, nullptr);
    EXPECT_EQ(*read<std::shared_ptr<int>>("7"), 7);
}

TEST(from_json, takes_every_integer_of_a_type_with_an_exponent_too) {
    EXPECT_EQ(read<std::uint64_t>("1e19"), 10'000'000'000'000'000'000u);
    EXPECT_EQ(read<std::uint64_t>("9223372036854775808.0"), std::uint64_t{1} << 63);
    EXPECT_EQ(read<std::uint64_t>("-0.0"), 0u);
    EXPECT_NE(mismatch<std::uint64_t>("18446744073709551616"), "");
    EXPECT_NE(mismatch<std::uint64_t>("1e300"), "");
    EXPECT_NE(mismatch<std::int64_t>("1e19"), "");
    EXPECT_NE(mismatch<std::uint64_t>("-1e3"), "");
}

struct hopeful {
    std::optional<int> count = 5;
};
BOOST_DESCRIBE_STRUCT(hopeful, (), (count))

TEST(from_json, sets_what_is_optional_to_nothing_whatever_it_was) {
    EXPECT_EQ(read<hopeful>(R"({"count":null})").count, std::nullopt);
    EXPECT_EQ(read<hopeful>("{}").count, std::nullopt);
    EXPECT_EQ(read_partial<hopeful>(R"({"count":null})").count, std::nullopt);
    EXPECT_EQ(read_partial<hopeful>("{}").count, 5);
}

TEST(from_json, passes_over_members_that_the_type_does_not_have) {
    EXPECT_EQ(read<sample::item>(R"({"x":[{}],"label":"tea","price":1})"), (sample::item{"tea", 1}));
}

TEST(from_json, names_the_path_of_what_does_not_fit) {
    EXPECT_EQ(mismatch<sample::order>(R"({"items":[{"label":"a","price":1},{"label":"b","price":"2"}]})"),
              R"($.items[1].price expected a number, found "2")");
    EXPECT_EQ(mismatch<sample::order>(R"({"items":[{"label":"a"}]})"),
              "$.items[0].price expected a number, found nothing");
    EXPECT_EQ(mismatch<sample::order>(R"({"items":{}})"), "$.items expected a list, found an object");
    EXPECT_EQ(mismatch<sample::person>("[]"), "$ expected an object, found a list");
    EXPECT_EQ(mismatch<sample::person>(R"({"name":null})"), "$.name expected a string, found null");
    EXPECT_EQ(mismatch<sample::person>(R"({"name":"a","age":true})"), "$.age expected an integer, found true");
    EXPECT_EQ(mismatch<sample::employee>(R"({"name":"a","age":1,"salary":1,"usual_mood":"Calm"})"),
              R"($.usual_mood expected "calm", "cheerful" or "cross", found "Calm")");
    EXPECT_EQ(mismatch<bool>("0"), "$ expected true or false, found 0");
    EXPECT_EQ((mismatch<std::map<std::string, int>>(R"({"a b\"":1.5})")),
              R"($["a b\""] expected an integer, found 1.5)");
    EXPECT_EQ((mismatch<std::array<int, 2>>("[1]")), "$ expected a list of 2, found a list of 1");
    EXPECT_EQ((mismatch<std::array<int, 2>>("[1,2,3]")), "$ expected a list of 2, found a list of 3");
}

TEST(from_json, cuts_what_was_found_between_characters) {
    const std::string umlauts =
        "x"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
    EXPECT_EQ(mismatch<int>('"' + umlauts + '"'), "$ expected an integer, found \"" + umlauts.substr(0, 39) + "...\"");
}

TEST(from_json, checks_the_range_of_integers) {
    EXPECT_EQ(read<std::uint8_t>("255"), 255);
    EXPECT_EQ(mismatch<std::uint8_t>("256"), "$ expected an integer from 0 to 255, found 256");
    EXPECT_EQ(mismatch<std::uint8_t>("-1"), "$ expected an integer from 0 to 255, found -1");
    EXPECT_EQ(read<std::int8_t>("-128"), -128);
    EXPECT_EQ(mismatch<std::int8_t>("128"), "$ expected an integer from -128 to 127, found 128");
    EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(mismatch<std::int64_t>("9223372036854775808"),
              "$ expected an integer from -9223372036854775808 to 9223372036854775807, found 9223372036854775808");
    EXPECT_EQ(read<int>("3.0"), 3);
    EXPECT_EQ(read<int>("1e3"), 1000);
    EXPECT_EQ(mismatch<int>("3.5"), "$ expected an integer, found 3.5");
    EXPECT_EQ(mismatch<std::int64_t>("1e300"), "$ expected an integer, found 1e+300");
    EXPECT_EQ(mismatch<float>("1e300"), "$ expected a number, found 1e+300");
    EXPECT_EQ(read<double>("1e300"), 1e300);
}

TEST(from_json, takes_the_alternative_that_fits_best) {
    const auto drawn =
        read<sample::drawing>(R"({"figures":[{"kind":"square","size":2},{"kind":"circle","size":1}]})").figures;
    ASSERT_EQ(drawn.size(), 2u);
    EXPECT_EQ(std::get<sample::square>(drawn[0]).size, 2);
    EXPECT_EQ(std::get<sample::circle>(drawn[1]).size, 1);

    using either = std::variant<sample::person, sample::employee, sample::item>;
    EXPECT_EQ(read<either>(R"({"name":"Ada"})").index(), 0u);
    EXPECT_EQ(read<either>(R"({"name":"Ada","age":1,"salary":2,"usual_mood":"calm"})").index(), 1u);
    EXPECT_EQ(read<either>(R"({"label":"tea","price":2,"name":"x"})").index(), 2u);
    using scalar = std::variant<int, double, std::string>;
    EXPECT_EQ(read<scalar>("3").index(), 0u);
    EXPECT_EQ(read<scalar>("3.5").index(), 1u);
    EXPECT_EQ(read<scalar>("\"3\"").index(), 2u);
}

TEST(from_json, tells_of_the_nearest_alternative_where_none_fits) {
    EXPECT_EQ(mismatch<sample::drawing>(R"({"figures":[{"kind":"square","size":"2"}]})"),
              R"($.figures[0].size expected a number, found "2")");
    EXPECT_EQ(mismatch<sample::drawing>(R"({"figures":[{"kind":"blob","size":2}]})"),
              R"($.figures[0].kind expected "circle", found "blob")");
}

struct either_way;
struct left_way {
    std::vector<either_way> inner;
};
struct right_way {
    std::vector<either_way> inner;
};
struct either_way {
    std::variant<left_way, right_way> way;
};
BOOST_DESCRIBE_STRUCT(left_way, (), (inner))
BOOST_DESCRIBE_STRUCT(right_way, (), (inner))
BOOST_DESCRIBE_STRUCT(either_way, (), (way))

TEST(from_json, gives_up_where_there_are_too_many_ways_to_read_a_value) {
    std::string text = "{}";
    for (int depth = 0; depth != 30; ++depth) text = R"({"way":{"inner":[)" + text + "]}}";
    EXPECT_EQ(mismatch<either_way>(text), "$.way there are too many ways to read it");
}

struct grown;
struct sum {
    std::vector<grown> terms;
    sample::circle_tag kind{};
};
struct product {
    std::vector<grown> terms;
    sample::square_tag kind{};
};
struct grown {
    std::variant<sum, product, int> value;
};
BOOST_DESCRIBE_STRUCT(sum, (), (terms, kind))
BOOST_DESCRIBE_STRUCT(product, (), (terms, kind))
BOOST_DESCRIBE_STRUCT(grown, (), (value))

TEST(from_json, knows_an_alternative_by_its_tag_before_it_reads_the_rest) {
    std::string text = "1";
    for (int depth = 0; depth != 30; ++depth) text = R"({"terms":[{"value":)" + text + R"(}],"kind":"square"})";
    EXPECT_EQ(read<grown>(R"({"value":)" + text + "}").value.index(), 1u);
}

TEST(from_json, limits_nesting) {
    std::string text = R"({"text":"leaf","children":[]})";
    for (int depth = 0; depth != 60; ++depth) text = R"({"text":"","children":[)" + text + "]}";
    EXPECT_EQ(read<sample::node>(text).children.size(), 1u);

    nlohmann::json deep = {{"text", ""}, {"children", nlohmann::json::array()}};
    for (int depth = 0; depth != 100; ++depth) deep = {{"text", ""}, {"children", nlohmann::json::array({deep})}};
    const auto refused = from_json<sample::node>(deep);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::schema_mismatch);
    EXPECT_EQ(refused.error().text(), "nested too deeply");
}

TEST(from_json_text, tells_text_that_is_no_json_from_json_that_does_not_fit) {
    for (const std::string_view text : {"", "Sure, here it is", "{\"name\":", "{} {}", "[1e999]", "```json\n```"}) {
        const auto refused = from_json_text<sample::person>(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error(), errc::decode_failed) << text;
    }
    EXPECT_EQ(from_json_text<int>("[1,]").error().text(), "invalid JSON at byte 3: expected a value");
}

TEST(from_json_text, passes_over_a_code_fence) {
    for (const std::string_view text : {"```json\n{\"name\":\"A```\"}\n```", "```\n{\"name\":\"A```\"}\n```\n",
                                        " ```JSON {\"name\":\"A```\"}```", "{\"name\":\"A```\"}"}) {
        EXPECT_EQ(read<sample::person>(text).name, "A```");
    }
}

TEST(from_json_text, repairs_text_that_is_no_unicode) {
    EXPECT_EQ(read<std::string>("\"a\xff\\ud83d\""), "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(partial_from_json, leaves_what_is_missing_as_it_was) {
    EXPECT_EQ(read_partial<sample::order>("{}"), sample::order());
    EXPECT_EQ(read_partial<sample::order>("null"), sample::order());
    EXPECT_EQ(read_partial<sample::order>(R"({"items":[{"label":"te"}],"place":[1]})"),
              (sample::order{{{"te", 0}}, {std::int8_t{1}, std::int8_t{0}}, {}, false, std::nullopt}));
}

TEST(partial_from_json, waits_for_the_rest_of_a_name) {
    EXPECT_EQ(read_partial<sample::order>(R"({"feeling":"che"})").feeling, std::nullopt);
    EXPECT_EQ(read_partial<sample::order>(R"({"feeling":"cheerful"})").feeling, sample::mood::cheerful);
    EXPECT_TRUE(read_partial<std::vector<sample::mood>>(R"([""])").empty());
    EXPECT_TRUE((read_partial<std::map<std::string, sample::mood>>(R"({"a":"c"})").empty()));
    EXPECT_EQ(mismatch<sample::order>(R"({"feeling":"x"})", true),
              R"($.feeling expected "calm", "cheerful" or "cross", found "x")");
}

TEST(partial_from_json, refuses_what_cannot_become_right) {
    EXPECT_EQ(mismatch<sample::order>(R"({"items":[{"label":1}]})", true),
              "$.items[0].label expected a string, found 1");
    EXPECT_EQ(mismatch<sample::order>(R"({"place":[1,2,3]})", true), "$.place expected a list of 2, found a list of 3");
}

TEST(partial_from_json, takes_an_alternative_once_something_of_it_has_come) {
    EXPECT_TRUE(read_partial<sample::drawing>(R"({"figures":[{}]})").figures.empty());
    const auto drawn = read_partial<sample::drawing>(R"({"figures":[{"kind":"sq"}]})").figures;
    ASSERT_EQ(drawn.size(), 1u);
    EXPECT_EQ(drawn[0].index(), 1u);
    EXPECT_EQ((read_partial<std::variant<sample::item, sample::square>>(R"({"kind":"sq"})").index()), 1u);
}

template <class T>
void every_prefix_fits(const std::string& text, const T& whole) {
    json::partial machine;
    for (const char& c : text) {
        machine.feed({&c, 1});
        const auto so_far = partial_from_json_text<T>(machine.completed());
        EXPECT_TRUE(so_far) << machine.completed() << ": " << so_far.error().message();
    }
    ASSERT_TRUE(machine.is_complete());
    EXPECT_EQ(read_partial<T>(machine.completed()), whole);
    EXPECT_EQ(read<T>(machine.completed()), whole);
}

TEST(partial_from_json, takes_every_prefix_of_an_answer) {
    every_prefix_fits(whole_order, known_order);
    every_prefix_fits<sample::employee>(R"({"name":"Ada","age":36,"salary":-1.5e3,"usual_mood":"cross"})",
                                        {{"Ada", 36}, -1500, sample::mood::cross});
    every_prefix_fits<sample::node>(R"({"text":"a","children":[{"text":"b\ud83d\ude00","children":[]}]})",
                                    {"a", {{"b\xf0\x9f\x98\x80", {}}}});
    every_prefix_fits<sample::drawing>(R"({"figures":[{"kind":"square","size":2},{"size":1,"kind":"circle"}]})",
                                       {{sample::square{{}, 2}, sample::circle{{}, 1}}});
    every_prefix_fits<sample::prices>(R"({"by_name":{"tea":2.5,"scone":3}})", {{{"tea", 2.5}, {"scone", 3}}});
}

TEST(to_json, writes_what_from_json_reads) {
    EXPECT_EQ(to_json(known_order).dump(),
              R"({"items":[{"label":"tea","price":2.5},{"label":"scone","price":3.0}],"place":[4,-4],)"
              R"("tags":["a","b"],"paid":true,"feeling":"cheerful"})");
    EXPECT_EQ(read<sample::order>(to_json(known_order).dump()), known_order);
    EXPECT_EQ(to_json(sample::person{"Ada", std::nullopt}).dump(), R"({"name":"Ada","age":null})");
    EXPECT_EQ(to_json(sample::drawing{{sample::square{{}, 2}}}).dump(),
              R"({"figures":[{"kind":"square","size":2.0}]})");
    EXPECT_EQ(to_json(sample::prices{{{"tea", 2.5}}}).dump(), R"({"by_name":{"tea":2.5}})");
    EXPECT_EQ(to_json(std::vector<bool>{true}).dump(), "[true]");
    EXPECT_EQ(to_json(static_cast<sample::mood>(9)).dump(), "null");
}

}  // namespace

}  // namespace from_json_tests
