// Recording and replaying belong together: what one writes the other plays.
#include <chorus/async/timeout.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/recording_transport.hpp>
#include <chorus/testing/replaying_transport.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <support/collecting_sink.hpp>
#include <support/scratch_directory.hpp>

namespace chorus::testing::replaying_transport_tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::collecting_sink;

const std::string key = "sk-proj-abcdefghij0123456789";
const http::limits caps;

http::request asking(std::string body, std::string target = "/v1/chat") {
    http::request made;
    made.origin.host = "api.example";
    made.target = std::move(target);
    made.headers.add("authorization", "Bearer " + key);
    made.body = std::move(body);
    return made;
}

http::response answering(std::string body) {
    http::response made;
    made.status = 200;
    made.headers.add("x-request-id", "req_1");
    made.body = std::move(body);
    return made;
}

/// A recorder over a fake, and what it wrote.
struct tape {
    std::string lines;
    std::shared_ptr<fake_transport> fake;

    explicit tape(fake_transport::answer reply) : fake(std::make_shared<fake_transport>(std::move(reply))) {}
    std::shared_ptr<recording_transport> recorder() {
        return std::make_shared<recording_transport>(fake,
                                                     [this](std::string_view line) { lines.append(line) += '\n'; });
    }
    void streams(std::vector<streamed_answer::piece> pieces, error ending = {}) {
        fake->answer_in_pieces([pieces = std::move(pieces), ending](const http::request&) {
            streamed_answer script;
            script.head = answering("");
            script.pieces = pieces;
            script.ending = ending;
            return script;
        });
    }
    std::shared_ptr<replaying_transport> replay(replay_options options = {}) const {
        auto parsed = replaying_transport::parse(lines, std::move(options));
        EXPECT_TRUE(parsed) << parsed.error().message();
        return parsed ? *parsed : nullptr;
    }
};

result<http::response> echo(const http::request& message) {
    return answering("echo " + message.body);
}

/// What a reader sees of a response: each read by itself, then how it ended.
struct sight {
    std::vector<std::string> reads;
    std::string ending;
    int status = 0;
    bool operator==(const sight&) const = default;
};

awaitable<sight> watch(net::transport& over, const http::request& message, std::size_t most_reads = 100) {
    sight seen;
    auto opened = co_await over.open(message, caps);
    if (!opened) {
        seen.ending = opened.error().message();
        co_return seen;
    }
    seen.status = (*opened)->take_head().status;
    for (std::size_t i = 0; i < most_reads; ++i) {
        collecting_sink sink;
        const auto got = co_await (*opened)->read(sink, {});
        if (!got || !*got) {
            seen.ending = got ? "end" : got.error().message();
            break;
        }
        seen.reads.push_back(std::move(sink.body));
    }
    co_return seen;
}

CHORUS_TEST(replaying_transport, gives_what_was_recorded_in_the_order_of_equal_requests) {
    int count = 0;
    tape recorded(
        [&count](const http::request& message) { return answering(message.body + " " + std::to_string(++count)); });
    const auto recorder = recorded.recorder();
    const auto a = asking("a"), b = asking("b"), elsewhere = asking("a", "/v1/models");
    for (const auto* const message : {&a, &b, &a, &elsewhere}) {
        http::response answer;
        const auto sent = co_await recorder->send(*message, caps, answer);
        EXPECT_TRUE(sent);
    }
    const auto replay = recorded.replay();
    EXPECT_EQ(replay->left(), 4u);
    std::string all;
    for (const auto* const message : {&b, &a, &elsewhere, &a}) {
        http::response answer;
        const auto sent = co_await replay->send(*message, caps, answer);
        CO_ASSERT_TRUE(sent);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.headers.get("x-request-id"), "req_1");
        all += answer.body + ';';
    }
    EXPECT_EQ(all, "b 2;a 1;a 4;a 3;");
    EXPECT_EQ(replay->left(), 0u);
}

CHORUS_TEST(replaying_transport, plays_binary_bodies_both_ways) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    tape recorded(&echo);
    const auto message = asking(bytes);
    http::response answer;
    const auto recorder = recorded.recorder();
    const auto sent = co_await recorder->send(message, caps, answer);
    EXPECT_TRUE(sent);
    EXPECT_THAT(recorded.lines, HasSubstr("body_base64"));
    answer = {};
    const auto replay = recorded.replay();
    const auto played = co_await replay->send(message, caps, answer);
    EXPECT_TRUE(played);
    EXPECT_EQ(answer.body, "echo " + bytes);
}

