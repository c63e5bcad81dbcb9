// Contracts of reading proxies from URLs and the environment.
#include <chorus/policy/proxy_settings.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace proxy_settings_tests {

namespace {

using chorus::errc;
using chorus::http::origin;
using chorus::policy::proxy;
using chorus::policy::proxy_kind;
using chorus::policy::proxy_settings;
using ::testing::HasSubstr;
using ::testing::Not;

origin at(bool tls, std::string host = "api.example.com") {
    origin made;
    made.tls = tls;
    made.host = std::move(host);
    made.port = tls ? 443 : 80;
    return made;
}

/// The environment that the tests see: a lookup has no state of its own.
std::map<std::string, std::string, std::less<>> variables;
const char* lookup(const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
}

/// Which proxy an environment gives: `host:port`, `direct`, or the variable that is malformed.
std::string chosen(const proxy_settings& settings, const origin& where) {
    const auto found = settings.choose(where);
    if (!found) return std::string(found.error().param());
    return *found != nullptr ? (**found).to_string() : "direct";
}
std::string chosen_by(std::map<std::string, std::string, std::less<>> environment, const origin& where) {
    variables = std::move(environment);
    return chosen(proxy_settings::from_environment(&lookup), where);
}

TEST(proxy, is_parsed_from_a_url) {
    struct example {
        const char* url;
        proxy_kind kind;
        const char* name;
        const char* user;
        const char* password;
    };
    for (const example& each : {
             example{"http://proxy.example:3128", proxy_kind::http, "proxy.example:3128", "", ""},
             {"proxy.example:3128", proxy_kind::http, "proxy.example:3128", "", ""},
             {"http://Proxy.Example", proxy_kind::http, "proxy.example:80", "", ""},
             {" HTTP://proxy.example:3128/ ", proxy_kind::http, "proxy.example:3128", "", ""},
             {"http://[::1]:3128", proxy_kind::http, "[::1]:3128", "", ""},
             {"socks5://10.0.0.1", proxy_kind::socks5, "10.0.0.1:1080", "", ""},
             {"socks://10.0.0.1:80", proxy_kind::socks5, "10.0.0.1:80", "", ""},
             {"socks5h://[fd00::1]", proxy_kind::socks5h, "[fd00::1]:1080", "", ""},
             {"socks5h://user:word@proxy:9050", proxy_kind::socks5h, "proxy:9050", "user", "word"},
             {"http://user@proxy", proxy_kind::http, "proxy:80", "user", ""},
             {"user:pass@proxy:1", proxy_kind::http, "proxy:1", "user", "pass"},
             {"http://us%65r:p%40ss%3a%2F%25@proxy", proxy_kind::http, "proxy:80", "user", "p@ss:/%"},
             {"http://user:p@ss:word@proxy", proxy_kind::http, "proxy:80", "user", "p@ss:word"},
             {"http://:word@proxy", proxy_kind::http, "proxy:80", "", "word"},
         }) {
        const auto parsed = proxy::parse(each.url);
        ASSERT_TRUE(parsed) << each.url << ": " << parsed.error().message();
        EXPECT_EQ(parsed->kind, each.kind) << each.url;
        EXPECT_EQ(parsed->to_string(), each.name) << each.url;
        EXPECT_EQ(parsed->user.expose(), each.user) << each.url;
        EXPECT_EQ(parsed->password.expose(), each.password) << each.url;
    }
}

TEST(proxy, has_basic_credentials) {
    EXPECT_EQ(proxy::parse("http://proxy")->basic_authorization(), "");
    // The example of RFC 7617, section 2.
    EXPECT_EQ(proxy::parse("http://Aladdin:open%20sesame@proxy")->basic_authorization(),
              "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(proxy, is_refused_without_a_word_of_user_and_password) {
    for (const char* url : {
             "",
             "http://",
             "http://proxy:0",
             "http://proxy:65536",
             "http://proxy:x",
             "http://pro xy",
             "http://[::1",
             "http://proxy/path",
             "http://proxy?query",
             "https://hush:hush@proxy",
             "socks4://hush:hush@proxy",
             "hush://proxy",
             "http://hush:hush",            // no host
             "http://user:hu/sh@proxy",     // a slash that is not encoded
             "http://user:hu#sh@proxy",     // likewise
             "http://user:hush%@proxy",     // no encoding
             "http://user:hush%4@proxy",    // no encoding
             "http://user:hush%+4@proxy",   // no encoding
             "http://hu%3Ash:hush@proxy",   // a colon in the user
             "http://user:hush%0a@proxy",   // a control character
             "socks5://:hush@proxy",        // no user
             "socks5://user:hush@proxy:0",  //
         }) {
        const auto parsed = proxy::parse(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_EQ(parsed.error(), errc::invalid_argument) << url;
        EXPECT_THAT(std::string(parsed.error().message()), HasSubstr("the URL of the proxy")) << url;
        EXPECT_THAT(std::string(parsed.error().message()), Not(HasSubstr("hush"))) << url;
    }
    const std::string long_word(256, 'x');
    EXPECT_FALSE(proxy::parse("socks5://user:" + long_word + "@proxy"));
    EXPECT_FALSE(proxy::parse("socks5://" + long_word + ":word@proxy"));
    EXPECT_TRUE(proxy::parse("http://user:" + long_word + "@proxy"));
}

TEST(proxy_settings, are_direct_by_default) {
    EXPECT_EQ(chosen(proxy_settings(), at(true)), "direct");
    EXPECT_EQ(chosen(proxy_settings::none(), at(false)), "direct");
    EXPECT_EQ(chosen_by({}, at(true)), "direct");
}

TEST(proxy_settings, take_one_proxy_for_everything) {
    const proxy_settings settings("http://proxy:3128");
    for (const bool tls : {false, true}) {
        EXPECT_EQ(chosen(settings, at(tls)), "proxy:3128");
        EXPECT_EQ(chosen(settings, at(tls, "localhost")), "proxy:3128") << "it was asked for";
    }
}

TEST(proxy_settings, take_a_proxy_for_each_scheme) {
    proxy_settings settings;
    settings.https("http://a:1").http("http://b:2").no_proxy("internal.example");
    EXPECT_EQ(chosen(settings, at(true)), "a:1");
    EXPECT_EQ(chosen(settings, at(false)), "b:2");
    EXPECT_EQ(chosen(settings, at(true, "x.internal.example")), "direct");
    EXPECT_EQ(chosen(settings, at(true, "127.0.0.1")), "a:1");
    settings.proxy_loopback(false);
    EXPECT_EQ(chosen(settings, at(true, "127.0.0.1")), "direct");
}

TEST(proxy_settings, come_from_the_environment) {
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "http://a:1"}}, at(true)), "a:1");
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "http://a:1"}}, at(false)), "direct");
    EXPECT_EQ(chosen_by({{"HTTP_PROXY", "http://a:1"}}, at(false)), "a:1");
    EXPECT_EQ(chosen_by({{"HTTP_PROXY", "http://a:1"}}, at(true)), "direct");
    EXPECT_EQ(chosen_by({{"https_proxy", "http://a:1"}, {"HTTPS_PROXY", "http://b:2"}}, at(true)), "a:1");
    EXPECT_EQ(chosen_by({{"https_proxy", "  "}, {"HTTPS_PROXY", "http://b:2"}}, at(true)), "b:2") << "empty is unset";
    EXPECT_EQ(chosen_by({{"ALL_PROXY", "socks5://a:1"}}, at(true)), "a:1");
    EXPECT_EQ(chosen_by({{"all_proxy", "socks5://a:1"}}, at(false)), "a:1");
    EXPECT_EQ(chosen_by({{"ALL_PROXY", "socks5://a:1"}, {"HTTPS_PROXY", "http://b:2"}}, at(true)), "b:2");
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "http://a:1"}, {"NO_PROXY", "example.com"}}, at(true)), "direct");
    EXPECT_EQ(
        chosen_by({{"HTTPS_PROXY", "http://a:1"}, {"no_proxy", "example.org"}, {"NO_PROXY", "example.com"}}, at(true)),
        "a:1");
}

