#include <chorus/testing/mock_openai.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace mock_openai_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;

mock_request post(std::string body) {
    mock_request request;
    request.method = "POST";
    request.target = "/v1/chat/completions";
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

constexpr const char* hello = R"({"model":"m","messages":[{"role":"user","content":"hello"}]})";

TEST(mock_openai, echoes_the_last_user_message) {
    const mock_reply reply =
        answer(post(R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"one"},
        {"role":"assistant","content":"a"},{"content":"two","role":"user"},{"role":"assistant","content":"b"}],
        "temperature":0.1,"model":"gpt-x"})"));
    EXPECT_EQ(reply.status, 200);
    const json body = json::parse(reply.body);
    EXPECT_EQ(body["choices"][0]["message"]["content"], "echo: two");
    EXPECT_EQ(body["choices"][0]["message"]["role"], "assistant");
    EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
    EXPECT_EQ(body["model"], "gpt-x");
    EXPECT_EQ(body["object"], "chat.completion");
}

TEST(mock_openai, joins_the_text_parts_of_a_message) {
    const mock_reply reply = answer(post(R"({"model":"m","messages":[{"role":"user","content":[
        {"type":"text","text":"a "},{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"b"}]}]})"));
    EXPECT_EQ(json::parse(reply.body)["choices"][0]["message"]["content"], "echo: a b");
}

TEST(mock_openai, gives_back_every_character_of_a_prompt) {
    const std::string prompt = "quotes \" \\ \n\t \x01 / \xc3\xa4 \xf0\x9f\x8e\xb6";
    const json request = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", prompt}}}}};
    for (const bool ascii : {false, true}) {
        const mock_reply reply = answer(post(request.dump(-1, ' ', ascii)));
        EXPECT_EQ(json::parse(reply.body)["choices"][0]["message"]["content"], "echo: " + prompt);
    }
}

TEST(mock_openai, a_conversation_without_user_message_is_answered_too) {
    const mock_reply reply = answer(post(R"({"model":"m","messages":[{"role":"system","content":"s"}]})"));
    EXPECT_EQ(json::parse(reply.body)["choices"][0]["message"]["content"], "echo: ");
}

TEST(mock_openai, usage_adds_up) {
    const json usage = json::parse(answer(post(hello)).body)["usage"];
    EXPECT_EQ(usage["prompt_tokens"], 2);
    EXPECT_EQ(usage["completion_tokens"], 3);
    EXPECT_EQ(usage["total_tokens"], 5);
}

TEST(mock_openai, every_answer_has_ids_of_its_own) {
    mock_openai server;
    const mock_reply first = answer(server, post(hello));
    const mock_reply second = answer(server, post(hello));
    EXPECT_NE(json::parse(first.body)["id"], json::parse(second.body)["id"]);
    EXPECT_NE(first.headers.get("x-request-id"), second.headers.get("x-request-id"));
    EXPECT_FALSE(first.headers.get("x-request-id").empty());
}

TEST(mock_openai, pads_a_completion_to_the_asked_size_exactly_and_never_cuts) {
    for (const std::size_t bytes : {700u, 900u, 5000u}) {
        mock_openai server;
        const mock_reply reply = answer(server.body_bytes(bytes), post(hello));
        EXPECT_EQ(reply.body.size(), bytes);
        EXPECT_EQ(json::parse(reply.body)["choices"][0]["message"]["content"], "echo: hello");
    }
    mock_openai server;
    const mock_reply reply = answer(server.body_bytes(10), post(hello));
    EXPECT_GT(reply.body.size(), 10u);
    EXPECT_FALSE(json::parse(reply.body).contains("padding"));
}

struct refusal_case {
    const char* name;
    const char* body;
    const char* param;
};

class mock_openai_refusals : public ::testing::TestWithParam<refusal_case> {};

TEST_P(mock_openai_refusals, have_status_400_and_name_the_field) {
    const mock_reply reply = answer(post(GetParam().body));
    EXPECT_EQ(reply.status, 400);
    const json error = json::parse(reply.body)["error"];
    EXPECT_EQ(error["type"], "invalid_request_error");
    EXPECT_FALSE(error["message"].get<std::string>().empty());
    EXPECT_EQ(error["param"], GetParam().param ? json(GetParam().param) : json());
}

