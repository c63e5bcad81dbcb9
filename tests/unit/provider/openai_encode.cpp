// Contracts of writing requests in the format of OpenAI.
#include <chorus/provider/openai_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace {

using namespace chorus;
using nlohmann::json;

json encoded(const chat_request& request) {
    return json::parse(openai_format::encode_chat(request));
}

/// The value of one field of a request that has little else.
json field(const chat_request& request, const char* name) {
    const json body = encoded(request);
    EXPECT_TRUE(body.contains(name)) << body;
    return body.value(name, json());
}

chat_request small() {
    return chat_request("m").user("hi");
}

TEST(encode_chat, sends_nothing_that_is_not_set) {
    EXPECT_EQ(openai_format::encode_chat(small()), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
}

TEST(encode_chat, writes_messages_in_order) {
    const auto request = chat_request("m")
                             .developer("d")
                             .system("s")
                             .add(message::user("u\n\"\u00e9").name("bob"))
                             .add(message::assistant("").refusal("no"))
                             .add(message::assistant("").audio("a1"))
                             .assistant("");
    EXPECT_EQ(field(request, "messages"), json::parse(R"([
        {"role":"developer","content":"d"},
        {"role":"system","content":"s"},
        {"role":"user","name":"bob","content":"u\n\"\u00e9"},
        {"role":"assistant","content":null,"refusal":"no"},
        {"role":"assistant","content":null,"audio":{"id":"a1"}},
        {"role":"assistant","content":""}])"));
}

TEST(encode_chat, writes_every_kind_of_part) {
    const auto request = chat_request("m").user(content()
                                                    .text("What is this?")
                                                    .image("data:image/png;base64,AAAA", "low")
                                                    .image("https://x/y.png")
                                                    .audio("BASE64", "wav")
                                                    .file("file-1")
                                                    .file("a.pdf", "data:application/pdf;base64,AAAA")
                                                    .cache_breakpoint()
                                                    .refusal("no")
                                                    .json(R"({"type":"video_url","video_url":{"url":"v"}})"));
    EXPECT_EQ(field(request, "messages").at(0).at("content"), json::parse(R"([
        {"type":"text","text":"What is this?"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
        {"type":"image_url","image_url":{"url":"https://x/y.png"}},
        {"type":"input_audio","input_audio":{"data":"BASE64","format":"wav"}},
        {"type":"file","file":{"file_id":"file-1"}},
        {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"},
         "prompt_cache_breakpoint":{"mode":"explicit"}},
        {"type":"refusal","refusal":"no"},
        {"type":"video_url","video_url":{"url":"v"}}])"));
}

TEST(encode_chat, writes_every_option) {
    const json policy = {{"level", "strict"}};
    const auto request = small()
                             .temperature(0.7)
                             .top_p(0.9)
                             .frequency_penalty(-0.5)
                             .presence_penalty(0.5)
                             .logit_bias(50256, -100)
                             .logit_bias(7, 1.5)
                             .seed(-3)
                             .n(2)
                             .max_completion_tokens(100)
                             .max_tokens(99)
                             .stop("a")
                             .stop("b")
                             .modality("text")
                             .modality("audio")
                             .audio("alloy", "mp3")
                             .prediction("same")
                             .logprobs()
                             .top_logprobs(5)
                             .reasoning_effort("low")
                             .verbosity("high")
                             .web_search(web_search().context_size("low").country("DE").city("Jena"))
                             .service_tier("flex")
                             .store(false)
                             .metadata("k\"", "v")
                             .prompt_cache_key("key")
                             .prompt_cache("explicit", "30m")
                             .prompt_cache_retention("24h")
                             .safety_identifier("sid")
                             .end_user("uid")
                             .moderation("omni", policy);
    EXPECT_EQ(encoded(request), json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}],
        "temperature":0.7,"top_p":0.9,"frequency_penalty":-0.5,"presence_penalty":0.5,
        "logit_bias":{"50256":-100,"7":1.5},"seed":-3,"n":2,"max_completion_tokens":100,"max_tokens":99,
        "stop":["a","b"],"modalities":["text","audio"],"audio":{"voice":"alloy","format":"mp3"},
        "prediction":{"type":"content","content":"same"},"logprobs":true,"top_logprobs":5,
        "reasoning_effort":"low","verbosity":"high",
        "web_search_options":{"search_context_size":"low",
            "user_location":{"type":"approximate","approximate":{"country":"DE","city":"Jena"}}},
        "service_tier":"flex","store":false,"metadata":{"k\"":"v"},"prompt_cache_key":"key",
        "prompt_cache_options":{"mode":"explicit","ttl":"30m"},"prompt_cache_retention":"24h",
        "safety_identifier":"sid","user":"uid","moderation":{"model":"omni","policy":{"level":"strict"}}})"));
}

TEST(encode_chat, writes_the_forms_of_an_answer) {
    EXPECT_EQ(field(small().response_format(response_format::text()), "response_format"),
              json::parse(R"({"type":"text"})"));
    EXPECT_EQ(field(small().response_format(response_format::json_object()), "response_format"),
              json::parse(R"({"type":"json_object"})"));
    const json schema = {{"type", "object"}};
    EXPECT_EQ(field(small().response_format(response_format::json_schema("p", schema).strict().description("d")),
                    "response_format"),
              json::parse(R"({"type":"json_schema","json_schema":{"name":"p","description":"d","strict":true,
                             "schema":{"type":"object"}}})"));
    EXPECT_FALSE(field(small().response_format(response_format::json_schema("p", schema)), "response_format")
                     .at("json_schema")
                     .contains("strict"));
}

TEST(encode_chat, leaves_empty_groups_out) {
    EXPECT_EQ(field(small().web_search(), "web_search_options"), json::object());
    EXPECT_EQ(field(small().prompt_cache("implicit"), "prompt_cache_options"), json::parse(R"({"mode":"implicit"})"));
    EXPECT_EQ(field(small().moderation("omni"), "moderation"), json::parse(R"({"model":"omni"})"));
}

TEST(encode_chat, lets_extra_fields_win_and_names_each_field_once) {
    const auto request =
        small().temperature(0.5).stop("x").extra("temperature", nullptr).extra("top_k", 40).extra("model", "other");
    const std::string body = openai_format::encode_chat(request);
    const json parsed = json::parse(body);
    EXPECT_EQ(parsed.at("temperature"), nullptr);
    EXPECT_EQ(parsed.at("top_k"), 40);
    EXPECT_EQ(parsed.at("model"), "other");
    EXPECT_EQ(parsed.at("stop"), json::array({"x"}));
    EXPECT_EQ(body.find("\"temperature\""), body.rfind("\"temperature\""));
    EXPECT_EQ(body.find("\"model\""), body.rfind("\"model\""));
}

}  // namespace
