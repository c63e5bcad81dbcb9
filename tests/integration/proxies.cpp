// The whole client through real proxies: what reaches the server, what the proxy refuses, and what goes past it.
#include "support/proxies.hpp"

#include <chorus/async/gather.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chorus::proxies_tests {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using policy::proxy_settings;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::mock_options;
using testing::mock_server;
using ::testing::Not;
using testing_support::microsocks;
using testing_support::proxy_process;
using testing_support::tinyproxy;

#define NEEDS(program) \
    if (!program::is_installed()) CO_SKIP() << #program " is not installed"

const std::vector<http::protocol> versions{
    http::protocol::http1,
#ifdef CHORUS_WITH_HTTP2
    http::protocol::http2,
#endif
};

mock_options over_tls() {
    mock_options options;
#ifdef CHORUS_WITH_HTTP2
    options.http2();
#endif
    return options;
}

client connect_to(executor ex, const std::string& base_url, client_options options, const std::string& ca_pem = {}) {
    if (!ca_pem.empty()) options.tls(net::tls_options().ca_pem(ca_pem));
    const auto no_environment = [](const char*) -> const char* { return nullptr; };
    return client(ex, openai(no_environment).base_url(base_url).api_key("k"), options);
}
client connect_to(executor ex, const mock_server& server, client_options options) {
    return connect_to(ex, server.base_url(), std::move(options), server.ca_pem());
}

chat_request question(std::size_t number = 1) {
    return chat_request("m").user("Question " + std::to_string(number));
}

/// Asks some questions at once and one more, over each version of HTTP, and expects the answers by way of the proxy.
awaitable<void> expect_answers(executor ex, const proxy_process& by, const std::string& url) {
    for (const auto version : versions) {
        mock_server server(ex, over_tls());
        client llm = connect_to(ex, server, client_options().protocol(version).max_connections(2).proxy(url));
        std::vector<awaitable<result<chat_response>>> calls;
        for (std::size_t i = 0; i < 6; ++i) calls.push_back(llm.try_complete(question(i)));
        const auto replies = co_await gather(std::move(calls));
        for (std::size_t i = 0; i < replies.size(); ++i) {
            CO_ASSERT_TRUE(replies[i]) << replies[i].error().message();
            EXPECT_EQ(replies[i]->text(), "echo: Question " + std::to_string(i));
        }
        const auto last = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(last) << last.error().message();
        EXPECT_TRUE(last->timing().reused) << "a tunnel serves more than one call";
        EXPECT_LE(llm.pool_stats().opened, 2u);
        EXPECT_THAT(by.log(), HasSubstr(std::to_string(server.port()))) << "the proxy was asked for the server";
    }
}

/// Asks a question that the proxy is to refuse, and gives what the client says then.
awaitable<error> refusal(executor ex, const std::string& url, std::string& password, const mock_server& server) {
    client llm = connect_to(ex, server, client_options().proxy(url));
    const auto reply = co_await llm.try_complete(question());
    EXPECT_FALSE(reply);
    if (reply) co_return error();
    EXPECT_THAT(reply.error().message(), Not(HasSubstr(password)));
    EXPECT_THAT(api_error(reply.error()).what(), Not(HasSubstr(password)));
    EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().idle + llm.pool_stats().connecting, 0u);
    co_return reply.error();
}

// --- an HTTP proxy --------------------------------------------------------------------------------------------------

CHORUS_REAL_TIME_TEST(http_proxy, opens_tunnels_to_tls_servers) {
    NEEDS(tinyproxy);
    const tinyproxy by;
    co_await expect_answers(get_executor(), by, by.url("http"));
}

CHORUS_REAL_TIME_TEST(http_proxy, opens_tunnels_with_a_password) {
    NEEDS(tinyproxy);
    const tinyproxy by("user", "w0rd");
    co_await expect_answers(get_executor(), by, by.url("http", "user:w%30rd"));
}

