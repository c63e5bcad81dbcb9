// Contracts of reading a response.
#include <chorus/chat/chat_response.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace chat_response_tests {

namespace {

using namespace chorus;

chat_response response_with(std::string body) {
    return chat_response({}, http::response{200, {}, std::move(body), {}});
}

TEST(chat_response, gives_empty_views_without_choices) {
    const chat_response none;
    EXPECT_EQ(none.text(), "");
    EXPECT_EQ(none.finish_reason(), "");
    EXPECT_EQ(none.refusal(), "");
    EXPECT_EQ(none.reasoning(), "");
    EXPECT_EQ(none.request_id(), "");
    EXPECT_FALSE(none.rate_limits().requests.known());
    EXPECT_TRUE(none.raw().is_null());
}

TEST(chat_response, shows_the_first_choice) {
    chat_completion decoded;
    decoded.choices.resize(2);
    decoded.choices[0].message.content = "a";
    decoded.choices[0].message.reasoning = "r";
    decoded.choices[0].finish_reason = "eos_token";
    decoded.choices[1].message.content = "b";
    const chat_response response(decoded, {});
    EXPECT_EQ(response.text(), "a");
    EXPECT_EQ(response.reasoning(), "r");
    EXPECT_EQ(response.finish_reason(), "eos_token");
}

TEST(chat_response, gives_unknown_fields_through_raw) {
    const auto response = response_with(R"({"id":"1","usage":{"cost":0.25},"x_groq":{"id":"g"}})");
    EXPECT_EQ(response.raw().at("usage").at("cost"), 0.25);
    EXPECT_EQ(response.raw().at("x_groq").at("id"), "g");
    EXPECT_EQ(response.raw_text().substr(0, 5), "{\"id\"");
}

TEST(chat_response, gives_raw_where_the_text_needs_repair) {
    EXPECT_EQ(response_with("\n{\"a\":\"\\ud83d\"}").raw().at("a"), "\ufffd");
    EXPECT_EQ(response_with("{\"a\":\"x\xff\"}").raw().at("a"), "x\ufffd");
    EXPECT_TRUE(response_with("<html>").raw().is_null());
}

TEST(chat_response, finds_the_request_id_of_any_provider) {
    http::headers headers;
    headers.add("CF-Ray", "ray");
    EXPECT_EQ(find_request_id(headers), "ray");
    headers.add("Request-Id", "anthropic");
    EXPECT_EQ(find_request_id(headers), "anthropic");
    headers.add("X-Request-ID", "openai");
    EXPECT_EQ(find_request_id(headers), "openai");
}

/// As a provider reads them: out of its own headers, against the time of the response.
rate_limits half_of_the_time(const http::headers& headers, std::chrono::system_clock::time_point received_at) noexcept {
    rate_limits limits;
    limits.tokens.remaining = static_cast<std::int64_t>(headers.get("tokens").size());
    limits.tokens.reset = std::chrono::duration_cast<std::chrono::milliseconds>(received_at.time_since_epoch()) / 2;
    return limits;
}

TEST(chat_response, keeps_headers_timing_and_limits) {
    http::response received{200, {}, "{}", {}};
    received.headers.add("x-request-id", "req_1");
    received.timing.reused = true;
    received.headers.add("tokens", "#####");
    const std::chrono::system_clock::time_point received_at(std::chrono::seconds(4));
    const chat_response response({}, received, &half_of_the_time, received_at);
    const chat_response copy = response;
    EXPECT_EQ(copy.request_id(), "req_1");
    EXPECT_TRUE(copy.timing().reused);
    EXPECT_EQ(copy.rate_limits().tokens.remaining, 5);
    EXPECT_EQ(copy.rate_limits().tokens.reset, std::chrono::seconds(2));
    EXPECT_EQ(copy.http_status(), 200);
}

TEST(answer, becomes_a_message_of_the_next_request) {
    answer said;
    said.role = "assistant";
    said.content = "Hi";
    said.refusal = "no";
    said.audio = std::make_shared<const audio_answer>(audio_answer{"audio_1", "", "", {}});
    const message next = said.to_message();
    EXPECT_EQ(next.role(), "assistant");
    EXPECT_EQ(*next.content().as_text(), "Hi");
    EXPECT_EQ(next.refusal(), "no");
    EXPECT_EQ(next.audio_id(), "audio_1");
    EXPECT_EQ(answer().to_message().role(), "assistant");
}

}  // namespace

}  // namespace chat_response_tests
