#ifdef CHORUS_WITH_HTTP2
#include <chorus/http/h2_session.hpp>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <support/h2_peer.hpp>

namespace chorus::http::h2_session_tests {
namespace {

using testing_support::fields;
using testing_support::h2_peer;
using id = std::int32_t;

/// An exchange with all that it refers to.
struct question final : h2_session::stream {
    question(const request& message, const limits& wanted, char* who = nullptr)
        : stream(message, caps, answer), caps(wanted), name(who) {}
    /// One whose body is read piece by piece.
    question(const request& message, std::string& unread) : stream(message, caps, answer, unread), name(nullptr) {}
    result<response> outcome() { return failure.code() ? result<response>(failure) : result<response>(answer); }

    limits caps;
    response answer;
    char* name;
};

class h2_session_test : public testing::Test {
 protected:
    h2_session_test() {
        message.origin = {true, "host.example", 443};
        message.target = "/v1/chat/completions";
        message.headers.add("Authorization", "Bearer k").add("X-Thing", "Value");
        message.body = "{\"question\":1}";
    }

    id submit(char& who, const limits& caps = {}) {
        questions.push_back(std::make_unique<question>(message, caps, &who));
        EXPECT_TRUE(client.submit(*questions.back()));
        return last_id += 2;
    }
    /// Carries what is to be sent to the other side, both ways, until nothing is left.
    void exchange() {
        for (;;) {
            std::string out;
            while (client.append_output(out)) {
            }
            if (!out.empty()) server.receive(out);
            const std::string in = server.send();
            if (!in.empty()) fed = client.feed(in);
            if (out.empty() && in.empty()) break;
        }
        for (auto* each : client.take_completions()) {
            auto& ended = static_cast<question&>(*each);
            outcomes.emplace(ended.name, ended.outcome());
        }
    }

