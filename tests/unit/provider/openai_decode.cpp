// Contracts of reading responses in the format of OpenAI and its dialects.
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/validate.hpp>
#include <chorus/provider/openai_decode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <set>
#include <string>

namespace openai_decode_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point now{1'800'000'000s};

result<chat_response> decoded(std::string body, int status = 200) {
    return openai_format::decode_chat(http::response{status, {}, std::move(body), {}}, now);
}

/// The first choice of a response whose message has these members.
choice with_message(const std::string& members) {
    const auto response = decoded("{\"choices\":[{\"message\":{" + members + "}}]}");
    EXPECT_TRUE(response);
    return response && !response->choices().empty() ? response->choices()[0] : choice();
}

constexpr const char* full = R"({"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"m-1",
 "service_tier":"default","system_fingerprint":"fp_1",
 "choices":[{"index":0,"finish_reason":"stop",
   "logprobs":{"content":[{"token":"Hi","logprob":-0.25,"bytes":[72,105],
       "top_logprobs":[{"token":"Hi","logprob":-0.25,"bytes":null},{"token":"Yo","logprob":-9999.0,"bytes":[89,111]}]}],
     "refusal":[{"token":"N","logprob":-1}]},
   "message":{"role":"assistant","content":"Hi","refusal":null,
     "annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":2,"url":"https://x","title":"X"}}],
     "audio":{"id":"audio_1","data":"QUJD","expires_at":1760000100,"transcript":"hi"}}},
  {"index":1,"finish_reason":"length","message":{"role":"assistant","content":"Ho"}}],
 "usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,
   "prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":2,"audio_tokens":3,"image_tokens":4,"text_tokens":5},
   "completion_tokens_details":{"reasoning_tokens":6,"audio_tokens":7,"text_tokens":8,
     "accepted_prediction_tokens":9,"rejected_prediction_tokens":10}}})";

TEST(decode_chat, takes_the_last_of_several_contents) {
    const std::string parts = R"("content":[{"type":"text","text":"long text"},{"type":"unheard_of"}])";
    const answer text = with_message(parts + R"(,"content":"s")").message;
    EXPECT_EQ(text.content, "s");
    EXPECT_EQ(text.native.json, "");
    const answer list = with_message(R"("content":"s",)" + parts).message;
    EXPECT_EQ(list.content, "long text");
    EXPECT_EQ(list.native.json, R"({"content":[{"type":"text","text":"long text"},{"type":"unheard_of"}]})");
    EXPECT_EQ(with_message(parts + "," + parts).message.native.json, list.native.json);
    EXPECT_EQ(with_message(parts + R"(,"content":null)").message.content, "");
}

// A server that writes arguments as an object escapes them once: what is no text would end the conversation.
TEST(decode_chat, mends_arguments_that_come_as_an_object) {
    const auto mended = with_message(R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":)"
                                     "{\"x\":\"caf\xe9\",\"y\":\"\\ud83d\"}}}]");
    ASSERT_EQ(mended.message.tool_calls.size(), 1u);
    const auto arguments = nlohmann::json::parse(mended.message.tool_calls[0].arguments, nullptr, false);
    ASSERT_FALSE(arguments.is_discarded()) << mended.message.tool_calls[0].arguments;
    EXPECT_EQ(arguments["x"], "caf\ufffd");
    EXPECT_EQ(arguments["y"], "\ufffd");
}

TEST(decode_chat, mends_what_goes_back_with_a_call) {
    const auto answered = with_message(R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},)"
                                       "\"extra_content\":{\"google\":\"caf\xe9\"}},{\"id\":\"b\",\"type\":\"other\","
                                       "\"other\":\"caf\xe9\"}]");
    ASSERT_EQ(answered.message.tool_calls.size(), 2u);
    EXPECT_EQ(answered.message.tool_calls[0].extra, "{\"extra_content\":{\"google\":\"caf\ufffd\"}}");
    EXPECT_EQ(answered.message.tool_calls[1].extra, "{\"other\":\"caf\ufffd\"}");
    EXPECT_TRUE(validate(chat_request("m").user("hi").add(answered.message.to_message())));
}

