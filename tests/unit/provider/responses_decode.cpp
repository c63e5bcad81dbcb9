// Contracts of reading answers of OpenAI's Responses API that come whole.
#include <chorus/provider/responses_decode.hpp>
#include <chorus/provider/responses_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace responses_decode_tests {

namespace {

using namespace chorus;
using nlohmann::json;

http::response received(std::string body, int status = 200) {
    http::response response;
    response.status = status;
    response.headers.add("x-request-id", "req_1");
    response.headers.add("x-ratelimit-remaining-requests", "7");
    response.body = std::move(body);
    return response;
}
chat_response decoded(std::string body) {
    auto response = responses_format::decode_chat(received(std::move(body)), {});
    EXPECT_TRUE(response) << response.error().message();
    return response ? *response : chat_response();
}
chat_response of_items(const std::string& items) {
    return decoded(R"({"status":"completed","output":)" + items + "}");
}
const answer& message_of(const chat_response& response) {
    return response.choices().at(0).message;
}
error failure_of(std::string body, int status = 200) {
    const auto response = responses_format::decode_chat(received(std::move(body), status), {});
    EXPECT_FALSE(response);
    return response ? error() : response.error();
}

TEST(responses_decode_chat, reads_a_response) {
    const auto response = decoded(R"({"id":"resp_1","object":"response","created_at":1760000000,"status":"completed",
        "error":null,"incomplete_details":null,"model":"gpt-x","service_tier":"default",
        "output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",
            "content":[{"type":"output_text","text":"Hi \u00e9","annotations":[],"logprobs":[]}]}],
        "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},"output_tokens":5,
                 "output_tokens_details":{"reasoning_tokens":2},"total_tokens":15}})");
    EXPECT_EQ(response.id(), "resp_1");
    EXPECT_EQ(response.model(), "gpt-x");
    EXPECT_EQ(response.text(), "Hi \u00e9");
    EXPECT_EQ(response.finish_reason(), finish_reason::stop);
    EXPECT_EQ(response.service_tier(), "default");
    EXPECT_EQ(response.created(), std::chrono::sys_seconds(std::chrono::seconds(1760000000)));
    EXPECT_EQ(response.request_id(), "req_1");
    EXPECT_EQ(response.rate_limits().requests.remaining, 7);
    EXPECT_EQ(response.choices().size(), 1u);
    EXPECT_EQ(message_of(response).role, "assistant");
    EXPECT_TRUE(message_of(response).native.json.empty());
    EXPECT_EQ(response.raw().at("status"), "completed");

    const usage& counts = response.usage();
    EXPECT_EQ(counts.prompt_tokens, 10);
    EXPECT_EQ(counts.prompt.cached_tokens, 4);
    EXPECT_EQ(counts.prompt.cache_write_tokens, 3);
    EXPECT_EQ(counts.completion_tokens, 5);
    EXPECT_EQ(counts.completion.reasoning_tokens, 2);
    EXPECT_EQ(counts.total_tokens, 15);
}

TEST(responses_decode_chat, says_why_it_ended_as_others_do) {
    const auto reason = [](const std::string& members) {
        return std::string(decoded(R"({"output":[])" + members + "}").finish_reason());
    };
    EXPECT_EQ(reason(""), finish_reason::stop);
    EXPECT_EQ(reason(R"(,"status":"completed")"), finish_reason::stop);
    EXPECT_EQ(reason(R"(,"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"})"),
              finish_reason::length);
    EXPECT_EQ(reason(R"(,"status":"incomplete","incomplete_details":{"reason":"content_filter"})"),
              finish_reason::content_filter);
    EXPECT_EQ(reason(R"(,"status":"incomplete","incomplete_details":{"reason":"moonlight"})"), "moonlight");
    EXPECT_EQ(reason(R"(,"status":"incomplete","incomplete_details":null)"), "incomplete");
    EXPECT_EQ(reason(R"(,"status":"cancelled")"), "cancelled");
    EXPECT_EQ(of_items(R"([{"type":"function_call","call_id":"c","name":"f"}])").finish_reason(),
              finish_reason::tool_calls);
}

