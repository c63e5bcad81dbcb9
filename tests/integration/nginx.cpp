// The whole client against nginx, which many APIs stand behind: its limits, its goodbyes and its failures.
#include "support/nginx.hpp"

#include <chorus/async/event.hpp>
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/gather.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::nginx_tests {
namespace {

using namespace std::chrono_literals;
using testing::mock_options;
using testing::mock_server;
using testing_support::nginx;

// A test that needs nginx, whatever version of HTTP is spoken to it, or over one of them only.
#define NGINX_TEST_OVER(version, name)                                     \
    CHORUS_REAL_TIME_TEST(nginx_over_##version, name) {                    \
        if (!nginx::is_installed()) CO_SKIP() << "nginx is not installed"; \
        wall_limit(120s);                                                  \
        co_await test_##name(*this, http::protocol::version);              \
    }
#ifdef CHORUS_WITH_HTTP2
#define NGINX_TEST_OVER_HTTP2(name) NGINX_TEST_OVER(http2, name)
#else
#define NGINX_TEST_OVER_HTTP2(name)
#endif
#define NGINX_TEST_BODY(name) \
    awaitable<void> test_##name([[maybe_unused]] testing::coroutine_test& test, [[maybe_unused]] http::protocol version)
#define NGINX_TEST(name)         \
    NGINX_TEST_BODY(name);       \
    NGINX_TEST_OVER(http1, name) \
    NGINX_TEST_OVER_HTTP2(name)  \
    NGINX_TEST_BODY(name)
#define NGINX_HTTP1_TEST(name)   \
    NGINX_TEST_BODY(name);       \
    NGINX_TEST_OVER(http1, name) \
    NGINX_TEST_BODY(name)
#define NGINX_HTTP2_TEST(name)   \
    NGINX_TEST_BODY(name);       \
    NGINX_TEST_OVER(http2, name) \
    NGINX_TEST_BODY(name)

/// The client speaks the version under test because the server offers no other: what it may speak is left to it.
std::string listen(http::protocol version) {
    return version == http::protocol::http2 ? "ssl http2" : "ssl";
}

/// One attempt a call: what the connections do not mend is seen.
client connect_to(executor ex, const nginx& server, client_options options = {}) {
    options.max_attempts(1);
    options.tls(net::tls_options().ca_pem(server.ca_pem()));
    const auto no_environment = [](const char*) -> const char* { return nullptr; };
    return client(ex, openai(no_environment).base_url(server.base_url()).api_key("k"), options);
}

chat_request question(std::size_t number = 1) {
    return chat_request("m").user("Question " + std::to_string(number));
}

std::string answer(std::size_t number = 1) {
    return "echo: Question " + std::to_string(number);
}

/// How many answers each connection and each worker gave.
struct tally {
    std::map<std::string, std::size_t> of_connection;
    std::map<std::string, std::size_t> of_worker;
};

/// Asks questions, so many at once, and expects the right answer to each.
awaitable<void> ask_all(client& llm, std::size_t questions, std::size_t at_once, tally& counts) {
    const auto ask = [&llm](std::size_t number) { return llm.try_complete(question(number)); };
    const auto check = [&counts](std::size_t number, result<chat_response> reply) {
        if (!reply) {
            ADD_FAILURE() << "question " << number << ": " << reply.error().message();
            return;
        }
        EXPECT_EQ(reply->text(), answer(number));
        ++counts.of_connection[std::string(reply->headers().get("x-connection"))];
        ++counts.of_worker[std::string(reply->headers().get("x-worker"))];
    };
    const for_each_options options{.limit = at_once};
    co_await for_each_completed(std::views::iota(std::size_t{0}, questions), ask, options, check);
}

std::size_t most(const std::map<std::string, std::size_t>& counts) {
    return counts.empty() ? 0 : std::ranges::max(counts | std::views::values);
}

// --- what is spoken -------------------------------------------------------------------------------------------------

NGINX_TEST(agrees_on_the_protocol_that_nginx_offers) {
    const nginx server(listen(version), nginx::answering("Hello."));
    client llm = connect_to(test.get_executor(), server);
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.text(), "Hello.");
    EXPECT_EQ(reply.headers().get("x-protocol"), version == http::protocol::http2 ? "HTTP/2.0" : "HTTP/1.1");
}

NGINX_HTTP2_TEST(is_not_spoken_where_the_user_wants_the_older_one) {
    const nginx server("ssl http2", nginx::answering("Hello."));
    client llm = connect_to(test.get_executor(), server, client_options().protocol(http::protocol::http1));
    EXPECT_EQ((co_await llm.complete(question())).headers().get("x-protocol"), "HTTP/1.1");
}

NGINX_HTTP2_TEST(is_spoken_without_tls_by_prior_knowledge) {
    const nginx server("http2", nginx::answering("Hello."));
    client llm = connect_to(test.get_executor(), server, client_options().protocol(http::protocol::http2));
    EXPECT_EQ((co_await llm.complete(question())).headers().get("x-protocol"), "HTTP/2.0");
}

NGINX_TEST(refuses_a_server_whose_authority_it_does_not_trust) {
    const nginx server(listen(version), nginx::answering("Hello."));
    const nginx other(listen(version), nginx::answering("Hello."));
    const auto no_environment = [](const char*) -> const char* { return nullptr; };
    auto options = client_options().tls(net::tls_options().ca_pem(other.ca_pem()));
    client llm(test.get_executor(), openai(no_environment).base_url(server.base_url()).api_key("k"), options);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::certificate_rejected);
}