CHORUS_REAL_TIME_TEST(http_proxy, passes_on_requests_to_plain_servers) {
    NEEDS(tinyproxy);
    // Like many, it opens no tunnel to such a port.
    const tinyproxy by("user", "word", "ConnectPort 443");
    mock_server server(get_executor(), mock_options().plain().record(2));
    client llm = connect_to(get_executor(), server, client_options().proxy(by.url("http", "user:word")));
    for (std::size_t i = 0; i < 2; ++i) {
        const auto reply = co_await llm.try_complete(question(i));
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->text(), "echo: Question " + std::to_string(i));
    }
    EXPECT_THAT(by.log(), HasSubstr("POST http://127.0.0.1:" + std::to_string(server.port())));
    CO_ASSERT_EQ(server.requests().size(), 2u);
    for (const auto& request : server.requests()) {
        EXPECT_FALSE(request.headers.contains("Proxy-Authorization")) << "that is not for the server";
    }
}

#ifdef CHORUS_WITH_HTTP2
CHORUS_REAL_TIME_TEST(http_proxy, opens_tunnels_to_plain_servers_that_speak_http2) {
    NEEDS(tinyproxy);
    const tinyproxy by;
    mock_server server(get_executor(), mock_options().plain().http2());
    client llm =
        connect_to(get_executor(), server, client_options().protocol(http::protocol::http2).proxy(by.url("http")));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_THAT(by.log(), HasSubstr("CONNECT 127.0.0.1:" + std::to_string(server.port())));
}
#endif

CHORUS_REAL_TIME_TEST(http_proxy, is_named_when_it_wants_another_password) {
    NEEDS(tinyproxy);
    const tinyproxy by("user", "word");
    std::string password = "hush-hush";
    for (const bool plain : {false, true}) {
        mock_server server(get_executor(), mock_options().plain(plain));
        const auto none = co_await refusal(get_executor(), by.url("http"), password, server);
        EXPECT_EQ(none, errc::proxy_failed) << none.message();
        EXPECT_EQ(none.phase(), phase::proxy);
        EXPECT_EQ(none.cause(),
                  by.name() + " answered 407 Proxy Authentication Required: it asks for a user and password");
        EXPECT_EQ(server.counters().requests, 0u);
        if (plain) break;
        const auto wrong = co_await refusal(get_executor(), by.url("http", "user:" + password), password, server);
        EXPECT_EQ(wrong, errc::proxy_failed) << wrong.message();
        EXPECT_EQ(wrong.cause(), by.name() + " answered 401 Unauthorized");  // tinyproxy's word for a wrong one
        EXPECT_EQ(server.counters().requests, 0u);
    }
}

CHORUS_REAL_TIME_TEST(http_proxy, is_named_when_it_opens_no_tunnel) {
    NEEDS(tinyproxy);
    std::string password = "hush-hush";
    const tinyproxy strict({}, {}, "ConnectPort 443");
    mock_server server(get_executor(), over_tls());
    const auto forbidden = co_await refusal(get_executor(), strict.url("http"), password, server);
    EXPECT_EQ(forbidden, errc::proxy_failed) << forbidden.message();
    EXPECT_NE(forbidden, condition::retryable);
    EXPECT_THAT(std::string(forbidden.cause()), HasSubstr(strict.name() + " answered 403 "));

    const tinyproxy by;
    server.stop();
    const auto unreachable = co_await refusal(get_executor(), by.url("http"), password, server);
    EXPECT_EQ(unreachable, errc::connect_failed) << unreachable.message();
    EXPECT_EQ(unreachable, condition::retryable);
    EXPECT_EQ(unreachable.phase(), phase::proxy);
    EXPECT_THAT(std::string(unreachable.cause()), HasSubstr(by.name() + " answered 50"));
}

// --- SOCKS5 ---------------------------------------------------------------------------------------------------------

CHORUS_REAL_TIME_TEST(socks5_proxy, opens_tunnels) {
    NEEDS(microsocks);
    const microsocks by;
    co_await expect_answers(get_executor(), by, by.url("socks5"));
    co_await expect_answers(get_executor(), by, by.url("socks5h"));
}

CHORUS_REAL_TIME_TEST(socks5_proxy, opens_tunnels_with_a_password) {
    NEEDS(microsocks);
    const microsocks by("user", "w0rd");
    co_await expect_answers(get_executor(), by, by.url("socks5", "user:w%30rd"));
}

CHORUS_REAL_TIME_TEST(socks5_proxy, leads_to_plain_servers) {
    NEEDS(microsocks);
    const microsocks by;
    mock_server server(get_executor(), mock_options().plain());
    client llm = connect_to(get_executor(), server, client_options().proxy(by.url("socks5")));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_THAT(by.log(), HasSubstr(std::to_string(server.port())));
}