TEST(decode_chat, reads_every_field) {
    const auto response = decoded(full);
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->id(), "chatcmpl-1");
    EXPECT_EQ(response->model(), "m-1");
    EXPECT_EQ(response->created(), std::chrono::sys_seconds(1760000000s));
    EXPECT_EQ(response->service_tier(), "default");
    EXPECT_EQ(response->system_fingerprint(), "fp_1");
    EXPECT_EQ(response->text(), "Hi");
    EXPECT_EQ(response->finish_reason(), finish_reason::stop);
    ASSERT_EQ(response->choices().size(), 2u);

    const choice& first = response->choices()[0];
    EXPECT_EQ(first.message.role, "assistant");
    ASSERT_EQ(first.message.annotations.size(), 1u);
    EXPECT_EQ(first.message.annotations[0].type, "url_citation");
    EXPECT_EQ(first.message.annotations[0].url, "https://x");
    EXPECT_EQ(first.message.annotations[0].title, "X");
    EXPECT_EQ(first.message.annotations[0].end_index, 2);
    ASSERT_NE(first.message.audio, nullptr);
    EXPECT_EQ(first.message.audio->id, "audio_1");
    EXPECT_EQ(first.message.audio->data, "QUJD");
    EXPECT_EQ(first.message.audio->transcript, "hi");
    EXPECT_EQ(first.message.audio->expires_at, std::chrono::sys_seconds(1760000100s));
    ASSERT_NE(first.logprobs, nullptr);
    ASSERT_EQ(first.logprobs->content.size(), 1u);
    EXPECT_EQ(first.logprobs->content[0].token, "Hi");
    EXPECT_EQ(first.logprobs->content[0].logprob, -0.25);
    EXPECT_EQ(first.logprobs->content[0].bytes, (std::vector<std::uint8_t>{72, 105}));
    ASSERT_EQ(first.logprobs->content[0].top.size(), 2u);
    EXPECT_TRUE(first.logprobs->content[0].top[0].bytes.empty());
    EXPECT_EQ(first.logprobs->content[0].top[1].logprob, -9999.0);
    EXPECT_EQ(first.logprobs->refusal.size(), 1u);

    const choice& second = response->choices()[1];
    EXPECT_EQ(second.index, 1);
    EXPECT_EQ(second.finish_reason, finish_reason::length);
    EXPECT_EQ(second.logprobs, nullptr);
    EXPECT_EQ(second.message.audio, nullptr);

    const usage& used = response->usage();
    EXPECT_EQ(used.prompt_tokens, 9);
    EXPECT_EQ(used.completion_tokens, 2);
    EXPECT_EQ(used.total_tokens, 11);
    EXPECT_EQ(used.prompt.cached_tokens, 1);
    EXPECT_EQ(used.prompt.cache_write_tokens, 2);
    EXPECT_EQ(used.prompt.audio_tokens, 3);
    EXPECT_EQ(used.prompt.image_tokens, 4);
    EXPECT_EQ(used.prompt.text_tokens, 5);
    EXPECT_EQ(used.completion.reasoning_tokens, 6);
    EXPECT_EQ(used.completion.audio_tokens, 7);
    EXPECT_EQ(used.completion.text_tokens, 8);
    EXPECT_EQ(used.completion.accepted_prediction_tokens, 9);
    EXPECT_EQ(used.completion.rejected_prediction_tokens, 10);
}

TEST(decode_chat, keeps_what_it_does_not_know) {
    const auto response = decoded(R"({"choices":[{"message":{"content":"x","tool_calls":[{"id":"c"}]},
        "finish_reason":"eos_token","stop_reason":5}],"x_groq":{"id":"g"},"moderation":[]})");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->finish_reason(), "eos_token");
    EXPECT_EQ(response->raw().at("choices").at(0).at("stop_reason"), 5);
    EXPECT_EQ(response->raw().at("x_groq").at("id"), "g");
}

