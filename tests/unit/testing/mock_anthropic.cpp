#include <chorus/testing/mock_anthropic.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace mock_anthropic_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;

constexpr const char* hello = R"({"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hello"}]})";

mock_request post(std::string body, std::string target = "/v1/messages") {
    mock_request request;
    request.method = "POST";
    request.target = std::move(target);
    request.headers.add("anthropic-version", "2023-06-01");
    request.body = std::move(body);
    return request;
}

mock_reply answer(mock_anthropic& server, mock_request request) {
    mock_anthropic::understand(request);
    mock_reply reply;
    mock_completion owed;
    server.decide(request, reply, owed);
    server.write(owed, reply);
    return reply;
}

mock_reply answer(mock_request request) {
    mock_anthropic server;
    return answer(server, std::move(request));
}

struct event {
    std::string name;
    json data;
};

std::vector<event> events(mock_reply& reply) {
    std::vector<event> all;
    for (bool more = true; more;) {
        std::string piece;
        reply.stream->take(piece);
        more = !reply.stream->is_over();
        const auto line_end = piece.find('\n');
        EXPECT_TRUE(piece.starts_with("event: ") && piece.ends_with("\n\n"));
        EXPECT_EQ(piece.compare(line_end + 1, 6, "data: "), 0);
        all.push_back({piece.substr(7, line_end - 7), json::parse(piece.substr(line_end + 7))});
        EXPECT_EQ(all.back().data["type"], all.back().name);
    }
    return all;
}

TEST(mock_anthropic, echoes_the_last_user_message) {
    const mock_reply reply = answer(post(R"({"model":"claude-x","max_tokens":9,"system":"s","messages":[
        {"role":"user","content":"one"},{"role":"assistant","content":"b"},
        {"role":"user","content":[{"type":"text","text":"two"}]}]})"));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.headers.get("request-id"), "req_mock1");
    EXPECT_TRUE(reply.headers.contains("anthropic-ratelimit-tokens-reset"));
    EXPECT_EQ(reply.body.size(), 900u);
    const json body = json::parse(reply.body);
    EXPECT_EQ(body["content"][0]["text"], "echo: two");
    EXPECT_EQ(body["type"], "message");
    EXPECT_EQ(body["model"], "claude-x");
    EXPECT_EQ(body["stop_reason"], "end_turn");
    EXPECT_EQ(body["usage"]["input_tokens"], 1);
    EXPECT_EQ(body["usage"]["output_tokens"], 3);
}

TEST(mock_anthropic, streams_from_message_start_to_message_stop_with_a_ping) {
    mock_reply reply = answer(post(R"({"model":"claude-x","max_tokens":9,"stream":true,
        "messages":[{"role":"user","content":"how are you"}]})"));
    ASSERT_TRUE(reply.is_streamed());
    EXPECT_EQ(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const std::vector<event> all = events(reply);
    std::vector<std::string> names;
    std::string text;
    for (const event& each : all) {
        names.push_back(each.name);
        if (each.name == "content_block_delta") text += each.data["delta"]["text"];
    }
    EXPECT_EQ(names, (std::vector<std::string>{"message_start", "content_block_start", "ping", "content_block_delta",
                                               "content_block_delta", "content_block_delta", "content_block_delta",
                                               "content_block_stop", "message_delta", "message_stop"}));
    EXPECT_EQ(text, "echo: how are you");
    EXPECT_EQ(all[0].data["message"]["usage"]["input_tokens"], 3);
    EXPECT_EQ(all[0].data["message"]["model"], "claude-x");
    EXPECT_EQ(all[8].data["delta"]["stop_reason"], "end_turn");
    EXPECT_EQ(all[8].data["usage"]["output_tokens"], 5);
}

TEST(mock_anthropic, streams_the_asked_number_of_deltas_of_the_asked_size) {
    mock_anthropic server;
    server.portions({.count = 50, .event_bytes = 220});
    mock_request request = post(R"({"model":"m","max_tokens":9,"stream":true,"messages":[
        {"role":"user","content":"a"}]})");
    mock_reply reply = answer(server, request);
    std::size_t deltas = 0;
    for (bool more = true; more;) {
        std::string piece;
        reply.stream->take(piece);
        more = !reply.stream->is_over();
        if (!piece.starts_with("event: content_block_delta")) continue;
        EXPECT_EQ(piece.size(), 220u);
        ++deltas;
    }
    EXPECT_EQ(deltas, 50u);
}

TEST(mock_anthropic, takes_its_key_in_either_header) {
    mock_anthropic server;
    server.api_key("sk-right");
    const mock_reply refused = answer(server, post(hello));
    EXPECT_EQ(refused.status, 401);
    const json body = json::parse(refused.body);
    EXPECT_EQ(body["type"], "error");
    EXPECT_EQ(body["error"]["type"], "authentication_error");
    EXPECT_EQ(body["request_id"], refused.headers.get("request-id"));
    mock_request request = post(hello);
    request.headers.add("x-api-key", "sk-right");
    EXPECT_EQ(answer(server, request).status, 200);
    request = post(hello);
    request.headers.add("authorization", "Bearer sk-right");
    EXPECT_EQ(answer(server, request).status, 200);
    request = post(hello);
    request.headers.add("x-api-key", "sk-wrong");
    EXPECT_EQ(answer(server, request).status, 401);
}

TEST(mock_anthropic, asks_for_its_version) {
    mock_request request = post(hello);
    request.headers.clear();
    const mock_reply reply = answer(request);
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find("anthropic-version"), std::string::npos);
}

TEST(mock_anthropic, refuses_what_is_not_valid_and_names_the_field) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "JSON"},
        {"{", "JSON"},
        {R"({"max_tokens":1,"messages":[{"role":"user","content":"a"}]})", "model"},
        {R"({"model":"m","messages":[{"role":"user","content":"a"}]})", "max_tokens"},
        {R"({"model":"m","max_tokens":1})", "messages"},
        {R"({"model":"m","max_tokens":1,"messages":[{"content":"a"}]})", "messages"},
    };
    for (const auto& [body, word] : cases) {
        const mock_reply reply = answer(post(body));
        EXPECT_EQ(reply.status, 400) << body;
        const json error = json::parse(reply.body)["error"];
        EXPECT_EQ(error["type"], "invalid_request_error");
        EXPECT_NE(error["message"].get<std::string>().find(word), std::string::npos) << body;
    }
}

TEST(mock_anthropic, counts_tokens_without_max_tokens) {
    const mock_reply reply =
        answer(post(R"({"model":"m","messages":[{"role":"user","content":"12345678"}]})", "/v1/messages/count_tokens"));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(json::parse(reply.body), json({{"input_tokens", 2}}));
}

TEST(mock_anthropic, serves_its_paths_and_those_it_shares_to_those_who_name_its_version) {
    EXPECT_TRUE(mock_anthropic::serves(post("")));
    mock_request models = post("", "/v1/models?limit=1");
    models.method = "GET";
    EXPECT_TRUE(mock_anthropic::serves(models));
    EXPECT_EQ(json::parse(answer(models).body)["data"][0]["type"], "model");
    models.headers.clear();
    EXPECT_FALSE(mock_anthropic::serves(models));
    EXPECT_FALSE(mock_anthropic::serves(post("", "/v1/chat/completions")));
}

TEST(mock_anthropic, knows_no_other_path_and_no_other_method) {
    EXPECT_EQ(answer(post(hello, "/v1/messages/batches")).status, 404);
    mock_request request = post(hello);
    request.method = "GET";
    EXPECT_EQ(answer(request).status, 405);
}

}  // namespace

}  // namespace mock_anthropic_tests