TEST(responses_decode_chat, reads_calls) {
    const auto response = of_items(R"([
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"add","arguments":"{\"a\":1}","status":"completed"},
        {"type":"custom_tool_call","id":"ct_1","call_id":"c2","name":"sql","input":"select \"x\""},
        {"type":"function_call","id":"fc_3","name":"bare","arguments":{"b":2}},
        {"type":"function_call","name":"nameless"}])");
    const auto& calls = response.tool_calls();
    ASSERT_EQ(calls.size(), 4u);
    EXPECT_EQ(calls[0], (tool_call{"c1", "function", "add", R"({"a":1})", ""}));
    EXPECT_EQ(calls[1], (tool_call{"c2", "custom", "sql", R"(select "x")", ""}));
    EXPECT_EQ(calls[2], (tool_call{"fc_3", "function", "bare", R"({"b":2})", ""}));
    EXPECT_FALSE(calls[3].id.empty());
    EXPECT_TRUE(message_of(response).native.json.empty());
}

TEST(responses_decode_chat, reads_refusals) {
    const auto response =
        of_items(R"([{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"No."}]}])");
    EXPECT_EQ(response.refusal(), "No.");
    EXPECT_EQ(response.text(), "");
    EXPECT_EQ(response.finish_reason(), finish_reason::stop);
}

TEST(responses_decode_chat, reads_thinking_or_its_summary) {
    const auto summed = of_items(R"([{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},
        {"type":"summary_text","text":""},{"type":"summary_text","text":"b"}]},
        {"type":"reasoning","summary":[{"type":"summary_text","text":"c"}],"encrypted_content":"x"}])");
    EXPECT_EQ(summed.reasoning(), "a\n\nb\n\nc");
    EXPECT_EQ(message_of(summed).reasoning_field, "summary_text");

    const auto thought = of_items(R"([{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],
        "content":[{"type":"reasoning_text","text":"a"},{"type":"reasoning_text","text":"b"}]},
        {"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]}])");
    EXPECT_EQ(thought.reasoning(), "a\n\nb");
    EXPECT_EQ(message_of(thought).reasoning_field, "reasoning_text");
}

TEST(responses_decode_chat, keeps_items_that_say_more_than_the_fields) {
    const std::string text = R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]})";
    const std::string call = R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"})";
    const auto kept = [](const std::string& items) {
        const auto response = of_items(items);
        const native_answer& native = message_of(response).native;
        EXPECT_EQ(native.format.empty(), native.json.empty());
        return native.json;
    };
    EXPECT_EQ(kept("[" + text + "]"), "");
    EXPECT_EQ(kept("[" + text + "," + call + "," + call + "]"), "");
    for (
        const std::string& items : std::vector<std::string>{
            R"([{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},)" + text + "]",
            R"([{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search"}},)" + text + "]",
            "[" + text + "," + text + "]", "[" + call + "," + text + "]",
            R"([{"type":"message","phase":"commentary","content":[{"type":"output_text","text":"a"}]}])",
            R"([{"type":"message","content":[{"type":"output_text","text":"a"},{"type":"output_text","text":"b"}]}])",
            R"([{"type":"message","content":[{"type":"output_future","text":"a"}]}])",
            R"([{"type":"message","content":[{"type":"output_text","text":"a","annotations":[{"type":"file_path"}]}]}])",
            R"([{"type":"function_call","call_id":"c","name":"f","arguments":"","namespace":"n"}])"}) {
        EXPECT_EQ(kept(items), items);
    }
    // What is null says nothing.
    EXPECT_EQ(kept(R"([{"type":"message","phase":null,"content":[{"type":"output_text","text":"a","x":null}]}])"), "");
}

TEST(responses_decode_chat, gives_answers_that_can_be_sent_back) {
    const std::string items = R"([{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},)"
                              R"({"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}])";
    const auto next =
        chat_request("m").user("hi").add(message_of(of_items(items)).to_message()).add(message::tool("c", "1"));
    const auto body = responses_format::encode_chat(next);
    ASSERT_TRUE(body);
    EXPECT_NE(body->find(items.substr(1, items.size() - 2)), std::string::npos) << *body;
}

TEST(responses_decode_chat, counts_the_places_of_sources_in_the_whole_text) {
    const auto response = of_items(R"([{"type":"message","content":[{"type":"output_text","text":"é1"}]},
        {"type":"message","content":[{"type":"output_text","text":"ab"},{"type":"output_text","text":"cd","annotations":[
            {"type":"url_citation","url":"https://u","title":"T","start_index":0,"end_index":2},
            {"type":"file_citation","file_id":"f","filename":"a.txt","index":0,"start_index":9223372036854775807}]}]}])");
    const auto& sources = message_of(response).annotations;
    ASSERT_EQ(sources.size(), 2u);
    EXPECT_EQ(response.text(), "é1abcd");
    EXPECT_EQ(sources[0].type, "url_citation");
    EXPECT_EQ(sources[0].url, "https://u");
    EXPECT_EQ(sources[0].title, "T");
    EXPECT_EQ(sources[0].start_index, 4);
    EXPECT_EQ(sources[0].end_index, 6);
    EXPECT_EQ(sources[1].title, "a.txt");
    EXPECT_EQ(sources[1].start_index, INT64_MAX);
}

