// Contracts of reading answers in Anthropic's format that come whole.
#include <chorus/provider/anthropic_decode.hpp>
#include <chorus/provider/anthropic_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace anthropic_decode_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;
using nlohmann::json;

http::response received(std::string body, int status = 200) {
    http::response response;
    response.status = status;
    response.headers.add("request-id", "req_1");
    response.body = std::move(body);
    return response;
}
chat_response decoded(std::string body) {
    auto response = anthropic_format::decode_chat(received(std::move(body)), {});
    EXPECT_TRUE(response) << response.error().message();
    return response ? *response : chat_response();
}
/// A message with this content.
chat_response of_content(const std::string& blocks) {
    return decoded(R"({"type":"message","role":"assistant","content":)" + blocks + "}");
}
const answer& message_of(const chat_response& response) {
    return response.choices().at(0).message;
}
error failure_of(std::string body, int status = 200) {
    const auto response = anthropic_format::decode_chat(received(std::move(body), status), {});
    EXPECT_FALSE(response);
    return response ? error() : response.error();
}

TEST(anthropic_decode_chat, reads_a_message) {
    const auto response = decoded(R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-x",
        "content":[{"type":"text","text":"Hi \u00e9","citations":null},{"type":"text","text":"!"}],
        "stop_reason":"end_turn","stop_sequence":null,
        "usage":{"input_tokens":10,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5,
                 "output_tokens_details":{"thinking_tokens":2},"service_tier":"standard"}})");
    EXPECT_EQ(response.id(), "msg_1");
    EXPECT_EQ(response.model(), "claude-x");
    EXPECT_EQ(response.text(), "Hi \u00e9!");
    EXPECT_EQ(response.finish_reason(), finish_reason::stop);
    EXPECT_EQ(response.service_tier(), "standard");
    EXPECT_EQ(response.request_id(), "req_1");
    EXPECT_EQ(response.choices().size(), 1u);
    EXPECT_EQ(message_of(response).role, "assistant");
    EXPECT_TRUE(message_of(response).native.json.empty());
    EXPECT_EQ(response.raw().at("stop_reason"), "end_turn");

    const usage& counts = response.usage();
    EXPECT_EQ(counts.prompt_tokens, 17);
    EXPECT_EQ(counts.prompt.cached_tokens, 4);
    EXPECT_EQ(counts.prompt.cache_write_tokens, 3);
    EXPECT_EQ(counts.completion_tokens, 5);
    EXPECT_EQ(counts.completion.reasoning_tokens, 2);
    EXPECT_EQ(counts.total_tokens, 22);
}

TEST(anthropic_decode_chat, guesses_no_counts) {
    const auto usage_of = [](const std::string& counts) {
        return decoded(R"({"content":[],"usage":)" + counts + "}").usage();
    };
    EXPECT_FALSE(usage_of("null").prompt_tokens);
    EXPECT_FALSE(usage_of("{}").total_tokens);
    const usage counts = usage_of(R"({"output_tokens":3,"cache_read_input_tokens":null})");
    EXPECT_EQ(counts.completion_tokens, 3);
    EXPECT_FALSE(counts.prompt_tokens);
    EXPECT_FALSE(counts.total_tokens);
    EXPECT_EQ(usage_of(R"({"input_tokens":4})").prompt_tokens, 4);
    EXPECT_FALSE(usage_of(R"({"input_tokens":9223372036854775807,"cache_read_input_tokens":9})").prompt_tokens);
}

TEST(anthropic_decode_chat, names_why_it_stopped_as_others_do) {
    const auto reason = [](const std::string& name) {
        return std::string(decoded(R"({"content":[],"stop_reason":)" + name + "}").finish_reason());
    };
    EXPECT_EQ(reason(R"("end_turn")"), finish_reason::stop);
    EXPECT_EQ(reason(R"("stop_sequence")"), finish_reason::stop);
    EXPECT_EQ(reason(R"("max_tokens")"), finish_reason::length);
    EXPECT_EQ(reason(R"("tool_use")"), finish_reason::tool_calls);
    EXPECT_EQ(reason(R"("refusal")"), finish_reason::content_filter);
    EXPECT_EQ(reason(R"("pause_turn")"), "pause_turn");
    EXPECT_EQ(reason(R"("model_context_window_exceeded")"), "model_context_window_exceeded");
    EXPECT_EQ(reason("null"), "");
}

TEST(anthropic_decode_chat, gives_a_refusal_as_one_with_its_explanation) {
    const auto refusal = [](const std::string& end) {
        return std::string(decoded(R"({"content":[{"type":"text","text":"Well"}],)" + end + "}").refusal());
    };
    EXPECT_EQ(
        refusal(R"("stop_details":{"type":"refusal","explanation":"It is \"dangerous\"."},"stop_reason":"refusal")"),
        "It is \"dangerous\".");
    EXPECT_EQ(refusal(R"("stop_reason":"refusal","stop_details":null)"), "The model refused to answer.");
    EXPECT_EQ(refusal(R"("stop_reason":"end_turn","stop_details":{"explanation":"x"})"), "");
    EXPECT_EQ(refusal(R"("stop_reason":null)"), "");
}

