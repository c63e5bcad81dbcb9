#include <chorus/async/sleep.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "mock_server_client.hpp"

namespace mock_server_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;
using chorus_test::byte_client;
using chorus_test::chat_request;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
namespace asio = boost::asio;

constexpr std::array no_and_yes = {false, true};  // g++ 12: no braced list in the range of a loop that awaits

mock_options plain() {
    return mock_options().plain();
}

// Lets the loop work until something is so; with a virtual clock no time passes meanwhile.
chorus::awaitable<void> until(std::function<bool()> holds) {
    while (!holds()) co_await asio::post(chorus::use_awaitable);
}

chorus::awaitable<std::string> ask(mock_server& server, std::string request) {
    byte_client client(co_await chorus::this_coro::executor);
    const auto tls = chorus_test::trust(server);
    co_await client.connect(server.port(), tls);
    co_await client.send(std::move(request));
    co_return co_await client.response();
}

CHORUS_TEST(mock_server, answers_over_tls_that_its_own_authority_vouches_for) {
    mock_server server(get_executor());
    EXPECT_EQ(server.base_url(), "https://127.0.0.1:" + std::to_string(server.port()) + "/v1");
    const std::string reply = co_await ask(server, chat_request("hello"));
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(reply, HasSubstr("\"content\":\"echo: hello\""));
    EXPECT_EQ(server.counters().handshakes_full, 1u);
    EXPECT_EQ(server.counters().requests, 1u);
    EXPECT_EQ(server.counters().replies, 1u);
}

CHORUS_TEST(mock_server, answers_in_plain_http_if_asked) {
    mock_server server(get_executor(), plain());
    EXPECT_EQ(server.base_url("localhost"), "http://localhost:" + std::to_string(server.port()) + "/v1");
    EXPECT_EQ(server.ca_pem(), "");
    EXPECT_THAT(co_await ask(server, chat_request("hello")), HasSubstr("\"content\":\"echo: hello\""));
    EXPECT_EQ(server.counters().handshakes_full, 0u);
}