CHORUS_REAL_TIME_TEST(socks5_proxy, is_named_when_it_refuses) {
    NEEDS(microsocks);
    const microsocks by("user", "word");
    std::string password = "hush-hush";
    mock_server server(get_executor(), over_tls());
    const auto none = co_await refusal(get_executor(), by.url("socks5"), password, server);
    EXPECT_EQ(none, errc::proxy_failed) << none.message();
    EXPECT_EQ(none.cause(), by.name() + " asks for a user and password, or for more");
    const auto wrong = co_await refusal(get_executor(), by.url("socks5", "user:" + password), password, server);
    EXPECT_EQ(wrong, errc::proxy_failed) << wrong.message();
    EXPECT_EQ(wrong.cause(), by.name() + " does not take the user and password given");
    EXPECT_EQ(wrong.text(), server.base_url().substr(0, server.base_url().rfind('/')) + " by the proxy " + by.name());
    server.stop();
    const auto unreachable = co_await refusal(get_executor(), by.url("socks5", "user:word"), password, server);
    EXPECT_EQ(unreachable, errc::connect_failed) << unreachable.message();
    EXPECT_EQ(unreachable.cause(), by.name() + " answered: the connection was refused");
}

// --- which proxy ----------------------------------------------------------------------------------------------------

/// A port of loopback where connections come, and nobody says a word.
struct silent_proxy {
    asio::ip::tcp::acceptor acceptor;
    explicit silent_proxy(const executor& ex) : acceptor(ex, {asio::ip::address_v4::loopback(), 0}) {}
    std::string name() const { return "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()); }
};

CHORUS_REAL_TIME_TEST(proxy, is_passed_by_where_the_list_says_so) {
    const silent_proxy by(get_executor());
    mock_server server(get_executor(), over_tls());
    for (const auto& list : {"127.0.0.0/8"s, "127.0.0.1:" + std::to_string(server.port()), "*"s}) {
        proxy_settings settings("http://" + by.name());
        settings.no_proxy(list);
        client llm = connect_to(get_executor(), server, client_options().proxy(settings));
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << reply.error().message();
    }
}

CHORUS_REAL_TIME_TEST(proxy, that_is_silent_meets_the_connect_limit) {
    const silent_proxy by(get_executor());
    mock_server server(get_executor(), over_tls());
    for (const char* scheme : {"http://", "socks5://"}) {
        client llm = connect_to(get_executor(), server,
                                client_options().proxy(scheme + by.name()).connect_timeout(30ms).timeout(2s));
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::connect_timed_out) << reply.error().message();
        EXPECT_THAT(reply.error().message(), HasSubstr("by the proxy " + by.name()));
        EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().idle + llm.pool_stats().connecting, 0u);
    }
}

CHORUS_REAL_TIME_TEST(proxy, is_left_alone_when_a_call_is_cancelled_during_its_handshake) {
    silent_proxy by(get_executor());
    mock_server server(get_executor(), over_tls());
    for (const char* scheme : {"http://", "socks5h://"}) {
        client llm = connect_to(get_executor(), server, client_options().proxy(scheme + by.name()));
        auto call = spawn(get_executor(), llm.try_complete(question()));
        asio::ip::tcp::socket accepted = co_await by.acceptor.async_accept(use_awaitable);
        co_await accepted.async_wait(asio::socket_base::wait_read, use_awaitable);
        call.cancel();
        const auto reply = co_await std::move(call);
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::cancelled) << reply.error().message();
        EXPECT_EQ(llm.pool_stats().waiting, 0u);
        // The connection that was being opened is nobody's now; with the client it goes.
        co_await llm.close();
        EXPECT_EQ(llm.pool_stats().connecting + llm.pool_stats().idle + llm.pool_stats().in_use, 0u);
    }
}

// --- the environment ------------------------------------------------------------------------------------------------

/// The variables that proxies come from, and nothing of what they were before. Then all is as it was.
class proxy_environment {
 public:
    using settings = std::vector<std::pair<const char*, std::string>>;

