// Contracts of NO_PROXY.
#include <chorus/policy/no_proxy.hpp>

#include <gtest/gtest.h>

#include <string>

namespace no_proxy_tests {

namespace {

using chorus::http::origin;
using chorus::policy::no_proxy_list;

origin at(std::string host, std::uint16_t port = 443) {
    origin made;
    made.host = std::move(host);
    made.port = port;
    return made;
}

struct example {
    const char* list;
    origin where;
    bool is_covered;
};

void check(const std::vector<example>& examples) {
    for (const auto& each : examples) {
        EXPECT_EQ(no_proxy_list(each.list).covers(each.where), each.is_covered)
            << '"' << each.list << "\" and " << each.where.to_string();
    }
}

TEST(no_proxy, covers_nothing_when_empty_and_everything_by_a_star) {
    EXPECT_FALSE(no_proxy_list().covers(at("example.com")));
    check({{"", at("example.com"), false},
           {" , ,, ", at("example.com"), false},
           {"*", at("example.com"), true},
           {"a.b,*", at("10.1.2.3"), true},
           {" *\t", at("::1"), true}});
}

TEST(no_proxy, takes_a_host_with_all_below_it) {
    for (const char* list : {"example.com", ".example.com", "*.example.com", "EXAMPLE.com", "example.com.",
                             "a.b, example.com", "a.b example.com", "a.b\texample.com,c.d"}) {
        check({{list, at("example.com"), true},
               {list, at("api.example.com"), true},
               {list, at("a.b.example.com", 8080), true},
               {list, at("example.com."), true},
               {list, at("Example.COM"), true},
               {list, at("notexample.com"), false},
               {list, at("example.com.evil.org"), false},
               {list, at("com"), false},
               {list, at("10.1.2.3"), false}});
    }
}

TEST(no_proxy, takes_a_port) {
    check({{"example.com:8443", at("example.com", 8443), true},
           {"example.com:8443", at("api.example.com", 8443), true},
           {"example.com:8443", at("example.com", 443), false},
           {"10.1.2.3:80", at("10.1.2.3", 80), true},
           {"10.1.2.3:80", at("10.1.2.3", 81), false},
           {"[fd00::1]:443", at("fd00::1"), true},
           {"[fd00::1]:443", at("fd00::1", 80), false}});
}

TEST(no_proxy, compares_addresses_by_value) {
    check({{"10.1.2.3", at("10.1.2.3"), true},
           {"10.1.2.3", at("10.1.2.30"), false},
           {"2.3", at("1.2.3"), true},
           {"1.2.3", at("0.1.2.3"), false},  // an address has no parents
           {"fd00:0:0::1", at("fd00::1"), true},
           {"[FD00::1]", at("fd00::1"), true},
           {"fd00::1", at("fd00::2"), false},
           {"::ffff:10.1.2.3", at("10.1.2.3"), true},
           {"10.1.2.3", at("::ffff:a01:203"), true}});
}

TEST(no_proxy, takes_networks) {
    check({{"10.0.0.0/8", at("10.255.1.2"), true},
           {"10.0.0.0/8", at("11.0.0.1"), false},
           {"10.1.2.3/31", at("10.1.2.2"), true},
           {"10.1.2.3/31", at("10.1.2.1"), false},
           {"10.1.2.3/32", at("10.1.2.3"), true},
           {"172.16.0.0/12", at("172.31.255.255"), true},
           {"172.16.0.0/12", at("172.32.0.0"), false},
           {"0.0.0.0/0", at("8.8.8.8"), true},
           {"0.0.0.0/0", at("fd00::1"), false},
           {"::/0", at("fd00::1"), true},
           {"::/0", at("8.8.8.8"), false},
           {"fd00::/7", at("fc00::1"), true},
           {"fe80::/10", at("fec0::1"), false},
           {"10.0.0.0/8", at("10.example.com"), false}});
}

TEST(no_proxy, passes_over_what_is_no_entry) {
    for (const char* list : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "fd00::/129", "[10.0.0.1",
                             "[10.0.0.1]x", "example.com/8", "example.com:", "example.com:0", "example.com:65536",
                             "example.com:https", ".", "*.", ":", "[]", "a:b:c", "10.0.0.1:+80"}) {
        check({{list, at("10.0.0.1", 80), false}, {list, at("example.com"), false}, {list, at("fd00::1"), false}});
    }
    EXPECT_TRUE(no_proxy_list("10.0.0.0/33,example.com:x,example.com").covers(at("example.com")));
}

TEST(is_loopback, knows_the_names_and_addresses_of_this_machine) {
    using chorus::policy::is_loopback;
    for (const char* host : {"localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.9.8.7", "::1",
                             "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(is_loopback(host)) << host;
    }
    for (const char* host :
         {"", "notlocalhost", "localhost.com", "128.0.0.1", "0.0.0.0", "::", "::2", "1::1", "127.0.0.1.nip.example"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
}

}  // namespace

}  // namespace no_proxy_tests
