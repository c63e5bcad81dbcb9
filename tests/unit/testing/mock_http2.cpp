// The mock server over HTTP/2, seen by a client made of nghttp2 and nothing of chorus but its streams.
#ifdef CHORUS_WITH_HTTP2

#include <chorus/net/tls_context.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mock_http2_client.hpp"
#include "mock_server_client.hpp"

namespace mock_http2_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus_test::http2_client;
using received = chorus_test::http2_answer;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace asio = boost::asio;
namespace net = chorus::net;

mock_options over_tls() {
    return mock_options().http2();
}

mock_options plain() {
    return mock_options().http2().plain();
}

awaitable<void> until(std::function<bool()> holds) {
    while (!holds()) co_await asio::post(chorus::use_awaitable);
}

// Sends requests, and goes on when all of them wait for their answer.
awaitable<void> ask_and_wait(http2_client& client, const mock_server& server, std::size_t count,
                             std::string prompt = "a") {
    for (std::size_t i = 0; i < count; ++i) client.ask(prompt);
    co_await client.flush();
    co_await until([&] { return server.counters().in_flight == count; });
}

CHORUS_TEST(mock_http2, is_chosen_by_alpn_and_answers) {
    mock_server server(get_executor(), over_tls().record(1));
    http2_client client(get_executor());
    co_await client.connect(server);
    EXPECT_EQ(client.alpn, "h2");
    const received reply = co_await client.answer(client.ask("hello"));
    EXPECT_EQ(reply.headers.at(":status"), "200");
    EXPECT_EQ(reply.headers.at("content-type"), "application/json");
    EXPECT_EQ(reply.headers.at("content-length"), std::to_string(reply.body.size()));
    EXPECT_EQ(reply.headers.at("x-ratelimit-limit-requests"), "10000");
    EXPECT_THAT(reply.headers.at("x-request-id"), StartsWith("req_mock"));
    EXPECT_THAT(reply.text(), HasSubstr("\"content\":\"echo: hello\""));
    const mock_request& request = server.requests().at(0);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/v1/chat/completions");
    EXPECT_EQ(request.headers.get("host"), "test");
    EXPECT_EQ(request.headers.get("x-test"), "yes");
    EXPECT_EQ(request.stream_id, 1);
    EXPECT_EQ(server.counters().replies, 1u);
}

