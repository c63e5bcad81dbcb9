// The client against the mock server in the format of OpenAI's Responses API, over both versions of HTTP.
#include <chorus/chat_stream.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai_responses.hpp>
#include <chorus/structured.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>
#include <chorus/tools/run_tools.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace chorus::responses_api_tests {
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
    options.tls(net::tls_options().ca_pem(server.ca_pem()));
    return client(ex, openai_responses(openai(&no_environment).base_url(server.base_url()).api_key("k")), options);
}

mock_options speaking(http::protocol version) {
    mock_options options;
#ifdef CHORUS_WITH_HTTP2
    options.http2(version == http::protocol::http2);
#endif
    return options;
}

// A test that must hold whatever version of HTTP is spoken.
#ifdef CHORUS_WITH_HTTP2
#define RESPONSES_TEST_OVER_HTTP2(name)                     \
    CHORUS_TEST(responses_over_http2, name) {               \
        co_await test_##name(*this, http::protocol::http2); \
    }
#else
#define RESPONSES_TEST_OVER_HTTP2(name)
#endif
#define RESPONSES_TEST(name)                                                            \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version); \
    CHORUS_TEST(responses_over_http1, name) {                                           \
        co_await test_##name(*this, http::protocol::http1);                             \
    }                                                                                   \
    RESPONSES_TEST_OVER_HTTP2(name)                                                     \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version)

chat_request question() {
    return chat_request("m").user("What is 2 + 3?");
}

RESPONSES_TEST(answers_come_whole) {
    mock_server server(test.get_executor(), speaking(version));
    client llm = connect_to(test.get_executor(), server);
    const chat_response reply = co_await llm.complete(question());
    EXPECT_EQ(reply.text(), "echo: What is 2 + 3?");
    EXPECT_EQ(reply.finish_reason(), finish_reason::stop);
    EXPECT_TRUE(reply.usage().total_tokens);
    EXPECT_FALSE(reply.request_id().empty());
}

struct sum {
    int value = 0;
    std::vector<int> terms;
};
BOOST_DESCRIBE_STRUCT(sum, (), (value, terms))

RESPONSES_TEST(answers_come_as_values_of_a_type) {
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
    const json& format = sent[0]["text"]["format"];
    EXPECT_EQ(format["type"], "json_schema");
    EXPECT_EQ(format["schema"]["required"], (json{"value", "terms"}));
}

RESPONSES_TEST(answers_come_as_streams) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().path("/v1/responses").reply_stream("One two three four.").cut(7);
    client llm = connect_to(test.get_executor(), server);
    chat_stream stream = llm.stream(question());
    std::string text;
    int pieces = 0;
    for (std::optional<chat_event> next = co_await stream.next(); next; next = co_await stream.next()) {
        if (const auto* piece = std::get_if<text_event>(&*next)) {
            text += piece->text;
            ++pieces;
        }
    }
    EXPECT_EQ(text, "One two three four.");
    EXPECT_EQ(pieces, 4);
    EXPECT_EQ(stream.accumulated().text(), text);
    EXPECT_EQ(stream.accumulated().finish_reason(), finish_reason::stop);
    const chat_response again = co_await llm.complete(question());
    EXPECT_TRUE(again.timing().reused);
}

RESPONSES_TEST(a_stream_that_is_cut_off_is_truncated) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().reply_sse(
        "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"part\"}\n\n");
    client llm = connect_to(test.get_executor(), server);
    chat_stream stream = llm.stream(question());
    std::string text;
    std::optional<error> failure;
    while (!failure) {
        const auto next = co_await stream.try_next();
        if (!next) {
            failure = next.error();
        } else if (!*next) {
            break;
        } else if (const auto* piece = std::get_if<text_event>(&**next)) {
            text += piece->text;
        }
    }
    EXPECT_EQ(text, "part");
    CO_ASSERT_TRUE(failure);
    EXPECT_EQ(*failure, condition::truncated);
    CO_ASSERT_TRUE(failure->partial() != nullptr);
    EXPECT_EQ(failure->partial()->text(), "part");
}

RESPONSES_TEST(tools_are_run_and_thinking_goes_back) {
    mock_server server(test.get_executor(), speaking(version));
    const json thinking = {
        {"type", "reasoning"}, {"id", "rs_1"}, {"summary", json::array()}, {"encrypted_content", "x"}};
    const json call = {{"type", "function_call"},
                       {"id", "fc_1"},
                       {"call_id", "c1"},
                       {"name", "add"},
                       {"arguments", R"({"a":2,"b":3})"}};
    const json body = {{"id", "resp_1"}, {"status", "completed"}, {"output", {thinking, call}}};
    server.expect().path("/v1/responses").reply(200, body.dump());
    server.expect().body_contains("function_call_output").reply_text("It is 5.");
    std::vector<json> sent;
    server.on_request([&](const mock_request& request) { sent.push_back(json::parse(request.body)); });

    tool_set tools;
    const json schema = {{"type", "object"},
                         {"properties", {{"a", {{"type", "integer"}}}, {"b", {{"type", "integer"}}}}}};
    tools.add(tool::function("add").parameters(schema),
              [](const json& arguments) { return arguments.at("a").get<int>() + arguments.at("b").get<int>(); });
    client llm = connect_to(test.get_executor(), server);
    const chat_request asked = question().store(false);
    const tool_run run = co_await run_tools(llm, asked, tools);
    EXPECT_EQ(run.response.text(), "It is 5.");
    EXPECT_EQ(run.rounds, 2u);
    CO_ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0]["include"], json::array({"reasoning.encrypted_content"}));
    EXPECT_EQ(sent[0]["tools"][0]["name"], "add");
    CO_ASSERT_EQ(sent[1]["input"].size(), 4u);
    EXPECT_EQ(sent[1]["input"][1], thinking);
    EXPECT_EQ(sent[1]["input"][2], call);
    EXPECT_EQ(sent[1]["input"][3], json({{"type", "function_call_output"}, {"call_id", "c1"}, {"output", "5"}}));
}

RESPONSES_TEST(a_failed_response_is_an_error) {
    mock_server server(test.get_executor(), speaking(version));
    const json body = {{"id", "resp_1"},
                       {"status", "failed"},
                       {"output", json::array()},
                       {"error", {{"code", "invalid_prompt"}, {"message", "No."}}}};
    server.expect().reply(200, body.dump());
    client llm = connect_to(test.get_executor(), server);
    const auto failed = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(!failed);
    EXPECT_EQ(failed.error(), errc::bad_request);
    EXPECT_EQ(failed.error().text(), "No.");
    EXPECT_EQ(failed.error().provider_code(), "invalid_prompt");
}

}  // namespace
}  // namespace chorus::responses_api_tests
