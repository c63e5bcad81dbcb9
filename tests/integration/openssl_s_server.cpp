// The transport against `openssl s_server`: TLS that is odd and allowed, TLS that is to be refused, and connections that
// end in every way.
#include "support/openssl_s_server.hpp"

#include <chorus/async/task.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include <support/collecting_sink.hpp>

namespace chorus::net::openssl_s_server_tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing_support::collecting_sink;
using testing_support::openssl_s_server;
using words = openssl_s_server::words;

#define S_SERVER_TEST(name)                                                             \
    awaitable<void> test_##name(testing::coroutine_test& test);                         \
    CHORUS_REAL_TIME_TEST(openssl_s_server, name) {                                     \
        if (!openssl_s_server::is_installed()) CO_SKIP() << "openssl is not installed"; \
        co_await test_##name(*this);                                                    \
    }                                                                                   \
    awaitable<void> test_##name(testing::coroutine_test& test)

const testing::certificate_authority& authority() {
    static const testing::certificate_authority made;
    return made;
}

std::shared_ptr<http_transport> transport_with(executor ex, tls_options options = {}) {
    return http_transport::create(ex, {}, options.ca_pem(authority().pem())).value();
}

/// Asks for `/answer`.
awaitable<result<http::response>> get(http_transport& by, const openssl_s_server& from) {
    http::request message;
    message.method = "GET";
    message.origin = {true, "127.0.0.1", from.port()};
    message.target = "/answer";
    const http::limits caps{.connect = 20s, .tls = 20s, .total = 20s};
    http::response answer;
    const auto sent = co_await by.send(message, caps, answer);
    if (!sent) co_return sent.error();
    co_return answer;
}

/// As `get`, with the body taken piece by piece.
awaitable<result<http::response>> get_streamed(http_transport& by, const openssl_s_server& from) {
    http::request message;
    message.method = "GET";
    message.origin = {true, "127.0.0.1", from.port()};
    message.target = "/answer";
    const http::limits caps{.connect = 20s, .tls = 20s, .total = 20s};
    auto opened = co_await by.open(message, caps);
    if (!opened) co_return opened.error();
    http::response answer = (*opened)->take_head();
    collecting_sink sink;
    for (bool more = true; more;) {
        const auto step = co_await (*opened)->read(sink, {});
        if (!step) co_return step.error();
        more = *step;
    }
    answer.body = sink.body;
    co_return answer;
}

