// Contracts of OLLAMA_HOST, in all the forms that people give it.
#include <chorus/http/url.hpp>
#include <chorus/provider/detail/ollama_host.hpp>

#include <gtest/gtest.h>

#include <string_view>

namespace ollama_host_tests {

namespace {

using chorus::detail::ollama_base_url;

struct form {
    std::string_view host;
    std::string_view url;
};

constexpr form forms[] = {
    {"", "http://127.0.0.1:11434/v1"},
    {" \n", "http://127.0.0.1:11434/v1"},
    {"gpu-box", "http://gpu-box:11434/v1"},
    {"gpu-box:9999", "http://gpu-box:9999/v1"},
    {" gpu-box:9999\n", "http://gpu-box:9999/v1"},
    {"\"gpu-box\"", "http://gpu-box:11434/v1"},
    {"'gpu-box:1'", "http://gpu-box:1/v1"},
    {"1.2.3.4", "http://1.2.3.4:11434/v1"},
    {":56789", "http://127.0.0.1:56789/v1"},
    // The scheme has a port of its own.
    {"http://gpu-box", "http://gpu-box:80/v1"},
    {"https://gpu-box", "https://gpu-box:443/v1"},
    {"https://gpu-box:1", "https://gpu-box:1/v1"},
    {"ollama.com", "https://ollama.com:443/v1"},
    {"ollama.com:8080", "http://ollama.com:8080/v1"},
    // What is no port is the default one.
    {"gpu-box:", "http://gpu-box:11434/v1"},
    {"gpu-box:http", "http://gpu-box:11434/v1"},
    {"gpu-box:65536", "http://gpu-box:11434/v1"},
    {"gpu-box:-1", "http://gpu-box:11434/v1"},
    {"gpu-box:0", "http://gpu-box:11434/v1"},
    {"https://gpu-box:66000", "https://gpu-box:443/v1"},
    // Paths stay.
    {"gpu-box/ollama", "http://gpu-box:11434/ollama/v1"},
    {"https://gpu-box:1/a/b/", "https://gpu-box:1/a/b/v1"},
    {"gpu-box/", "http://gpu-box:11434/v1"},
    // IPv6, with and without brackets.
    {"::1", "http://[::1]:11434/v1"},
    {"[::1]", "http://[::1]:11434/v1"},
    {"[::1]:9999", "http://[::1]:9999/v1"},
    {"[fe80::2]/x", "http://[fe80::2]:11434/x/v1"},
    // Where a server listens is not where it is reached.
    {"0.0.0.0", "http://127.0.0.1:11434/v1"},
    {"http://0.0.0.0:9999", "http://127.0.0.1:9999/v1"},
    {"::", "http://[::1]:11434/v1"},
    {"[::]:9999", "http://[::1]:9999/v1"},
};

TEST(ollama_host, is_read_as_ollama_reads_it) {
    for (const auto& [host, url] : forms) {
        EXPECT_EQ(ollama_base_url(host), url) << host;
        EXPECT_TRUE(chorus::http::url::parse(ollama_base_url(host))) << host;
    }
}

TEST(ollama_host, gives_a_url_that_is_refused_for_a_scheme_that_is_none) {
    EXPECT_FALSE(chorus::http::url::parse(ollama_base_url("ftp://gpu-box")));
}

}  // namespace

}  // namespace ollama_host_tests