TEST(decode_chat, bears_missing_and_null_members_everywhere) {
    const auto response = decoded(R"({"id":null,"created":null,"model":null,"usage":null,"choices":[
        {"index":null,"finish_reason":null,"logprobs":null,"message":null},
        {},
        {"message":{"role":null,"content":null,"refusal":null,"annotations":null,"audio":null,"reasoning":null}}]})");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->id(), "");
    EXPECT_EQ(response->created(), std::nullopt);
    EXPECT_EQ(response->usage().total_tokens, std::nullopt);
    ASSERT_EQ(response->choices().size(), 3u);
    EXPECT_EQ(response->choices()[2].index, 2) << "the place stands for a missing index";
    EXPECT_EQ(response->choices()[2].message.role, "assistant");
    EXPECT_EQ(response->text(), "");
}

TEST(decode_chat, bears_other_types_than_documented) {
    const auto response = decoded(R"({"id":7,"created":1760000000.5,"choices":[{"message":{"content":"x"}}],
        "usage":{"prompt_tokens":"9","completion_tokens":2.0,"total_tokens":null,"prompt_tokens_details":[]}})");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->id(), "7");
    EXPECT_EQ(response->created(), std::chrono::sys_seconds(1760000000s));
    EXPECT_EQ(response->usage().prompt_tokens, 9);
    EXPECT_EQ(response->usage().completion_tokens, 2);
    EXPECT_EQ(response->usage().total_tokens, std::nullopt);
}

TEST(decode_chat, takes_blank_lines_before_the_body) {
    EXPECT_TRUE(decoded("\n\n \r\n{\"choices\":[]}"));
}

TEST(decode_chat, accepts_an_empty_list_of_choices) {
    const auto response = decoded(R"({"choices":[],"error":null})");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->text(), "");
}

TEST(decode_chat, reads_reasoning_under_its_names_in_order_of_preference) {
    const auto reasoning = [](const std::string& members) {
        const choice first = with_message(members);
        return std::string(first.message.reasoning_field) + "=" + first.message.reasoning;
    };
    EXPECT_EQ(reasoning(R"("content":"x")"), "=");
    EXPECT_EQ(reasoning(R"("reasoning_content":"a")"), "reasoning_content=a");
    EXPECT_EQ(reasoning(R"("reasoning":"b")"), "reasoning=b");
    EXPECT_EQ(reasoning(R"("reasoning":"b","reasoning_content":"a")"), "reasoning_content=a");
    EXPECT_EQ(reasoning(R"("reasoning_content":"a","reasoning":"b")"), "reasoning_content=a");
    EXPECT_EQ(reasoning(R"("reasoning_content":"","reasoning":"b")"), "reasoning=b");
    EXPECT_EQ(reasoning(R"("reasoning":{"effort":"low"})"), "=");
    EXPECT_EQ(reasoning(R"("reasoning_details":[{"type":"reasoning.text","text":"c"},{"text":"d"}])"),
              "reasoning_details=cd");
    EXPECT_EQ(reasoning(R"("content":[{"type":"thinking","thinking":"e"}])"), "thinking=e");
}

TEST(decode_chat, joins_content_that_comes_in_parts) {
    const choice first = with_message(R"("content":[
        {"type":"thinking","thinking":[{"type":"text","text":"hm"},{"type":"text","text":"m"}]},
        {"type":"text","text":"a"},"b",{"type":"refusal","refusal":"r"},{"type":"text","text":null},{"type":"image"}])");
    EXPECT_EQ(first.message.content, "ab");
    EXPECT_EQ(first.message.reasoning, "hmm");
    EXPECT_EQ(first.message.refusal, "r");
}

// --- tool calls ---