TEST(responses_decode_chat, reads_log_probabilities) {
    const auto response = of_items(R"([{"type":"message","content":[{"type":"output_text","text":"ab","logprobs":[
        {"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"x","logprob":-2,"bytes":[120]}]},
        {"token":"b","logprob":-1,"bytes":[98],"top_logprobs":[]}]}]}])");
    ASSERT_TRUE(response.choices().at(0).logprobs);
    const auto& tokens = response.choices()[0].logprobs->content;
    ASSERT_EQ(tokens.size(), 2u);
    EXPECT_EQ(tokens[0].top.at(0).token, "x");
    EXPECT_EQ(tokens[1].bytes, std::vector<std::uint8_t>{98});
}

TEST(responses_decode_chat, survives_members_of_another_type) {
    const auto response = decoded(R"({"id":7,"model":null,"created_at":1760000000.5,"usage":null,"status":null,
        "output":[null,"x",{},{"type":null},{"type":"message","content":null},{"type":"message","content":["x",{}]},
        {"type":"message","content":"y"},{"type":"reasoning","summary":null,"content":{}},
        {"type":"message","content":[{"type":"output_text","text":null,"annotations":null,"logprobs":{}}]}]})");
    EXPECT_EQ(response.id(), "7");
    EXPECT_EQ(response.text(), "");
    EXPECT_FALSE(response.usage().total_tokens);
    EXPECT_EQ(response.finish_reason(), finish_reason::stop);
}

TEST(responses_decode_chat, classes_a_failure_by_its_code) {
    const auto failed = [](const std::string& code) {
        return failure_of(R"({"id":"resp_1","status":"failed","output":[],"error":{"code":")" + code +
                          R"(","message":"m"}})");
    };
    const error busy = failed("rate_limit_exceeded");
    EXPECT_EQ(busy, errc::rate_limited);
    EXPECT_EQ(busy.text(), "m");
    EXPECT_EQ(busy.provider_code(), "rate_limit_exceeded");
    EXPECT_EQ(busy.request_id(), "req_1");
    EXPECT_EQ(failed("server_error"), errc::server_error);
    EXPECT_EQ(failed("vector_store_timeout"), errc::server_error);
    for (const char* code : {"invalid_prompt", "invalid_image_url", "image_too_large", "unsupported_image_media_type",
                             "failed_to_download_image", "bio_policy", "data_residency_mismatch"}) {
        EXPECT_EQ(failed(code), errc::bad_request) << code;
        EXPECT_NE(failed(code), condition::retryable) << code;
        EXPECT_EQ(failed(code).http_status(), 200) << code;
    }
    EXPECT_EQ(failed("invalid_api_key"), errc::unauthenticated) << "and not as the codes that blame the request";
    const error mute = failure_of(R"({"status":"failed","error":null,"output":[]})");
    EXPECT_EQ(mute, errc::server_error);
    EXPECT_FALSE(mute.text().empty());
}

TEST(responses_decode_chat, tells_errors_from_answers) {
    EXPECT_EQ(failure_of(R"({"error":{"message":"m","code":"invalid_api_key"}})", 401), errc::unauthenticated);
    EXPECT_EQ(failure_of(R"({"error":{"message":"m","type":"invalid_request_error"}})"), errc::bad_request);
    EXPECT_EQ(failure_of("<html><title>502 Bad Gateway</title>", 502).text(), "502 Bad Gateway");
    for (const char* body : {"", "{", "[]", "{}", R"({"output":null})", R"({"output":"x"})", "null"}) {
        const error broken = failure_of(body);
        EXPECT_EQ(broken, errc::decode_failed) << body;
        EXPECT_EQ(broken.phase(), phase::decode);
        EXPECT_EQ(broken.request_id(), "req_1");
        EXPECT_EQ(broken.body(), body);
    }
}

}  // namespace

}  // namespace responses_decode_tests
