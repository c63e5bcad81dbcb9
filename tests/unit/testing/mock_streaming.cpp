// Streamed replies from end to end: both protocols as machines, then a server on its sockets.
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_http1.hpp>
#include <chorus/testing/mock_http2.hpp>
#include <chorus/testing/mock_server.hpp>
#include <chorus/testing/mock_session.hpp>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mock_server_client.hpp"

#ifdef CHORUS_WITH_HTTP2
#include "mock_http2_client.hpp"
#endif

namespace mock_streaming_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus_test::byte_client;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace asio = boost::asio;

const chorus::clock::time_point start{1h};

std::string streamed_request(std::string_view prompt) {
    std::string body = R"({"model":"m","stream":true,"messages":[{"role":"user","content":")";
    body.append(prompt).append("\"}]}");
    return "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

// The chunks of a body, which may end in the middle of one.
std::vector<std::string> chunks(std::string_view body, bool* complete = nullptr) {
    std::vector<std::string> all;
    if (complete != nullptr) *complete = false;
    while (!body.empty()) {
        const auto line_end = body.find("\r\n");
        if (line_end == body.npos) break;
        const std::size_t size = std::stoul(std::string(body.substr(0, line_end)), nullptr, 16);
        body.remove_prefix(line_end + 2);
        if (size == 0) {
            if (complete != nullptr) *complete = body == "\r\n";
            break;
        }
        all.emplace_back(body.substr(0, size));
        body.remove_prefix(std::min(size + 2, body.size()));
    }
    return all;
}

std::string body_of(std::string_view response) {
    const auto end = response.find("\r\n\r\n");
    return std::string(end == response.npos ? std::string_view() : response.substr(end + 4));
}

std::string joined(const std::vector<std::string>& parts) {
    return std::accumulate(parts.begin(), parts.end(), std::string());
}

const std::vector<std::string> three_events = {"data: {\"a\":1}\n\n", "data: \xc3\xa4\r\n\r\n", "data: [DONE]\n\n"};

mock_stream of(std::vector<std::string> pieces) {
    return mock_stream(mock_pieces(std::make_shared<const std::vector<std::string>>(std::move(pieces))));
}

TEST(mock_streaming_http1, has_a_chunk_for_each_piece_and_the_last_chunk_with_the_last_of_them) {
    mock_stream stream = of({"one", "", "three"});
    stream.start(start);
    std::string out;
    EXPECT_EQ(append_http1_pieces(out, 1, stream, start), 1u);
    EXPECT_EQ(out, "3\r\none\r\n");
    out.clear();
    EXPECT_EQ(append_http1_pieces(out, 1, stream, start), 2u);  // an empty piece is no chunk
    EXPECT_EQ(out, "5\r\nthree\r\n0\r\n\r\n");
    EXPECT_EQ(append_http1_pieces(out, 1000, stream, start), 0u);
}

TEST(mock_streaming_http1, gathers_chunks_until_there_is_enough) {
    mock_stream stream = of(std::vector<std::string>(10, "12345"));
    stream.start(start);
    std::string out;
    EXPECT_EQ(append_http1_pieces(out, 25, stream, start), 3u);
    EXPECT_EQ(out.size(), 30u);
    EXPECT_EQ(append_http1_pieces(out, 25, stream, start), 0u);
    EXPECT_EQ(append_http1_pieces(out, 1000, stream, start), 7u);
}

TEST(mock_streaming_http1, the_body_is_the_same_for_every_cut) {
    const std::string whole = joined(three_events);
    for (std::size_t size = 1; size <= whole.size() + 1; ++size) {
        mock_stream stream = of(three_events);
        stream.cut(size).start(start);
        std::string out;
        append_http1_pieces(out, 1'000'000, stream, start);
        bool complete = false;
        const std::vector<std::string> parts = chunks(out, &complete);
        EXPECT_EQ(joined(parts), whole) << size;
        EXPECT_TRUE(complete);
        EXPECT_EQ(parts.size(), (whole.size() + size - 1) / size);
    }
}

