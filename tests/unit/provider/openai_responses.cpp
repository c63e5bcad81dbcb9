// Contracts of the provider that sends chats to OpenAI's Responses API.
#include <chorus/provider/openai_responses.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

namespace openai_responses_tests {

namespace {

using namespace chorus;

const char* no_environment(const char*) {
    return nullptr;
}
const char* full_environment(const char* name) {
    if (std::strcmp(name, "OPENAI_API_KEY") == 0) return " sk-environment\n";
    if (std::strcmp(name, "OPENAI_BASE_URL") == 0) return "https://gateway.example/openai/v1/\n";
    if (std::strcmp(name, "OPENAI_ORG_ID") == 0) return "org-1";
    return nullptr;
}

const chat_request hello = chat_request("m").user("hi");

openai usual() {
    return openai(no_environment).api_key("sk-12345678");
}

TEST(openai_responses, writes_a_request_for_its_own_path) {
    const auto api = openai_responses(usual());
    EXPECT_EQ(api->name(), "openai_responses");
    const auto whole = api->encode(hello);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->method, "POST");
    EXPECT_EQ(whole->origin.to_string(), "https://api.openai.com");
    EXPECT_EQ(whole->target, "/v1/responses");
    EXPECT_EQ(whole->headers.get("Authorization"), "Bearer sk-12345678");
    EXPECT_EQ(whole->body, R"({"model":"m","input":[{"type":"message","role":"user","content":"hi"}]})");
    const auto streamed = api->encode_stream(hello);
    ASSERT_TRUE(streamed);
    EXPECT_EQ(streamed->target, "/v1/responses");
    EXPECT_EQ(streamed->body,
              R"({"model":"m","input":[{"type":"message","role":"user","content":"hi"}],"stream":true})");
}

TEST(openai_responses, takes_the_options_and_the_environment_of_openai) {
    const auto request = openai_responses(openai(full_environment).project("proj-1").header("X-A", "b"))->encode(hello);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->origin.to_string(), "https://gateway.example");
    EXPECT_EQ(request->target, "/openai/v1/responses");
    EXPECT_EQ(request->headers.get("Authorization"), "Bearer sk-environment");
    EXPECT_EQ(request->headers.get("OpenAI-Organization"), "org-1");
    EXPECT_EQ(request->headers.get("OpenAI-Project"), "proj-1");
    EXPECT_EQ(request->headers.get("X-A"), "b");
}

TEST(openai_responses, keeps_the_query_of_a_base_url) {
    const auto request =
        openai_responses(openai(no_environment).base_url("http://localhost:1234/v1?api-version=1"))->encode(hello);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->target, "/v1/responses?api-version=1");
    EXPECT_FALSE(request->headers.contains("Authorization"));
}

TEST(openai_responses, refuses_what_openai_refuses) {
    const auto without_key = openai_responses(openai(no_environment));
    EXPECT_EQ(without_key->encode(hello).error().param(), "api_key");
    EXPECT_EQ(without_key->encode_stream(hello).error().param(), "api_key");
    EXPECT_EQ(openai_responses(usual().base_url("ftp://x"))->encode(hello).error().param(), "base_url");
    EXPECT_EQ(openai_responses(usual())->encode(chat_request("m")).error().param(), "messages");
    EXPECT_EQ(openai_responses(usual())->encode(chat_request("m").user("hi").seed(1)).error().param(), "seed");
}

TEST(openai_responses, sends_all_else_where_openai_sends_it) {
    const auto api = openai_responses(usual());
    const auto chats = usual().make();
    std::size_t next = 0;
    std::size_t same_next = 0;
    const auto texts = embedding_request("e").input("a").input("b");
    EXPECT_EQ(api->encode_embeddings(texts, next)->body, chats->encode_embeddings(texts, same_next)->body);
    EXPECT_EQ(next, same_next);
    EXPECT_EQ(api->encode_models("")->target, "/v1/models");
    EXPECT_EQ(api->encode_model("a/b")->target, chats->encode_model("a/b")->target);
    const auto doubtful = moderation_request("m").text("text");
    EXPECT_EQ(api->encode_moderation(doubtful)->target, "/v1/moderations");
    EXPECT_FALSE(api->encode_count_tokens(hello));
}

TEST(openai_responses, tells_no_key_in_errors) {
    const auto api = openai_responses(usual());
    http::response refused;
    refused.status = 401;
    refused.body = R"({"error":{"message":"Incorrect API key: sk-12345678","code":"invalid_api_key"}})";
    const auto failed = api->decode(std::move(refused), {});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), errc::unauthenticated);
    EXPECT_EQ(failed.error().message().find("sk-12345678"), std::string::npos);

    chat_accumulator into;
    const auto decoder = api->make_stream_decoder();
    sse::event event;
    event.type = "error";
    event.data = R"({"type":"error","code":"server_error","message":"sk-12345678"})";
    const auto broken = decoder->read(event, into);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().message().find("sk-12345678"), std::string::npos);
}

}  // namespace

}  // namespace openai_responses_tests