    request message;
    h2_session client;
    h2_peer server{3};
    result<void> fed;
    id last_id = -1;
    std::vector<std::unique_ptr<question>> questions;
    char a = 'a', b = 'b', c = 'c';
    std::map<char*, result<response>> outcomes;
};

const fields ok{{":status", "200"}, {"x-request-id", "r1"}};

TEST_F(h2_session_test, sends_the_request_and_completes_with_the_response) {
    const id stream = submit(a);
    exchange();
    const auto& request = server.requests[stream];
    EXPECT_EQ(request.head.at(":method"), "POST");
    EXPECT_EQ(request.head.at(":scheme"), "https");
    EXPECT_EQ(request.head.at(":authority"), "host.example");
    EXPECT_EQ(request.head.at(":path"), "/v1/chat/completions");
    EXPECT_EQ(request.head.at("authorization"), "Bearer k");
    EXPECT_EQ(request.head.at("x-thing"), "Value");
    EXPECT_EQ(request.head.at("content-length"), "14");
    EXPECT_EQ(request.body, message.body);
    EXPECT_TRUE(request.ended);
    EXPECT_TRUE(outcomes.empty());
    server.respond(stream, ok, "hello");
    exchange();
    ASSERT_TRUE(outcomes.at(&a));
    EXPECT_EQ(outcomes.at(&a)->status, 200);
    EXPECT_EQ(outcomes.at(&a)->headers.get("x-request-id"), "r1");
    EXPECT_EQ(outcomes.at(&a)->body, "hello");
    EXPECT_EQ(client.open_streams(), 0u);
}

TEST_F(h2_session_test, is_the_same_for_every_size_of_the_pieces) {
    for (std::size_t piece = 1; piece < 80; ++piece) {
        h2_session cut;
        h2_peer other;
        question one(message, {});
        ASSERT_TRUE(cut.submit(one));
        constexpr id stream = 1;
        std::string out;
        cut.append_output(out);
        other.receive(out);
        other.respond(stream, ok, std::string(40, 'x'));
        const std::string in = other.send();
        for (std::size_t at = 0; at < in.size(); at += piece)
            ASSERT_TRUE(cut.feed(std::string_view(in).substr(at, piece)));
        const auto ended = cut.take_completions();
        ASSERT_EQ(ended.size(), 1u) << piece;
        EXPECT_EQ(ended[0], &one);
        ASSERT_TRUE(one.outcome());
        EXPECT_EQ(one.answer.body, std::string(40, 'x'));
    }
}

TEST_F(h2_session_test, learns_from_settings_how_many_streams_the_peer_takes) {
    EXPECT_FALSE(client.has_settings());
    EXPECT_EQ(client.capacity(), 100u);
    exchange();
    EXPECT_TRUE(client.has_settings());
    EXPECT_EQ(client.capacity(), 3u);
}

TEST_F(h2_session_test, takes_no_more_streams_than_it_wants_and_no_fewer_than_one) {
    for (const auto& [allowed, taken] : {std::pair{4'000'000'000u, 1000u}, {0u, 1u}}) {
        h2_session session;
        h2_peer generous(allowed);
        ASSERT_TRUE(session.feed(generous.send()));
        EXPECT_EQ(session.capacity(), taken);
    }
}

TEST_F(h2_session_test, keeps_interleaved_responses_apart) {
    const id first = submit(a);
    const id second = submit(b);
    exchange();
    server.respond(second, ok, std::string(100'000, '2'));
    server.respond(first, ok, std::string(100'000, '1'));
    exchange();
    EXPECT_EQ(outcomes.at(&a)->body, std::string(100'000, '1'));
    EXPECT_EQ(outcomes.at(&b)->body, std::string(100'000, '2'));
}

TEST_F(h2_session_test, tells_the_peer_of_a_cancellation_and_nobody_else) {
    const id stream = submit(a);
    exchange();
    client.cancel(*questions.back());
    exchange();
    EXPECT_TRUE(server.requests[stream].was_reset);
    EXPECT_EQ(server.requests[stream].reset, NGHTTP2_CANCEL);
    server.respond(stream, ok, "too late");
    exchange();
    EXPECT_TRUE(outcomes.empty());
    EXPECT_EQ(client.open_streams(), 0u);
}

TEST_F(h2_session_test, resets_nothing_that_has_ended) {
    const id stream = submit(a);
    std::string out;
    client.append_output(out);
    server.receive(out);
    server.respond(stream, ok, "done");
    ASSERT_TRUE(client.feed(server.send()));
    EXPECT_EQ(client.take_completions().size(), 1u);
    exchange();
    EXPECT_FALSE(server.requests[stream].was_reset);
}

TEST_F(h2_session_test, sends_nothing_of_a_request_cancelled_at_once) {
    message.body.assign(100'000, 'x');
    const id stream = submit(a);
    client.cancel(*questions.back());
    questions.clear();
    message.body = {};
    exchange();
    EXPECT_EQ(server.requests[stream].body, "");
    EXPECT_TRUE(outcomes.empty());
}

TEST_F(h2_session_test, tells_what_the_peer_did_not_process_from_what_was_lost) {
    const id refused = submit(a);
    const id reset = submit(b);
    const id cut = submit(c);
    exchange();
    server.reset(refused, NGHTTP2_REFUSED_STREAM);
    server.reset(reset, NGHTTP2_INTERNAL_ERROR);
    server.respond(cut, ok, "half", false);
    exchange();
    server.reset(cut, NGHTTP2_INTERNAL_ERROR);
    exchange();
    EXPECT_EQ(outcomes.at(&a).error(), errc::refused);
    EXPECT_EQ(outcomes.at(&b).error(), errc::connection_lost);
    EXPECT_EQ(outcomes.at(&c).error(), errc::truncated);
}

TEST_F(h2_session_test, ends_with_goaway_what_came_too_late_and_lets_the_rest_finish) {
    const id first = submit(a);
    submit(b);
    exchange();
    EXPECT_TRUE(client.is_accepting());
    server.go_away(first);
    exchange();
    EXPECT_FALSE(client.is_accepting());
    EXPECT_EQ(outcomes.at(&b).error(), errc::refused);
    server.respond(first, ok, "in time");
    exchange();
    EXPECT_EQ(outcomes.at(&a)->body, "in time");
}

TEST_F(h2_session_test, tells_that_a_request_was_not_sent_when_goaway_overtook_it) {
    const id first = submit(a);
    exchange();
    submit(b);
    server.go_away(first);
    ASSERT_TRUE(client.feed(server.send()));
    exchange();
    EXPECT_EQ(outcomes.at(&b).error(), errc::refused);
    EXPECT_FALSE(outcomes.contains(&a));
}

TEST_F(h2_session_test, ends_everything_when_the_connection_ends) {
    submit(a);
    const id begun = submit(b);
    exchange();
    server.respond(begun, ok, "half", false);
    exchange();
    client.feed_end("reset by peer");
    exchange();
    EXPECT_EQ(outcomes.at(&a).error(), errc::connection_lost);
    EXPECT_EQ(outcomes.at(&a).error().cause(), "reset by peer");
    EXPECT_EQ(outcomes.at(&b).error(), errc::truncated);
    EXPECT_FALSE(client.is_accepting());
}

TEST_F(h2_session_test, tells_what_was_not_sent_when_the_connection_ended_from_what_was_lost) {
    submit(a);
    exchange();
    submit(b);
    client.feed_end("reset by peer");
    exchange();
    EXPECT_EQ(outcomes.at(&a).error(), errc::connection_lost);
    EXPECT_EQ(outcomes.at(&b).error(), errc::refused);
    EXPECT_EQ(outcomes.at(&b).error().cause(), "reset by peer");
}

TEST_F(h2_session_test, passes_over_interim_responses_and_trailers) {
    const id stream = submit(a);
    exchange();
    server.interim(stream, {{":status", "103"}, {"link", "x"}});
    server.respond(stream, ok, "body");
    exchange();
    EXPECT_EQ(outcomes.at(&a)->status, 200);
    EXPECT_EQ(outcomes.at(&a)->headers.get("x-request-id"), "r1");
    EXPECT_FALSE(outcomes.at(&a)->headers.contains("link"));
}

TEST_F(h2_session_test, gives_the_windows_of_a_whole_response_back_as_it_comes) {
    const id stream = submit(a);
    exchange();
    constexpr std::size_t window = 1024 * 1024;
    server.respond(stream, ok, std::string(4 * window, 'x'));
    exchange();
    ASSERT_TRUE(outcomes.at(&a));
    EXPECT_EQ(outcomes.at(&a)->body.size(), 4 * window);
    // Each by halves (nghttp2): a frame for each would be traffic without need.
    EXPECT_GE(server.requests[stream].given_back, 3 * window);
    EXPECT_LE(server.window_updates, 10u);
}

TEST_F(h2_session_test, keeps_a_streamed_body_apart_and_tells_what_is_new) {
    std::string unread;
    question one(message, unread);
    ASSERT_TRUE(client.submit(one));
    exchange();
    EXPECT_TRUE(client.take_news().empty());
    server.interim(1, {{":status", "103"}});
    exchange();
    EXPECT_TRUE(client.take_news().empty());
    EXPECT_FALSE(one.has_head());
    server.respond(1, ok, "", false);
    exchange();
    EXPECT_EQ(client.take_news(), std::vector<h2_session::stream*>{&one});
    EXPECT_TRUE(one.has_head());
    EXPECT_FALSE(one.has_ended());
    server.go_on(1, "some");
    exchange();
    server.go_on(1, "thing");
    exchange();
    EXPECT_EQ(client.take_news(), std::vector<h2_session::stream*>{&one}) << "once";
    EXPECT_EQ(unread, "something");
    EXPECT_EQ(one.answer.body, "");
    server.go_on(1, "", true);
    exchange();
    EXPECT_EQ(client.take_news(), std::vector<h2_session::stream*>{&one});
    EXPECT_TRUE(one.has_ended());
    EXPECT_EQ(client.open_streams(), 0u);
    EXPECT_FALSE(one.failure.code());
}

TEST_F(h2_session_test, gives_the_window_of_a_streamed_body_back_when_it_is_consumed) {
    constexpr std::size_t window = 1024 * 1024;
    std::string unread;
    question one(message, unread);
    ASSERT_TRUE(client.submit(one));
    exchange();
    server.respond(1, ok, std::string(2 * window, 'x'), false);
    exchange();
    EXPECT_EQ(unread.size(), window);
    EXPECT_EQ(server.requests[1].given_back, 0u);
    EXPECT_EQ(server.unsent(1), window);
    EXPECT_FALSE(client.consume(one, 1000)) << "too little to tell";
    EXPECT_TRUE(client.consume(one, window - 1000));
    exchange();
    EXPECT_EQ(server.requests[1].given_back, window);
    EXPECT_EQ(unread.size(), 2 * window);
    client.cancel(one);
    EXPECT_TRUE(client.take_news().empty()) << "nothing is told of what is forgotten";
    EXPECT_FALSE(client.consume(one, window));
    exchange();
    EXPECT_TRUE(server.requests[1].was_reset);
}

TEST_F(h2_session_test, resets_a_malformed_response_without_harm_to_others) {
    const id sound = submit(a);
    const id no_status = submit(b);
    const id short_body = submit(c);
    exchange();
    server.respond(no_status, {{"x", "y"}}, "x");
    server.respond(short_body, {{":status", "200"}, {"content-length", "10"}}, "x");
    exchange();
    EXPECT_TRUE(fed);
    EXPECT_EQ(outcomes.at(&b).error(), errc::protocol_error);
    EXPECT_EQ(outcomes.at(&c).error(), errc::protocol_error);
    EXPECT_TRUE(server.requests[no_status].was_reset);
    server.respond(sound, ok, "fine");
    exchange();
    ASSERT_TRUE(outcomes.at(&a));
    EXPECT_EQ(outcomes.at(&a)->body, "fine");
}

/// What could be two messages to a server behind the peer that speaks HTTP/1.1, or is no response of HTTP at all.
TEST_F(h2_session_test, refuses_what_could_be_smuggled_and_takes_no_further_request_there) {
    using namespace std::string_literals;
    const std::string three = "abc";
    for (const fields& head : std::vector<fields>{
             {{":status", "200"}, {"content-length", "3"}, {"content-length", "5"}},
             {{":status", "200"}, {"content-length", "3"}, {"content-length", "3"}},
             {{":status", "200"}, {"content-length", "3, 5"}},
             {{":status", "200"}, {"content-length", "-3"}},
             {{":status", "200"}, {"content-length", "+3"}},
             {{":status", "200"}, {"content-length", "0x3"}},
             {{":status", "200"}, {"content-length", "3 3"}},
             {{":status", "200"}, {"content-length", ""}},
             {{":status", "200"}, {"content-length", "2"}},
             {{":status", "200"}, {"content-length", "4"}},
             {{":status", "200"}, {"content-length", "99999999999999999999999"}},
             {{":status", "204"}, {"content-length", "3"}},
             {{":status", "200"}, {"transfer-encoding", "chunked"}},
             {{":status", "200"}, {"connection", "close"}},
             {{":status", "200"}, {"keep-alive", "timeout=5"}},
             {{":status", "200"}, {"proxy-connection", "close"}},
             {{":status", "200"}, {"upgrade", "x"}},
             {{":status", "200"}, {"x", "a\r\nx-injected: b"}},
             {{":status", "200"}, {"x", "a\nb"}},
             {{":status", "200"}, {"x", "a\rb"}},
             {{":status", "200"}, {"x", "a\0b"s}},
             {{":status", "200"}, {"x: y\r\nx-injected", "b"}},
             {{":status", "200"}, {"x y", "b"}},
             {{":status", "200"}, {"", "b"}},
             {{":status", "200"}, {":status", "200"}},
             {{":status", "200"}, {":path", "/"}},
             {{"x", "y"}, {":status", "200"}},
             {{":status", "2x0"}},
             {{":status", "20"}},
             {{":status", ""}},
             {{":status", "101"}},
             {{"x", "y"}},
         }) {
        const std::string shown = head.front().second + " " + head.back().first + ": " + head.back().second;
        h2_session suspect;
        h2_peer peer{3};
        question one(message, limits(), &a);
        question other(message, limits(), &b);
        const auto exchange_all = [&] {
            for (std::string out, in; suspect.append_output(out), in = peer.send(), !(out + in).empty(); out.clear()) {
                peer.receive(out);
                EXPECT_TRUE(suspect.feed(in)) << shown;
            }
        };
        ASSERT_TRUE(suspect.submit(one));
        ASSERT_TRUE(suspect.submit(other));
        exchange_all();
        peer.respond(1, head, three);
        exchange_all();
        EXPECT_EQ(one.failure, errc::protocol_error) << shown;
        EXPECT_FALSE(suspect.is_accepting()) << shown;
        peer.respond(3, ok, "fine");
        exchange_all();
        EXPECT_FALSE(other.failure.code()) << "what is under way ends as it would";
        EXPECT_EQ(other.answer.body, "fine");
    }
}

TEST_F(h2_session_test, limits_head_and_body_of_one_response_without_harm_to_others) {
    limits caps;
    caps.head_bytes = 1000;
    caps.body_bytes = 1000;
    const id big_head = submit(a, caps);
    const id big_body = submit(b, caps);
    const id modest = submit(c, caps);
    exchange();
    fields bomb = ok;
    for (int i = 0; i < 50; ++i) bomb.emplace_back("x-bomb", std::string(100, 'b'));  // one byte each on the wire
    server.respond(big_head, bomb, "x");
    server.respond(big_body, ok, std::string(1001, 'x'));
    server.respond(modest, ok, std::string(1000, 'x'));
    exchange();
    EXPECT_EQ(outcomes.at(&a).error(), errc::head_too_large);
    EXPECT_EQ(outcomes.at(&b).error(), errc::body_too_large);
    EXPECT_TRUE(outcomes.at(&c));
}

TEST_F(h2_session_test, does_not_pass_on_a_body_that_is_coded) {
    const fields coded{{":status", "200"}, {"content-encoding", "gzip"}};
    const id whole = submit(a);
    std::string unread;
    questions.push_back(std::make_unique<question>(message, unread));
    question& streamed = *questions.back();
    ASSERT_TRUE(client.submit(streamed));
    const id other = last_id += 2;
    exchange();
    server.respond(whole, coded, "\x1f\x8b\x08");
    server.respond(other, coded, "\x1f\x8b\x08");
    exchange();
    for (const error& why : {outcomes.at(&a).error(), streamed.failure}) {
        EXPECT_EQ(why, errc::decode_failed);
        EXPECT_EQ(why.text(), "the body has the content coding 'gzip', which was not asked for");
        EXPECT_EQ(why.phase(), phase::read);
    }
    EXPECT_EQ(unread, "");
    EXPECT_TRUE(client.is_accepting()) << "the other exchanges of the connection go on";
}

TEST_F(h2_session_test, keeps_the_status_of_a_failure_whose_body_is_coded) {
    const fields coded{{":status", "429"}, {"content-encoding", "br"}, {"retry-after", "3"}};
    const id whole = submit(a);
    std::string unread;
    questions.push_back(std::make_unique<question>(message, unread));
    question& streamed = *questions.back();
    ASSERT_TRUE(client.submit(streamed));
    const id other = last_id += 2;
    exchange();
    server.respond(whole, coded, std::string(100'000, 'x'));
    server.respond(other, coded, std::string(100'000, 'x'));
    exchange();
    ASSERT_TRUE(outcomes.at(&a));
    EXPECT_EQ(outcomes.at(&a)->status, 429);
    EXPECT_EQ(outcomes.at(&a)->headers.get("retry-after"), "3");
    EXPECT_EQ(outcomes.at(&a)->body, "");
    EXPECT_FALSE(streamed.failure.code());
    EXPECT_EQ(streamed.answer.status, 429);
    EXPECT_EQ(unread, "");
}

TEST_F(h2_session_test, takes_header_fields_only_up_to_their_number) {
    const limits caps{.head_fields = 10};
    fields many = ok;
    for (int i = 0; i < 10; ++i) many.emplace_back("x-" + std::to_string(i), "");
    const id flood = submit(a, caps);
    const id heads = submit(b, caps);
    const id modest = submit(c, caps);
    exchange();
    server.respond(flood, many, "");
    for (int i = 0; i < 10; ++i) server.interim(heads, {{":status", "103"}});
    server.respond(heads, ok, "");
    server.respond(modest, ok, "");
    exchange();
    EXPECT_EQ(outcomes.at(&a).error(), errc::head_too_large);
    EXPECT_EQ(outcomes.at(&b).error(), errc::head_too_large);
    EXPECT_TRUE(outcomes.at(&c));
}

// --- raw frames: what nghttp2 as a peer would not send ----------------------------------------------------------------

/// A frame of RFC 9113, section 4.1.
std::string frame(unsigned type, unsigned flags, unsigned stream, const std::string& payload = {}) {
    std::string bytes;
    const auto append = [&bytes](std::size_t number, int octets) {
        while (octets-- > 0) bytes += static_cast<char>(number >> 8 * octets & 0xff);
    };
    append(payload.size(), 3);
    append(type, 1);
    append(flags, 1);
    append(stream, 4);
    return bytes + payload;
}

/// One entry of SETTINGS, or anything else of so many octets.
std::string octets(std::initializer_list<unsigned char> bytes) {
    return {bytes.begin(), bytes.end()};
}

enum : unsigned { end_stream = 1, ack = 1, end_headers = 4, padded = 8 };

/// The error codes that a client's output tells, by stream; that of its GOAWAY by stream 0.
std::map<unsigned, std::uint32_t> told_errors(h2_session& client) {
    std::string out;
    while (client.append_output(out)) {
    }
    constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    std::string_view rest = out;
    if (rest.starts_with(preface)) rest.remove_prefix(preface.size());
    const auto number = [&rest](std::size_t at, std::size_t count) {
        std::uint32_t value = 0;
        while (count-- > 0) value = value << 8 | static_cast<unsigned char>(rest.at(at++));
        return value;
    };
    std::map<unsigned, std::uint32_t> told;
    while (rest.size() >= 9) {
        if (number(3, 1) == NGHTTP2_RST_STREAM) told[number(5, 4)] = number(9, 4);
        if (number(3, 1) == NGHTTP2_GOAWAY) told[0] = number(13, 4);
        rest.remove_prefix(9 + number(0, 3));
    }
    EXPECT_TRUE(rest.empty()) << "output that is no frame";
    return told;
}

const std::string no_settings = frame(NGHTTP2_SETTINGS, 0, 0);

TEST_F(h2_session_test, ends_a_connection_on_what_is_not_http2_and_says_why) {
    const std::string status = octets({0x88});  // ":status: 200", indexed (RFC 7541, appendix A)
    const struct {
        const char* what;
        std::string bytes;
        std::uint32_t code;
        bool is_first = false;
    } rows[] = {
        {"HTTP/1.1 at once", "HTTP/1.1 400 Bad Request\r\n\r\n", NGHTTP2_PROTOCOL_ERROR, true},
        {"no SETTINGS first", frame(NGHTTP2_PING, 0, 0, "........"), NGHTTP2_PROTOCOL_ERROR, true},
        {"HTTP/1.1 later", "HTTP/1.1 400 Bad Request\r\n\r\n", NGHTTP2_FRAME_SIZE_ERROR},
        {"zeros", std::string(100, '\0'), NGHTTP2_PROTOCOL_ERROR},
        {"a frame longer than was allowed", frame(NGHTTP2_DATA, 0, 1, std::string(16'385, 'x')),
         NGHTTP2_FRAME_SIZE_ERROR},
        {"a PING of 7 bytes", frame(NGHTTP2_PING, 0, 0, "......."), NGHTTP2_FRAME_SIZE_ERROR},
        {"a PING on a stream", frame(NGHTTP2_PING, 0, 1, "........"), NGHTTP2_PROTOCOL_ERROR},
        {"half a setting", frame(NGHTTP2_SETTINGS, 0, 0, "..."), NGHTTP2_FRAME_SIZE_ERROR},
        {"an acknowledgement with settings", frame(NGHTTP2_SETTINGS, ack, 0, octets({0, 3, 0, 0, 0, 1})),
         NGHTTP2_FRAME_SIZE_ERROR},
        {"an acknowledgement of nothing", frame(NGHTTP2_SETTINGS, ack, 0), NGHTTP2_PROTOCOL_ERROR},
        {"settings of a stream", frame(NGHTTP2_SETTINGS, 0, 1), NGHTTP2_PROTOCOL_ERROR},
        {"push", frame(NGHTTP2_SETTINGS, 0, 0, octets({0, 2, 0, 0, 0, 1})), NGHTTP2_PROTOCOL_ERROR},
        {"a window beyond 31 bits", frame(NGHTTP2_SETTINGS, 0, 0, octets({0, 4, 0xff, 0xff, 0xff, 0xff})),
         NGHTTP2_FLOW_CONTROL_ERROR},
        {"frames of 1 byte", frame(NGHTTP2_SETTINGS, 0, 0, octets({0, 5, 0, 0, 0, 1})), NGHTTP2_PROTOCOL_ERROR},
        {"DATA of no stream", frame(NGHTTP2_DATA, 0, 0, "x"), NGHTTP2_PROTOCOL_ERROR},
        {"DATA of a stream that nobody began", frame(NGHTTP2_DATA, 0, 7, "x"), NGHTTP2_PROTOCOL_ERROR},
        {"padding beyond the frame", frame(NGHTTP2_DATA, padded, 1, octets({9, 'x'})), NGHTTP2_PROTOCOL_ERROR},
        {"HEADERS of no stream", frame(NGHTTP2_HEADERS, end_headers, 0, status), NGHTTP2_PROTOCOL_ERROR},
        {"HEADERS of a stream that nobody began", frame(NGHTTP2_HEADERS, end_headers, 7, status),
         NGHTTP2_PROTOCOL_ERROR},
        {"no HPACK", frame(NGHTTP2_HEADERS, end_headers, 1, octets({0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
         NGHTTP2_COMPRESSION_ERROR},
        {"a field of the table that is not there", frame(NGHTTP2_HEADERS, end_headers, 1, octets({0xfe})),
         NGHTTP2_COMPRESSION_ERROR},
        {"HEADERS cut off by another frame",
         frame(NGHTTP2_HEADERS, 0, 1, status) + frame(NGHTTP2_PING, 0, 0, "........"), NGHTTP2_PROTOCOL_ERROR},
        {"CONTINUATION of another stream", frame(NGHTTP2_HEADERS, 0, 1, status) + frame(NGHTTP2_CONTINUATION, 4, 3),
         NGHTTP2_PROTOCOL_ERROR},
        {"CONTINUATION of nothing", frame(NGHTTP2_CONTINUATION, end_headers, 1, status), NGHTTP2_PROTOCOL_ERROR},
        {"RST_STREAM of 3 bytes", frame(NGHTTP2_RST_STREAM, 0, 1, "..."), NGHTTP2_FRAME_SIZE_ERROR},
        {"RST_STREAM of a stream that nobody began", frame(NGHTTP2_RST_STREAM, 0, 7, "...."), NGHTTP2_PROTOCOL_ERROR},
        {"PUSH_PROMISE", frame(NGHTTP2_PUSH_PROMISE, end_headers, 1, octets({0, 0, 0, 2, 0x82})),
         NGHTTP2_PROTOCOL_ERROR},
        {"a window update of nothing", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, octets({0, 0, 0, 0})),
         NGHTTP2_PROTOCOL_ERROR},
        {"a window that overflows", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, octets({0x7f, 0xff, 0xff, 0xff})),
         NGHTTP2_FLOW_CONTROL_ERROR},
        {"half a window update", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, ".."), NGHTTP2_FRAME_SIZE_ERROR},
        {"GOAWAY of a stream", frame(NGHTTP2_GOAWAY, 0, 1, "........"), NGHTTP2_PROTOCOL_ERROR},
        {"half a GOAWAY", frame(NGHTTP2_GOAWAY, 0, 0, "..."), NGHTTP2_FRAME_SIZE_ERROR},
    };
    for (const auto& row : rows) {
        h2_session session;
        question one(message, {});
        ASSERT_TRUE(session.submit(one));
        EXPECT_TRUE(told_errors(session).empty()) << row.what;
        if (!row.is_first) {
            ASSERT_TRUE(session.feed(no_settings + frame(NGHTTP2_SETTINGS, ack, 0)));
        }
        const auto outcome = session.feed(row.bytes);
        EXPECT_EQ(outcome ? error() : outcome.error(), errc::protocol_error) << row.what;
        const auto told = told_errors(session);
        ASSERT_TRUE(told.contains(0)) << row.what << ": no GOAWAY";
        EXPECT_EQ(told.at(0), row.code) << row.what << ": " << nghttp2_http2_strerror(told.at(0));
        EXPECT_FALSE(session.is_accepting()) << row.what;
        session.feed_end("the end");
        EXPECT_EQ(session.take_completions().size(), 1u) << row.what;
        EXPECT_EQ(one.failure, errc::protocol_error) << row.what;
    }
}

TEST_F(h2_session_test, resets_a_response_with_a_name_in_capitals) {
    question one(message, {});
    question other(message, {});
    ASSERT_TRUE(client.submit(one));
    ASSERT_TRUE(client.submit(other));
    ASSERT_TRUE(client.feed(no_settings));
    EXPECT_TRUE(told_errors(client).empty());
    // ":status: 200", and a literal that is not indexed, with a new name (RFC 7541, 6.2.2).
    const std::string head = octets({0x88, 0x00, 7}) + "X-Upper" + octets({2}) + "no";
    EXPECT_TRUE(client.feed(frame(NGHTTP2_HEADERS, end_headers, 1, head)));
    EXPECT_EQ(told_errors(client), (std::map<unsigned, std::uint32_t>{{1u, NGHTTP2_PROTOCOL_ERROR}}));
    EXPECT_EQ(client.take_completions(), std::vector<h2_session::stream*>{&one});
    EXPECT_EQ(one.failure, errc::protocol_error);
    const std::string sound = octets({0x88, 0x00, 7}) + "x-lower" + octets({2}) + "so";
    EXPECT_TRUE(client.feed(frame(NGHTTP2_HEADERS, end_headers | end_stream, 3, sound)));
    EXPECT_FALSE(other.failure.code());
    EXPECT_EQ(other.answer.headers.get("x-lower"), "so");
}

TEST_F(h2_session_test, stops_a_peer_that_floods) {
    const std::string open = frame(NGHTTP2_HEADERS, end_headers, 1, octets({0x88}));
    const std::string closed = open + frame(NGHTTP2_RST_STREAM, 0, 1, "....");
    const std::string grant = octets({0, 0, 0, 1});
    const struct {
        const char* what;
        std::string before;
        std::string frame;
        int most = 1100;
    } rows[] = {
        {"PING", "", frame(NGHTTP2_PING, 0, 0, "........")},
        {"SETTINGS", "", no_settings},
        {"PRIORITY", "", frame(NGHTTP2_PRIORITY, 0, 1, ".....")},
        {"empty DATA", open, frame(NGHTTP2_DATA, 0, 1)},
        {"DATA of nothing but padding", open, frame(NGHTTP2_DATA, padded, 1, octets({2, 0, 0}))},
        {"RST_STREAM", closed, frame(NGHTTP2_RST_STREAM, 0, 1, "....")},
        {"WINDOW_UPDATE of the connection", "", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, grant)},
        {"WINDOW_UPDATE of a stream", "", frame(NGHTTP2_WINDOW_UPDATE, 0, 1, grant)},
        {"WINDOW_UPDATE of a closed stream", closed, frame(NGHTTP2_WINDOW_UPDATE, 0, 1, grant)},
        {"ALTSVC, which is known and of no use", "", frame(NGHTTP2_ALTSVC, 0, 0, octets({0, 1, 'a', 'b'}))},
        {"frames that nobody knows", "", frame(0xbb, 0xff, 0, "x")},
        {"the same, empty and of a stream", open, frame(0xff, 0, 1)},
        {"CONTINUATION", frame(NGHTTP2_HEADERS, 0, 1, octets({0x88})), frame(NGHTTP2_CONTINUATION, 0, 1), 20},
        {"CONTINUATION with fields", frame(NGHTTP2_HEADERS, 0, 1, octets({0x88})),
         frame(NGHTTP2_CONTINUATION, 0, 1, octets({0x00, 1, 'x', 1, 'y'})), 20},
    };
    for (const auto& row : rows) {
        h2_session flooded;
        question one(message, {});
        ASSERT_TRUE(flooded.submit(one));
        EXPECT_TRUE(told_errors(flooded).empty());
        ASSERT_TRUE(flooded.feed(no_settings));
        ASSERT_TRUE(flooded.feed(row.before)) << row.what;
        result<void> outcome;
        int frames = 0;
        for (; frames < 5000 && outcome; ++frames) outcome = flooded.feed(row.frame);
        ASSERT_FALSE(outcome) << row.what << " went on for ever";
        EXPECT_EQ(outcome.error(), errc::protocol_error) << row.what;
        EXPECT_NE(outcome.error().message().find("flood"), std::string::npos) << outcome.error().message();
        EXPECT_LT(frames, row.most) << row.what;
        const auto told = told_errors(flooded);
        ASSERT_TRUE(told.contains(0)) << row.what << ": no GOAWAY";
        EXPECT_EQ(told.at(0), std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM}) << row.what;
        EXPECT_FALSE(flooded.is_accepting()) << row.what;
    }
}

TEST_F(h2_session_test, takes_no_zeal_for_a_flood) {
    // A peer that gives back each window at once, in small pieces, or turns away all of many requests.
    message.body.assign(1'000'000, 'x');
    question upload(message, {});
    ASSERT_TRUE(client.submit(upload));
    ASSERT_TRUE(client.feed(no_settings));
    const std::string grant = octets({0, 0, 2, 0});  // 512 bytes
    for (int sent = 0; sent < 1'800; ++sent) {
        std::string out;
        client.append_output(out);
        ASSERT_TRUE(client.feed(frame(NGHTTP2_WINDOW_UPDATE, 0, 0, grant))) << sent;
        ASSERT_TRUE(client.feed(frame(NGHTTP2_WINDOW_UPDATE, 0, 1, grant))) << sent;
    }
    message.body.clear();
    for (unsigned stream = 3; stream < 6'003; stream += 2) {
        question refused(message, {});
        ASSERT_TRUE(client.submit(refused));
        EXPECT_TRUE(told_errors(client).empty());
        ASSERT_TRUE(client.feed(frame(NGHTTP2_RST_STREAM, 0, stream, octets({0, 0, 0, 7})))) << stream;
        EXPECT_EQ(refused.failure, errc::refused);
        EXPECT_EQ(client.take_completions().size(), 1u);
    }
}

TEST_F(h2_session_test, tells_the_peer_how_large_a_head_it_takes) {
    exchange();
    const limits usual;
    EXPECT_EQ(server.header_list_bytes(), usual.head_bytes + 32 * usual.head_fields);
    submit(a, {.head_bytes = 1000});
    exchange();
    EXPECT_EQ(server.header_list_bytes(), usual.head_bytes + 32 * usual.head_fields) << "others take more";
    submit(b, {.head_bytes = 1'000'000});
    exchange();
    EXPECT_EQ(server.header_list_bytes(), 1'000'000 + 32 * usual.head_fields);
    submit(c, {.head_bytes = SIZE_MAX, .head_fields = SIZE_MAX});
    exchange();
    EXPECT_EQ(server.header_list_bytes(), 0xffff'ffffu);
}

TEST_F(h2_session_test, counts_the_answers_to_its_pings) {
    exchange();
    client.ping();
    exchange();
    EXPECT_EQ(client.pings_answered(), 1u);
}

}  // namespace
}  // namespace chorus::http::h2_session_tests
#endif