INSTANTIATE_TEST_SUITE_P(
    all, mock_openai_refusals,
    ::testing::Values(refusal_case{"empty", "", nullptr}, refusal_case{"no_json", "hello", nullptr},
                      refusal_case{"cut_off", R"({"model":"m","messages":[{"role":"user","content":"he)", nullptr},
                      refusal_case{"array", "[]", nullptr},
                      refusal_case{"trailing", R"({"model":"m","messages":[{"role":"user","content":"a"}]}x)", nullptr},
                      refusal_case{"no_model", R"({"messages":[{"role":"user","content":"a"}]})", "model"},
                      refusal_case{"no_messages", R"({"model":"m"})", "messages"},
                      refusal_case{"empty_messages", R"({"model":"m","messages":[]})", "messages"},
                      refusal_case{"no_role", R"({"model":"m","messages":[{"content":"a"}]})", "messages"}),
    [](const auto& instance) { return std::string(instance.param.name); });

// The events of a streamed reply, each without `data: ` and the empty line.
std::vector<std::string> events(mock_reply& reply) {
    std::vector<std::string> all;
    for (bool more = true; more;) {
        std::string piece;
        reply.stream->take(piece);
        more = !reply.stream->is_over();
        EXPECT_TRUE(piece.starts_with("data: ") && piece.ends_with("\n\n"));
        all.push_back(piece.substr(6, piece.size() - 8));
    }
    return all;
}

TEST(mock_openai, streams_a_word_a_chunk_from_the_role_to_done) {
    mock_reply reply =
        answer(post(R"({"model":"gpt-x","stream":true,"messages":[{"role":"user","content":"how are you"}]})"));
    ASSERT_TRUE(reply.is_streamed());
    EXPECT_EQ(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
    EXPECT_EQ(reply.headers.get("x-request-id"), "req_mock1");
    const std::vector<std::string> all = events(reply);
    ASSERT_EQ(all.size(), 7u);
    EXPECT_EQ(all.back(), "[DONE]");
    const json role = json::parse(all[0]);
    EXPECT_EQ(role["choices"][0]["delta"]["role"], "assistant");
    EXPECT_EQ(role["choices"][0]["delta"]["content"], "");
    std::string text;
    for (std::size_t i = 1; i <= 4; ++i) {
        const json chunk = json::parse(all[i]);
        EXPECT_EQ(chunk["object"], "chat.completion.chunk");
        EXPECT_EQ(chunk["id"], role["id"]);
        EXPECT_EQ(chunk["model"], "gpt-x");
        EXPECT_FALSE(chunk.contains("usage"));
        EXPECT_TRUE(chunk["choices"][0]["finish_reason"].is_null());
        text += chunk["choices"][0]["delta"]["content"];
    }
    EXPECT_EQ(text, "echo: how are you");
    const json finish = json::parse(all[5])["choices"][0];
    EXPECT_EQ(finish["finish_reason"], "stop");
    EXPECT_TRUE(finish["delta"].empty());
}

TEST(mock_openai, thinks_before_it_answers_if_it_is_told_to) {
    const std::string messages = R"("messages":[{"role":"user","content":"hi"}])";
    mock_openai server;
    server.thinking("Well, well.");
    const json whole = json::parse(answer(server, post(R"({"model":"m",)" + messages + "}")).body);
    EXPECT_EQ(whole["choices"][0]["message"]["reasoning_content"], "Well, well.");
    mock_reply reply = answer(server, post(R"({"model":"m","stream":true,)" + messages + "}"));
    std::string order;
    std::string thinking;
    for (const std::string& data : events(reply)) {
        if (data == "[DONE]") break;
        const json delta = json::parse(data)["choices"][0]["delta"];
        order += delta.contains("reasoning_content") ? 't' : delta.contains("role") ? 'r' : delta.empty() ? 'f' : 'c';
        thinking += delta.value("reasoning_content", "");
    }
    EXPECT_EQ(order, "rttccf");
    EXPECT_EQ(thinking, "Well, well.");
    EXPECT_FALSE(json::parse(answer(post(hello)).body)["choices"][0]["message"].contains("reasoning_content"));
}

TEST(mock_openai, includes_the_usage_if_asked_and_it_is_that_of_the_whole_completion) {
    const std::string messages = R"("messages":[{"role":"user","content":"how are you"}])";
    mock_reply reply =
        answer(post(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},)" + messages + "}"));
    const std::vector<std::string> all = events(reply);
    ASSERT_EQ(all.size(), 8u);
    for (std::size_t i = 0; i < 6; ++i) {
        const json chunk = json::parse(all[i]);
        EXPECT_TRUE(chunk.contains("usage") && chunk["usage"].is_null());
    }
    const json last = json::parse(all[6]);
    EXPECT_TRUE(last["choices"].is_array() && last["choices"].empty());
    const json whole = json::parse(answer(post(R"({"model":"m",)" + messages + "}")).body);
    EXPECT_EQ(last["usage"], whole["usage"]);
}