TEST(decode_chat, reads_calls_of_functions_and_of_custom_tools) {
    const auto calls = with_message(R"("content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}},
        {"index":1,"id":"c2","type":"custom","custom":{"name":"sql","input":"select"}},
        {"id":"c3","custom":{"name":"sql","input":""}}])")
                           .message.tool_calls;
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls[0], (tool_call{"c1", "function", "add", "{\"a\":1}", ""}));
    EXPECT_EQ(calls[1], (tool_call{"c2", "custom", "sql", "select", ""}));
    EXPECT_EQ(calls[2], (tool_call{"c3", "custom", "sql", "", ""}));
}

TEST(decode_chat, bears_what_servers_do_to_calls) {
    const auto calls = with_message(R"("tool_calls":[
        {"id":7,"type":"","function":{"name":"a","arguments":{"x": [1, "\u00e9"]}}},
        {"id":"c2","type":null,"function":{"name":"b","arguments":null}},
        {"id":"c3","function":{"name":"c"}},{"id":"c4","function":null},null,"x"])")
                           .message.tool_calls;
    ASSERT_EQ(calls.size(), 4u);
    EXPECT_EQ(calls[0], (tool_call{"7", "function", "a", R"({"x": [1, "\u00e9"]})", ""}));
    EXPECT_EQ(calls[1], (tool_call{"c2", "function", "b", "", ""}));
    EXPECT_EQ(calls[2], (tool_call{"c3", "function", "c", "", ""}));
    EXPECT_EQ(calls[3], (tool_call{"c4", "function", "", "", ""}));
    EXPECT_TRUE(with_message(R"("tool_calls":null)").message.tool_calls.empty());
    EXPECT_TRUE(with_message(R"("tool_calls":{"a":1})").message.tool_calls.empty());
}

TEST(decode_chat, gives_no_call_the_id_of_another) {
    std::string calls = R"({"function":{"name":"f","arguments":"{}"}})";
    for (int i = 0; i < 200; ++i) calls += R"(,{"id":"call_)" + std::to_string(i) + R"(","function":{"name":"f"}})";
    std::set<std::string> ids;
    for (const tool_call& call : with_message(R"("tool_calls":[)" + calls + "]").message.tool_calls)
        ids.insert(call.id);
    EXPECT_EQ(ids.size(), 201u);
}

TEST(decode_chat, gives_calls_without_ids_ids_of_their_own) {
    const auto calls = with_message(R"("tool_calls":[{"function":{"name":"a"}},{"id":"","function":{"name":"b"}},
        {"id":null,"function":{"name":"c"}}])")
                           .message.tool_calls;
    ASSERT_EQ(calls.size(), 3u);
    for (const auto& each : calls) EXPECT_FALSE(each.id.empty());
    EXPECT_NE(calls[0].id, calls[1].id);
    EXPECT_NE(calls[1].id, calls[2].id);
}

TEST(decode_chat, reads_the_call_of_the_older_format) {
    const auto calls = with_message(R"("function_call":{"name":"add","arguments":"{}"})").message.tool_calls;
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(calls[0].name, "add");
    EXPECT_EQ(calls[0].arguments, "{}");
    EXPECT_EQ(calls[0].type, tool_type::function);
    EXPECT_FALSE(calls[0].id.empty());
    EXPECT_TRUE(with_message(R"("function_call":null)").message.tool_calls.empty());
    EXPECT_EQ(with_message(R"("function_call":{"name":"x"},"tool_calls":[{"id":"c","function":{"name":"y"}}])")
                  .message.tool_calls.size(),
              1u);
}

TEST(decode_chat, keeps_what_goes_back_with_a_call) {
    const auto calls = with_message(R"("tool_calls":[
        {"id":"c","function":{"name":"f"},"extra_content":{"google": {"thought_signature":"s"}},"other":1},
        {"id":"m","type":"mcp","mcp":{"server":"s"},"other":1,"index":0}])")
                           .message.tool_calls;
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].extra, R"({"extra_content":{"google": {"thought_signature":"s"}}})");
    EXPECT_EQ(calls[1].type, "mcp");
    EXPECT_EQ(calls[1].extra, R"({"mcp":{"server":"s"},"other":1})");
}

