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
#include <utility>
#include <vector>

#include <support/h2_peer.hpp>

namespace chorus::http {
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
    /// Sends raw frames to the client.
    result<void> feed_raw(std::initializer_list<unsigned char> bytes) {
        std::string text;
        for (const unsigned char byte : bytes) text += static_cast<char>(byte);
        return client.feed(text);
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

TEST_F(h2_session_test, refuses_what_is_not_http2_and_says_goodbye) {
    exchange();
    std::string garbage = "HTTP/1.1 400 Bad Request\r\n\r\n";
    const auto outcome = client.feed(garbage);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::protocol_error);
    std::string out;
    client.append_output(out);
    server.receive(out);
    EXPECT_NE(server.goodbye, NGHTTP2_NO_ERROR);
    EXPECT_FALSE(client.is_accepting());
}

TEST_F(h2_session_test, stops_a_peer_that_floods) {
    const std::string ping("\0\0\x08\x06\0\0\0\0\0........", 17);
    const std::string settings("\0\0\0\x04\0\0\0\0\0", 9);
    for (const std::string& frame : {ping, settings}) {
        h2_session flooded;
        std::string out;
        flooded.append_output(out);
        ASSERT_TRUE(flooded.feed(settings));
        result<void> outcome;
        int frames = 0;
        for (; frames < 5000 && outcome; ++frames) outcome = flooded.feed(frame);
        ASSERT_FALSE(outcome) << "it went on for ever";
        EXPECT_LT(frames, 1100);
    }
}

TEST_F(h2_session_test, stops_a_peer_that_sends_empty_data_frames) {
    const id stream = submit(a);
    exchange();
    server.respond(stream, ok, "x", false);
    exchange();
    result<void> outcome;
    int frames = 0;
    for (; frames < 5000 && outcome; ++frames) outcome = feed_raw({0, 0, 0, 0, 0, 0, 0, 0, 1});
    ASSERT_FALSE(outcome);
    EXPECT_LT(frames, 1100);
    EXPECT_NE(outcome.error().message().find("flood"), std::string::npos) << outcome.error().message();
}

TEST_F(h2_session_test, counts_the_answers_to_its_pings) {
    exchange();
    client.ping();
    exchange();
    EXPECT_EQ(client.pings_answered(), 1u);
}

}  // namespace
}  // namespace chorus::http
#endif