S_SERVER_TEST(is_understood_in_all_its_ways) {
    const std::string body(100'000, 'x');
    struct row {
        words options;
        bool resumes;
    };
    for (const auto& [options, resumes] : std::vector<row>{
             {{"-tls1_2"}, true},
             {{"-tls1_2", "-no_ticket"}, true},  // it keeps the session itself
             {{"-tls1_2", "-no_ticket", "-no_cache"}, false},
             {{"-tls1_2", "-max_send_frag", "512", "-cipher", "ECDHE-ECDSA-AES128-SHA"}, true},
             {{"-tls1_3", "-num_tickets", "0"}, false},
             {{"-tls1_3", "-num_tickets", "100"}, true},
             {{"-tls1_3", "-no_ticket"}, true},  // likewise
             {{"-tls1_3", "-max_send_frag", "512", "-record_padding", "100"}, true},
             {{"-tls1_3", "-split_send_frag", "700", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"}, true},
             {{"-tls1_3", "-groups", "P-521"}, true},  // asks for another hello
             {{"-tls1_3", "-stateless"}, true},        // likewise
             {{"-max_early_data", "16384", "-alpn", "spdy/3,http/1.1"}, true},
         }) {
        words all{"-WWW"};
        all.insert(all.end(), options.begin(), options.end());
        const openssl_s_server server(authority(), all);
        server.serve("answer", body);
        const auto client = transport_with(test.get_executor());
        for (const bool again : {false, true}) {
            const auto answer = co_await get(*client, server);
            CO_ASSERT_TRUE(answer) << options.back() << ": " << answer.error().message();
            EXPECT_TRUE(answer->body == body) << options.back();
            EXPECT_EQ(answer->timing.tls_resumed, again && resumes) << options.back();
            EXPECT_FALSE(answer->timing.reused) << "HTTP/1.0 ends with the connection";
        }
    }
}

S_SERVER_TEST(is_refused_where_it_agrees_to_nothing_that_is_safe) {
    struct row {
        words options;
        const char* cause;
    };
    for (const auto& [options, cause] : std::vector<row>{
             {{"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"}, "protocol version"},
             {{"-no_tls1_2", "-no_tls1_3", "-cipher", "DEFAULT@SECLEVEL=0"}, "protocol version"},
             {{"-tls1_2", "-nocert", "-cipher", "aNULL@SECLEVEL=0"}, "handshake failure"},
             {{"-tls1_2", "-cipher", "eNULL@SECLEVEL=0"}, "handshake failure"},
             {{"-alpn", "spdy/3"}, "no application protocol"},
         }) {
        const openssl_s_server server(authority(), options);
        const auto client = transport_with(test.get_executor());
        const auto answer = co_await get(*client, server);
        CO_ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error(), errc::tls_failed) << answer.error().message();
        EXPECT_EQ(answer.error().phase(), phase::tls);
        EXPECT_THAT(answer.error().message(), HasSubstr(cause));
        EXPECT_THAT(answer.error().message(), HasSubstr("127.0.0.1:" + std::to_string(server.port())));
    }
}

S_SERVER_TEST(takes_a_client_with_the_certificate_that_it_demands_and_no_other) {
    using usage = testing::certificate_options::usage;
    const auto for_clients = testing::certificate_options().extended_usage(usage::client);
    const testing::certificate good = authority().issue(for_clients);
    const testing::certificate foreign = testing::certificate_authority("Somebody Else").issue(for_clients);
    struct row {
        const testing::certificate* shown;
        const char* alert_of_1_2;
        const char* alert_of_1_3;
    };
    // It agrees to HTTP/2 and speaks none: what it refuses, it refuses before that.
    for (const words& version : {words{"-tls1_2"}, words{"-tls1_3"}, words{"-tls1_3", "-alpn", "h2"}}) {
        const bool is_1_3 = version.front() == "-tls1_3";
        for (const auto& [shown, alert_of_1_2, alert_of_1_3] :
             {row{&good, nullptr, nullptr}, row{nullptr, "handshake failure", "certificate required"},
              row{&foreign, "unknown ca", "unknown ca"}}) {
            if (shown == &good && version.size() > 1) continue;
            words options{"-WWW", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem"};
            options.insert(options.end(), version.begin(), version.end());
            const openssl_s_server server(authority(), options);
            server.serve("answer", "for friends");
            tls_options identity;
            if (shown != nullptr) {
                identity.certificate_chain_pem(shown->certificate_pem()).private_key_pem(shown->private_key_pem());
            }
            const auto client = transport_with(test.get_executor(), identity);
            const auto answer = co_await get(*client, server);
            const char* const alert = is_1_3 ? alert_of_1_3 : alert_of_1_2;
            CO_ASSERT_EQ(answer.has_value(), alert == nullptr) << version.back();
            if (answer) {
                EXPECT_EQ(answer->body, "for friends");
                continue;
            }
            EXPECT_EQ(answer.error(), errc::tls_failed) << answer.error().message();
            EXPECT_EQ(answer.error().phase(), phase::tls);
            EXPECT_THAT(answer.error().message(), HasSubstr(alert));
            EXPECT_THAT(answer.error().message(), HasSubstr("127.0.0.1:" + std::to_string(server.port())));
        }
    }
}

const std::string three_bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

S_SERVER_TEST(may_change_its_keys_at_any_moment) {
    openssl_s_server server(authority(), {"-tls1_3"});
    const auto client = transport_with(test.get_executor());
    for (const bool again : {false, true}) {
        auto call = spawn(test.get_executor(), get(*client, server));
        co_await server.prints("\r\n\r\n");
        server.type("K\n");  // and asks for new ones of ours
        server.type(three_bytes.substr(0, 10));
        server.type("k\n");
        server.type(three_bytes.substr(10));
        const auto answer = co_await std::move(call);
        CO_ASSERT_TRUE(answer) << answer.error().message();
        EXPECT_EQ(answer->body, "abc");
        EXPECT_EQ(answer->timing.reused, again) << "what came while the connection was idle is no data";
        server.type("K\n");
        server.type("k\n");
    }
}

S_SERVER_TEST(may_not_negotiate_anew) {
    for (const char* command : {"r\n", "R\n"}) {
        openssl_s_server server(authority(), {"-tls1_2"});
        const auto client = transport_with(test.get_executor());
        auto call = spawn(test.get_executor(), get(*client, server));
        co_await server.prints("\r\n\r\n");
        server.type(command);
        const auto answer = co_await std::move(call);
        // The server takes a refusal for the end (RFC 5246, 7.2.2, leaves that to it).
        CO_ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error(), errc::connection_lost) << answer.error().message();
        EXPECT_THAT(answer.error().message(), HasSubstr("handshake failure"));
        EXPECT_EQ(client->pool_stats().idle + client->pool_stats().in_use, 0u);
    }
}

S_SERVER_TEST(may_not_mix_plain_text_in) {
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
        openssl_s_server server(authority(), {version});
        const auto client = transport_with(test.get_executor());
        auto call = spawn(test.get_executor(), get_streamed(*client, server));
        co_await server.prints("\r\n\r\n");
        server.type(three_bytes.substr(0, three_bytes.size() - 1));
        server.type("P\n");
        server.type("c");
        const auto answer = co_await std::move(call);
        CO_ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error(), errc::truncated) << answer.error().message();
        EXPECT_THAT(answer.error().message(), HasSubstr("wrong version number"));
    }
}

S_SERVER_TEST(has_sent_all_only_if_the_message_or_its_goodbye_says_so) {
    struct row {
        const char* answer;
        bool is_whole_with_goodbye;
        bool is_whole_without;
    };
    // With files it says goodbye; at the command to end a connection it just closes.
    const openssl_s_server polite(authority(), {"-HTTP"});
    openssl_s_server abrupt(authority());
    for (const auto& [text, is_whole_with_goodbye, is_whole_without] :
         {row{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, true},
          row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true, true},
          row{"HTTP/1.1 200 OK\r\n\r\nabc", true, false}, row{"HTTP/1.0 200 OK\r\n\r\nabc", true, false},
          row{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", false, false},
          row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, false}}) {
        for (const bool says_goodbye : {true, false}) {
            for (auto* ask : {&get, &get_streamed}) {
                polite.serve("answer", text);
                const auto client = transport_with(test.get_executor());
                auto call = spawn(test.get_executor(), ask(*client, says_goodbye ? polite : abrupt));
                if (!says_goodbye) {
                    co_await abrupt.prints("\r\n\r\n");
                    abrupt.type(text);
                    abrupt.type("q\n");
                }
                const auto answer = co_await std::move(call);
                CO_ASSERT_EQ(answer.has_value(), says_goodbye ? is_whole_with_goodbye : is_whole_without) << text;
                if (answer) {
                    EXPECT_EQ(answer->body, "abc");
                } else {
                    EXPECT_EQ(answer.error(), errc::truncated) << answer.error().message();
                }
            }
        }
    }
}

}  // namespace
}  // namespace chorus::net::openssl_s_server_tests