TEST(decode_chat, keeps_the_members_that_a_server_wants_back) {
    const auto native = with_message(R"("content":"x","reasoning":"t",
        "reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s"}],"extra_content":{"g":1})")
                            .message;
    EXPECT_EQ(native.native.format, "openai");
    EXPECT_EQ(
        native.native.json,
        R"({"reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s"}],"extra_content":{"g":1}})");
    EXPECT_EQ(native.reasoning, "t");
    EXPECT_EQ(native.reasoning_field, "reasoning");
    for (const char* none :
         {R"("reasoning_details":null)", R"("reasoning_details":[],"extra_content":null)", R"("content":"x")"}) {
        EXPECT_EQ(with_message(none).message.native, native_answer()) << none;
    }
}

TEST(decode_chat, counts_the_cached_tokens_of_deepseek) {
    const auto response = decoded(R"({"choices":[{}],"usage":{"prompt_cache_hit_tokens":64}})");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->usage().prompt.cached_tokens, 64);
}

TEST(decode_chat, replaces_text_that_is_not_utf8) {
    EXPECT_EQ(with_message("\"content\":\"a\xff\\ud83d\"").message.content, "a\ufffd\ufffd");
}

TEST(decode_chat, takes_a_success_with_an_error_and_no_choices_for_an_error) {
    for (const char* body : {R"({"error":{"code":502,"message":"upstream"}})",
                             R"({"choices":[],"error":{"code":502,"message":"upstream"}})",
                             R"({"choices":null,"error":{"code":502,"message":"upstream"}})",
                             R"([{"error":{"code":502,"message":"upstream"}}])"}) {
        const auto response = decoded(body);
        ASSERT_FALSE(response) << body;
        EXPECT_EQ(response.error(), errc::server_error);
        EXPECT_EQ(response.error().text(), "upstream");
        EXPECT_EQ(response.error().phase(), phase::status);
    }
    EXPECT_TRUE(decoded(R"({"error":null,"choices":[{"message":{"content":"x"}}]})"));
}

TEST(decode_chat, takes_an_error_beside_a_choice_for_an_error_as_in_a_stream) {
    const std::string choices =
        R"("choices":[{"index":0,"finish_reason":"error","message":{"role":"assistant","content":"ha"}}])";
    const auto died = decoded("{" + choices + R"(,"error":{"code":502,"message":"Upstream died"}})");
    ASSERT_FALSE(died);
    EXPECT_EQ(died.error(), errc::server_error);
    EXPECT_EQ(died.error().text(), "Upstream died");
    const auto named = decoded(R"({"object":"error","message":"m","type":"invalid_request_error","code":400})");
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error(), errc::bad_request);
    EXPECT_EQ(named.error().text(), "m");
    for (const char* none : {"null", "false", "\"\"", "{}"}) {
        EXPECT_TRUE(decoded(R"({"error":)" + std::string(none) + "," + choices + "}")) << none;
    }
}

TEST(decode_chat, takes_no_count_that_no_call_can_consume) {
    for (const char* count : {"-1", "9223372036854775807", "1e30"}) {
        const auto response =
            decoded(R"({"choices":[{"message":{"content":"a"}}],"usage":{"completion_tokens":2,)"
                    R"("prompt_tokens":)" +
                    std::string(count) + R"(,"prompt_tokens_details":{"cached_tokens":)" + count + "}}}");
        ASSERT_TRUE(response);
        EXPECT_FALSE(response->usage().prompt_tokens) << count;
        EXPECT_FALSE(response->usage().prompt.cached_tokens) << count;
        EXPECT_EQ(response->usage().completion_tokens, 2);
    }
}

