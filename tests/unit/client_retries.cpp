// What a client does about calls that fail: it tries again within limits of time, number and budget.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/openai_stream.hpp"

namespace chorus::client_retries_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;
using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_text_event;
using testing::streamed_answer;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

http::response answer(int status, std::string body) {
    http::response made;
    made.status = status;
    made.body = std::move(body);
    return made;
}

http::response completion() {
    return answer(200, R"({"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
                       R"("finish_reason":"stop","message":{"role":"assistant","content":"Because."}}],)"
                       R"("usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})");
}

error late(errc code, phase where) {
    error made(code);
    return made.phase(where).attempts(1);
}

/// Gives one outcome after the other, then completions.
std::shared_ptr<fake_transport> giving(std::deque<result<http::response>> outcomes) {
    return std::make_shared<fake_transport>(
        [outcomes = std::move(outcomes)](const http::request&) mutable -> result<http::response> {
            if (outcomes.empty()) return completion();
            auto next = std::move(outcomes.front());
            outcomes.pop_front();
            return next;
        });
}

chat_request question() {
    return chat_request("m").user("Why?");
}

CHORUS_TEST(client_retries, tries_again_what_may_pass_with_time) {
    std::deque<result<http::response>> outcomes;
    outcomes.emplace_back(answer(500, "{}"));
    outcomes.emplace_back(late(errc::connection_lost, phase::first_byte));
    const auto fake = giving(std::move(outcomes));
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), "Because.");
    EXPECT_EQ(fake->requests.size(), 3u);
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(client_retries, names_every_attempt_to_the_server_and_none_like_another) {
    const auto fake = giving({answer(503, ""), answer(503, "")});
    client llm(get_executor(), endpoint(), fake);
    co_await llm.complete(question());
    co_await llm.complete(question());
    std::vector<std::string> names;
    for (const auto& sent : fake->requests) names.emplace_back(sent.headers.get("X-Client-Request-Id"));
    CO_ASSERT_EQ(names.size(), 4u);
    const std::string session = names[0].substr(0, names[0].find('-'));
    EXPECT_EQ(names,
              (std::vector<std::string>{session + "-1-1", session + "-1-2", session + "-1-3", session + "-2-1"}));
}

CHORUS_TEST(client_retries, leaves_the_name_that_the_user_gave) {
    const auto fake = giving({answer(503, "")});
    client llm(get_executor(), endpoint(), fake);
    co_await llm.complete(question().header("x-client-request-id", "mine-1"));
    CO_ASSERT_EQ(fake->requests.size(), 2u);
    for (const auto& sent : fake->requests) EXPECT_EQ(sent.headers.get("X-Client-Request-Id"), "mine-1");
}

CHORUS_TEST(client_retries, gives_up_at_once_where_no_retry_helps) {
    for (const auto& [status, body] : std::vector<std::pair<int, std::string>>{
             {400, "{}"},
             {401, "{}"},
             {404, "{}"},
             {422, "{}"},
             {429, R"({"error":{"message":"No money.","code":"insufficient_quota"}})"},
             {200, "no JSON"},
         }) {
        const auto fake = giving({answer(status, body)});
        client llm(get_executor(), endpoint(), fake);
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply) << status;
        EXPECT_EQ(fake->requests.size(), 1u) << status;
        EXPECT_EQ(reply.error().attempts(), 1) << status;
    }
}

CHORUS_TEST(client_retries, lists_the_attempts_in_the_error_of_the_last) {
    const auto fake = giving({answer(429, "{}"), late(errc::connect_timed_out, phase::connect), answer(503, "{}")});
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::overloaded);
    EXPECT_EQ(reply.error().attempts(), 3);
    CO_ASSERT_EQ(reply.error().history().size(), 3u);
    EXPECT_EQ(reply.error().history()[0].http_status, 429);
    EXPECT_EQ(reply.error().history()[1].code, errc::connect_timed_out);
    EXPECT_NE(reply.error().message().find("3 attempts: 429, timed out connecting, 503"), std::string::npos)
        << reply.error().message();
}

CHORUS_TEST(client_retries, waits_at_least_as_long_as_the_server_asks) {
    http::response busy = answer(429, "{}");
    busy.headers.add("retry-after", "7");
    const auto fake = giving({busy});
    client llm(get_executor(), endpoint(), fake);
    const auto began = now(get_executor());
    co_await llm.complete(question());
    EXPECT_GE(now(get_executor()) - began, 7s);
    EXPECT_LT(now(get_executor()) - began, 9s);
}

CHORUS_TEST(client_retries, does_not_begin_a_wait_that_the_deadline_cuts) {
    http::response busy = answer(429, "{}");
    busy.headers.add("retry-after", "60");
    const auto fake = giving({busy});
    client llm(get_executor(), endpoint(), fake);
    const auto began = now(get_executor());
    const auto reply = co_await llm.try_complete(question().timeout(20s));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::rate_limited);
    EXPECT_EQ(reply.error().retry_after(), 60s);
    EXPECT_NE(reply.error().message().find("the server asks for 60 s, the deadline leaves 20 s"), std::string::npos)
        << reply.error().message();
    EXPECT_EQ(now(get_executor()), began);
}

CHORUS_TEST(client_retries, gives_each_attempt_what_is_left_of_the_time) {
    http::response busy = answer(503, "{}");
    busy.headers.add("retry-after", "8");
    const auto fake = giving({busy});
    client llm(get_executor(), endpoint(), fake);
    co_await llm.complete(question().timeout(20s));
    EXPECT_LE(fake->last_limits.total, 12s);
    EXPECT_GE(fake->last_limits.total, 10s);
}

