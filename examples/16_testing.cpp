// Lesson 16: async code is tested with GoogleTest. The body of a test is a coroutine; the server is scripted in the
// test's own loop; the clock jumps to the next deadline whenever nothing is ready, so that seven seconds take none.
#include <chorus/chorus.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <chrono>

using namespace std::chrono_literals;
using reply = chorus::result<chorus::chat_response>;

// The code under test: asks again after 1, 2 and 4 seconds while the server is overloaded.
chorus::awaitable<reply> ask_patiently(chorus::client& llm, chorus::chat_request request) {
    for (auto pause = 1s;; pause *= 2) {
        reply answer = co_await llm.try_complete(request);
        if (answer || pause > 4s || answer.error() != chorus::condition::retryable) co_return answer;
        co_await chorus::sleep_for(pause);
    }
}

chorus::client client_of(const chorus::testing::mock_server& server, const chorus::executor& ex) {
    const auto tried_once = chorus::client_options().max_attempts(1);  // what is tested here tries again by itself
    return chorus::client(ex, chorus::openai().base_url(server.base_url()).api_key(""), tried_once);
}

const auto question = chorus::chat_request("gpt-4o-mini").user("Hello?");

CHORUS_TEST(ask_patiently, doubles_its_pauses_until_the_server_recovers) {
    chorus::testing::mock_server server(get_executor(), chorus::testing::mock_options().plain());
    server.expect().reply_error(503, "server_error", "", "overloaded").times(3);
    server.expect().reply_text("Here I am.");
    auto llm = client_of(server, get_executor());

    const reply answer = co_await ask_patiently(llm, question);
    CO_ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->text(), "Here I am.");
    EXPECT_EQ(std::chrono::floor<std::chrono::seconds>(test_clock().elapsed()), 7s);
}

CHORUS_TEST(ask_patiently, does_not_repeat_what_cannot_succeed) {
    chorus::testing::mock_server server(get_executor(), chorus::testing::mock_options().plain());
    server.expect().reply_error(401, "invalid_request_error", "invalid_api_key", "no");
    server.script().nothing_else();
    auto llm = client_of(server, get_executor());

    const reply answer = co_await ask_patiently(llm, question);
    EXPECT_EQ(answer.error(), chorus::condition::authentication);
}
