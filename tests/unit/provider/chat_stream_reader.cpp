#include <chorus/provider/chat_stream_reader.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/openai_stream.hpp"

namespace chorus::chat_stream_reader_tests {
namespace {

using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_stream;
using testing::openai_text_event;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

std::shared_ptr<const provider> api() {
    return openai(&no_environment).api_key("sk-test-of-some-length");
}

http::response head(int status = 200) {
    http::response answer;
    answer.status = status;
    answer.headers.add("x-request-id", "req_1");
    return answer;
}

constexpr std::size_t plenty = 1 << 20;

/// A reader of the OpenAI format, and what it gave.
struct reading {
    explicit reading(int status = 200, chat_event_options wanted = {}, std::size_t most_bytes = plenty,
                     std::shared_ptr<const provider> whose = api())
        : format(std::move(whose)), reader(*format, head(status), wanted, {}, http::limits{.body_bytes = most_bytes}) {}

    result<void> take(std::string_view bytes) {
        auto taken = reader.take(bytes);
        collect();
        return taken;
    }
    result<void> finish() {
        auto ended = reader.finish();
        collect();
        return ended;
    }
    /// The whole body in pieces of a size, and its end.
    result<void> take_all(std::string_view body, std::size_t piece) {
        for (std::size_t at = 0; at < body.size(); at += piece) {
            if (auto taken = take(body.substr(at, piece)); !taken) return taken;
        }
        return finish();
    }
    void collect() {
        for (chat_event event; reader.next(event);) {
            if (const auto* piece = std::get_if<text_event>(&event)) texts.emplace_back(piece->text);
            if (std::holds_alternative<heartbeat_event>(event)) ++heartbeats;
            if (const auto* raw = std::get_if<raw_event>(&event)) raw_data.emplace_back(raw->data);
            if (const auto* end = std::get_if<finish_event>(&event)) reason = end->reason;
        }
    }
    std::string text() const { return std::string(reader.response({}).text()); }

    std::shared_ptr<const provider> format;
    chat_stream_reader reader;
    std::vector<std::string> texts;
    std::vector<std::string> raw_data;
    std::size_t heartbeats = 0;
    std::string reason;
};

constexpr std::string_view whole_answer =
    R"({"id":"c9","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",)"
    R"("message":{"role":"assistant","content":"all at once"}}],"usage":{"total_tokens":3}})";

TEST(chat_stream_reader, gives_the_same_events_however_the_body_is_cut) {
    const std::string body = openai_stream({"Hel", "lo, ", "w\\u00f6rld"});
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
        reading one;
        ASSERT_TRUE(one.take_all(body, piece)) << piece;
        EXPECT_TRUE(one.reader.is_complete());
        EXPECT_EQ(one.texts, (std::vector<std::string>{"Hel", "lo, ", "w\u00f6rld"})) << piece;
        EXPECT_EQ(one.reason, "stop");
        EXPECT_EQ(one.text(), "Hello, w\u00f6rld");
    }
}

TEST(chat_stream_reader, never_takes_a_stream_for_complete_that_was_cut_off) {
    const std::string body = openai_stream({"one ", "two ", "three"});
    // The last event needs no empty line behind it: the mark, or where none is asked for, the end of every choice.
    const std::pair<std::shared_ptr<const provider>, std::size_t> rows[] = {
        {api(), body.size() - 2},
        {compatible("https://llm.example/v1").make(), body.rfind("data: ") - 2},
    };
    for (const auto& [format, enough] : rows) {
        for (std::size_t kept = 0; kept < body.size(); ++kept) {
            reading one(200, {}, plenty, format);
            ASSERT_TRUE(one.take(std::string_view(body).substr(0, kept))) << kept;
            const auto ended = one.finish();
            ASSERT_EQ(ended.has_value(), kept >= enough) << format->name() << ' ' << kept;
            if (ended) continue;
            EXPECT_EQ(ended.error(), errc::truncated) << kept;
            EXPECT_EQ(ended.error().request_id(), "req_1");
            EXPECT_EQ(ended.error().phase(), phase::read);
        }
    }
}

TEST(chat_stream_reader, knows_a_whole_answer_by_its_first_byte) {
    for (const std::string_view before : {"", "\n\n \r\n", "\xef\xbb\xbf"}) {
        for (std::size_t piece : {1u, 7u, 10'000u}) {
            reading one;
            ASSERT_TRUE(one.take_all(std::string(before).append(whole_answer), piece));
            EXPECT_EQ(one.texts, std::vector<std::string>{"all at once"});
            EXPECT_EQ(one.reason, "stop");
            EXPECT_EQ(one.reader.response({}).usage().total_tokens, 3);
            EXPECT_TRUE(one.reader.is_complete());
        }
    }
}

TEST(chat_stream_reader, takes_an_error_in_place_of_a_stream_for_what_it_is) {
    reading one;
    const auto ended = one.take_all(R"({"error":{"message":"no credit","type":"insufficient_quota"}})", 5);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error(), errc::quota_exhausted);
    EXPECT_EQ(ended.error().text(), "no credit");
    EXPECT_TRUE(one.texts.empty());
}

TEST(chat_stream_reader, takes_a_page_in_place_of_a_stream_for_what_it_is) {
    reading one;
    const auto ended = one.take_all("<html><head><title>Bad gateway</title></head></html>", 8);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error(), errc::decode_failed);
}