CHORUS_TEST(client_retries, are_as_many_as_the_request_says) {
    for (const int most : {1, 2, 5}) {
        const auto fake = giving(std::deque<result<http::response>>(10, answer(500, "{}")));
        client llm(get_executor(), endpoint(), fake, client_options().max_attempts(4));
        const auto reply = co_await llm.try_complete(question().max_attempts(most));
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(fake->requests.size(), static_cast<std::size_t>(most));
    }
}

CHORUS_TEST(client_retries, of_all_calls_together_end_with_the_budget) {
    const auto fake = giving(std::deque<result<http::response>>(100, answer(500, "{}")));
    client llm(get_executor(), endpoint(), fake, client_options().retry_budget({.tokens = 3}));
    for (int i = 0; i < 10; ++i) {
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
    }
    EXPECT_EQ(fake->requests.size(), 13u);
}

CHORUS_TEST(client_retries, end_when_the_call_is_cancelled_during_the_wait) {
    http::response busy = answer(503, "{}");
    busy.headers.add("retry-after", "30");
    const auto fake = giving({busy});
    client llm(get_executor(), endpoint(), fake);
    auto call = spawn(get_executor(), llm.try_complete(question()));
    co_await sleep_for(1s);
    EXPECT_FALSE(call.done());
    call.cancel();
    const auto reply = co_await std::move(call);
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::cancelled);
    EXPECT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(client_retries, draw_the_same_waits_from_the_same_seed) {
    std::vector<clock::duration> waits;
    for (int i = 0; i < 2; ++i) {
        const auto fake = giving({answer(500, "{}"), answer(500, "{}")});
        client llm(get_executor(), endpoint(), fake, client_options().random_seed(7));
        const auto began = now(get_executor());
        co_await llm.complete(question());
        waits.push_back(now(get_executor()) - began);
    }
    EXPECT_EQ(waits[0], waits[1]);
}

// --- streams --------------------------------------------------------------------------------------------------------

streamed_answer pieces(std::vector<std::string> bytes, error ending = {}) {
    streamed_answer made;
    made.head.status = 200;
    for (auto& each : bytes) made.pieces.push_back({std::move(each), {}});
    made.ending = std::move(ending);
    return made;
}

std::string whole_stream() {
    return openai_text_event("Because.") + openai_finish_event() + std::string(openai_end);
}

CHORUS_TEST(client_retries, of_a_stream_are_made_before_its_first_content) {
    const std::string role =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    const std::vector<result<streamed_answer>> failures = {
        late(errc::connect_failed, phase::connect),
        pieces({}, late(errc::truncated, phase::read)),
        pieces({role}, late(errc::truncated, phase::read)),
        pieces({": busy\n\n"}),
        pieces({"data: {\"error\":{\"message\":\"Busy.\",\"type\":\"server_error\"}}\n\n"}),
    };
    for (const auto& failure : failures) {
        const auto fake = giving({});
        int asked = 0;
        fake->answer_in_pieces([&](const http::request&) -> result<streamed_answer> {
            return ++asked == 1 ? failure : pieces({role, whole_stream()});
        });
        client llm(get_executor(), endpoint(), fake);
        auto stream = llm.stream(question());
        const auto reply = co_await stream.try_finish();
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->text(), "Because.");
        EXPECT_EQ(asked, 2);
        EXPECT_EQ(fake->streams().open, 0u);
    }
}

CHORUS_TEST(client_retries, of_a_stream_are_not_made_once_content_was_given) {
    const auto fake = giving({});
    fake->answer_in_pieces([](const http::request&) -> result<streamed_answer> {
        return pieces({openai_text_event("Be")}, late(errc::truncated, phase::read));
    });
    client llm(get_executor(), endpoint(), fake);
    auto stream = llm.stream(question());
    const auto reply = co_await stream.try_finish();
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::truncated);
    CO_ASSERT_TRUE(reply.error().partial() != nullptr);
    EXPECT_EQ(reply.error().partial()->text(), "Be");
    EXPECT_EQ(fake->requests.size(), 1u);
}

CHORUS_TEST(client_retries, a_stream_with_signs_of_life_and_no_content_ends) {
    const auto fake = giving({});
    fake->answer_in_pieces([](const http::request&) -> result<streamed_answer> {
        streamed_answer made = pieces(std::vector<std::string>(1000, ": thinking\n\n"));
        for (auto& each : made.pieces) each.after = 10s;
        return made;
    });
    http::limits limits;
    limits.content_idle = 45s;
    client llm(get_executor(), endpoint(), fake, client_options().limits(limits).max_attempts(1));
    for (const bool heartbeats : {false, true}) {
        const auto began = now(get_executor());
        auto stream = llm.stream(question(), {.heartbeats = heartbeats});
        const auto reply = co_await stream.try_finish();
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::content_timed_out);
        EXPECT_EQ(reply.error(), condition::timeout);
        EXPECT_EQ(now(get_executor()) - began, 45s) << heartbeats;
    }
}

CHORUS_TEST(client_retries, a_slow_reader_is_no_silent_stream) {
    const auto fake = giving({});
    fake->answer_in_pieces([](const http::request&) -> result<streamed_answer> {
        return pieces({openai_text_event("a"), openai_text_event("b"), whole_stream()});
    });
    http::limits limits;
    limits.content_idle = 5s;
    limits.idle = 5s;
    client llm(get_executor(), endpoint(), fake, client_options().limits(limits));
    auto stream = llm.stream(question());
    for (int i = 0; i < 3; ++i) {
        const auto event = co_await stream.try_next();
        CO_ASSERT_TRUE(event);
        co_await sleep_for(60s);
    }
    const auto reply = co_await stream.try_finish();
    EXPECT_TRUE(reply);
}

}  // namespace
}  // namespace chorus::client_retries_tests