TEST(mock_streaming_http1, the_head_of_a_stream_has_no_length) {
    mock_reply reply;
    reply.body = "unused";
    reply.chunk_bytes = 3;
    reply.streamed().source(mock_pieces([](std::string&) { return false; }));
    std::string out;
    append_http1_response(out, reply, {});
    EXPECT_EQ(out, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
}

awaitable<void> until(std::function<bool()> holds) {
    while (!holds()) co_await asio::post(chorus::use_awaitable);
}

mock_options plain() {
    return mock_options().plain();
}

CHORUS_TEST(mock_streaming, echoes_in_openais_format_and_the_connection_can_be_used_again) {
    for (const bool encrypted : {false, true}) {
        mock_server server(get_executor(), plain().plain(!encrypted));
        byte_client client(get_executor());
        co_await client.connect(server.port(), chorus_test::trust(server));
        for (std::uint64_t round = 1; round <= 2; ++round) {
            co_await client.send(streamed_request("how are you"));
            const std::string response = co_await client.response();
            EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream"));
            const std::vector<std::string> events = chunks(body_of(response));
            CO_ASSERT_EQ(events.size(), 7u);
            for (const std::string& each : events) EXPECT_THAT(each, EndsWith("\n\n"));
            EXPECT_THAT(events[2], HasSubstr(R"("content":" how")"));
            EXPECT_EQ(events[6], "data: [DONE]\n\n");
            EXPECT_EQ(server.counters().chunks, 7 * round);
            co_await until([&] { return server.counters().replies == round; });
        }
        EXPECT_EQ(server.counters().connections, 1u);
        EXPECT_EQ(server.counters().streams_open, 0u);
        EXPECT_EQ(server.counters().peak_streams, 1u);
    }
}

CHORUS_TEST(mock_streaming, sends_an_event_at_every_interval_after_the_latency) {
    mock_server server(get_executor(), plain().stream_interval(1s).latency(10s));
    server.expect();
    server.expect().every(20s).after(0s);
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));  // role, two words, finish, done
    EXPECT_THAT(co_await client.response(), HasSubstr("[DONE]"));
    EXPECT_EQ(test_clock().elapsed(), 14s);
    co_await client.send(streamed_request("a"));
    EXPECT_THAT(co_await client.response(), HasSubstr("[DONE]"));
    EXPECT_EQ(test_clock().elapsed(), 94s);
}

CHORUS_TEST(mock_streaming, an_interval_makes_no_stream_of_what_is_none) {
    mock_server server(get_executor(), plain());
    server.expect().every(1s).cut(3).reply(200, "abc");
    server.expect().every(1s);
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(chorus_test::chat_request("a"));
    EXPECT_THAT(co_await client.response(), EndsWith("content-length: 3\r\n\r\nabc"));
    co_await client.send(chorus_test::chat_request("a"));
    EXPECT_THAT(co_await client.response(), HasSubstr("\"chat.completion\""));
    EXPECT_EQ(server.counters().chunks, 0u);
}