TEST(chat_stream_reader, gives_the_error_of_an_error_status) {
    reading one(429);
    const auto ended = one.take_all(R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})", 9);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error(), errc::rate_limited);
    EXPECT_EQ(ended.error().http_status(), 429);
    EXPECT_EQ(ended.error().request_id(), "req_1");
}

TEST(chat_stream_reader, reads_no_more_of_an_error_than_is_of_interest) {
    reading one(503);
    const std::string page(chat_stream_reader::most_error_bytes / 4, 'x');
    result<void> taken;
    std::size_t pieces = 0;
    for (; taken && pieces < 100; ++pieces) taken = one.take(page);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error(), errc::overloaded);
    EXPECT_EQ(pieces, 4u);
}

TEST(chat_stream_reader, bounds_an_answer_that_comes_whole) {
    reading one(200, {}, 100);
    const auto taken = one.take(whole_answer);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error(), errc::body_too_large);
}

TEST(chat_stream_reader, gives_what_came_before_an_error_in_the_stream) {
    reading one;
    const auto taken = one.take(openai_text_event("half of ") + openai_text_event("it") +
                                "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n");
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error(), errc::server_error);
    EXPECT_EQ(taken.error().request_id(), "req_1");
    EXPECT_EQ(one.texts, (std::vector<std::string>{"half of ", "it"}));
    EXPECT_EQ(one.text(), "half of it");
}

TEST(chat_stream_reader, counts_nothing_that_follows_the_end) {
    reading one;
    ASSERT_TRUE(one.take(openai_stream({"a"}) + openai_text_event("b")));
    ASSERT_TRUE(one.take(openai_text_event("c")));
    ASSERT_TRUE(one.finish());
    EXPECT_EQ(one.text(), "a");
}

TEST(chat_stream_reader, gives_signs_of_life_only_if_asked) {
    const std::string body =
        ": ping\n\n" + openai_text_event("a") + ": ping\n\n" + openai_finish_event() + std::string(openai_end);
    reading silent;
    ASSERT_TRUE(silent.take_all(body, 3));
    EXPECT_EQ(silent.heartbeats, 0u);
    reading asking(200, {.heartbeats = true});
    ASSERT_TRUE(asking.take_all(body, 3));
    EXPECT_EQ(asking.heartbeats, 2u);
    EXPECT_EQ(asking.text(), "a");
}

TEST(chat_stream_reader, gives_raw_events_before_what_they_mean_only_if_asked) {
    reading one(200, {.raw_events = true});
    ASSERT_TRUE(one.take_all(openai_stream({"a"}), 1000));
    ASSERT_EQ(one.raw_data.size(), 3u);
    EXPECT_EQ("data: " + one.raw_data[0] + "\n\n", openai_text_event("a"));
    EXPECT_EQ(one.raw_data[2], "[DONE]");
}

TEST(chat_stream_reader, takes_a_last_event_without_the_empty_line_if_it_is_whole) {
    reading whole;
    ASSERT_TRUE(whole.take_all(openai_text_event("a") + openai_finish_event() + "data: [DONE]", 4));
    EXPECT_EQ(whole.text(), "a");
}

TEST(chat_stream_reader, takes_an_empty_body_for_a_truncated_one) {
    for (const std::string_view body : {"", "\n\n"}) {
        reading one;
        const auto ended = one.take_all(body, 1);
        ASSERT_FALSE(ended);
        EXPECT_EQ(ended.error(), errc::truncated);
    }
}

TEST(chat_stream_reader, says_how_long_the_answer_took_and_who_gave_it) {
    reading one;
    ASSERT_TRUE(one.take_all(openai_stream({"a"}), 50));
    const chat_response whole = one.reader.response(std::chrono::milliseconds(5));
    EXPECT_EQ(whole.timing().total, std::chrono::milliseconds(5));
    EXPECT_EQ(whole.request_id(), "req_1");
    EXPECT_EQ(whole.id(), "c1");
    EXPECT_EQ(whole.http_status(), 200);
}

}  // namespace
}  // namespace chorus::chat_stream_reader_tests