TEST(anthropic_decode_chat, reads_calls) {
    const auto response = of_content(R"([{"type":"text","text":"So:"},
        {"type":"tool_use","id":"t1","name":"add","input":{"a":1, "b":"\u00e9"}},
        {"type":"tool_use","id":"t2","name":"now","input":{}}, {"type":"tool_use","name":"f"}])");
    const auto& calls = response.tool_calls();
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls[0], (tool_call{"t1", "function", "add", R"({"a":1, "b":"\u00e9"})", ""}));
    EXPECT_EQ(calls[1], (tool_call{"t2", "function", "now", "{}", ""}));
    EXPECT_FALSE(calls[2].id.empty());
    EXPECT_EQ(calls[2].arguments, "{}");
    EXPECT_EQ(response.text(), "So:");
    EXPECT_TRUE(message_of(response).native.json.empty());
}

TEST(anthropic_decode_chat, reads_thinking_and_keeps_its_signature) {
    const std::string blocks = R"([{"type":"thinking","thinking":"a","signature":"x=="},
        {"type":"redacted_thinking","data":"y"}, {"type":"thinking","thinking":"b"},{"type":"text","text":"c"}])";
    const auto response = of_content(blocks);
    EXPECT_EQ(response.reasoning(), "ab");
    EXPECT_EQ(message_of(response).reasoning_field, "thinking");
    EXPECT_EQ(response.text(), "c");
    EXPECT_EQ(message_of(response).native, (native_answer{"anthropic", blocks}));
}

TEST(anthropic_decode_chat, gives_back_what_only_it_can_say) {
    const std::string blocks = R"([{"type":"thinking","thinking":"a","signature":"x=="},{"type":"text","text":"c"}])";
    const auto body = anthropic_format::encode_chat(
        chat_request("m").user("hi").add(message_of(of_content(blocks)).to_message()).user("and?"));
    ASSERT_TRUE(body);
    EXPECT_NE(body->find(R"({"role":"assistant","content":)" + blocks + "}"), std::string::npos);
}

TEST(anthropic_decode_chat, keeps_the_blocks_where_the_fields_do_not_say_it_all) {
    const auto keeps = [](const std::string& blocks) { return !message_of(of_content(blocks)).native.json.empty(); };
    EXPECT_FALSE(keeps("[]"));
    EXPECT_FALSE(keeps(R"([{"type":"text","text":"a","citations":[ ]},{"type":"tool_use","id":"i","name":"n"}])"));
    EXPECT_FALSE(keeps(R"([{"type":"tool_use","id":"i","name":"n","input":{},"caller":null}])"));
    EXPECT_TRUE(keeps(R"([{"type":"tool_use","id":"i","name":"n","input":{},"caller":{"type":"direct"}}])"));
    EXPECT_TRUE(keeps(R"([{"type":"tool_use","id":"i","name":"n"},{"type":"text","text":"after"}])"));
    EXPECT_TRUE(keeps(R"([{"type":"redacted_thinking","data":"y"}])"));
    EXPECT_TRUE(keeps(R"([{"type":"server_tool_use","id":"i","name":"n","input":{}}])"));
    EXPECT_TRUE(keeps(R"([{"type":"text","text":"a","citations":[{"type":"char_location"}]}])"));
    EXPECT_TRUE(keeps(R"([{"text":"of no type"}])"));
}

TEST(anthropic_decode_chat, reads_the_sources_of_each_text) {
    const auto response = of_content(R"([{"type":"text","text":"\u00e9t\u00e9 "},
        {"type":"text","text":"is h\u00f4t","citations":[
            {"type":"web_search_result_location","url":"https://w","title":"W","cited_text":"x","encrypted_index":"e"},
            {"type":"char_location","document_index":0,"document_title":"D","start_char_index":5}]},
        {"type":"text","text":", so","citations":[{"type":"search_result_location","source":"s","title":"S"}]}])");
    const auto& sources = message_of(response).annotations;
    ASSERT_EQ(sources.size(), 3u);
    EXPECT_EQ(sources[0].type, "url_citation");
    EXPECT_EQ(sources[0].url, "https://w");
    EXPECT_EQ(sources[0].title, "W");
    EXPECT_EQ(sources[0].start_index, 4);
    EXPECT_EQ(sources[0].end_index, 10);
    EXPECT_EQ(sources[1].type, "char_location");
    EXPECT_EQ(sources[1].title, "D");
    EXPECT_EQ(sources[2].url, "s");
    EXPECT_EQ(sources[2].start_index, 10);
    EXPECT_EQ(sources[2].end_index, 14);
}

TEST(anthropic_decode_chat, passes_over_what_it_does_not_know) {
    const auto response = decoded(R"({"future":[1],"content":[{"type":"oracle","text":"?"},{"type":"text","text":"a"},
        5,{"type":"text","text":null},{"type":"text"}],"role":null,"id":null,"model":7})");
    EXPECT_EQ(response.text(), "a");
    EXPECT_EQ(message_of(response).role, "assistant");
    EXPECT_EQ(response.model(), "7");
}