CHORUS_TEST(mock_streaming, lets_a_held_stream_go_piece_by_piece) {
    mock_server server(get_executor(), plain());
    server.expect().reply_events({"1", "2", "3"}).hold_each();
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    EXPECT_THAT(co_await client.at_least(1), EndsWith("transfer-encoding: chunked\r\n\r\n"));
    server.release();
    EXPECT_EQ(co_await client.at_least(1), "9\r\ndata: 1\n\n\r\n");
    EXPECT_EQ(server.counters().chunks, 1u);
    server.release();  // two at once are two pieces
    server.release();
    const std::string rest = "9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n";
    EXPECT_EQ(co_await client.at_least(rest.size()), rest);
    co_await until([&] { return server.counters().replies == 1; });
    co_await client.send(chorus_test::chat_request("b"));
    EXPECT_THAT(co_await client.response(), HasSubstr("echo: b"));
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(mock_streaming, holds_the_head_of_a_held_reply_and_then_each_piece) {
    mock_server server(get_executor(), plain());
    server.expect().reply_sse_pieces({"a", "b"}).hold().hold_each();
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    co_await until([&] { return server.counters().in_flight == 1; });
    EXPECT_EQ(server.counters().streams_open, 0u);
    server.release();
    EXPECT_THAT(co_await client.at_least(1), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(server.counters().chunks, 0u);
    server.release();
    server.release();
    EXPECT_EQ(co_await client.at_least(17), "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
}

CHORUS_TEST(mock_streaming, cut_off_at_every_byte_sends_exactly_so_many) {
    mock_server server(get_executor(), plain());
    server.expect().reply_stream("hi");
    std::string whole;
    {
        byte_client client(get_executor());
        co_await client.connect(server.port(), {});
        co_await client.send(streamed_request("a"));
        whole = co_await client.response();
    }
    for (std::size_t bytes = 0; bytes <= whole.size(); bytes += 7) {
        server.expect().reply_stream("hi").drop_after(bytes).cut(bytes % 5);
        byte_client client(get_executor());
        co_await client.connect(server.port(), {});
        co_await client.send(streamed_request("a"));
        const std::string received = co_await client.rest();
        EXPECT_EQ(received.size(), bytes);
        if (bytes % 5 == 0) {  // not cut anew
            EXPECT_EQ(received, whole.substr(0, bytes));
        }
    }
    EXPECT_EQ(server.counters().replies, 1u);
    EXPECT_EQ(server.counters().in_flight, 0u);
    EXPECT_EQ(server.counters().streams_open, 0u);
}

CHORUS_TEST(mock_streaming, stalls_in_the_middle_until_the_client_leaves) {
    mock_server server(get_executor(), plain());
    server.expect().reply_sse("abcdef").stall_after(150);
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    const std::string head = "HTTP/1.1 200 OK\r\n";
    EXPECT_THAT(co_await client.at_least(head.size()), StartsWith(head));
    co_await until([&] { return server.counters().in_flight == 1; });
    client.close();
    co_await until([&] { return server.counters().open_connections == 0; });
    EXPECT_EQ(server.counters().abandoned, 1u);
}

CHORUS_TEST(mock_streaming, makes_nothing_for_a_client_that_does_not_take_it_and_notices_when_it_leaves) {
    mock_server server(get_executor(), plain());
    std::uint64_t made = 0;
    server.expect().reply_with([&](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([&](std::string& out) {
            out.append(1000, 'x');
            ++made;
            return true;  // for ever
        }));
    });
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    std::uint64_t before = 0;
    do {  // until the buffers of the system are full
        before = made;
        for (int i = 0; i < 1000; ++i) co_await asio::post(chorus::use_awaitable);
    } while (made != before);
    EXPECT_GT(made, 0u);
    EXPECT_EQ(server.counters().chunks, made);
    EXPECT_EQ(server.counters().streams_open, 1u);
    client.close();
    co_await until([&] { return server.counters().open_connections == 0; });
    EXPECT_EQ(server.counters().streams_open, 0u);
    EXPECT_EQ(server.counters().abandoned, 1u);
}

CHORUS_TEST(mock_streaming, streams_side_by_side_take_turns) {
    mock_server server(get_executor(), plain());
    const auto endless = [](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([](std::string& out) {
            out += 'x';
            return true;
        }));
    };
    server.expect().reply_with(endless).times(2);
    byte_client first(get_executor());
    co_await first.connect(server.port(), {});
    co_await first.send(streamed_request("a"));
    co_await first.at_least(10'000);
    byte_client second(get_executor());
    co_await second.connect(server.port(), {});
    co_await second.send(streamed_request("a"));
    EXPECT_GE((co_await second.at_least(10'000)).size(), 10'000u);
    EXPECT_EQ(server.counters().streams_open, 2u);
}

CHORUS_TEST(mock_streaming, an_exception_in_a_source_is_a_problem_and_ends_the_connection) {
    mock_server server(get_executor(), plain());
    server.expect().reply_with([](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([](std::string&) -> bool { throw std::runtime_error("no more"); }));
    });
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    co_await client.rest();
    EXPECT_THAT(server.verify(), ElementsAre(HasSubstr("no more")));
    EXPECT_EQ(server.counters().streams_open, 0u);
}

CHORUS_TEST(mock_streaming, fills_records_and_keeps_a_chunk_for_each_event) {
    mock_server server(get_executor(), plain().stream_chunks(300).stream_chunk_bytes(220).stream_record_bytes(16384));
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send(streamed_request("a"));
    const std::vector<std::string> events = chunks(body_of(co_await client.response()));
    CO_ASSERT_EQ(events.size(), 303u);
    for (std::size_t i = 1; i <= 300; ++i) EXPECT_EQ(events[i].size(), 220u);
}

CHORUS_TEST(mock_streaming, answers_a_body_to_no_head_request_and_to_no_status_without_content) {
    mock_server server(get_executor(), plain());
    server.expect().method("HEAD").reply_sse("abc");
    server.expect().reply_with([](const mock_request&, mock_reply& reply) {
        reply.status = 204;
        reply.streamed().source(mock_pieces([](std::string&) { return true; }));
    });
    byte_client client(get_executor());
    co_await client.connect(server.port(), {});
    co_await client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_THAT(co_await client.at_least(20), EndsWith("transfer-encoding: chunked\r\n\r\n"));
    co_await client.send(streamed_request("a"));
    EXPECT_EQ(co_await client.response(), "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(server.counters().chunks, 0u);
}

#ifdef CHORUS_WITH_HTTP2

using chorus_test::http2_answer;
using chorus_test::http2_client;
using chorus_test::http2_peer;

// A client and the server's machine, without a connection between them.
struct conversation {
    explicit conversation(const mock_options& options, std::uint32_t window = 65535)
        : host(options), server(host), client(window) {}

    // True if the server had something to send.
    bool serve_once() {
        const std::string_view batch = server.gather();
        if (batch.empty()) return false;
        writes.push_back(batch.size());
        client.input(batch);
        return true;
    }
    void serve() {
        while (serve_once()) continue;
    }
    void send() {
        for (std::string_view part = client.output(); !part.empty(); part = client.output()) server.feed(part, now);
    }
    /// Until neither has anything to say.
    void run() {
        for (bool busy = true; busy;) {
            send();
            busy = serve_once();
        }
    }
    void pass(std::chrono::nanoseconds time) {
        now += time;
        server.answer_due(now);
        run();
    }
    mock_script& script() { return host.service.script(); }
    const mock_counters& counters() const { return host.service.counters(); }

    chorus::clock::time_point now = start;
    detail::mock_host host;
    detail::http2_server server;
    http2_peer client;
    std::vector<std::size_t> writes;
};

TEST(mock_streaming_http2, has_a_frame_for_each_piece_and_ends_with_the_last_of_them) {
    conversation talk(mock_options{});
    talk.script().expect().reply_sse_pieces(three_events);
    const auto id = talk.client.ask_streamed("a");
    talk.run();
    const http2_answer& answer = talk.client.streams[id];
    EXPECT_EQ(answer.text(), joined(three_events));
    EXPECT_THAT(answer.frames, ElementsAre(three_events[0].size(), three_events[1].size(), three_events[2].size()));
    EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream; charset=utf-8");
    EXPECT_EQ(answer.headers.count("content-length"), 0u);
    EXPECT_EQ(talk.counters().chunks, 3u);
    EXPECT_EQ(talk.counters().streams_open, 0u);
    EXPECT_EQ(talk.counters().replies, 1u);
}

TEST(mock_streaming_http2, writes_each_event_in_a_record_of_its_own) {
    conversation talk(mock_options().stream_chunks(5).stream_chunk_bytes(220));
    talk.send();
    talk.serve();
    for (int i = 0; i < 3; ++i) talk.client.ask_streamed("a");
    talk.send();
    talk.writes.clear();
    talk.run();
    EXPECT_EQ(talk.client.closed(), 3u);
    EXPECT_EQ(std::count(talk.writes.begin(), talk.writes.end(), 229u), 15);
    EXPECT_EQ(talk.writes.size(), 3u * 8 + 1);  // role, five, finish, done; the heads together
}

TEST(mock_streaming_http2, fills_records_of_the_asked_size) {
    conversation talk(mock_options().stream_chunks(300).stream_chunk_bytes(220).stream_record_bytes(16384));
    talk.client.widen(1'000'000);
    talk.send();
    talk.serve();
    const auto id = talk.client.ask_streamed("a");
    talk.send();
    talk.writes.clear();
    talk.run();
    EXPECT_EQ(std::count(talk.writes.begin(), talk.writes.end(), 16384u), 4);
    for (const std::size_t size : talk.writes) EXPECT_LE(size, 16384u);

    conversation single(mock_options().stream_chunks(300).stream_chunk_bytes(220));
    const auto other = single.client.ask_streamed("a");
    single.run();
    EXPECT_EQ(talk.client.streams[id].text(), single.client.streams[other].text());
    EXPECT_EQ(talk.counters().chunks, single.counters().chunks);
}

TEST(mock_streaming_http2, the_body_is_the_same_for_every_cut_and_every_window) {
    const std::string whole = joined(three_events);
    for (std::size_t size = 1; size <= whole.size() + 1; ++size) {
        conversation talk(mock_options{}, static_cast<std::uint32_t>(size % 7 + 1));
        talk.script().expect().reply_sse_pieces(three_events).cut(size);
        const auto id = talk.client.ask_streamed("a");
        talk.run();
        EXPECT_EQ(talk.client.streams[id].text(), whole) << size;
    }
}

TEST(mock_streaming_http2, makes_no_more_than_the_windows_of_the_client_take) {
    conversation talk(mock_options{}, 1000);
    std::size_t made = 0;
    talk.script().expect().reply_with([&](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([&](std::string& out) {
            out.append(300, 'x');
            return ++made < 20;
        }));
    });
    const auto id = talk.client.ask_streamed("a");
    talk.send();
    talk.serve();  // and the client says nothing to it
    EXPECT_EQ(talk.client.streams[id].body.size(), 1000u);
    EXPECT_EQ(made, 4u);
    talk.run();
    EXPECT_EQ(talk.client.streams[id].text().size(), 6000u);
}

TEST(mock_streaming_http2, sends_streams_side_by_side) {
    for (const std::size_t record : {0u, 1024u}) {
        conversation talk(mock_options().stream_chunks(100).stream_chunk_bytes(220).stream_record_bytes(record));
        talk.client.widen(1'000'000);
        talk.send();
        talk.serve();
        const auto first = talk.client.ask_streamed("a");
        const auto second = talk.client.ask_streamed("b");
        talk.send();
        while (talk.client.streams[first].body.size() < 10'000) ASSERT_TRUE(talk.serve_once());
        EXPECT_NEAR(static_cast<double>(talk.client.streams[second].body.size()), 10'000, 2'100);
        talk.run();
        EXPECT_EQ(talk.client.closed(), 2u);
    }
}

TEST(mock_streaming_http2, sends_an_event_at_every_interval) {
    conversation talk(mock_options().stream_interval(1s).latency(10s));
    const auto first = talk.client.ask_streamed("a");
    const auto second = talk.client.ask_streamed("a b");
    talk.run();
    EXPECT_EQ(talk.counters().streams_open, 0u);
    talk.pass(10s);
    EXPECT_EQ(talk.counters().streams_open, 2u);
    for (std::size_t events = 1; events <= 5; ++events) {
        EXPECT_EQ(talk.client.streams[first].frames.size(), events);
        EXPECT_EQ(talk.client.streams[second].frames.size(), events);
        talk.pass(999ms);
        EXPECT_EQ(talk.client.streams[second].frames.size(), events);
        EXPECT_EQ(talk.server.next_due(), talk.now + 1ms);
        talk.pass(1ms);
    }
    EXPECT_TRUE(talk.client.streams[first].closed && talk.client.streams[second].closed);
    EXPECT_FALSE(talk.server.next_due());
    EXPECT_EQ(talk.counters().peak_streams, 2u);
}

TEST(mock_streaming_http2, lets_held_streams_go_piece_by_piece) {
    conversation talk(mock_options{});
    talk.script().expect().reply_events({"1", "2"}).hold_each();
    talk.script().expect().reply_events({"1"}).hold().hold_each();
    const auto first = talk.client.ask_streamed("a");
    const auto second = talk.client.ask_streamed("b");
    const auto release = [&] {
        EXPECT_TRUE(talk.server.release(talk.now));
        talk.run();
    };
    talk.run();
    EXPECT_EQ(talk.client.streams[first].headers.at(":status"), "200");
    EXPECT_EQ(talk.client.streams[first].body, "");
    EXPECT_TRUE(talk.client.streams[second].headers.empty());
    release();
    EXPECT_EQ(talk.client.streams[first].body, "data: 1\n\n");
    EXPECT_EQ(talk.client.streams[second].headers.at(":status"), "200");
    EXPECT_EQ(talk.client.streams[second].body, "");
    release();
    EXPECT_EQ(talk.client.streams[first].text(), "data: 1\n\ndata: 2\n\n");
    EXPECT_EQ(talk.client.streams[second].text(), "data: 1\n\n");
    EXPECT_FALSE(talk.server.release(talk.now));
}

TEST(mock_streaming_http2, goes_wrong_after_every_number_of_bytes) {
    const std::string whole = joined(three_events);
    for (std::size_t bytes = 1; bytes <= whole.size(); ++bytes) {
        conversation talk(mock_options{});
        talk.script().expect().reply_sse_pieces(three_events).reset_after(bytes, NGHTTP2_INTERNAL_ERROR);
        talk.script().expect().reply_sse_pieces(three_events).stall_after(bytes).cut(bytes % 3);
        talk.script().expect().reply_sse_pieces(three_events);
        const auto reset = talk.client.ask_streamed("a");
        const auto stalled = talk.client.ask_streamed("b");
        const auto good = talk.client.ask_streamed("c");
        talk.run();
        EXPECT_EQ(talk.client.streams[reset].body, whole.substr(0, bytes));
        EXPECT_EQ(talk.client.streams[reset].error_code, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
        EXPECT_EQ(talk.client.streams[stalled].body, whole.substr(0, bytes));
        EXPECT_FALSE(talk.client.streams[stalled].closed);
        EXPECT_EQ(talk.client.streams[good].text(), whole);
        EXPECT_EQ(talk.counters().streams_open, 1u);

        conversation cut(mock_options{});
        cut.script().expect().reply_sse_pieces(three_events).drop_after(bytes);
        const auto dropped = cut.client.ask_streamed("a");
        cut.run();
        EXPECT_EQ(cut.client.streams[dropped].body, whole.substr(0, bytes));
        EXPECT_FALSE(cut.client.streams[dropped].closed);
        EXPECT_TRUE(cut.server.is_dropped());
    }
}

TEST(mock_streaming_http2, forgets_a_stream_that_the_client_resets_wherever_it_is) {
    for (std::size_t frames = 0; frames < 4; ++frames) {
        conversation talk(mock_options{});
        talk.script().expect().reply_events({"1", "2", "3", "4", "5"}).every(1s);
        const auto id = talk.client.ask_streamed("a");
        talk.run();
        for (std::size_t i = 0; i < frames; ++i) talk.pass(1s);
        talk.client.reset(id);
        talk.run();
        EXPECT_EQ(talk.counters().streams_open, 0u);
        EXPECT_EQ(talk.counters().in_flight, 0u);
        EXPECT_EQ(talk.counters().abandoned, 1u);
        talk.pass(1s);
        EXPECT_EQ(talk.client.streams[id].frames.size(), frames + 1);
    }
}

TEST(mock_streaming_http2, a_source_that_throws_fails_the_connection) {
    conversation talk(mock_options{});
    talk.script().expect().reply_with([](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([](std::string&) -> bool { throw std::runtime_error("no more"); }));
    });
    talk.client.ask_streamed("a");
    talk.send();
    while (!talk.server.gather().empty()) continue;
    EXPECT_TRUE(talk.server.has_failed());
    EXPECT_THROW(talk.server.rethrow(), std::runtime_error);
}

TEST(mock_streaming_http2, a_message_is_streamed_as_anthropic_does) {
    conversation talk(mock_options{});
    const auto id = talk.client.post(
        "/v1/messages", R"({"model":"c","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hi"}]})");
    talk.run();
    EXPECT_THAT(talk.client.streams[id].text(), StartsWith("event: message_start\n"));
    EXPECT_THAT(talk.client.streams[id].text(), EndsWith("data: {\"type\":\"message_stop\"}\n\n"));
}

CHORUS_TEST(mock_streaming_http2, streams_over_tls_in_its_time) {
    mock_server server(get_executor(), mock_options().http2().stream_interval(1s));
    http2_client client(get_executor());
    co_await client.connect(server);
    client.ask_streamed("a");
    client.ask_streamed("b");
    co_await client.until([&] { return client.closed() == 2; });
    EXPECT_THAT(client.streams[1].text(), EndsWith("data: [DONE]\n\n"));
    EXPECT_EQ(client.streams[3].frames.size(), 5u);
    EXPECT_EQ(test_clock().elapsed(), 4s);
    EXPECT_EQ(server.counters().peak_streams, 2u);
    EXPECT_EQ(server.counters().streams_open, 0u);
}

CHORUS_TEST(mock_streaming_http2, sends_many_writes_in_turns_and_hears_the_client_between) {
    mock_server server(get_executor(), mock_options().http2().plain());
    std::uint64_t made = 0;
    server.expect().reply_with([&](const mock_request&, mock_reply& reply) {
        reply.streamed().source(mock_pieces([&](std::string& out) {
            out += 'x';
            ++made;
            return true;
        }));
    });
    http2_client client(get_executor(), 0x7fffffff);
    co_await client.connect(server);
    client.widen(0x7fffffff);
    const auto endless = client.ask_streamed("a");
    co_await client.until([&] { return client.streams[endless].frames.size() > 200; });
    const auto other = client.ask("b");
    EXPECT_THAT((co_await client.answer(other)).text(), HasSubstr("echo: b"));
    client.reset(endless);
    co_await client.flush();
    co_await until([&] { return server.counters().streams_open == 0; });
    EXPECT_EQ(server.counters().chunks, made);
}

CHORUS_TEST(mock_streaming_http2, an_exception_in_a_source_is_a_problem_and_ends_the_connection) {
    mock_server server(get_executor(), mock_options().http2().plain());
    server.expect()
        .reply_with([](const mock_request&, mock_reply& reply) {
            reply.streamed().source(mock_pieces([](std::string&) -> bool { throw std::runtime_error("no more"); }));
        })
        .after(1s);
    http2_client client(get_executor());
    co_await client.connect(server);
    client.ask_streamed("a");
    co_await client.end();
    EXPECT_THAT(server.verify(), ElementsAre(HasSubstr("no more")));
    EXPECT_EQ(server.counters().streams_open, 0u);
    EXPECT_EQ(server.counters().in_flight, 0u);
}

#endif

}  // namespace

}  // namespace mock_streaming_tests