    explicit proxy_environment(const settings& variables) {
        for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY",
                                 "no_proxy", "NO_PROXY", "REQUEST_METHOD"}) {
            const char* const value = std::getenv(name);
            before_.emplace_back(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
            ::unsetenv(name);
        }
        for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
    }
    ~proxy_environment() {
        for (const auto& [name, value] : before_) {
            if (value) {
                ::setenv(name, value->c_str(), 1);
            } else {
                ::unsetenv(name);
            }
        }
    }
    proxy_environment(const proxy_environment&) = delete;
    proxy_environment& operator=(const proxy_environment&) = delete;

 private:
    std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

/// What becomes of a question to a server that does not exist.
awaitable<error> ask_nobody(executor ex, client_options options = {}) {
    client llm = connect_to(ex, "https://api.example.invalid/v1", options.timeout(5s));
    const auto reply = co_await llm.try_complete(question());
    EXPECT_FALSE(reply);
    co_return reply ? error() : reply.error();
}

CHORUS_REAL_TIME_TEST(proxy_environment, counts_without_any_option) {
    std::optional<silent_proxy> gone(get_executor());
    const std::string by = gone->name();
    gone.reset();
    for (const char* variable : {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}) {
        const proxy_environment variables(proxy_environment::settings{{variable, "http://user:hush@" + by}});
        const auto failed = co_await ask_nobody(get_executor());
        EXPECT_EQ(failed, errc::connect_failed) << variable << ": " << failed.message();
        EXPECT_EQ(failed.text(), "https://api.example.invalid by the proxy " + by);
        EXPECT_THAT(failed.message(), Not(HasSubstr("hush")));
    }
}

CHORUS_REAL_TIME_TEST(proxy_environment, leaves_this_machine_alone) {
    const silent_proxy by(get_executor());
    const proxy_environment variables(
        proxy_environment::settings{{"HTTPS_PROXY", "http://" + by.name()}, {"HTTP_PROXY", "http://" + by.name()}});
    for (const bool plain : {false, true}) {
        mock_server server(get_executor(), mock_options().plain(plain));
        client llm = connect_to(get_executor(), server, {});
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << reply.error().message();
    }
}

CHORUS_REAL_TIME_TEST(proxy_environment, names_whom_no_proxy_is_for) {
    std::optional<silent_proxy> gone(get_executor());
    const std::string by = gone->name();
    gone.reset();
    mock_server server(get_executor(), mock_options().plain());
    // To Linux this address is this machine; to the rules for proxies it is any other.
    const std::string url = "http://0.0.0.0:" + std::to_string(server.port()) + "/v1";
    for (const auto& [list, is_direct] : {std::pair("0.0.0.0"s, true),
                                          {"example.com, 0.0.0.0/8"s, true},
                                          {"0.0.0.0:1"s, false},
                                          {"example.com"s, false},
                                          {""s, false}}) {
        for (const char* variable : {"NO_PROXY", "no_proxy"}) {
            const proxy_environment variables(
                proxy_environment::settings{{"http_proxy", "http://" + by}, {variable, list}});
            client llm = connect_to(get_executor(), url, client_options().max_attempts(1));
            const auto reply = co_await llm.try_complete(question());
            CO_ASSERT_EQ(reply.has_value(), is_direct) << variable << "=" << list;
            if (reply) {
                EXPECT_EQ(reply->text(), "echo: Question 1");
            } else {
                EXPECT_EQ(reply.error(), errc::connect_failed) << reply.error().message();
                EXPECT_THAT(reply.error().message(), HasSubstr("by the proxy " + by));
            }
        }
    }
}

CHORUS_REAL_TIME_TEST(proxy_environment, is_passed_over_where_an_option_says_otherwise) {
    NEEDS(tinyproxy);
    const tinyproxy by;
    const proxy_environment variables(
        proxy_environment::settings{{"HTTPS_PROXY", "http://127.0.0.1:1"}, {"NO_PROXY", "*"}});
    co_await expect_answers(get_executor(), by, by.url("http"));
}

CHORUS_REAL_TIME_TEST(proxy_environment, is_told_of_when_it_is_malformed) {
    const proxy_environment variables(proxy_environment::settings{{"HTTPS_PROXY", "ftp://user:hush@proxy"}});
    const auto failed = co_await ask_nobody(get_executor());
    EXPECT_EQ(failed, errc::invalid_argument) << failed.message();
    EXPECT_EQ(failed.phase(), phase::input);
    EXPECT_EQ(failed.param(), "HTTPS_PROXY");
    EXPECT_THAT(failed.message(), Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace chorus::proxies_tests