CHORUS_TEST(mock_http2, leaves_a_client_that_does_not_offer_it_http1) {
    mock_server server(get_executor(), over_tls().record(1));
    chorus_test::byte_client client(get_executor());
    const auto tls = chorus_test::trust(server);  // offers no protocol at all
    co_await client.connect(server.port(), tls);
    co_await client.send(chorus_test::chat_request("hello"));
    EXPECT_THAT(co_await client.response(), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(server.requests().at(0).stream_id, 0);
}

CHORUS_TEST(mock_http2, is_not_offered_unless_asked_for) {
    mock_server server(get_executor());
    http2_client client(get_executor());
    std::vector<std::string> both;
    both.emplace_back("h2");
    both.emplace_back("http/1.1");
    co_await client.connect(server.port(), server.ca_pem(), std::move(both));
    EXPECT_EQ(client.alpn, "http/1.1");
}

CHORUS_TEST(mock_http2, is_spoken_in_plain_by_prior_knowledge_and_http1_beside_it) {
    mock_server server(get_executor(), plain());
    http2_client client(get_executor());
    co_await client.connect(server);
    EXPECT_THAT((co_await client.answer(client.ask("new"))).text(), HasSubstr("echo: new"));
    chorus_test::byte_client old(get_executor());
    co_await old.connect(server.port(), {});
    const std::string request = chorus_test::chat_request("old");
    co_await old.send("P");  // as the preface begins
    co_await asio::post(chorus::use_awaitable);
    co_await old.send(request.substr(1));
    EXPECT_THAT(co_await old.response(), HasSubstr("echo: old"));
}

CHORUS_TEST(mock_http2, serves_many_streams_at_once_each_in_its_own_time) {
    mock_server server(get_executor(), over_tls().max_concurrent_streams(200));
    for (int i = 0; i < 200; ++i) server.expect().after(std::chrono::seconds(200 - i));
    http2_client client(get_executor());
    co_await client.connect(server);
    co_await client.until([&] { return client.settings_arrived; });
    for (int i = 0; i < 200; ++i) client.ask("q" + std::to_string(i));
    std::vector<std::int32_t> order;
    co_await client.until([&] {
        for (const auto& [id, stream] : client.streams) {
            if (stream.closed && std::find(order.begin(), order.end(), id) == order.end()) order.push_back(id);
        }
        return client.closed() == 200;
    });
    EXPECT_TRUE(std::is_sorted(order.rbegin(), order.rend()));
    for (int i = 0; i < 200; ++i) {
        EXPECT_THAT(client.streams[2 * i + 1].text(), HasSubstr("echo: q" + std::to_string(i) + "\""));
    }
    EXPECT_EQ(server.counters().peak_in_flight, 200u);
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_EQ(server.counters().connections, 1u);
    EXPECT_EQ(server.counters().resets_after_end, 0u);
    EXPECT_GE(test_clock().elapsed(), 200s);
}

CHORUS_TEST(mock_http2, says_how_many_streams_a_connection_may_have) {
    mock_server server(get_executor(), plain().max_concurrent_streams(7));
    http2_client client(get_executor());
    co_await client.connect(server);
    co_await client.until([&] { return client.settings_arrived; });
    EXPECT_EQ(client.stream_limit(), 7u);
    for (int i = 0; i < 8; ++i) {
        server.expect().hold();
        client.ask("a");
    }
    co_await client.flush();
    co_await until([&] { return server.counters().in_flight == 7; });
    server.release();
    co_await client.until([&] { return client.closed() == 7; });
    co_await until([&] { return server.counters().in_flight == 1; });
    server.release();
    co_await client.until([&] { return client.closed() == 8; });
    EXPECT_EQ(server.counters().peak_in_flight, 7u);
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(mock_http2, keeps_to_the_windows_of_the_client) {
    mock_server server(get_executor(), plain().body_bytes(300'000));
    http2_client client(get_executor(), 1000);
    co_await client.connect(server);
    for (int i = 0; i < 3; ++i) client.ask("wide");
    co_await client.until([&] { return client.closed() == 3; });
    for (const auto& [id, stream] : client.streams) {
        if (id == 0) continue;
        EXPECT_EQ(stream.body.size(), 300'000u);
        EXPECT_THAT(stream.text(), HasSubstr("echo: wide"));
    }
}

CHORUS_TEST(mock_http2, sends_a_body_in_pieces_without_a_length_if_chunked) {
    mock_server server(get_executor(), plain().chunk_bytes(100));
    http2_client client(get_executor());
    co_await client.connect(server);
    const received reply = co_await client.answer(client.ask("a"));
    EXPECT_EQ(reply.headers.count("content-length"), 0u);
    EXPECT_EQ(reply.headers.count("transfer-encoding"), 0u);
    EXPECT_THAT(reply.text(), HasSubstr("echo: a"));
}

CHORUS_TEST(mock_http2, answers_a_body_to_no_head_request) {
    mock_server server(get_executor(), plain());
    server.expect().method("HEAD").reply(200, "abc");
    server.expect().reply(204, "");
    http2_client client(get_executor());
    co_await client.connect(server);
    received reply = co_await client.answer(client.ask("a", "HEAD"));
    EXPECT_EQ(reply.headers.at("content-length"), "3");
    EXPECT_TRUE(reply.closed && reply.body.empty());
    reply = co_await client.answer(client.ask("a"));
    EXPECT_EQ(reply.headers.count("content-length"), 0u);
}

CHORUS_TEST(mock_http2, goes_away_after_its_last_request_and_serves_exactly_those_before) {
    mock_server server(get_executor(), over_tls().max_requests_per_connection(3).latency(1s));
    http2_client client(get_executor());
    co_await client.connect(server);
    for (int i = 0; i < 5; ++i) client.ask("a");
    co_await client.until([&] { return client.closed() == 5; });
    EXPECT_EQ(client.last_stream, 5);
    EXPECT_EQ(client.goaway_code, 0u);
    for (int id = 1; id <= 5; id += 2) EXPECT_THAT(client.streams[id].text(), HasSubstr("echo: a"));
    for (int id = 7; id <= 9; id += 2) {
        EXPECT_EQ(client.streams[id].error_code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
    }
    EXPECT_EQ(server.counters().requests, 3u);
    EXPECT_EQ(server.counters().replies, 3u);
    co_await client.end();
    co_await until([&] { return server.counters().open_connections == 0; });
}

CHORUS_TEST(mock_http2, goes_away_after_a_reply_that_says_so) {
    mock_server server(get_executor(), plain());
    server.expect().close_after();
    http2_client client(get_executor());
    co_await client.connect(server);
    EXPECT_THAT((co_await client.answer(client.ask("a"))).text(), HasSubstr("echo: a"));
    co_await client.end();
    EXPECT_EQ(client.last_stream, 1);
    EXPECT_EQ(client.ending, net::io_status::end);
}

CHORUS_TEST(mock_http2, goes_away_before_a_request_that_it_does_not_process) {
    mock_server server(get_executor(), over_tls());
    server.expect().hold();
    server.expect().go_away();
    http2_client client(get_executor());
    co_await client.connect(server);
    const auto first = client.ask("one");
    const auto second = client.ask("two");
    const auto third = client.ask("three");
    co_await client.until([&] { return client.streams[third].closed; });
    EXPECT_EQ(client.last_stream, first);
    EXPECT_EQ(client.streams[second].error_code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
    EXPECT_EQ(client.streams[third].error_code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
    EXPECT_FALSE(client.streams[first].closed);
    EXPECT_EQ(server.counters().requests, 2u);
    server.release();
    EXPECT_THAT((co_await client.answer(first)).text(), HasSubstr("echo: one"));
    EXPECT_EQ(server.counters().in_flight, 0u);
}

CHORUS_TEST(mock_http2, refuses_and_resets_single_streams) {
    mock_server server(get_executor(), over_tls().latency(1h));
    server.expect().refuse();
    server.expect().reset(NGHTTP2_INTERNAL_ERROR).after(0s);
    server.expect().reset_after(10, NGHTTP2_CANCEL).after(0s);
    server.expect().after(0s);
    http2_client client(get_executor());
    co_await client.connect(server);
    for (int i = 0; i < 4; ++i) client.ask("a");
    co_await client.until([&] { return client.closed() == 4; });
    EXPECT_EQ(client.streams[1].error_code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
    EXPECT_EQ(client.streams[3].error_code, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
    EXPECT_TRUE(client.streams[3].headers.empty());
    EXPECT_EQ(client.streams[5].error_code, std::uint32_t{NGHTTP2_CANCEL});
    EXPECT_EQ(client.streams[5].headers.at(":status"), "200");
    EXPECT_EQ(client.streams[5].body.size(), 10u);
    EXPECT_THAT(client.streams[7].text(), HasSubstr("echo: a"));
    EXPECT_EQ(test_clock().elapsed(), 0s);
    EXPECT_EQ(server.counters().requests, 4u);
    EXPECT_EQ(server.counters().replies, 1u);
    EXPECT_EQ(server.counters().abandoned, 0u);
}

CHORUS_TEST(mock_http2, drops_the_connection_in_place_of_a_reply_or_in_its_middle) {
    for (std::size_t bytes = 0; bytes <= 100; bytes += 100) {
        mock_server server(get_executor(), over_tls());
        server.expect().hold();
        server.expect().drop_after(bytes);
        http2_client client(get_executor());
        co_await client.connect(server);
        client.ask("one");
        const auto second = client.ask("two");
        co_await client.end();
        EXPECT_EQ(client.ending, net::io_status::failed);  // no close_notify
        EXPECT_EQ(client.streams[second].body.size(), bytes);
        EXPECT_EQ(client.streams[second].headers.empty(), bytes == 0);
        EXPECT_EQ(client.closed(), 0u);
        co_await until([&] { return server.counters().open_connections == 0; });
        EXPECT_EQ(server.counters().in_flight, 0u);
        EXPECT_EQ(server.counters().abandoned, 1u);
    }
}

CHORUS_TEST(mock_http2, stalls_one_stream_and_serves_the_others) {
    mock_server server(get_executor(), plain());
    server.expect().stall_after(20);
    server.expect().stall();
    http2_client client(get_executor());
    co_await client.connect(server);
    client.ask("one");
    client.ask("two");
    EXPECT_THAT((co_await client.answer(client.ask("three"))).text(), HasSubstr("echo: three"));
    co_await client.until([&] { return client.streams[1].body.size() == 20; });
    EXPECT_TRUE(client.streams[3].headers.empty());
    EXPECT_EQ(server.counters().in_flight, 2u);
    client.reset(1);
    client.reset(3);
    co_await client.until([&] { return client.closed() == 3; });
    co_await until([&] { return server.counters().in_flight == 0; });
    EXPECT_EQ(server.counters().abandoned, 2u);
    EXPECT_EQ(server.counters().resets_received, 2u);
    EXPECT_EQ(server.counters().resets_after_end, 0u);
}

CHORUS_TEST(mock_http2, counts_resets_of_streams_that_had_ended) {
    mock_server server(get_executor(), plain());
    chorus_test::byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    std::string frames = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    frames.append("\0\0\0\4\0\0\0\0\0", 9);                                // SETTINGS without any
    frames.append("\0\0\6\1\5\0\0\0\1", 9).append("\x82\x87\x84\x41\1a");  // HEADERS of 1: GET https / a, the end
    co_await client.send(frames);
    co_await until([&] { return server.counters().replies == 1; });
    co_await client.send(std::string("\0\0\4\3\0\0\0\0\1\0\0\0\10", 13));  // RST_STREAM with CANCEL
    co_await until([&] { return server.counters().resets_received == 1; });
    EXPECT_EQ(server.counters().resets_after_end, 1u);
}

CHORUS_TEST(mock_http2, punishes_no_number_of_resets) {
    mock_server server(get_executor(), plain().latency(1h).max_concurrent_streams(3000));
    http2_client client(get_executor());
    co_await client.connect(server);
    co_await client.until([&] { return client.settings_arrived; });
    co_await ask_and_wait(client, server, 3000);
    for (int i = 0; i < 3000; ++i) client.reset(2 * i + 1);
    server.latency(0s);
    EXPECT_THAT((co_await client.answer(client.ask("b"))).text(), HasSubstr("echo: b"));
    EXPECT_FALSE(client.last_stream);
    EXPECT_EQ(server.counters().resets_received, 3000u);
    EXPECT_EQ(server.counters().abandoned, 3000u);
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_EQ(server.counters().resets_after_end, 0u);
}

CHORUS_TEST(mock_http2, counts_what_is_no_http2) {
    mock_server server(get_executor(), over_tls());
    net::tls_options options;
    std::vector<std::string> protocols;
    protocols.emplace_back("h2");
    options.ca_pem(server.ca_pem()).alpn(std::move(protocols));
    const std::optional<net::tls_context> tls = net::tls_context::client(options).value();
    chorus_test::byte_client client(get_executor());
    co_await client.connect(server.port(), tls);
    co_await client.send("GET / HTTP/1.1\r\n\r\n, which is no preface of HTTP/2");
    co_await client.rest();
    EXPECT_EQ(server.counters().malformed, 1u);
    EXPECT_EQ(server.counters().requests, 0u);
}

CHORUS_TEST(mock_http2, sends_raw_bytes_between_its_frames) {
    mock_server server(get_executor(), plain());
    server.expect().reply_raw(std::string("\0\0\4\3\0\0\0\0\1\0\0\0\13", 13));  // RST_STREAM of 1: ENHANCE_YOUR_CALM
    http2_client client(get_executor());
    co_await client.connect(server);
    const received reply = co_await client.answer(client.ask("a"));
    EXPECT_EQ(reply.error_code, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
    EXPECT_THAT((co_await client.answer(client.ask("b"))).text(), HasSubstr("echo: b"));
}

CHORUS_TEST(mock_http2, forgets_the_streams_of_a_client_that_leaves) {
    mock_server server(get_executor(), over_tls().latency(1h));
    http2_client client(get_executor());
    co_await client.connect(server);
    co_await ask_and_wait(client, server, 10);
    client.close();
    co_await until([&] { return server.counters().open_connections == 0; });
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_EQ(server.counters().abandoned, 10u);
}

CHORUS_TEST(mock_http2, closes_an_idle_connection_with_a_goodbye) {
    mock_server server(get_executor(), over_tls().idle_close(30s).latency(60s));
    http2_client client(get_executor());
    co_await client.connect(server);
    EXPECT_THAT((co_await client.answer(client.ask("a"))).text(), HasSubstr("echo: a"));
    co_await client.end();
    EXPECT_EQ(client.last_stream, 1);
    EXPECT_EQ(client.ending, net::io_status::end);
    EXPECT_GE(test_clock().elapsed(), 90s);
}

CHORUS_TEST(mock_http2, an_exception_in_a_callback_is_a_problem_and_ends_the_connection) {
    mock_server server(get_executor(), plain());
    server.on_request([](const mock_request&) { throw std::runtime_error("no more"); });
    http2_client client(get_executor());
    co_await client.connect(server);
    client.ask("a");
    co_await client.end();
    EXPECT_THAT(server.verify(), ::testing::ElementsAre(HasSubstr("no more")));
    EXPECT_EQ(server.counters().in_flight, 0u);
}

CHORUS_TEST(mock_http2, may_be_released_from_its_own_observer) {
    mock_server server(get_executor(), plain());
    server.expect().hold();
    server.on_request([&](const mock_request& request) {
        if (request.prompt == "second") server.release();
    });
    http2_client client(get_executor());
    co_await client.connect(server);
    const auto first = client.ask("first");
    client.ask("second");
    EXPECT_THAT((co_await client.answer(first)).text(), HasSubstr("echo: first"));
}

CHORUS_TEST(mock_http2, closes_a_plain_connection_that_never_says_what_it_speaks) {
    mock_server server(get_executor(), plain().idle_close(30s));
    chorus_test::byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send("PRI * HT");
    EXPECT_EQ(co_await client.rest(), "");
    EXPECT_GE(test_clock().elapsed(), 30s);
    EXPECT_EQ(server.counters().requests, 0u);
}

CHORUS_TEST(mock_http2, waits_for_a_client_that_takes_more_than_fits_into_the_socket) {
    mock_server server(get_executor(), plain().body_bytes(200'000).latency(1s));
    http2_client client(get_executor(), 0x7fffffff);
    co_await client.connect(server);
    client.widen(0x7fffffff);
    co_await ask_and_wait(client, server, 100);
    co_await client.until([&] { return client.closed() == 100; });
    for (int i = 0; i < 100; ++i) EXPECT_EQ(client.streams[2 * i + 1].text().size(), 200'000u);
}

// The loop runs one handler after another; the server goes away after each number of them once.
TEST(mock_http2_lifetime, may_be_destroyed_at_any_moment) {
    for (const bool encrypted : {false, true}) {
        bool answered = false;
        int steps = 0;
        for (; !answered && steps < 1000; ++steps) {
            asio::io_context loop;
            auto server = std::make_unique<mock_server>(loop.get_executor(),
                                                        mock_options().http2().plain(!encrypted).latency(1us));
            const auto talk = [&, port = server->port(), ca_pem = server->ca_pem()]() -> awaitable<void> {
                http2_client client(loop.get_executor());
                co_await client.connect(port, ca_pem, std::vector<std::string>(1, "h2"));
                for (int i = 0; i < 3; ++i) client.ask("a");
                answered = co_await client.until([&] { return client.closed() == 3; });
            };
            asio::co_spawn(loop, talk(), asio::detached);
            for (int i = 0; i < steps && !answered; ++i) loop.run_one();
            server.reset();
            if (steps % 2 == 0) loop.run();  // the other half of the loops end in the middle, too
        }
        EXPECT_TRUE(answered);
    }
}

}  // namespace

#else

#include <chorus/testing/mock_server.hpp>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

TEST(mock_http2, needs_a_build_that_has_it) {
    boost::asio::io_context loop;
    const auto options = chorus::testing::mock_options().http2();
    EXPECT_THROW(chorus::testing::mock_server(loop.get_executor(), options), std::runtime_error);
}

}  // namespace

#endif

}  // namespace mock_http2_tests