TEST(anthropic_decode_chat, repairs_what_it_keeps) {
    const auto response = of_content("[{\"type\":\"redacted_thinking\",\"data\":\"\xff\"}]");
    EXPECT_EQ(json::parse(message_of(response).native.json).at(0).at("data"), "\uFFFD");
}

TEST(anthropic_decode_chat, reads_the_limits_of_the_headers) {
    http::response response = received(R"({"content":[]})");
    response.headers.add("anthropic-ratelimit-requests-limit", "50")
        .add("anthropic-ratelimit-requests-remaining", "49")
        .add("anthropic-ratelimit-requests-reset", "1970-01-01T00:00:30Z")
        .add("anthropic-ratelimit-input-tokens-remaining", "9000")
        .add("anthropic-priority-output-tokens-limit", "7");
    const auto decoded = anthropic_format::decode_chat(std::move(response), {});
    ASSERT_TRUE(decoded);
    const rate_limits limits = decoded->rate_limits();
    EXPECT_EQ(limits.requests, (rate_limit{50, 49, 30000ms}));
    EXPECT_EQ(limits.input_tokens.remaining, 9000);
    EXPECT_EQ(limits.priority_output_tokens.limit, 7);
}

TEST(anthropic_decode_chat, reads_errors) {
    const auto body = [](std::string_view type) {
        return R"({"type":"error","error":{"type":")" + std::string(type) +
               R"(","message":"why"},"request_id":"req_2"})";
    };
    const std::pair<const char*, std::pair<int, errc>> known[] = {
        {"invalid_request_error", {400, errc::bad_request}},
        {"authentication_error", {401, errc::unauthenticated}},
        {"billing_error", {402, errc::payment_required}},
        {"permission_error", {403, errc::permission_denied}},
        {"not_found_error", {404, errc::not_found}},
        {"conflict_error", {409, errc::conflict}},
        {"request_too_large", {413, errc::request_too_large}},
        {"rate_limit_error", {429, errc::rate_limited}},
        {"api_error", {500, errc::server_error}},
        {"timeout_error", {504, errc::server_error}},
        {"overloaded_error", {529, errc::overloaded}}};
    for (const auto& [type, meaning] : known) {
        const error failed = failure_of(body(type), meaning.first);
        EXPECT_EQ(failed, meaning.second) << type;
        EXPECT_EQ(failed.http_status(), meaning.first);
        EXPECT_EQ(failed.phase(), phase::status);
        EXPECT_EQ(failed.type(), type);
        EXPECT_EQ(failed.text(), "why");
        EXPECT_EQ(failed.request_id(), "req_1");  // of the headers
        EXPECT_EQ(failure_of(body(type), 200), meaning.second) << type;
    }
    EXPECT_EQ(failure_of(body("enforced_spend_limit_reached"), 429), errc::quota_exhausted);
    EXPECT_EQ(failure_of("<html><title>413 Too Large</title>", 413).text(), "413 Too Large");
}

TEST(anthropic_decode_chat, says_what_it_does_not_understand) {
    for (const char* body :
         {"", "{", "[]", "{}", R"({"content":"text"})", R"({"content":null})", R"({"content":[}])"}) {
        const error failed = failure_of(body);
        EXPECT_EQ(failed, errc::decode_failed) << body;
        EXPECT_EQ(failed.phase(), phase::decode);
        EXPECT_EQ(failed.http_status(), 200);
        EXPECT_EQ(failed.request_id(), "req_1");
        EXPECT_EQ(failed.body(), body);
    }
}

TEST(anthropic_decode_chat, never_takes_a_part_for_the_whole) {
    const std::string body =
        R"({"id":"m","content":[{"type":"thinking","thinking":"a\u00e9","signature":"s"},)"
        R"({"type":"tool_use","id":"t","name":"f","input":{"a":[1,2]}}],"stop_reason":"tool_use"})";
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_EQ(failure_of(body.substr(0, size)), errc::decode_failed) << size;
    }
}

TEST(anthropic_decode_count_tokens, reads_the_count) {
    const auto count = [](std::string body, int status = 200) {
        return anthropic_format::decode_count_tokens(received(std::move(body), status), {});
    };
    const auto known = count(R"({"input_tokens":12,"future":{}})");
    ASSERT_TRUE(known);
    EXPECT_EQ(*known, 12);
    EXPECT_EQ(count("{}").error(), errc::decode_failed);
    EXPECT_EQ(count("x").error(), errc::decode_failed);
    const auto refused = count(R"({"type":"error","error":{"type":"not_found_error","message":"no model"}})", 404);
    EXPECT_EQ(refused.error(), errc::not_found);
    EXPECT_EQ(refused.error().text(), "no model");
}

}  // namespace

}  // namespace anthropic_decode_tests