// --- how many requests a connection carries -------------------------------------------------------------------------

NGINX_HTTP2_TEST(keeps_to_the_limit_of_streams_of_each_connection) {
    constexpr std::size_t calls = 100;
    constexpr std::size_t limit = 8;
    mock_server upstream(test.get_executor(), mock_options().plain().record(calls));
    const nginx server("ssl http2", "http2_max_concurrent_streams 8; proxy_set_header x-connection $connection;" +
                                        nginx::proxy_to(upstream.port()));
    // No answer is sent before all the requests are there: nothing but further connections gets them through.
    upstream.expect().times(calls).hold();
    std::size_t arrived = 0;
    upstream.on_request([&](const testing::mock_request&) {
        if (++arrived == calls) asio::post(test.get_executor(), [&upstream] { upstream.release(); });
    });
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, calls, calls, counts);
    EXPECT_EQ(arrived, calls) << "a request was sent twice";
    EXPECT_EQ(llm.pool_stats().opened, (calls + limit - 1) / limit);
    EXPECT_EQ(counts.of_connection.size(), llm.pool_stats().opened);
    EXPECT_EQ(most(counts.of_connection), limit);
    EXPECT_EQ(upstream.counters().peak_in_flight, calls);
}

NGINX_TEST(follows_a_server_that_ends_connections_after_some_requests) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), "keepalive_requests 20;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, 200, 1, counts);
    EXPECT_EQ(counts.of_connection.size(), 10u);
    EXPECT_EQ(most(counts.of_connection), 20u);
    EXPECT_EQ(upstream.counters().requests, 200u) << "a request was sent twice";
}

NGINX_TEST(follows_it_with_many_calls_at_once_too) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), "keepalive_requests 20;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, 200, 16, counts);
    EXPECT_LE(most(counts.of_connection), 20u);
    EXPECT_EQ(upstream.counters().requests, 200u) << "a request was sent twice";
}

NGINX_TEST(follows_it_with_all_calls_at_once_too) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), "keepalive_requests 20;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, 200, 200, counts);
    EXPECT_LE(most(counts.of_connection), 20u);
    EXPECT_EQ(upstream.counters().requests, 200u) << "a request was sent twice";
}

NGINX_HTTP1_TEST(opens_a_connection_for_each_call_where_none_is_kept) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server("ssl", "keepalive_timeout 0;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, 20, 4, counts);
    EXPECT_EQ(counts.of_connection.size(), 20u);
    EXPECT_EQ(llm.pool_stats().idle, 0u);
    EXPECT_GT(llm.pool_stats().resumed, 0u) << "nginx hands out tickets";
}

NGINX_TEST(does_not_use_a_connection_that_was_closed_while_idle) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    // Over HTTP/2 it would wait for the client to hang up first.
    const nginx server(listen(version),
                       "keepalive_timeout 50ms; lingering_close off;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    for (std::size_t i = 0; i < 5; ++i) {
        const auto reply = co_await llm.complete(question(i));
        EXPECT_EQ(reply.text(), answer(i));
        EXPECT_FALSE(reply.timing().reused);
        while (server.open_connections() > 0) co_await asio::post(test.get_executor(), use_awaitable);
    }
    EXPECT_EQ(upstream.counters().requests, 5u);
}

NGINX_TEST(loses_no_call_to_a_server_that_closes_at_the_same_moment) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), "keepalive_timeout 1ms;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    co_await ask_all(llm, 200, 1, counts);
    EXPECT_EQ(upstream.counters().requests, 200u) << "a request was processed twice";
}

// --- restarts -------------------------------------------------------------------------------------------------------

NGINX_TEST(loses_no_call_when_nginx_reloads_its_configuration) {
    constexpr std::size_t held = 20;
    mock_server upstream(test.get_executor(), mock_options().plain());
    upstream.script().in_any_order();
    upstream.expect().body_contains("held").times(held).hold();
    std::size_t arrived = 0;
    event all_arrived;
    upstream.on_request([&](const testing::mock_request& request) {
        if (request.prompt == "held" && ++arrived == held) all_arrived.set();
    });
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    std::vector<task<result<chat_response>>> waiting;
    for (std::size_t i = 0; i < held; ++i) {
        waiting.push_back(spawn(test.get_executor(), llm.try_complete(chat_request("m").user("held"))));
    }
    co_await all_arrived.wait();

    // Calls go on while it restarts, until the new worker answers them.
    const std::string old_worker = std::to_string(server.worker());
    server.reload();
    std::size_t calls = 0;
    for (std::string worker = old_worker; worker == old_worker;) {
        ++calls;
        const auto reply = co_await llm.try_complete(question(calls));
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->text(), answer(calls));
        worker = reply->headers().get("x-worker");
    }
    // The old worker ends what it has begun.
    upstream.release();
    for (auto& each : waiting) {
        const auto reply = co_await std::move(each);
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->headers().get("x-worker"), old_worker);
    }
    EXPECT_EQ(upstream.counters().requests, held + calls) << "a request was sent twice";
}