TEST(decode_chat, tells_why_a_success_cannot_be_read) {
    http::response received{200, {}, "<html>login</html>", {}};
    received.headers.add("x-request-id", "req_1");
    const auto page = openai_format::decode_chat(received, now);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error(), errc::decode_failed);
    EXPECT_EQ(page.error().phase(), phase::decode);
    EXPECT_EQ(page.error().http_status(), 200);
    EXPECT_EQ(page.error().request_id(), "req_1");
    EXPECT_EQ(page.error().body(), "<html>login</html>");
    for (const char* body : {"", "{}", "[]", "null", R"({"detail":"x"})", R"({"choices":5})"}) {
        const auto response = decoded(body);
        ASSERT_FALSE(response) << body;
        EXPECT_EQ(response.error(), errc::decode_failed) << body;
    }
}

TEST(decode_chat, refuses_every_prefix_of_a_response) {
    const std::string body = full;
    for (std::size_t size = 0; size < body.size(); ++size) {
        const auto response = decoded(body.substr(0, size));
        ASSERT_FALSE(response) << size;
        ASSERT_EQ(response.error(), errc::decode_failed) << size;
    }
}

TEST(decode_chat, passes_error_statuses_on) {
    const auto response = decoded(R"({"error":{"message":"no","type":"x","code":"invalid_api_key"}})", 401);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error(), errc::unauthenticated);
    EXPECT_EQ(response.error().provider_code(), "invalid_api_key");
}

TEST(decode_chat, reads_limits_from_the_headers) {
    http::response received{200, {}, R"({"choices":[]})", {}};
    received.headers.add("x-ratelimit-remaining-tokens", "42").add("anthropic-ratelimit-tokens-reset", "1800000002");
    const auto response = openai_format::decode_chat(received, now);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->rate_limits().tokens.remaining, 42);
    EXPECT_EQ(response->rate_limits().tokens.reset, 2s);
}

// --- thinking in the content ---

/// The same, of a server that leaves thinking in the content.
answer with_think_tags(const std::string& members) {
    const std::string body = "{\"choices\":[{\"message\":{" + members + "}}]}";
    const auto response =
        openai_format::decode_chat(http::response{200, {}, body, {}}, now, openai_quirks().think_tags());
    EXPECT_TRUE(response);
    return response && !response->choices().empty() ? response->choices()[0].message : answer();
}

TEST(decode_chat, splits_thinking_from_the_content_only_where_it_is_told_to) {
    const std::string content = R"("content":"<think>\nSix by seven.\n</think>\n\n42")";
    const answer split = with_think_tags(content);
    EXPECT_EQ(split.content, "42");
    EXPECT_EQ(split.reasoning, "Six by seven.\n");
    EXPECT_EQ(split.reasoning_field, "think");

    const answer left = with_message(content).message;
    EXPECT_EQ(left.content, "<think>\nSix by seven.\n</think>\n\n42");
    EXPECT_EQ(left.reasoning, "");
}

TEST(decode_chat, loses_no_text_for_the_sake_of_a_tag) {
    EXPECT_EQ(with_think_tags(R"("content":" <thin")").content, " <thin");
    EXPECT_EQ(with_think_tags(R"("content":" 42 </think>")").content, " 42 </think>");
    EXPECT_EQ(with_think_tags(R"("content":"<think>Hm. </")").reasoning, "Hm. </");
    EXPECT_EQ(with_think_tags(R"("content":null)").content, "");
}

TEST(decode_chat, leaves_the_content_where_thinking_has_a_member_or_a_part_of_its_own) {
    for (const char* members : {R"("content":"<think>a</think>42","reasoning":"b")",
                                R"("reasoning_content":"b","content":"<think>a</think>42")",
                                R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}]},)"
                                R"({"type":"text","text":"<think>a</think>42"}])"}) {
        const answer whole = with_think_tags(members);
        EXPECT_EQ(whole.content, "<think>a</think>42") << members;
        EXPECT_EQ(whole.reasoning, "b") << members;
    }
}

}  // namespace

}  // namespace openai_decode_tests
