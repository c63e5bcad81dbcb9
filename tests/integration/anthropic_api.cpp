// The client against the mock server in the format of Anthropic's Messages API, over both versions of HTTP.
#include <chorus/chat_stream.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/structured.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>
#include <chorus/tools/run_tools.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace chorus::anthropic_api_tests {
namespace {

using nlohmann::json;
using testing::mock_options;
using testing::mock_request;
using testing::mock_server;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

client connect_to(executor ex, const mock_server& server) {
    client_options options;
    options.tls(net::tls_options().ca_pem(server.ca_pem())).proxy(policy::proxy_settings::none());
    return client(ex, anthropic(&no_environment).base_url(server.base_url()).api_key("k"), options);
}

mock_options speaking(http::protocol version) {
    mock_options options;
    options.api_key("k");
#ifdef CHORUS_WITH_HTTP2
    options.http2(version == http::protocol::http2);
#endif
    return options;
}

// A test that must hold whatever version of HTTP is spoken.
#ifdef CHORUS_WITH_HTTP2
#define ANTHROPIC_TEST_OVER_HTTP2(name)                     \
    CHORUS_TEST(anthropic_over_http2, name) {               \
        co_await test_##name(*this, http::protocol::http2); \
    }
#else
#define ANTHROPIC_TEST_OVER_HTTP2(name)
#endif
#define ANTHROPIC_TEST(name)                                                            \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version); \
    CHORUS_TEST(anthropic_over_http1, name) {                                           \
        co_await test_##name(*this, http::protocol::http1);                             \
    }                                                                                   \
    ANTHROPIC_TEST_OVER_HTTP2(name)                                                     \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version)

chat_request question() {
    return chat_request("claude-x").system("Be brief.").user("What is 2 + 3?").max_tokens(2000);
}

struct sum {
    int value = 0;
    std::vector<int> terms;
};
BOOST_DESCRIBE_STRUCT(sum, (), (value, terms))

ANTHROPIC_TEST(answers_come_as_values_of_a_type) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().reply_text(R"({"value":5,"terms":[2,3]})");
    server.expect().reply_text(R"({"value":"five","terms":[]})");
    std::vector<json> sent;
    server.on_request([&](const mock_request& request) { sent.push_back(json::parse(request.body)); });
    client llm = connect_to(test.get_executor(), server);
    const sum reply = co_await complete_as<sum>(llm, question());
    EXPECT_EQ(reply.value, 5);
    EXPECT_EQ(reply.terms, (std::vector<int>{2, 3}));
    const auto unfit = co_await try_complete_as<sum>(llm, question());
    CO_ASSERT_FALSE(unfit);
    EXPECT_NE(unfit.error().message().find("value"), std::string::npos) << unfit.error().message();
    CO_ASSERT_EQ(sent.size(), 2u);
    const json& format = sent[0]["output_config"]["format"];
    EXPECT_EQ(format["type"], "json_schema");
    EXPECT_EQ(format["schema"]["required"], (json{"value", "terms"}));
}

ANTHROPIC_TEST(answers_come_as_streams_and_whole_ones_are_equal) {
    mock_server server(test.get_executor(), speaking(version));
    client llm = connect_to(test.get_executor(), server);
    chat_stream stream = llm.stream(question());
    std::string text;
    std::string reason;
    int pieces = 0;
    for (std::optional<chat_event> next = co_await stream.next(); next; next = co_await stream.next()) {
        if (const auto* piece = std::get_if<text_event>(&*next)) {
            text += piece->text;
            ++pieces;
        } else if (const auto* end = std::get_if<finish_event>(&*next)) {
            reason = end->reason;
        }
    }
    EXPECT_EQ(text, "echo: What is 2 + 3?");
    EXPECT_EQ(reason, finish_reason::stop);
    EXPECT_GT(pieces, 1);
    const chat_response whole = co_await llm.complete(question());
    const chat_response& streamed = stream.accumulated();
    EXPECT_EQ(streamed.text(), whole.text());
    EXPECT_EQ(streamed.model(), "claude-x");
    EXPECT_EQ(streamed.usage().prompt_tokens, whole.usage().prompt_tokens);
    EXPECT_EQ(streamed.usage().completion_tokens, whole.usage().completion_tokens);
    EXPECT_FALSE(streamed.request_id().empty());
    EXPECT_TRUE(whole.timing().reused);
}

ANTHROPIC_TEST(tools_are_run_and_thinking_goes_back_with_its_signature) {
    mock_server server(test.get_executor(), speaking(version));
    const json thinking = {{"type", "thinking"}, {"thinking", "Add them."}, {"signature", "c2lnbmVk"}};
    const json add = {
        {"type", "tool_use"}, {"id", "toolu_1"}, {"name", "add"}, {"input", json::parse(R"({"a":2,"b":3})")}};
    const json fail = {{"type", "tool_use"}, {"id", "toolu_2"}, {"name", "fail"}, {"input", json::object()}};
    json message = {{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"stop_reason", "tool_use"}};
    message["content"] = {thinking, add, fail};
    message["usage"] = {{"input_tokens", 5}, {"output_tokens", 7}};
    server.expect().path("/v1/messages").reply(200, message.dump());
    server.expect().body_contains("tool_result").reply_text("It is 5.");
    std::vector<json> sent;
    server.on_request([&](const mock_request& request) { sent.push_back(json::parse(request.body)); });

    tool_set tools;
    const json schema =
        json::parse(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}})");
    tools.add(tool::function("add").parameters(schema),
              [](const json& arguments) { return arguments.at("a").get<int>() + arguments.at("b").get<int>(); });
    tools.add(tool::function("fail"), [](const json&) -> int { throw std::runtime_error("out of order"); });
    client llm = connect_to(test.get_executor(), server);
    const tool_run run = co_await run_tools(llm, question(), tools);
    EXPECT_EQ(run.response.text(), "It is 5.");
    EXPECT_EQ(run.rounds, 2u);
    CO_ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0]["system"], "Be brief.");
    EXPECT_EQ(sent[0]["tools"][0]["input_schema"], schema);
    const json& messages = sent[1]["messages"];
    CO_ASSERT_EQ(messages.size(), 3u);
    EXPECT_EQ(messages[1]["role"], "assistant");
    EXPECT_EQ(messages[1]["content"], message["content"]);
    EXPECT_EQ(messages[2]["role"], "user");
    CO_ASSERT_EQ(messages[2]["content"].size(), 2u);
    const json& good = messages[2]["content"][0];
    EXPECT_EQ(good["type"], "tool_result");
    EXPECT_EQ(good["tool_use_id"], "toolu_1");
    EXPECT_EQ(good["content"], "5");
    EXPECT_FALSE(good.contains("is_error"));
    const json& bad = messages[2]["content"][1];
    EXPECT_EQ(bad["tool_use_id"], "toolu_2");
    EXPECT_EQ(bad["is_error"], true);
    EXPECT_NE(bad["content"].get<std::string>().find("out of order"), std::string::npos) << bad;
}

}  // namespace
}  // namespace chorus::anthropic_api_tests