CHORUS_TEST(replaying_transport, plays_a_stream_in_its_pieces) {
    tape recorded(&echo);
    recorded.streams({{"data: \xc3", 0ms}, {"\xa9\n\n", 0ms}, {"data: [DONE]\n\n", 0ms}});
    const auto message = asking("a");
    const auto recorder = recorded.recorder();
    const auto live = co_await watch(*recorder, message);
    EXPECT_EQ(live.reads.size(), 3u);
    EXPECT_EQ(live.ending, "end");
    const auto replay = recorded.replay();
    const auto played = co_await watch(*replay, message);
    EXPECT_TRUE(played == live);
    const auto again = recorded.replay();
    http::response whole;
    const auto sent = co_await again->send(message, caps, whole);
    EXPECT_TRUE(sent);
    EXPECT_EQ(whole.body, "data: \xc3\xa9\n\ndata: [DONE]\n\n") << "who sends gets it in one";
}

CHORUS_TEST(replaying_transport, plays_a_whole_answer_to_who_opens_it) {
    tape recorded(&echo);
    const auto message = asking("a");
    const auto recorder = recorded.recorder();
    http::response answer;
    const auto sent = co_await recorder->send(message, caps, answer);
    EXPECT_TRUE(sent);
    const auto replay = recorded.replay();
    const auto played = co_await watch(*replay, message);
    EXPECT_EQ(played.reads, std::vector<std::string>{"echo a"});
    EXPECT_EQ(played.ending, "end");
}

CHORUS_TEST(replaying_transport, fails_as_the_recorded_call_failed) {
    error lost(errc::connection_lost, "reset by peer");
    lost.phase(phase::first_byte);
    tape recorded([&lost](const http::request&) { return lost; });
    const auto message = asking("a");
    const auto recorder = recorded.recorder();
    http::response answer;
    const auto sent = co_await recorder->send(message, caps, answer);
    CO_ASSERT_FALSE(sent);
    error cut(errc::truncated, "cut");
    cut.phase(phase::read);
    recorded.streams({{"half", 0ms}}, cut);
    const auto live = co_await watch(*recorder, message);
    EXPECT_EQ(live.reads.size(), 1u);
    const auto replay = recorded.replay();
    const auto failed = co_await replay->send(message, caps, answer);
    CO_ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message(), sent.error().message());
    EXPECT_EQ(failed.error(), errc::connection_lost);
    EXPECT_EQ(failed.error().phase(), phase::first_byte);
    const auto played = co_await watch(*replay, message);
    EXPECT_TRUE(played == live) << played.ending;
}

CHORUS_TEST(replaying_transport, says_where_a_recording_of_an_abandoned_stream_ends) {
    tape recorded(&echo);
    recorded.streams({{"one", 0ms}, {"two", 0ms}});
    const auto message = asking("a");
    const auto recorder = recorded.recorder();
    const auto live = co_await watch(*recorder, message, 1);
    EXPECT_EQ(live.reads, std::vector<std::string>{"one"});
    EXPECT_EQ(recorded.fake->streams().dropped, 1u);
    const auto replay = recorded.replay();
    const auto played = co_await watch(*replay, message);
    EXPECT_EQ(played.reads, std::vector<std::string>{"one"});
    EXPECT_THAT(played.ending, HasSubstr("where its reader left"));
    http::response answer;
    const auto again = recorded.replay();
    const auto sent = co_await again->send(message, caps, answer);
    CO_ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), errc::truncated);
}

CHORUS_TEST(recording_transport, a_reader_that_stops_at_the_known_end_has_not_left_early) {
    tape recorded(&echo);
    recorded.streams({{"one", 0ms}});
    const auto recorder = recorded.recorder();
    const auto message = asking("a");
    const auto live = co_await watch(*recorder, message, 1);  // after one read the end is known
    EXPECT_THAT(recorded.lines, Not(HasSubstr("abandoned")));
    EXPECT_THAT(recorded.lines, HasSubstr("pieces"));
}

CHORUS_TEST(recording_transport, a_sink_that_refuses_is_no_failure_of_the_server) {
    tape recorded(&echo);
    recorded.streams({{"too much", 0ms}, {"more", 0ms}});
    const auto recorder = recorded.recorder();
    const auto message = asking("a");
    {
        auto opened = co_await recorder->open(message, caps);
        CO_ASSERT_TRUE(opened);
        collecting_sink small;
        small.most_bytes = 1;
        const auto got = co_await (*opened)->read(small, {});
        CO_ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), errc::body_too_large);
    }
    EXPECT_THAT(recorded.lines, HasSubstr("\"abandoned\":true"));
    EXPECT_THAT(recorded.lines, Not(HasSubstr("body_too_large")));
}

