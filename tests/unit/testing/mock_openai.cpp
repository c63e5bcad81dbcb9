#include <chorus/testing/mock_openai.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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
    ::testing::Values(
        refusal_case{"empty", "", nullptr}, refusal_case{"no_json", "hello", nullptr},
        refusal_case{"cut_off", R"({"model":"m","messages":[{"role":"user","content":"he)", nullptr},
        refusal_case{"array", "[]", nullptr},
        refusal_case{"trailing", R"({"model":"m","messages":[{"role":"user","content":"a"}]}x)", nullptr},
        refusal_case{"no_model", R"({"messages":[{"role":"user","content":"a"}]})", "model"},
        refusal_case{"no_messages", R"({"model":"m"})", "messages"},
        refusal_case{"empty_messages", R"({"model":"m","messages":[]})", "messages"},
        refusal_case{"no_role", R"({"model":"m","messages":[{"content":"a"}]})", "messages"},
        refusal_case{"stream", R"({"model":"m","messages":[{"role":"user","content":"a"}],"stream":true})", "stream"}),
    [](const auto& instance) { return std::string(instance.param.name); });

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