TEST(mock_openai, streams_the_asked_number_of_chunks_of_the_asked_size) {
    mock_openai server;
    server.portions({.count = 200, .event_bytes = 220});
    mock_reply reply = answer(server, post(R"({"model":"mock-model","stream":true,"stream_options":
        {"include_usage":true},"messages":[{"role":"user","content":"Question 12"}]})"));
    const std::vector<std::string> all = events(reply);
    ASSERT_EQ(all.size(), 204u);
    std::string text;
    for (std::size_t i = 1; i <= 200; ++i) {
        EXPECT_EQ(all[i].size(), 220u - 8);
        text += json::parse(all[i])["choices"][0]["delta"]["content"];
    }
    std::string rounds = "echo: Question 12";
    while (rounds.size() < text.size()) rounds += " echo: Question 12";
    EXPECT_TRUE(rounds.starts_with(text));
    EXPECT_GT(text.size(), 200u * 8);
    EXPECT_EQ(json::parse(all[202])["usage"]["completion_tokens"], (text.size() + 3) / 4);
}

TEST(mock_openai, routes_to_its_other_endpoints) {
    mock_request request = post(R"({"model":"m","input":"a"})");
    request.target = "/v1/embeddings";
    mock_reply reply = answer(request);
    EXPECT_EQ(json::parse(reply.body)["data"][0]["object"], "embedding");
    EXPECT_EQ(reply.headers.get("x-request-id"), "req_mock1");
    request.target = "/v1/moderations";
    EXPECT_EQ(json::parse(answer(request).body)["results"].size(), 1u);
    request.target = "/v1/embeddings/more";
    EXPECT_EQ(answer(request).status, 404);
    mock_openai locked;
    locked.api_key("k");
    request.target = "/v1/embeddings";
    EXPECT_EQ(answer(locked, request).status, 401);
}

TEST(mock_openai, asks_for_its_key_if_it_has_one) {
    mock_openai server;
    server.api_key("sk-right");
    EXPECT_EQ(answer(server, post(hello)).status, 401);
    mock_request wrong = post(hello);
    wrong.headers.add("authorization", "Bearer sk-wrong");
    const mock_reply refused = answer(server, wrong);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(json::parse(refused.body)["error"]["code"], "invalid_api_key");
    EXPECT_EQ(refused.body.find("sk-"), std::string::npos);
    mock_request right = post(hello);
    right.headers.add("Authorization", "Bearer sk-right");
    EXPECT_EQ(answer(server, right).status, 200);
}

TEST(mock_openai, lists_models) {
    mock_request request;
    request.method = "GET";
    request.target = "/v1/models?limit=1";
    const mock_reply reply = answer(request);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(json::parse(reply.body)["data"][0]["object"], "model");
}

TEST(mock_openai, knows_no_other_path_and_no_other_method) {
    mock_request request = post(hello);
    request.target = "/v2/chat/completions";
    EXPECT_EQ(answer(request).status, 404);
    request = post(hello);
    request.method = "GET";
    const mock_reply reply = answer(request);
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(reply.headers.get("allow"), "POST");
    request.target = "/v1/models";
    request.method = "DELETE";
    EXPECT_EQ(answer(request).headers.get("allow"), "GET");
}

TEST(mock_openai, an_error_body_has_null_for_what_is_not_known) {
    std::string body;
    append_openai_error(body, "say \"please\"", "t", "", "");
    EXPECT_EQ(body, R"({"error":{"message":"say \"please\"","type":"t","param":null,"code":null}})");
}

}  // namespace

}  // namespace mock_openai_tests
