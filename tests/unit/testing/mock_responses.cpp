#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/mock_responses.hpp>
#include <chorus/testing/mock_script.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace mock_responses_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;

constexpr const char* hello = R"({"model":"m","input":[{"type":"message","role":"user","content":"hello"}]})";

mock_request post(std::string body) {
    mock_request request;
    request.method = "POST";
    request.target = "/v1/responses";
    request.body = std::move(body);
    return request;
}

mock_reply answer(mock_openai& server, mock_request request) {
    mock_openai::understand(request);
    mock_reply reply;
    server.answer(request, reply);
    return reply;
}
mock_reply answer(mock_request request) {
    mock_openai server;
    return answer(server, std::move(request));
}

std::vector<json> events(mock_reply& reply) {
    std::vector<json> all;
    for (bool more = true; more;) {
        std::string piece;
        reply.stream->take(piece);
        more = !reply.stream->is_over();
        const auto line_end = piece.find('\n');
        EXPECT_TRUE(piece.starts_with("event: ") && piece.ends_with("\n\n"));
        EXPECT_EQ(piece.compare(line_end + 1, 6, "data: "), 0);
        all.push_back(json::parse(piece.substr(line_end + 7)));
        EXPECT_EQ(all.back()["type"], piece.substr(7, line_end - 7));
        EXPECT_EQ(all.back()["sequence_number"], all.size() - 1);
    }
    return all;
}

TEST(mock_responses, echoes_the_last_user_message) {
    const mock_reply reply = answer(post(hello));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.headers.get("content-type"), "application/json");
    EXPECT_TRUE(reply.headers.contains("x-request-id"));
    EXPECT_TRUE(reply.headers.contains("x-ratelimit-limit-requests"));
    EXPECT_GE(reply.body.size(), 900u);
    const json body = json::parse(reply.body);
    EXPECT_EQ(body["object"], "response");
    EXPECT_EQ(body["status"], "completed");
    EXPECT_EQ(body["model"], "m");
    ASSERT_EQ(body["output"].size(), 1u);
    EXPECT_EQ(body["output"][0]["content"][0]["text"], "echo: hello");
    EXPECT_EQ(body["usage"]["total_tokens"], 5);
}

TEST(mock_responses, understands_every_form_of_input) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"model":"m","input":"plain"})", "plain"},
        {R"({"model":"m","input":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})", "a"},
        {R"({"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
            {"type":"function_call_output","call_id":"c","output":"x"}]})",
         "ab"},
    };
    for (const auto& [body, prompt] : cases) {
        mock_request request = post(body);
        mock_openai::understand(request);
        EXPECT_EQ(request.prompt, prompt);
        EXPECT_EQ(request.model, "m");
        EXPECT_FALSE(request.defect);
    }
}

TEST(mock_responses, streams_the_events_of_the_api) {
    mock_reply reply = answer(post(R"({"model":"m","stream":true,"input":"a b"})"));
    EXPECT_EQ(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const std::vector<json> all = events(reply);
    std::vector<std::string> types;
    std::string text;
    for (const json& each : all) {
        types.push_back(each["type"]);
        text += each.value("delta", "");
    }
    EXPECT_EQ(types, (std::vector<std::string>{"response.created", "response.in_progress", "response.output_item.added",
                                               "response.content_part.added", "response.output_text.delta",
                                               "response.output_text.delta", "response.output_text.delta",
                                               "response.output_text.done", "response.content_part.done",
                                               "response.output_item.done", "response.completed"}));
    EXPECT_EQ(text, "echo: a b");
    EXPECT_EQ(all[7]["text"], text);
    EXPECT_EQ(all[8]["part"]["text"], text);
    EXPECT_EQ(all[9]["item"]["content"][0]["text"], text);
    EXPECT_EQ(all[10]["response"]["output"][0], all[9]["item"]);
    EXPECT_EQ(all[10]["response"]["status"], "completed");
    EXPECT_EQ(all[0]["response"]["status"], "in_progress");
}

TEST(mock_responses, repeats_a_text_for_as_many_portions_as_are_wanted) {
    mock_openai server;
    server.portions({.count = 7, .event_bytes = 200});
    mock_reply reply = answer(server, post(R"({"model":"m","stream":true,"input":"a"})"));
    std::string text;
    std::size_t portions = 0;
    const std::vector<json> all = events(reply);
    for (const json& each : all) {
        if (!each.contains("delta")) continue;
        ++portions;
        text += each["delta"];
    }
    EXPECT_EQ(portions, 7u);
    EXPECT_TRUE(text.starts_with("echo: a echo: a"));
    EXPECT_EQ(all.back()["response"]["output"][0]["content"][0]["text"], text);
}

TEST(mock_responses, refuses_what_is_not_valid_and_names_the_field) {
    const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                         {"{", ""},
                                                         {R"({"input":"a"})", "model"},
                                                         {R"({"model":"m"})", "input"},
                                                         {R"({"model":"m","input":[]})", "input"}};
    for (const auto& [body, param] : cases) {
        const mock_reply reply = answer(post(body));
        EXPECT_EQ(reply.status, 400) << body;
        const json error = json::parse(reply.body)["error"];
        EXPECT_EQ(error["param"].is_null() ? "" : error["param"].get<std::string>(), param) << body;
    }
    mock_request request = post(hello);
    request.method = "GET";
    EXPECT_EQ(answer(request).status, 405);
}

TEST(mock_responses, asks_for_the_key) {
    mock_openai server;
    server.api_key("k");
    EXPECT_EQ(answer(server, post(hello)).status, 401);
    mock_request request = post(hello);
    request.headers.add("authorization", "Bearer k");
    EXPECT_EQ(answer(server, request).status, 200);
}

TEST(mock_responses, a_script_answers_in_the_format_of_the_path) {
    mock_script script;
    script.expect().prompt("hello").reply_text("hi");
    script.expect().reply_stream("hi you");
    mock_request request = post(hello);
    mock_openai::understand(request);
    mock_reply whole;
    ASSERT_TRUE(script.next(request, whole));
    EXPECT_EQ(json::parse(whole.body)["output"][0]["content"][0]["text"], "hi");
    mock_reply streamed;
    ASSERT_TRUE(script.next(request, streamed));
    EXPECT_EQ(events(streamed).back()["response"]["output"][0]["content"][0]["text"], "hi you");
}

}  // namespace

}  // namespace mock_responses_tests
