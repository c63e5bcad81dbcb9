#include <chorus/observe/spans.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace chorus::spans_tests {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::json;

constexpr std::chrono::system_clock::time_point ended{1'700'000'000'123'456'789ns};
const http::origin server{true, "api.openai.com", 8443};
const call_info chat{.id = 1, .operation = "chat", .provider = "openai", .model = "gpt-4o-mini", .server = &server};

usage some_tokens() {
    usage tokens;
    tokens.prompt_tokens = 12;
    tokens.completion_tokens = 34;
    tokens.prompt.cached_tokens = 5;
    tokens.prompt.cache_write_tokens = 2;
    tokens.completion.reasoning_tokens = 30;
    return tokens;
}

json document(const span& one) {
    const std::vector<std::pair<std::string, std::string>> resource = {{"service.name", "test \"service\""}};
    return json::parse(to_otlp_json(std::span(&one, 1), resource));
}

json span_of(const span& one) {
    return document(one)["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
}

json attributes_of(const span& one) {
    json all = json::object();
    const json list = span_of(one)["attributes"];
    for (const auto& attribute : list) {
        EXPECT_FALSE(all.contains(attribute["key"])) << attribute << " is there twice";
        all[attribute["key"].get<std::string>()] = attribute["value"];
    }
    return all;
}

TEST(spans, carry_the_attributes_of_the_conventions) {
    const usage tokens = some_tokens();
    call_info call = chat;
    call.is_streamed = true;
    const auto made = make_span(call,
                                {.tokens = &tokens,
                                 .model = "gpt-4o-mini-2024-07-18",
                                 .finish_reason = "stop",
                                 .response_id = "chatcmpl-1",
                                 .total = 1s,
                                 .queued = 500ms,
                                 .first_token = 250ms,
                                 .attempts = 3},
                                ended);
    const json wanted = {
        {"gen_ai.operation.name", {{"stringValue", "chat"}}},
        {"gen_ai.provider.name", {{"stringValue", "openai"}}},
        {"gen_ai.request.model", {{"stringValue", "gpt-4o-mini"}}},
        {"gen_ai.request.stream", {{"boolValue", true}}},
        {"gen_ai.response.id", {{"stringValue", "chatcmpl-1"}}},
        {"gen_ai.response.model", {{"stringValue", "gpt-4o-mini-2024-07-18"}}},
        {"gen_ai.response.finish_reasons", {{"arrayValue", {{"values", json::array({{{"stringValue", "stop"}}})}}}}},
        {"gen_ai.response.time_to_first_chunk", {{"doubleValue", 0.25}}},
        {"gen_ai.usage.input_tokens", {{"intValue", "12"}}},
        {"gen_ai.usage.output_tokens", {{"intValue", "34"}}},
        {"gen_ai.usage.cache_read.input_tokens", {{"intValue", "5"}}},
        {"gen_ai.usage.cache_creation.input_tokens", {{"intValue", "2"}}},
        {"gen_ai.usage.reasoning.output_tokens", {{"intValue", "30"}}},
        {"http.request.resend_count", {{"intValue", "2"}}},
        {"chorus.queue_time", {{"doubleValue", 0.5}}},
        {"server.address", {{"stringValue", "api.openai.com"}}},
        {"server.port", {{"intValue", "8443"}}},
    };
    EXPECT_EQ(attributes_of(made), wanted);
    EXPECT_EQ(made.name, "chat gpt-4o-mini");
}

TEST(spans, leave_out_what_is_not_known) {
    const auto made = make_span({.id = 1, .operation = "models", .provider = "mistral"}, {}, ended);
    EXPECT_EQ(made.name, "models");
    EXPECT_EQ(attributes_of(made), json({{"gen_ai.operation.name", {{"stringValue", "models"}}},
                                         {"gen_ai.provider.name", {{"stringValue", "mistral_ai"}}}}));
    EXPECT_EQ(span_of(made)["status"], json::object());
}

TEST(spans, of_failed_calls_tell_the_type_of_the_error_and_not_its_text) {
    error failure(errc::unauthenticated, "Incorrect API key provided: sk-secret");
    failure.http_status(401).body("sk-secret");
    const auto made = make_span(chat, {.failure = &failure}, ended);
    const auto attributes = attributes_of(made);
    EXPECT_EQ(attributes["error.type"]["stringValue"], "unauthenticated");
    EXPECT_EQ(attributes["http.response.status_code"]["intValue"], "401");
    EXPECT_EQ(span_of(made)["status"], json({{"code", 2}}));
    EXPECT_EQ(document(made).dump().find("sk-secret"), std::string::npos);
}

TEST(spans, are_written_as_the_json_mapping_of_otlp_demands) {
    auto made = make_span(chat, {.total = 1s}, ended);
    for (std::size_t i = 0; i < 16; ++i) made.trace_id[i] = static_cast<std::uint8_t>(0xf0 + i);
    for (std::size_t i = 0; i < 8; ++i) made.span_id[i] = static_cast<std::uint8_t>(i);
    const json whole = document(made);
    const json one = whole["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    EXPECT_EQ(one["traceId"], "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    EXPECT_EQ(one["spanId"], "0001020304050607");
    EXPECT_EQ(one["kind"], 3);
    EXPECT_EQ(one["startTimeUnixNano"], "1699999999123456789");
    EXPECT_EQ(one["endTimeUnixNano"], "1700000000123456789");
    EXPECT_EQ(whole["resourceSpans"][0]["resource"]["attributes"],
              json::array({{{"key", "service.name"}, {"value", {{"stringValue", "test \"service\""}}}}}));
    EXPECT_EQ(whole["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"], "chorus");
}

TEST(spans, are_valid_json_whatever_a_server_calls_its_model) {
    const auto made = make_span(chat, {.model = "m\xff\n\"", .finish_reason = "\xc3"}, ended);
    const auto attributes = attributes_of(made);
    EXPECT_EQ(attributes["gen_ai.response.model"]["stringValue"], "m\uFFFD\n\"");
}

TEST(spans, providers_have_the_names_of_the_conventions) {
    EXPECT_EQ(semantic_provider_name("azure"), "azure.ai.openai");
    EXPECT_EQ(semantic_provider_name("openai_responses"), "openai");
    EXPECT_EQ(semantic_provider_name("gemini"), "gcp.gemini");
    EXPECT_EQ(semantic_provider_name("anthropic"), "anthropic");
    EXPECT_EQ(semantic_provider_name("somebody else"), "somebody else");
}

}  // namespace
}  // namespace chorus::spans_tests
