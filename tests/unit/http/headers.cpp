#include <chorus/http/headers.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::http::headers_tests {
namespace {

headers three() {
    headers list;
    list.add("Content-Type", "application/json").add("X-Empty", "").add("x-colon", "a: b");
    return list;
}

TEST(headers, keeps_fields_in_order) {
    std::vector<std::string> names;
    for (const header field : three()) names.emplace_back(field.name);
    EXPECT_EQ(names, (std::vector<std::string>{"Content-Type", "X-Empty", "x-colon"}));
}

TEST(headers, finds_a_field_whatever_the_case_of_its_name) {
    const headers list = three();
    EXPECT_EQ(list.get("content-type"), "application/json");
    EXPECT_EQ(list.get("X-COLON"), "a: b");
    EXPECT_EQ(list.get("content"), "");
    EXPECT_FALSE(list.contains("content"));
}

TEST(headers, finds_no_field_that_only_begins_or_ends_alike) {
    headers list;
    list.add("Retry-After-Ms", "1").add("X-Retry-After", "2").add("X", "Retry-After: 3");
    EXPECT_FALSE(list.contains("Retry-After"));
    EXPECT_FALSE(list.contains(""));
    EXPECT_EQ(list.find("x-retry-after: 2"), list.end());
    EXPECT_EQ((*list.find("x")).value, "Retry-After: 3");
}

TEST(headers, tells_an_empty_value_from_none) {
    const headers list = three();
    EXPECT_TRUE(list.contains("x-empty"));
    EXPECT_EQ(list.get("x-empty"), "");
}

TEST(headers, gives_the_first_of_several_fields_of_one_name) {
    headers list;
    list.add("Set-Cookie", "a").add("set-cookie", "b");
    EXPECT_EQ(list.get("Set-Cookie"), "a");
}

TEST(headers, set_replaces_every_field_of_the_name) {
    headers list = three();
    list.add("CONTENT-TYPE", "text/plain").set("content-type", "x");
    EXPECT_EQ(list.block(), "X-Empty: \r\nx-colon: a: b\r\ncontent-type: x\r\n");
}

TEST(headers, remove_leaves_the_others_as_they_are) {
    headers list = three();
    list.remove("x-empty").remove("x-none");
    EXPECT_EQ(list.block(), "Content-Type: application/json\r\nx-colon: a: b\r\n");
}

TEST(headers, an_empty_list_has_no_field) {
    const headers list;
    EXPECT_TRUE(list.begin() == list.end());
    EXPECT_TRUE(list.empty());
    EXPECT_FALSE(list.contains(""));
}

TEST(headers, appends_another_list) {
    headers list = three();
    headers more;
    more.add("More", "yes");
    list.add(more);
    EXPECT_EQ(list.get("more"), "yes");
    EXPECT_EQ(list.block().size(), three().block().size() + more.block().size());
}

TEST(headers, accepts_tokens_as_names_and_nothing_else) {
    EXPECT_TRUE(headers::is_valid_name("X-Client-Request-Id"));
    EXPECT_TRUE(headers::is_valid_name("a!#$%&'*+-.^_`|~9"));
    for (const char* bad : {"", "a b", "a:", "a\r\n", "a\t", "\xc3\xa9", "a(b)", "a\x7f"}) {
        EXPECT_FALSE(headers::is_valid_name(bad)) << bad;
    }
}

TEST(headers, refuses_values_that_could_end_the_line) {
    EXPECT_TRUE(headers::is_valid_value(""));
    EXPECT_TRUE(headers::is_valid_value("Bearer abc\tdef \xc3\xa9"));
    for (const auto bad : {"a\rb", "a\nb", "a\x7f", "\x01"}) EXPECT_FALSE(headers::is_valid_value(bad));
    EXPECT_FALSE(headers::is_valid_value(std::string_view("a\0b", 3)));
}

TEST(headers, tells_by_its_name_whether_a_field_holds_a_secret) {
    for (const auto secret : {"Authorization", "proxy-authorization", "api-key", "X-API-Key",
                              "Ocp-Apim-Subscription-Key", "apikey", "Cookie", "Set-Cookie", "X-Amz-Security-Token",
                              "token", "CF-Access-Client-Secret", "X-Signature", "Password"}) {
        EXPECT_TRUE(holds_secret(secret)) << secret;
    }
    for (const auto harmless : {"", "n", "key-id", "Content-Type", "Idempotency-Key", "User-Agent", "Accept", "Host",
                                "x-ratelimit-remaining-tokens", "X-Client-Request-Id", "OpenAI-Organization"}) {
        EXPECT_FALSE(holds_secret(harmless)) << harmless;
    }
}

}  // namespace
}  // namespace chorus::http::headers_tests