CHORUS_TEST(mock_server, two_servers_do_not_vouch_for_each_other) {
    mock_server server(get_executor());
    mock_server other(get_executor());
    const auto tls = chorus_test::trust(other);
    byte_client client(get_executor());
    bool refused = false;
    try {
        co_await client.connect(server.port(), tls);
    } catch (const std::runtime_error&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    co_await until([&] { return server.counters().handshakes_failed == 1; });
}

CHORUS_TEST(mock_server, counts_full_and_resumed_handshakes_and_open_connections) {
    mock_server server(get_executor());
    const auto tls = chorus_test::trust(server);
    for (int round = 0; round < 2; ++round) {
        byte_client client(get_executor());
        co_await client.connect(server.port(), tls);
        co_await client.send(chat_request("a"));
        co_await client.response();  // brings the session ticket, too
        EXPECT_EQ(client.resumed, round == 1);
        EXPECT_EQ(server.counters().open_connections, 1u);
        client.close();
        co_await until([&] { return server.counters().open_connections == 0; });
    }
    EXPECT_EQ(server.counters().handshakes_full, 1u);
    EXPECT_EQ(server.counters().handshakes_resumed, 1u);
    EXPECT_EQ(server.counters().connections, 2u);
    EXPECT_EQ(server.counters().peak_connections, 1u);
}

CHORUS_TEST(mock_server, takes_its_latency_from_the_clock_of_the_loop) {
    mock_server server(get_executor(), plain().latency(1h));
    co_await ask(server, chat_request("a"));
    EXPECT_GE(test_clock().elapsed(), 1h);
    EXPECT_LT(test_clock().elapsed(), 2h);
    server.latency(0s);
    co_await ask(server, chat_request("a"));
    EXPECT_LT(test_clock().elapsed(), 2h);
}

CHORUS_TEST(mock_server, counts_the_requests_that_are_in_flight_together) {
    mock_server server(get_executor(), plain());
    for (int i = 0; i < 5; ++i) server.expect().hold();
    int answered = 0;
    for (int i = 0; i < 5; ++i) {
        asio::co_spawn(get_executor(), ask(server, chat_request("a")),
                       [&](std::exception_ptr, const std::string& reply) {
                           EXPECT_THAT(reply, HasSubstr("echo: a"));
                           ++answered;
                       });
    }
    co_await until([&] { return server.counters().in_flight == 5; });
    EXPECT_EQ(answered, 0);
    server.release();
    co_await until([&] { return answered == 5; });
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_EQ(server.counters().peak_in_flight, 5u);
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(mock_server, answers_pipelined_requests_in_order_on_one_connection) {
    for (const bool with_latency : no_and_yes) {
        mock_server server(get_executor(), plain().latency(with_latency ? 1s : 0s));
        byte_client client(get_executor());
        co_await client.connect(server.port(), {});
        co_await client.send(chat_request("one") + chat_request("two") + chat_request("three"));
        EXPECT_THAT(co_await client.response(), HasSubstr("echo: one"));
        EXPECT_THAT(co_await client.response(), HasSubstr("echo: two"));
        EXPECT_THAT(co_await client.response(), HasSubstr("echo: three"));
        EXPECT_EQ(server.counters().connections, 1u);
        EXPECT_EQ(server.counters().peak_in_flight, 1u);
    }
}

CHORUS_TEST(mock_server, plays_its_script_as_a_conversation) {
    mock_server server(get_executor());
    server.expect().prompt("a").reply_text("hi").close_after();
    server.expect().prompt("a").reply(429, "{}", chorus::http::headers().add("retry-after", "7"));
    server.expect().prompt("b").chunked(10).reply_text("in chunks");
    const std::string first = co_await ask(server, chat_request("a"));
    EXPECT_THAT(first, HasSubstr("\"content\":\"hi\""));
    EXPECT_THAT(first, HasSubstr("connection: close\r\n"));
    const std::string second = co_await ask(server, chat_request("a"));
    EXPECT_THAT(second, StartsWith("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\n"));
    const std::string third = co_await ask(server, chat_request("b"));
    EXPECT_THAT(third, HasSubstr("\r\n\r\na\r\n{\"id\":\"cha\r\n"));
    EXPECT_THAT(third, EndsWith("\r\n0\r\n\r\n"));
    EXPECT_THAT(server.problems(), IsEmpty());
}

CHORUS_TEST(mock_server, drops_a_connection_without_a_goodbye_before_or_within_a_reply) {
    for (const bool encrypted : no_and_yes) {
        mock_server server(get_executor(), mock_options().plain(!encrypted));
        const auto tls = chorus_test::trust(server);
        server.expect().drop();
        server.expect().reply_text("hi").drop_after(20);
        const std::array<std::string_view, 2> received = {"", "HTTP/1.1 200 OK\r\ncon"};
        for (const std::string_view expected : received) {
            byte_client client(get_executor());
            co_await client.connect(server.port(), tls);
            co_await client.send(chat_request("a"));
            EXPECT_EQ(co_await client.rest(), expected);
            // TCP cannot tell a goodbye from a death; TLS can.
            EXPECT_EQ(client.ending, encrypted ? chorus::net::io_status::failed : chorus::net::io_status::end);
        }
        EXPECT_EQ(server.counters().replies, 0u);
        EXPECT_EQ(server.counters().abandoned, 0u);
    }
}

CHORUS_TEST(mock_server, close_after_ends_the_connection_in_order) {
    mock_server server(get_executor());
    const auto tls = chorus_test::trust(server);
    server.expect().reply_raw("HTTP/1.1 200 OK\r\n\r\n").close_after();
    byte_client client(get_executor());
    co_await client.connect(server.port(), tls);
    co_await client.send(chat_request("a"));
    EXPECT_EQ(co_await client.rest(), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(client.ending, chorus::net::io_status::end);
}

CHORUS_TEST(mock_server, a_stalled_reply_ends_when_the_client_leaves) {
    mock_server server(get_executor(), plain());
    server.expect().stall();
    server.expect().stall_after(8);
    const std::array<std::string_view, 2> received = {"", "HTTP/1.1"};
    for (const std::string_view expected : received) {
        byte_client client(get_executor());
        co_await client.connect(server.port(), {});
        co_await client.send(chat_request("a"));
        EXPECT_EQ(co_await client.at_least(expected.size()), expected);
        co_await until([&] { return server.counters().in_flight == 1; });
        client.close();
        co_await until([&] { return server.counters().open_connections == 0; });
    }
    EXPECT_EQ(server.counters().abandoned, 2u);
    EXPECT_EQ(server.counters().in_flight, 0u);
}

CHORUS_TEST(mock_server, notices_at_once_that_a_client_left_before_its_reply) {
    for (const bool encrypted : no_and_yes) {
        mock_server server(get_executor(), mock_options().plain(!encrypted).latency(1h));
        const auto tls = chorus_test::trust(server);
        byte_client client(get_executor());
        co_await client.connect(server.port(), tls);
        co_await client.send(chat_request("a"));
        co_await until([&] { return server.counters().in_flight == 1; });
        client.close();
        co_await until([&] { return server.counters().abandoned == 1; });
        co_await until([&] { return server.counters().open_connections == 0; });
    }
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(mock_server, ends_a_connection_with_its_last_allowed_response) {
    mock_server server(get_executor(), plain().max_requests_per_connection(2).keep_alive_header().idle_close(5s));
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(chat_request("a"));
    EXPECT_THAT(co_await client.response(), HasSubstr("keep-alive: timeout=5, max=1\r\n"));
    co_await client.send(chat_request("b"));
    const std::string last = co_await client.response();
    EXPECT_THAT(last, HasSubstr("connection: close\r\n"));
    EXPECT_THAT(last, Not(HasSubstr("keep-alive")));
    EXPECT_EQ(co_await client.rest(), "");
    EXPECT_EQ(client.ending, chorus::net::io_status::end);
}

CHORUS_TEST(mock_server, closes_an_idle_connection_and_none_that_is_busy) {
    mock_server server(get_executor(), plain().idle_close(5s).latency(1min));
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(chat_request("a"));
    EXPECT_THAT(co_await client.response(), HasSubstr("echo: a"));
    EXPECT_GE(test_clock().elapsed(), 1min);
    EXPECT_EQ(co_await client.rest(), "");
    EXPECT_EQ(client.ending, chorus::net::io_status::end);
    EXPECT_GE(test_clock().elapsed(), 1min + 5s);
}

CHORUS_TEST(mock_server, an_idle_limit_does_not_count_once_a_request_has_begun) {
    mock_server server(get_executor(), plain().idle_close(5s));
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    const std::string request = chat_request("a");
    co_await client.send(request.substr(0, 10));
    co_await until([&] { return test_clock().pending() == 0 && server.counters().open_connections == 1; });
    co_await chorus::sleep_for(1h);
    co_await client.send(request.substr(10));
    EXPECT_THAT(co_await client.response(), HasSubstr("echo: a"));
}

CHORUS_TEST(mock_server, answers_what_is_no_http_with_400_and_closes) {
    mock_server server(get_executor(), plain());
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send("nonsense\r\n\r\n");
    const std::string reply = co_await client.response();
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_THAT(reply, HasSubstr("connection: close\r\n"));
    EXPECT_EQ(co_await client.rest(), "");
    EXPECT_EQ(server.counters().malformed, 1u);
    EXPECT_EQ(server.counters().requests, 0u);
}

CHORUS_TEST(mock_server, sends_100_continue_before_a_body_that_waits_for_it) {
    mock_server server(get_executor(), plain());
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    const std::string request = chat_request("a", "expect: 100-continue\r\n");
    const auto head = request.find("\r\n\r\n") + 4;
    co_await client.send(request.substr(0, head));
    EXPECT_EQ(co_await client.response(), "HTTP/1.1 100 Continue\r\n\r\n");
    co_await client.send(request.substr(head));
    EXPECT_THAT(co_await client.response(), HasSubstr("echo: a"));
}

CHORUS_TEST(mock_server, carries_megabytes_both_ways) {
    for (const bool encrypted : no_and_yes) {
        mock_server server(get_executor(), mock_options().plain(!encrypted));
        const std::string prompt(5'000'000, 'p');
        const std::string reply = co_await ask(server, chat_request(prompt));
        EXPECT_EQ(reply.size() > prompt.size(), true);
        EXPECT_NE(reply.find("echo: " + prompt + '"'), std::string::npos);
    }
}

CHORUS_TEST(mock_server, has_only_the_connection_to_close_where_http2_would_reset_or_go_away) {
    mock_server server(get_executor(), plain().latency(1h));
    server.expect().refuse();
    server.expect().go_away();
    server.expect().reset_after(20, 2).after(0s);
    for (int i = 0; i < 3; ++i) {
        byte_client client(get_executor());
        co_await client.connect(server.port(), {});
        co_await client.send(chat_request("a"));
        EXPECT_EQ((co_await client.rest()).size(), i == 2 ? 20u : 0u);
    }
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(mock_server, drops_or_stalls_as_many_new_connections_as_told) {
    mock_server server(get_executor(), plain());
    server.drop_connections(1);
    byte_client dropped(get_executor());
    co_await dropped.connect(server.port(), {});
    EXPECT_EQ(co_await dropped.rest(), "");
    EXPECT_NE(dropped.ending, chorus::net::io_status::done);

    server.stall_connections(1);
    byte_client stalled(get_executor());
    co_await stalled.connect(server.port(), {});
    co_await stalled.send(chat_request("a"));
    EXPECT_THAT(co_await ask(server, chat_request("b")), HasSubstr("echo: b"));
    EXPECT_EQ(server.counters().requests, 1u);
    stalled.close();
    co_await until([&] { return server.counters().open_connections == 0; });
    EXPECT_EQ(server.counters().connections, 3u);
}

CHORUS_TEST(mock_server, closes_open_connections_when_told_and_welcomes_new_ones) {
    mock_server server(get_executor());
    const auto tls = chorus_test::trust(server);
    server.expect().stall();
    byte_client idle(get_executor());
    byte_client busy(get_executor());
    co_await busy.connect(server.port(), tls);
    co_await busy.send(chat_request("a"));
    co_await until([&] { return server.counters().in_flight == 1; });
    co_await idle.connect(server.port(), tls);
    server.close_connections();
    EXPECT_EQ(co_await idle.rest(), "");
    EXPECT_EQ(co_await busy.rest(), "");
    co_await until([&] { return server.counters().open_connections == 0; });
    EXPECT_THAT(co_await ask(server, chat_request("b")), HasSubstr("echo: b"));
}

CHORUS_TEST(mock_server, records_requests_and_tells_its_observer) {
    mock_server server(get_executor(), plain().record(1));
    std::vector<std::string> prompts;
    server.on_request([&](const mock_request& request) { prompts.push_back(request.prompt); });
    co_await ask(server, chat_request("a", "x-one: 1\r\n"));
    co_await ask(server, chat_request("b"));
    EXPECT_THAT(prompts, ElementsAre("a", "b"));
    CO_ASSERT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(server.requests()[0].headers.get("x-one"), "1");
}

CHORUS_TEST(mock_server, a_callback_that_throws_is_a_problem_and_closes_only_its_connection) {
    mock_server server(get_executor(), plain());
    server.expect().reply_with([](const mock_request&, mock_reply&) { throw std::runtime_error("oh"); });
    EXPECT_EQ(co_await ask(server, chat_request("a")), "");
    EXPECT_THAT(server.verify(), ElementsAre("a callback of the mock server threw: oh"));
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_THAT(co_await ask(server, chat_request("b")), HasSubstr("echo: b"));
}

}  // namespace

}  // namespace mock_server_tests
