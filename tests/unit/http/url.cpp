#include <chorus/http/url.hpp>

#include <gtest/gtest.h>

#include <string>

namespace chorus::http::url_tests {
namespace {

url parsed(std::string_view text) {
    const auto outcome = url::parse(text);
    EXPECT_TRUE(outcome) << text << ": " << (outcome ? "" : outcome.error().message());
    return outcome ? *outcome : url();
}

std::string refusal(std::string_view text) {
    const auto outcome = url::parse(text);
    EXPECT_FALSE(outcome) << text;
    if (outcome) return {};
    EXPECT_EQ(outcome.error(), errc::invalid_argument);
    return outcome.error().message();
}

TEST(url, takes_an_absolute_url_apart) {
    const url whole = parsed("https://api.example.com:8443/v1/x?api-version=1&a=%20");
    EXPECT_EQ(whole.origin(), (origin{true, "api.example.com", 8443}));
    EXPECT_EQ(whole.path(), "/v1/x");
    EXPECT_EQ(whole.query(), "api-version=1&a=%20");
    EXPECT_EQ(whole.target(), "/v1/x?api-version=1&a=%20");
}

TEST(url, knows_the_default_ports) {
    EXPECT_EQ(parsed("https://h").origin().port, 443);
    EXPECT_EQ(parsed("http://h").origin().port, 80);
    EXPECT_FALSE(parsed("http://h").origin().tls);
    EXPECT_EQ(parsed("https://h").target(), "/");
    EXPECT_EQ(parsed("https://h?q").target(), "/?q");
}

TEST(url, drops_white_space_around_it_and_the_case_of_scheme_and_host) {
    EXPECT_EQ(parsed(" HTTPS://Api.Example.COM/V1 \r\n").target(), "/V1");
    EXPECT_EQ(parsed("HTTPS://Api.Example.COM").origin().host, "api.example.com");
}

TEST(url, understands_ipv6_addresses) {
    const url local = parsed("http://[::1]:8000/v1");
    EXPECT_EQ(local.origin(), (origin{false, "::1", 8000}));
    EXPECT_EQ(local.origin().authority(), "[::1]:8000");
}

TEST(url, writes_the_authority_without_a_default_port) {
    EXPECT_EQ(parsed("https://h:443").origin().authority(), "h");
    EXPECT_EQ(parsed("http://h:80").origin().authority(), "h");
    EXPECT_EQ(parsed("http://h:443").origin().authority(), "h:443");
    EXPECT_EQ(parsed("http://h:8000").origin().to_string(), "http://h:8000");
}

TEST(url, joins_an_endpoint_with_one_slash_and_keeps_path_and_query) {
    EXPECT_EQ(parsed("https://h").join("/chat/completions").target(), "/chat/completions");
    EXPECT_EQ(parsed("https://h/").join("/chat/completions").target(), "/chat/completions");
    EXPECT_EQ(parsed("https://h/v1").join("/chat/completions").target(), "/v1/chat/completions");
    EXPECT_EQ(parsed("https://h/v1/").join("chat/completions").target(), "/v1/chat/completions");
    EXPECT_EQ(parsed("https://h/openai?api-version=2").join("/chat").target(), "/openai/chat?api-version=2");
}

TEST(url, refuses_what_it_cannot_use_and_says_which_part) {
    EXPECT_NE(refusal("api.example.com/v1").find("no scheme"), std::string::npos);
    EXPECT_NE(refusal("ftp://h").find("scheme other than"), std::string::npos);
    EXPECT_NE(refusal("https:///v1").find("host"), std::string::npos);
    EXPECT_NE(refusal("https://a b/").find("host"), std::string::npos);
    EXPECT_NE(refusal("https://h:0/").find("port"), std::string::npos);
    EXPECT_NE(refusal("https://h:65536/").find("port"), std::string::npos);
    EXPECT_NE(refusal("https://h:/").find("port"), std::string::npos);
    EXPECT_NE(refusal("https://h:80x/").find("port"), std::string::npos);
    EXPECT_NE(refusal("https://[::1/").find("IPv6"), std::string::npos);
    EXPECT_NE(refusal("https://[zz]/").find("host"), std::string::npos);
    EXPECT_NE(refusal("https://h/#part").find("fragment"), std::string::npos);
    EXPECT_NE(refusal("https://h/a b").find("percent-encoded"), std::string::npos);
    EXPECT_NE(refusal("https://h/a\r\nX: y").find("percent-encoded"), std::string::npos);
    refusal("");
}

TEST(url, never_quotes_a_password) {
    const std::string message = refusal("https://user:secret@h/");
    EXPECT_NE(message.find("user information"), std::string::npos);
    EXPECT_EQ(message.find("secret"), std::string::npos);
}

TEST(url, never_quotes_what_has_no_scheme) {
    for (const char* text : {"sk-secret", "sk-secret https://h", "OPENAI_API_KEY=secret", "secret://h"})
        EXPECT_EQ(refusal(text).find("secret"), std::string::npos) << text;
}

TEST(url, never_quotes_a_piece_of_a_password) {
    for (const char* text : {"https://user:hush/x@h", "https://user:hush#x@h", "https://[hush/@h", "https://hu sh?@h"})
        EXPECT_EQ(refusal(text).find("hu"), std::string::npos) << text << ": " << refusal(text);
}

TEST(url, never_quotes_path_query_or_fragment) {
    for (const char* text : {"https://h/?key=secret#part", "https://h/#secret", "https://h/?key=secret key",
                             "https://h/secret\"", "https://h:0/?key=secret", "https://h h/secret"})
        EXPECT_EQ(refusal(text).find("secret"), std::string::npos) << text;
    EXPECT_NE(refusal(" https://h/a b").find("offset 11"), std::string::npos);
}

TEST(url, never_quotes_control_characters) {
    for (const std::string text : {"https://h\x1b[2J/", "https://h\n/", "https://h:8\x7f/", "https://h/\x1b",
                                   "https://[::1\r/", "https://h\xff/"})
        for (const char c : refusal(text)) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << text;
    EXPECT_NE(refusal("https://a b/").find("'a b'"), std::string::npos);
}

}  // namespace
}  // namespace chorus::http::url_tests