CHORUS_TEST(recording_transport, no_secret_is_in_the_file) {
    const testing_support::scratch_directory scratch;
    const std::string path = scratch.path("tape.jsonl");
    const auto fake = std::make_shared<fake_transport>(
        [](const http::request& message) { return answering("Incorrect API key: " + message.body); });
    fake->answer_in_pieces([](const http::request&) {
        streamed_answer script;
        script.head = answering("");
        script.head.headers.add("set-cookie", "sid=cookiesecret1");
        script.pieces = {{key.substr(0, 9), 0ms}, {key.substr(9), 0ms}, {"other", 0ms}, {"word", 0ms}};
        return script;
    });
    auto message = asking("my key is " + key, "/v1/chat?key=querysecret1");
    message.headers.add("x-plain", "otherword");
    {
        auto recorder = recording_transport::to_file(fake, path, {"otherword"});
        CO_ASSERT_TRUE(recorder);
        http::response answer;
        const auto sent = co_await (*recorder)->send(message, caps, answer);
        EXPECT_TRUE(sent);
        EXPECT_THAT(answer.body, HasSubstr(key)) << "the caller gets everything";
        const auto seen = co_await watch(**recorder, message);
        EXPECT_EQ(seen.reads.size(), 4u);
        EXPECT_EQ(fake->requests[0].headers.get("authorization"), "Bearer " + key) << "and so does the server";
    }
    auto replay = replaying_transport::load(path, {.secrets = {"otherword"}});
    CO_ASSERT_TRUE(replay);
    EXPECT_EQ((*replay)->left(), 2u);
    std::FILE* const file = std::fopen(path.c_str(), "rb");
    std::string written(64 * 1024, '\0');
    written.resize(std::fread(written.data(), 1, written.size(), file));
    std::fclose(file);
    for (const char* const secret : {"abcdefghij", "sk-proj", "cookiesecret1", "querysecret1", "otherword"}) {
        EXPECT_THAT(written, Not(HasSubstr(secret)));
    }
    const auto seen = co_await watch(**replay, message);  // its own key is struck before it is compared
    EXPECT_EQ(seen.status, 200);
}

CHORUS_TEST(recording_transport, passes_the_rest_through) {
    tape recorded(&echo);
    const auto recorder = recorded.recorder();
    co_await recorder->close();
    http::response answer;
    const auto message = asking("a");
    const auto sent = co_await recorder->send(message, caps, answer);
    CO_ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), errc::client_closed);
    EXPECT_EQ(recorder->pool_stats().opened, 0u);
}

CHORUS_TEST(recording_transport, writes_nothing_of_what_was_cancelled) {
    tape recorded([](const http::request&) { return error(errc::cancelled); });
    recorded.streams({{"never", 10s}});
    const auto recorder = recorded.recorder();
    const auto message = asking("a");
    http::response answer;
    const auto sent = co_await recorder->send(message, caps, answer);
    EXPECT_FALSE(sent);
    EXPECT_EQ(recorded.lines, "");
    bool was_late = false;
    try {
        co_await with_timeout(1s, watch(*recorder, message));
    } catch (const api_error& late) {
        was_late = late.error() == errc::timed_out;
    }
    EXPECT_TRUE(was_late);
    EXPECT_THAT(recorded.lines, HasSubstr("\"abandoned\":true")) << "but of a stream what had come";
}

CHORUS_TEST(recording_transport, a_sink_that_throws_ends_nothing) {
    tape recorded(&echo);
    recording_transport recorder(recorded.fake, [](std::string_view) { throw std::runtime_error("disk full"); });
    http::response answer;
    const auto message = asking("a");
    const auto sent = co_await recorder.send(message, caps, answer);
    EXPECT_TRUE(sent);
    EXPECT_EQ(answer.body, "echo a");
}

CHORUS_TEST(replaying_transport, keeps_the_original_timing_if_asked) {
    tape recorded(&echo);
    recorded.streams({{"one", 300ms}, {"two", 700ms}});
    const auto recorder = recorded.recorder();
    const auto message = asking("a");
    const auto ex = co_await this_coro::executor;
    const auto live = co_await watch(*recorder, message);
    for (const bool original : {true, false}) {
        const auto start = now(ex);
        const auto replay = recorded.replay({.secrets = {}, .original_timing = original});
        const auto played = co_await watch(*replay, message);
        EXPECT_TRUE(played == live);
        EXPECT_EQ(now(ex) - start, original ? 1s : 0s);
    }
    const auto replay = recorded.replay({.secrets = {}, .original_timing = true});
    auto opened = co_await replay->open(message, caps);
    CO_ASSERT_TRUE(opened);
    collecting_sink sink;
    const net::time_limit soon{now(ex) + 100ms, errc::idle_timed_out};
    const auto late = co_await (*opened)->read(sink, soon);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::idle_timed_out);
    EXPECT_EQ(sink.body, "");
}

