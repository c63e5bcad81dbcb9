// Contracts of a value that fills up: what is given when, and what the end says.
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/structured/stream_as.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/openai_stream.hpp"
#include "types.hpp"

namespace chorus::stream_as_tests {
namespace {

using testing::fake_transport;
using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_text_event;
using testing::streamed_answer;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

/// A server that sends these events, one a read.
std::shared_ptr<fake_transport> sending(std::vector<std::string> events) {
    auto fake = std::make_shared<fake_transport>([](const http::request&) { return http::response(); });
    fake->answer_in_pieces([events = std::move(events)](const http::request&) {
        streamed_answer answer;
        answer.head.status = 200;
        for (const std::string& bytes : events) answer.pieces.push_back({bytes, {}});
        return answer;
    });
    return fake;
}

client client_of(const executor& ex, std::shared_ptr<fake_transport> server) {
    return client(ex, openai(&no_environment).api_key("sk-test"), std::move(server));
}

chat_request question() {
    return chat_request("m").user("Who?");
}

const std::string the_end = openai_finish_event() + std::string(openai_end);

CHORUS_TEST(stream_as, gives_the_value_whenever_more_of_it_has_come) {
    const auto server = sending({openai_text_event(R"({\"na)"), openai_text_event(R"(me\": \"A)"),
                                 openai_text_event(R"(da\", \"age\": 3)"), openai_text_event("6}"), the_end});
    auto llm = client_of(get_executor(), server);
    auto answer = stream_as<sample::person>(llm, question());
    std::vector<sample::person> seen;
    for (;;) {
        const auto value = co_await answer.next();
        if (!value) break;
        seen.push_back(*value);
    }
    const std::vector<sample::person> expected = {{"", {}}, {"A", {}}, {"Ada", 3}, {"Ada", 36}};
    EXPECT_EQ(seen, expected);
    const auto whole = answer.answer();
    CO_ASSERT_TRUE(whole);
    EXPECT_EQ(whole->value, expected.back());
    EXPECT_EQ(whole->response.id(), "c1");
}

CHORUS_TEST(stream_as, sends_the_schema) {
    const auto server = sending({openai_text_event("{}"), the_end});
    auto llm = client_of(get_executor(), server);
    auto answer = stream_as<sample::person>(llm, question());
    co_await answer.next();
    CO_ASSERT_EQ(server->requests.size(), 1u);
    EXPECT_NE(server->requests[0].body.find(R"("json_schema")"), std::string::npos);
    EXPECT_NE(server->requests[0].body.find(R"("stream":true)"), std::string::npos);
}

CHORUS_TEST(stream_as, gives_one_value_for_all_that_came_at_once) {
    const auto server = sending({openai_text_event(R"({\"name\":)") + openai_text_event(R"(\"Ada\"})") + the_end});
    auto llm = client_of(get_executor(), server);
    auto answer = stream_as<sample::person>(llm, question());
    const auto first = co_await answer.next();
    CO_ASSERT_TRUE(first);
    EXPECT_EQ(first->name, "Ada");
    EXPECT_FALSE(co_await answer.next());
}

CHORUS_TEST(stream_as, says_at_once_what_is_no_json_and_what_does_not_fit) {
    const auto broken = sending({openai_text_event("{,"), openai_text_event("}"), the_end});
    auto llm = client_of(get_executor(), broken);
    auto answer = stream_as<sample::person>(llm, question());
    const auto value = co_await answer.try_next();
    CO_ASSERT_FALSE(value);
    EXPECT_EQ(value.error(), errc::decode_failed);

    const auto unfit = sending({openai_text_event(R"({\"name\": [1)"), openai_text_event("]}"), the_end});
    auto other = client_of(get_executor(), unfit);
    auto second = stream_as<sample::person>(other, question());
    const auto wrong = co_await second.try_next();
    CO_ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error(), errc::schema_mismatch);
    EXPECT_EQ(wrong.error().param(), "$.name");
}

struct bad_end {
    std::shared_ptr<const provider> api;
    std::vector<std::string> events;
    errc expected;
    std::string_view words;
};
std::vector<bad_end> bad_ends() {
    const std::string end(openai_end);
    const std::string half = openai_text_event(R"({\"name\": \"A)");
    const std::string whole = openai_text_event(R"({\"name\": \"Ada\"})");
    const std::string refused = R"(data: {"choices":[{"index":0,"delta":{"refusal":"I cannot."}}]})"
                                "\n\n";
    const std::string claude_end =
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":"
        "{\"explanation\":\"Private.\"}}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
    const auto gpt = openai(&no_environment).api_key("k").make();
    const auto claude = anthropic(&no_environment).api_key("k").make();
    return {
        {gpt, {refused, openai_finish_event(), end}, errc::refused_by_model, "I cannot."},
        {gpt, {half, openai_finish_event("length"), end}, errc::cut_off, ""},
        {gpt, {whole, openai_finish_event("length"), end}, errc::cut_off, ""},
        {gpt, {whole, openai_finish_event("model_length"), end}, errc::cut_off, ""},
        {gpt, {half, openai_finish_event("content_filter"), end}, errc::content_filtered, ""},
        {claude,
         {"data: {\"type\":\"message_start\",\"message\":{}}\n\n", claude_end},
         errc::refused_by_model,
         "Private."},
    };
}

CHORUS_TEST(stream_as, tells_at_the_end_why_there_is_no_whole_answer) {
    for (const bad_end& row : bad_ends()) {
        client llm(get_executor(), row.api, sending(row.events));
        auto answer = stream_as<sample::person>(llm, question());
        for (;;) {
            const auto value = co_await answer.try_next();
            CO_ASSERT_TRUE(value) << value.error().message();
            if (!*value) break;
        }
        const auto found = answer.answer();
        CO_ASSERT_FALSE(found) << row.words;
        EXPECT_EQ(found.error(), row.expected) << found.error().message();
        EXPECT_EQ(found.error().text(), row.words);
        CO_ASSERT_TRUE(found.error().partial());
    }
}

CHORUS_TEST(stream_as, gives_json_of_a_schema_as_it_grows_and_checks_the_whole) {
    const auto server =
        sending({openai_text_event(R"({\"name\": )"), openai_text_event("3"), openai_text_event("}"), the_end});
    auto llm = client_of(get_executor(), server);
    const nlohmann::json schema = {{"properties", {{"name", {{"type", "string"}}}}}};
    auto answer = stream_as<nlohmann::json>(llm, question().response_format(response_format::json_schema("p", schema)));
    nlohmann::json last;
    for (auto value = co_await answer.next(); value; value = co_await answer.next()) last = *value;
    EXPECT_EQ(last, nlohmann::json({{"name", 3}}));
    const auto whole = answer.answer();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::schema_mismatch);
    EXPECT_EQ(whole.error().param(), "$.name");
}

CHORUS_TEST(stream_as, ends_a_stream_that_was_cut_off_with_an_error) {
    const auto server = sending({openai_text_event(R"({\"name\": \"A)")});
    auto llm = client_of(get_executor(), server);
    auto answer = stream_as<sample::person>(llm, question());
    const auto first = co_await answer.try_next();
    CO_ASSERT_TRUE(first);
    const auto second = co_await answer.try_next();
    CO_ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), errc::truncated);
    EXPECT_FALSE(answer.answer());
}

}  // namespace
}  // namespace chorus::stream_as_tests
