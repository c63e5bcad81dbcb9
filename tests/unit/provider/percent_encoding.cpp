// Contracts of names in URLs.
#include <chorus/provider/detail/percent_encoding.hpp>

#include <gtest/gtest.h>

#include <string>

namespace percent_encoding_tests {

namespace {

using namespace chorus::detail;

TEST(percent_encoding, leaves_what_needs_no_escape) {
    const std::string plain = "abcxyzABCXYZ0189-._~";
    EXPECT_EQ(percent_encoded(plain), plain);
    EXPECT_EQ(percent_encoded(""), "");
}

TEST(percent_encoding, escapes_everything_else) {
    EXPECT_EQ(percent_encoded("meta/llama 3:8b?a=1&b#%+"), "meta%2Fllama%203%3A8b%3Fa%3D1%26b%23%25%2B");
    EXPECT_EQ(percent_encoded("\xc3\xa4\n\x7f"), "%C3%A4%0A%7F");
    EXPECT_EQ(percent_encoded(std::string("\0", 1)), "%00");
}

TEST(percent_encoding, begins_or_continues_a_query) {
    EXPECT_EQ(with_query("/v1/models", "after", "a/b"), "/v1/models?after=a%2Fb");
    EXPECT_EQ(with_query("/v1/models?x=1", "a b", ""), "/v1/models?x=1&a%20b=");
}

}  // namespace

}  // namespace percent_encoding_tests