CHORUS_TEST(replaying_transport, keeps_to_the_limits_of_the_call) {
    recorded_exchange slow;
    slow.request = asking("a");
    slow.has_response = true;
    slow.response = answering("0123456789");
    slow.taken = 10s;
    const std::string line = to_line(slow);
    const auto message = asking("a");
    http::response answer;
    for (const auto& [first_byte, total, code] :
         {std::tuple(5s, 9s, errc::first_byte_timed_out), std::tuple(20s, 9s, errc::deadline_exceeded)}) {
        http::limits tight;
        tight.first_byte = first_byte;
        tight.total = total;
        const auto replay = *replaying_transport::parse(line, {.secrets = {}, .original_timing = true});
        const auto sent = co_await replay->send(message, tight, answer);
        CO_ASSERT_FALSE(sent);
        EXPECT_EQ(sent.error(), code);
    }
    http::limits small;
    small.body_bytes = 9;
    const auto replay = *replaying_transport::parse(line);
    const auto sent = co_await replay->send(message, small, answer);
    CO_ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), errc::body_too_large);
}

CHORUS_TEST(replaying_transport, says_how_a_request_differs_from_the_recorded_one) {
    tape recorded(&echo);
    const auto recorder = recorded.recorder();
    const auto first = asking(R"({"model":"gpt-4o","messages":[]})"), second = asking("{}", "/v1/models");
    for (const auto* const message : {&second, &first}) {
        http::response answer;
        const auto sent = co_await recorder->send(*message, caps, answer);
        EXPECT_TRUE(sent);
    }
    const auto replay = recorded.replay();
    const auto refusal = [&replay](const http::request& message) -> awaitable<std::string> {
        http::response answer;
        const auto sent = co_await replay->send(message, caps, answer);
        EXPECT_FALSE(sent);
        if (sent) co_return "none";
        EXPECT_EQ(sent.error(), errc::invalid_argument);
        EXPECT_EQ(sent.error().phase(), phase::input);
        co_return std::string(sent.error().text());
    };
    const auto other = asking(R"({"model":"gpt-5","messages":[]})");
    const auto body = co_await refusal(other);
    EXPECT_EQ(
        body,
        "the recording has no answer left for POST /v1/chat: its body differs from that of number 2 from byte 14 "
        "on: \"{\"model\":\"gpt-4o\",\"messages\":[]}\" was recorded, \"{\"model\":\"gpt-5\",\"messages\":[]}\" is "
        "sent");
    const auto elsewhere = asking("{}", "/v1/files");
    const auto target = co_await refusal(elsewhere);
    EXPECT_EQ(
        target,
        "the recording has no answer left for POST /v1/files: the next one recorded, number 1, is POST /v1/models");
    http::response answer;
    const auto sent = co_await replay->send(second, caps, answer);
    EXPECT_TRUE(sent);
    const auto again = co_await refusal(second);
    EXPECT_EQ(again, "the recording has no answer left for POST /v1/models: each of the 1 recorded like it was played");
    const auto secret = asking(R"({"model":")" + key + "\"}");
    const auto silent = co_await refusal(secret);
    EXPECT_THAT(silent, Not(HasSubstr("abcdefghij")));
}

CHORUS_TEST(replaying_transport, refuses_recordings_that_are_none) {
    const auto broken = replaying_transport::parse("\n\nnonsense\n");
    CO_ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error(), errc::decode_failed);
    EXPECT_THAT(broken.error().message(), HasSubstr("line 3"));
    const auto missing = replaying_transport::load("no/such/file");
    CO_ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error(), errc::invalid_argument);
    tape recorded(&echo);
    const auto unwritable = recording_transport::to_file(recorded.fake, "no/such/folder/file");
    CO_ASSERT_FALSE(unwritable);
    EXPECT_EQ(unwritable.error(), errc::invalid_argument);
    const auto empty = replaying_transport::parse("\r\n \n");
    CO_ASSERT_TRUE(empty);
    http::response answer;
    const auto message = asking("a");
    const auto sent = co_await (*empty)->send(message, caps, answer);
    CO_ASSERT_FALSE(sent);
    EXPECT_THAT(sent.error().text(), HasSubstr("it is empty"));
    co_await (*empty)->close();
    const auto closed = co_await (*empty)->send(message, caps, answer);
    CO_ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error(), errc::client_closed);
}

}  // namespace
}  // namespace chorus::testing::replaying_transport_tests
