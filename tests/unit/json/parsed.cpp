// Contracts of JSON from servers as a tree.
#include <chorus/json/parsed.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace parsed_tests {

namespace {

using chorus::json::parsed;
using nlohmann::json;

TEST(parsed, gives_the_tree) {
    EXPECT_EQ(parsed<json>(R"({"a":[1]})")["a"][0], 1);
}

TEST(parsed, is_null_where_there_is_no_document) {
    for (const char* bad : {"", "{", "<html>", "{} {}"}) EXPECT_TRUE(parsed<json>(bad).is_null()) << bad;
}

TEST(parsed, replaces_text_that_is_not_utf8) {
    EXPECT_EQ(parsed<json>("\"a\xff\""), "a\xef\xbf\xbd");
    EXPECT_EQ(parsed<json>(R"("\ud83d!")"), "\xef\xbf\xbd!");
}

}  // namespace

}  // namespace parsed_tests