TEST(proxy_settings, of_the_environment_leave_this_machine_alone) {
    for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
        EXPECT_EQ(chosen_by({{"ALL_PROXY", "http://a:1"}}, at(true, host)), "direct") << host;
    }
}

TEST(proxy_settings, take_no_proxy_from_the_client_of_a_cgi_program) {
    EXPECT_EQ(chosen_by({{"HTTP_PROXY", "http://evil:1"}, {"REQUEST_METHOD", "GET"}}, at(false)), "direct");
    EXPECT_EQ(chosen_by({{"http_proxy", "http://a:1"}, {"REQUEST_METHOD", "GET"}}, at(false)), "a:1");
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "http://a:1"}, {"REQUEST_METHOD", "GET"}}, at(true)), "a:1");
}

TEST(proxy_settings, name_what_is_malformed_where_it_is_needed) {
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "ftp://a:1"}}, at(true)), "HTTPS_PROXY");
    EXPECT_EQ(chosen_by({{"https_proxy", "http://a:x"}}, at(true)), "https_proxy");
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "ftp://a:1"}}, at(false)), "direct");
    EXPECT_EQ(chosen_by({{"HTTPS_PROXY", "ftp://a:1"}}, at(true, "localhost")), "direct");
    EXPECT_EQ(chosen_by({{"ALL_PROXY", "ftp://a:1"}, {"HTTPS_PROXY", "http://b:2"}}, at(true)), "b:2");
    EXPECT_EQ(chosen(proxy_settings("ftp://a"), at(true)), "proxy");

    const auto refused = proxy_settings("ftp://user:hush@a").choose(at(true));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_EQ(refused.error().phase(), chorus::phase::input);
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("hush")));
}

}  // namespace

}  // namespace proxy_settings_tests