NGINX_TEST(loses_no_call_to_one_reload_after_the_other) {
    constexpr std::size_t batch = 100;
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    std::size_t arrived = 0;
    upstream.on_request([&](const testing::mock_request&) {
        if (++arrived % batch == batch / 2) server.reload();
    });
    client llm = connect_to(test.get_executor(), server);
    tally counts;
    std::size_t calls = 0;
    for (; counts.of_worker.size() < 4; calls += batch) co_await ask_all(llm, batch, 20, counts);
    EXPECT_EQ(arrived, calls) << "a request was sent twice";
}

NGINX_TEST(goes_on_with_a_new_connection_when_a_worker_was_killed) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    const auto before = co_await llm.complete(question(1));
    server.kill_worker();
    const auto after = co_await llm.complete(question(2));
    EXPECT_EQ(after.text(), answer(2));
    EXPECT_NE(after.headers().get("x-worker"), before.headers().get("x-worker"));
    EXPECT_FALSE(after.timing().reused);
}

// --- errors ---------------------------------------------------------------------------------------------------------

NGINX_TEST(tells_that_a_request_is_too_large_though_it_was_not_all_sent) {
    const nginx server(listen(version), "client_max_body_size 1k;" + nginx::answering("Hello."));
    client llm = connect_to(test.get_executor(), server);
    for (const std::size_t size : {2'000u, 200'000u, 20'000'000u}) {
        const auto reply = co_await llm.try_complete(chat_request("m").user(std::string(size, 'x')));
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::request_too_large) << size << ": " << reply.error().message();
        EXPECT_EQ(reply.error().http_status(), 413);
        EXPECT_EQ(reply.error(), condition::client_error);
    }
    EXPECT_EQ((co_await llm.complete(question())).text(), "Hello.");
}

NGINX_TEST(takes_an_answer_that_comes_before_the_end_of_the_request) {
    const nginx server(listen(version), "client_max_body_size 100m;" + nginx::answering("Hello."));
    client llm = connect_to(test.get_executor(), server);
    for (int i = 0; i < 3; ++i) {
        const auto reply = co_await llm.try_complete(chat_request("m").user(std::string(20'000'000, 'x')));
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->text(), "Hello.");
    }
}

NGINX_TEST(tells_that_the_server_behind_has_died) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    upstream.expect().drop();
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    auto expect_bad_gateway = [](const result<chat_response>& reply) {
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::server_error) << reply.error().message();
        EXPECT_EQ(reply.error(), condition::retryable);
        EXPECT_EQ(reply.error().http_status(), 502);
    };
    expect_bad_gateway(co_await llm.try_complete(question()));
    EXPECT_EQ((co_await llm.complete(question())).text(), answer());
    upstream.stop();
    expect_bad_gateway(co_await llm.try_complete(question()));
    EXPECT_EQ(llm.pool_stats().opened, 1u) << "an error status is no reason to close";
}

NGINX_TEST(never_takes_an_answer_for_whole_that_the_server_behind_has_cut) {
    mock_server upstream(test.get_executor(), mock_options().plain());
    upstream.expect().reply_text(std::string(300'000, 'x')).drop_after(200'000);
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::truncated) << reply.error().message();
    EXPECT_EQ(reply.error().phase(), phase::read);
    EXPECT_EQ((co_await llm.complete(question())).text(), answer());
}

// --- size -----------------------------------------------------------------------------------------------------------

NGINX_TEST(receives_answers_larger_than_any_window) {
    // Of 24 MB in all: more than the window of the connection, and each more than that of a stream.
    std::string text(6'000'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (i * i + i / 251) % 26);
    mock_server upstream(test.get_executor(), mock_options().plain());
    upstream.expect().times(4).reply_text(text);
    const nginx server(listen(version), nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(llm.try_complete(question()));
    for (const auto& reply : co_await gather(std::move(calls))) {
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_TRUE(reply->text() == text) << "of " << reply->text().size() << " bytes some are wrong";
    }
}

NGINX_TEST(sends_requests_larger_than_any_window) {
    std::string text(6'000'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (i * i + i / 251) % 26);
    mock_server upstream(test.get_executor(), mock_options().plain().record(4));
    upstream.expect().times(4).reply_text("received");
    const nginx server(listen(version), "client_max_body_size 100m;" + nginx::proxy_to(upstream.port()));
    client llm = connect_to(test.get_executor(), server);
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(llm.try_complete(chat_request("m").user(text)));
    for (const auto& reply : co_await gather(std::move(calls))) {
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->text(), "received");
    }
    for (const auto& request : upstream.requests()) {
        EXPECT_TRUE(request.prompt == text) << "of " << request.prompt.size() << " bytes some are wrong";
    }
}

}  // namespace
}  // namespace chorus::nginx_tests
