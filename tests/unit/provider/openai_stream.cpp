// Contracts of reading streams in the format of OpenAI and its dialects.
#include <chorus/provider/openai_decode.hpp>
#include <chorus/provider/openai_encode.hpp>
#include <chorus/provider/openai_stream.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <support/describe.hpp>

namespace openai_stream_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;
using testing_support::describe_events;
using events = std::vector<std::string>;

/// One streamed answer: its decoder, and what it has come to.
class stream {
 public:
    explicit stream(const openai_quirks& quirks = {}, chat_event_options wanted = {})
        : into(wanted), decoder_(openai_format::make_stream_decoder(quirks)) {}

    result<void> read(std::string_view data, std::string_view type = {}) {
        return decoder_->read(sse::event{type, data}, into);
    }
    /// Reads a chunk whose only choice has this delta, which may be followed by more members of the choice.
    stream& delta(const std::string& members, const std::string& more = {}) {
        return chunk(R"({"choices":[{"index":0,"delta":{)" + members + "}" + more + "}]}");
    }
    stream& chunk(std::string_view data) {
        const auto taken = read(data);
        EXPECT_TRUE(taken) << data << ": " << taken.error().message();
        return *this;
    }
    result<void> finish() { return decoder_->finish(into); }
    bool is_complete() const { return decoder_->is_complete(); }

    events all_events() { return describe_events(into); }
    const answer& message(int choice = 0) { return into.message_of(choice); }

    chat_accumulator into;

 private:
    std::unique_ptr<chat_stream_decoder> decoder_;
};

// --- the common case ---

TEST(openai_stream, reads_an_answer_as_openai_sends_it) {
    stream in;
    const std::string head =
        R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"m","service_tier":"default",)"
        R"("system_fingerprint":"fp_1","choices":[{"index":0,"delta":)";
    in.chunk(
        head +
        R"({"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aZ3"})");
    in.chunk(head + R"({"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"a"})");
    in.chunk(head +
             R"({"content":" \"you\"\n"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":""})");
    in.chunk(head +
             R"({"content":"\ud83d\ude00é"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"bc"})");
    in.chunk(head + R"({},"logprobs":null,"finish_reason":"stop"}],"usage":null,"obfuscation":"d"})");
    in.chunk(R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"m","choices":[],)"
             R"("usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}})");
    EXPECT_FALSE(in.is_complete());
    in.chunk("[DONE]");
    EXPECT_TRUE(in.is_complete());
    EXPECT_EQ(in.all_events(),
              (events{"text 0 Hi", "text 0  \"you\"\n", "text 0 \U0001f600\u00e9", "finish 0 stop", "usage 12"}));
    const chat_completion& whole = in.into.so_far();
    EXPECT_EQ(whole.id, "chatcmpl-1");
    EXPECT_EQ(whole.model, "m");
    EXPECT_EQ(whole.created, std::chrono::sys_seconds(1760000000s));
    EXPECT_EQ(whole.service_tier, "default");
    EXPECT_EQ(whole.system_fingerprint, "fp_1");
    EXPECT_EQ(in.message().content, "Hi \"you\"\n\U0001f600\u00e9");
    EXPECT_EQ(in.message().role, "assistant");
    EXPECT_EQ(whole.choices[0].finish_reason, "stop");
    EXPECT_EQ(whole.usage.prompt_tokens, 9);
    EXPECT_TRUE(in.finish());
}

TEST(openai_stream, counts_nothing_that_follows_the_mark) {
    stream in;
    in.delta(R"("content":"x")").chunk(" [DONE] \r").delta(R"("content":"y")");
    EXPECT_TRUE(in.read("no JSON"));
    EXPECT_TRUE(in.read("{}", "error"));
    EXPECT_EQ(in.message().content, "x");
    stream longer;
    longer.chunk("[DONE] bye");
    EXPECT_TRUE(longer.is_complete());
}

// --- chunks that are like the one before ---

/// Reads chunks one after the other, and each by a decoder of its own behind the chunks before it: what a decoder
/// remembers of a chunk makes no difference.
void expect_same_without_memory(const std::vector<std::string>& chunks) {
    stream remembering;
    chat_accumulator fresh;
    for (const std::string& each : chunks) {
        const auto one = remembering.read(each);
        const auto other = openai_format::make_stream_decoder()->read(sse::event{{}, each}, fresh);
        ASSERT_EQ(one.has_value(), other.has_value()) << each;
        ASSERT_EQ(remembering.all_events(), describe_events(fresh)) << each;
    }
    EXPECT_EQ(testing_support::describe(remembering.into.so_far()), testing_support::describe(fresh.so_far()));
}

TEST(openai_stream, reads_chunks_like_the_one_before_as_any_other) {
    const auto chunk = [](const std::string& delta, const std::string& tail = "") {
        return R"({"id":"1","choices":[{"index":0,"delta":{)" + delta + R"(},"finish_reason":null}])" + tail + "}";
    };
    expect_same_without_memory({
        chunk(R"("content":"a")"),
        chunk(R"("content":"b\n")"),
        chunk(R"("content":"\u00e9")"),
        chunk(R"("content":"")"),
        chunk(R"("content":"\ud83d")"),
        chunk("\"content\":\"\xff\""),
        chunk(R"("content":"c","refusal":"r")"),
        chunk(R"("content":"d")"),
        chunk(R"("content":"e","content":"f")"),
        chunk(R"("content":"g")", R"(,"usage":{"total_tokens":1})"),
        chunk(R"("content":"h")", R"(,"usage":{"total_tokens":2})"),
        chunk(R"("content":"i")", R"(,"obfuscation":"x")"),
        chunk(R"("content":"j")", R"(,"obfuscation":"yy")"),
        chunk(R"("content":"k")", R"(,"obfuscation":"\"")"),
        chunk(R"("content":"l")", R"(,"obfuscation":null)"),
        chunk(R"("content":"m")", R"(,"obfuscation":5)"),
        chunk(R"("content":"n")", R"(,"obfuscation":"z","more":1)"),
        chunk(R"("content":"o")", R"(,"obfuscation":"z","more":2)"),
        chunk(R"("reasoning":"p")"),
        chunk(R"("reasoning":"q")"),
        chunk(R"("reasoning":"","content":"r")"),
        chunk(R"("reasoning":"s","content":"r")"),
        chunk(R"("reasoning":"s","content":"t")"),
        chunk(R"("tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}])"),
        chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}])"),
        chunk(R"("tool_calls":[{"index":0,"function":{"arguments":":1}"}}])"),
        chunk(R"("tool_calls":[{"index":1,"function":{"arguments":"{}"}}])"),
        chunk(R"("tool_calls":[{"index":1,"function":{"arguments":""}}])"),
        R"({"obfuscation":"x","choices":[{"index":1,"delta":{"content":"u"}}]})",
        R"({"obfuscation":"yz","choices":[{"index":1,"delta":{"content":"v"}}]})",
        R"({"obfuscation":"yz","choices":[{"index":1,"delta":{"content":"w"}}]})",
        R"( {"obfuscation":"yz","choices":[{"index":1,"delta":{"content":"w"}}]} )",
        R"( {"obfuscation":"yz","choices":[{"index":1,"delta":{"content":"x"}}]} )",
        R"({"choices":[{"index":0,"message":{"content":"whole"}}]})",
        R"({"choices":[{"index":2,"message":{"content":"whole"}}]})",
        R"({"choices":[{"index":2,"message":{"content":"whole"}}]})",
        R"({"choices":[{"index":3,"delta":{"content":"y"}}]})",
        R"({"choices":[{"index":3,"delta":{"content":"z"}}])",
        R"({"choices":[{"index":3,"delta":{"content":"z"}}]}})",
        R"({"choices":[{"index":3,"delta":{"content":"z)",
        R"({"choices":[{"index":3,"delta":{"content":"z\q"}}]})",
        R"({"choices":[{"index":3,"delta":{"content":null}}]})",
        R"({"choices":[{"index":3,"delta":{"content":["z"]}}]})",
        R"({"choices":[{"index":3,"delta":{"content":"zz"}}]})",
    });
}

TEST(openai_stream, reads_a_type_of_event_before_its_data) {
    stream in;
    in.delta(R"("content":"a")");
    EXPECT_FALSE(in.read(R"({"choices":[{"index":0,"delta":{"content":"b"}}]})", "error"));
    EXPECT_EQ(in.message().content, "a");
}

// --- contents ---

TEST(openai_stream, takes_contents_that_are_null_or_missing) {
    stream in;
    in.delta(R"("role":"assistant","content":null)").delta("").delta(R"("content":5)").delta(R"("refusal":null)");
    in.chunk(R"({"choices":[{"index":0}]})").chunk(R"({"choices":[{"index":0,"delta":null}]})");
    EXPECT_EQ(in.all_events(), events());
    EXPECT_EQ(in.message().content, "");
    EXPECT_EQ(in.message().role, "assistant");
}

TEST(openai_stream, replaces_text_that_is_not_utf8) {
    stream in;
    in.delta("\"content\":\"a\xff\"").delta("\"content\":\"b\xff\"").delta(R"("content":"\ud83d")");
    EXPECT_EQ(in.message().content, "a\ufffdb\ufffd\ufffd");
}

TEST(openai_stream, takes_contents_in_parts) {
    stream in;
    in.delta(R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"h"},{"type":"text","text":"m"}]}])");
    in.delta(
        R"("content":[{"type":"thinking","thinking":"!"},{"type":"text","text":"a"},"b",{"type":"text","text":null}])");
    in.delta(R"("content":[{"type":"refusal","refusal":"no"},null,{}])");
    EXPECT_EQ(in.all_events(), (events{"reasoning 0 hm", "reasoning 0 !", "text 0 a", "text 0 b", "refusal 0 no"}));
    EXPECT_EQ(in.message().reasoning_field, "thinking");
}

TEST(openai_stream, reads_refusals) {
    stream in;
    in.delta(R"("refusal":"I ")").delta(R"("refusal":"will not")");
    EXPECT_EQ(in.all_events(), (events{"refusal 0 I ", "refusal 0 will not"}));
    EXPECT_EQ(in.message().refusal, "I will not");
}

TEST(openai_stream, reads_thoughts_under_every_name_and_remembers_it) {
    for (const char* name : {"reasoning_content", "reasoning"}) {
        stream in;
        const auto member = [&](const char* text) { return "\"" + std::string(name) + "\":\"" + text + "\""; };
        in.delta(R"("content":null,)" + member("a")).delta(member("b") + R"(,"content":"")").delta(R"("content":"x")");
        EXPECT_EQ(in.all_events(), (events{"reasoning 0 a", "reasoning 0 b", "text 0 x"}));
        EXPECT_EQ(in.message().reasoning_field, name);
    }
}

TEST(openai_stream, shows_thoughts_before_the_text_of_the_same_chunk) {
    stream in;
    in.delta(R"("content":"x","reasoning":"t")");
    EXPECT_EQ(in.all_events(), (events{"reasoning 0 t", "text 0 x"}));
}

TEST(openai_stream, counts_thoughts_once_that_come_under_several_names) {
    stream in;
    in.delta(R"("reasoning_details":[{"type":"reasoning.text","text":"a","index":0}],"reasoning":"a")");
    in.delta(R"("reasoning":"b","reasoning_content":"b")");
    EXPECT_EQ(in.message().reasoning, "ab");
    EXPECT_EQ(in.message().reasoning_field, "reasoning");
    stream alone;
    alone.delta(R"("reasoning_details":[{"type":"reasoning.text","text":"a"},{"text":"b"}])");
    EXPECT_EQ(alone.message().reasoning, "ab");
    EXPECT_EQ(alone.message().reasoning_field, "reasoning_details");
}

TEST(openai_stream, keeps_thoughts_that_come_under_one_name_after_another) {
    stream in;
    in.delta(R"("reasoning_details":[{"type":"reasoning.text","text":"a"}])");
    in.delta(R"("reasoning":"b")").delta(R"("reasoning_content":"c")").delta(R"("reasoning":"d")");
    EXPECT_EQ(in.message().reasoning, "abcd");
    EXPECT_EQ(in.message().reasoning_field, "reasoning");
    EXPECT_EQ(in.all_events(), (events{"reasoning 0 a", "reasoning 0 b", "reasoning 0 c", "reasoning 0 d"}));
}

// --- what goes back as it came ---

TEST(openai_stream, joins_the_details_of_thinking_for_the_next_request) {
    stream in;
    in.delta(
        R"("reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a \ud83d","index":0,"signature":null}])");
    in.delta(R"("reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"\ude00b","index":0}])");
    in.delta(R"("reasoning_details":[{"type":"reasoning.text","text":"","index":0,"signature":"s","format":"f"}])");
    in.delta(
        R"("reasoning_details":[{"type":"reasoning.text","text":"c","index":1},{"type":"reasoning.encrypted","data":"d"},{"type":"reasoning.encrypted","data":"e"}])");
    in.delta(R"("reasoning_details":[])")
        .delta(R"("reasoning_details":null,"content":"x")", R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.message().native.format, "openai");
    EXPECT_EQ(
        in.message().native.json,
        R"({"reasoning_details":[{"type":"reasoning.text","text":"a \ud83d\ude00b","index":0,"signature":"s","format":"f"},)"
        R"({"type":"reasoning.text","text":"c","index":1},{"type":"reasoning.encrypted","data":"d"},{"type":"reasoning.encrypted","data":"e"}]})");
}

/// The answer as the second message of the next request.
std::string sent_back(const answer& said, const openai_quirks& quirks = {}) {
    const auto body = openai_format::encode_chat(chat_request("m").user("u").add(said.to_message()), quirks);
    EXPECT_TRUE(body) << body.error().message();
    const std::string_view before = R"({"model":"m","messages":[{"role":"user","content":"u"},)";
    if (!body || !body->starts_with(before)) return "{}";
    return body->substr(before.size(), body->size() - before.size() - 2);
}

TEST(openai_stream, gives_back_what_only_the_server_knows_as_a_whole_answer_does) {
    const std::string members =
        R"("images":[{"type":"image_url","image_url":{"url":"data:a"}},{"u":2}],"extra_content":{"g":1},"opaque":"s",)"
        R"("annotations":[{"type":"file","file":{"hash":"h"}}])";
    const std::string parts =
        R"({"type":"text","text":"a\u00e9"},{"type":"reference","reference_ids":[1]},{"type":"text","text":"b"})";
    http::response received;
    received.status = 200;
    received.body = R"({"choices":[{"message":{"role":"assistant","content":[{"type":"thinking","thinking":"t"},)" +
                    parts + R"(],"none":null,"empty":[ ],"bad":")" + "\xff" + R"(",)" + members + "}}]}";
    const auto whole = openai_format::decode_chat(received, {});
    ASSERT_TRUE(whole) << whole.error().message();

    stream in;
    in.delta(R"("role":"assistant","content":[{"type":"thinking","thinking":"t"}],"opaque":"r")");
    in.delta(R"("content":"a","images":[{"type":"image_url","image_url":{"url":"data:a"}}],"bad":")"
             "\xff"
             R"(")");
    in.delta(R"("content":[{"type":"text","text":"\u00e9"},{"type":"reference","reference_ids":[1]}],"none":null)");
    in.delta(R"("content":"b","images":[{"u":2}],"extra_content":{"g":1},"empty":[])");
    in.delta(R"("opaque":"s","annotations":[{"type":"file","file":{"hash":"h"}}])", R"(,"finish_reason":"stop")");

    const std::string text =
        "a\u00e9"
        "b";
    const std::string expected = R"({"role":"assistant","content":[{"type":"text","text":"a)"
                                 "\u00e9"
                                 R"("},)"
                                 R"({"type":"reference","reference_ids":[1]},{"type":"text","text":"b"}],)" +
                                 members + "}";
    const auto sorted = [](const std::string& json) { return nlohmann::json::parse(json); };
    for (const answer* each : {&whole->choices().front().message, &in.message()}) {
        EXPECT_EQ(each->content, text);
        EXPECT_EQ(each->reasoning, "t");
        EXPECT_EQ(sorted(sent_back(*each)), sorted(expected));
        EXPECT_EQ(sent_back(*each, openai_quirks().echo_native(false)),
                  R"({"role":"assistant","content":")" + text + R"("})");
        const auto mistral = openai_quirks().echo_reasoning(reasoning_echo::always, "thinking");
        EXPECT_EQ(sorted(sent_back(*each, mistral))["content"].size(), 4u) << "the thinking first";
    }
    EXPECT_EQ(sorted(in.message().native.json), sorted(whole->choices().front().message.native.json));
}

TEST(openai_stream, keeps_the_shape_of_chunks_with_a_constant_that_it_does_not_know) {
    stream in;
    for (const char* word : {"a", "b", "c"}) {
        in.delta(R"("content":")" + std::string(word) + R"(","vendor":"x","list":[1])");
    }
    in.delta("", R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.message().content, "abc");
    EXPECT_EQ(in.message().native.json, R"({"vendor":"x","list":[1]})");
}

TEST(openai_stream, tells_parts_of_unknown_types_from_texts) {
    stream in;
    in.delta(R"("content":["a",{"text":"b"},{"type":"text","text":"c"},{"type":"refusal","refusal":"r"}])");
    in.delta("", R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.message().content, "abc");
    EXPECT_EQ(in.message().refusal, "r");
    EXPECT_EQ(in.message().native, native_answer());
    in.delta(R"("content":[{"type":"quote","text":"d","of":1},{"type":"text","text":"e"}])");
    in.delta("", R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.message().content, "abcde");
    EXPECT_EQ(in.message().native.json,
              R"({"content":[{"type":"text","text":"abc"},{"type":"quote","text":"d","of":1},)"
              R"({"type":"text","text":"e"}]})");
}

TEST(openai_stream, keeps_the_native_parts_of_each_choice_and_of_an_answer_that_was_cut_off) {
    stream in;
    in.chunk(
        R"({"choices":[{"index":0,"delta":{"extra_content":{"g":1}}},{"index":1,"delta":{"extra_content":{"g":2}}}]})");
    in.chunk(R"({"choices":[{"index":1,"delta":{"extra_content":{"g":3}}}]})");
    EXPECT_FALSE(in.finish());
    EXPECT_EQ(in.message(0).native.json, R"({"extra_content":{"g":1}})");
    EXPECT_EQ(in.message(1).native.json, R"({"extra_content":{"g":3}})");
}

// --- tool calls ---

TEST(openai_stream, assembles_calls) {
    stream in;
    in.delta(
        R"("role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"add","arguments":""}}])");
    in.delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}])");
    in.delta(R"("tool_calls":[{"index":0,"function":{"arguments":"1}"}}])");
    in.delta(
        R"("tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"mul","arguments":"{}"}}])");
    in.delta("", R"(,"finish_reason":"tool_calls")").chunk("[DONE]");
    EXPECT_EQ(in.all_events(),
              (events{"started 0/0 call_a add", "arguments 0/0 {\"a\":", "arguments 0/0 1}", "started 0/1 call_b mul",
                      "arguments 0/1 {}", "finished 0/0 call_a add {\"a\":1}", "finished 0/1 call_b mul {}",
                      "finish 0 tool_calls"}));
}

TEST(openai_stream, bears_what_servers_do_to_calls) {
    stream in;
    in.delta(R"("tool_calls":[{"index":0,"id":"a","type":"","function":{"name":"f","arguments":null}}])");
    in.delta(R"("tool_calls":[{"index":0,"id":"","type":null,"function":{"name":null,"arguments":{"x": 1}}}])");
    in.delta(R"("tool_calls":[{"index":"1","id":7,"function":{"name":"g"}}])");
    in.delta(R"("tool_calls":[null,5,{"index":1,"function":null}])").delta(R"("tool_calls":null)");
    in.delta("", R"(,"finish_reason":"tool_calls")");
    ASSERT_EQ(in.message().tool_calls.size(), 2u);
    EXPECT_EQ(in.message().tool_calls[0], (tool_call{"a", "function", "f", "{\"x\": 1}", ""}));
    EXPECT_EQ(in.message().tool_calls[1], (tool_call{"7", "function", "g", "", ""}));
}

TEST(openai_stream, takes_calls_without_an_index_and_what_goes_back_with_them) {
    stream in;
    in.delta(
        R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}},{"id":"b","function":{"name":"g","arguments":"{}"}}])",
        R"(,"finish_reason":"stop")");
    ASSERT_EQ(in.message().tool_calls.size(), 2u);
    EXPECT_EQ(in.message().tool_calls[0].extra, R"({"extra_content":{"google":{"thought_signature":"s"}}})");
    EXPECT_EQ(in.message().tool_calls[1].id, "b");
    EXPECT_EQ(in.into.choice_of(0).finish_reason, "stop");
}

TEST(openai_stream, takes_every_call_at_index_zero) {
    stream in;
    in.delta(R"("tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}])");
    in.delta(R"("tool_calls":[{"index":0,"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}])");
    EXPECT_EQ(in.message().tool_calls.size(), 2u);
}

TEST(openai_stream, reads_custom_and_unknown_calls) {
    stream in;
    in.delta(R"("tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"sql","input":""}}])");
    in.delta(R"("tool_calls":[{"index":0,"custom":{"input":"sel"}}])");
    in.delta(R"("tool_calls":[{"index":0,"custom":{"input":"ect"}}])");
    in.delta(R"("tool_calls":[{"index":1,"id":"m","type":"mcp","mcp":{"x":1}}])");
    ASSERT_EQ(in.message().tool_calls.size(), 2u);
    EXPECT_EQ(in.message().tool_calls[0], (tool_call{"a", "custom", "sql", "select", ""}));
    EXPECT_EQ(in.message().tool_calls[1], (tool_call{"m", "mcp", "", "", R"({"mcp":{"x":1}})"}));
}

TEST(openai_stream, reads_the_call_of_the_older_format) {
    stream in;
    in.delta(R"("function_call":{"name":"add","arguments":""})").delta(R"("function_call":{"arguments":"{\"a\":"})");
    in.delta(R"("function_call":{"arguments":"1}"})").delta("", R"(,"finish_reason":"function_call")");
    ASSERT_EQ(in.message().tool_calls.size(), 1u);
    EXPECT_EQ(in.message().tool_calls[0].name, "add");
    EXPECT_EQ(in.message().tool_calls[0].arguments, "{\"a\":1}");
    EXPECT_FALSE(in.message().tool_calls[0].id.empty());
}

// --- choices ---

TEST(openai_stream, keeps_interleaved_choices_apart) {
    stream in;
    for (const char* text : {"a", "b"}) {
        for (const char* index : {"1", "0"}) {
            in.chunk("{\"choices\":[{\"index\":" + std::string(index) + ",\"delta\":{\"content\":\"" + text + index +
                     "\"}}]}");
        }
    }
    in.chunk(
        R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"delta":{"content":"c"},"finish_reason":"length","index":1}]})");
    EXPECT_EQ(in.message(0).content, "a0b0");
    EXPECT_EQ(in.message(1).content, "a1b1c");
    EXPECT_TRUE(in.finish());
}

TEST(openai_stream, takes_the_place_of_a_choice_for_a_missing_index) {
    stream in;
    in.chunk(R"({"choices":[{"delta":{"content":"a"}},{"index":null,"delta":{"content":"b"}}]})");
    EXPECT_EQ(in.message(0).content, "a");
    EXPECT_EQ(in.message(1).content, "b");
}

TEST(openai_stream, refuses_more_choices_and_calls_than_an_answer_can_have) {
    for (const char* chunk :
         {R"({"choices":[{"index":-1,"delta":{"content":"x"}}]})", R"({"choices":[{"index":-7}]})"}) {
        stream in;
        const auto read = in.read(chunk);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error(), errc::decode_failed);
        EXPECT_EQ(read.error().phase(), phase::decode);
    }
    stream in;
    result<void> last;
    std::size_t calls = 0;
    while (last && calls < 5000) {
        last = in.read(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":)" + std::to_string(calls++) +
                       R"(,"function":{"arguments":"{}"}}]}}]})");
    }
    EXPECT_EQ(calls, chat_accumulator::most_tool_calls + 1);
    EXPECT_EQ(last.error(), errc::decode_failed);
}

// --- chunks without choices ---

TEST(openai_stream, passes_over_chunks_that_say_nothing) {
    stream in;
    in.chunk(
        R"({"id":"","object":"","created":0,"model":"","prompt_filter_results":[{"prompt_index":0}],"choices":[]})");
    in.chunk(
        R"({"object":"","choices":[{"index":0,"content_filter_offsets":{"check_offset":5},"finish_reason":null}]})");
    in.chunk("{}").chunk(R"({"choices":null})").chunk(R"({"choices":{}})").chunk(R"({"choices":[null,5,"x"]})");
    in.chunk("").chunk("  \n ").chunk("null").chunk("[]").chunk("5").chunk(R"({"type":"ping"})");
    EXPECT_TRUE(in.read("ping", "ping"));
    EXPECT_TRUE(in.read("not JSON", "keepalive"));
    EXPECT_EQ(in.all_events(), events());
    in.chunk(R"({"id":"x","model":"m","created":1760000000.5,"choices":[{"index":0,"delta":{"content":"a"}}]})");
    in.chunk(R"({"id":"y","model":"n","created":2,"choices":[]})");
    EXPECT_EQ(in.into.so_far().id, "x");
    EXPECT_EQ(in.into.so_far().model, "m");
}

TEST(openai_stream, shows_what_a_filter_found_to_who_asks_for_it) {
    stream in({}, {.content_filters = true});
    in.chunk(R"({"choices":[],"prompt_filter_results":[{"prompt_index":0}]})");
    in.chunk(R"({"choices":[],"prompt_filter_results":[]})");
    // With the text, where all but the text is as in the chunk before; and behind it, with an asynchronous filter.
    for (const std::string text : {"a", "b"})
        in.delta(R"("content":")" + text + '"', R"(,"content_filter_results":{"h":1})");
    in.chunk(R"({"object":"","choices":[{"content_filter_results":{"h":2},"content_filter_offsets":{},"index":1}]})");
    in.delta(R"("content":"c")", R"(,"content_filter_results":{})");
    EXPECT_EQ(in.all_events(), (events{R"(filter -1 [{"prompt_index":0}])", R"(filter 0 {"h":1})", "text 0 a",
                                       R"(filter 0 {"h":1})", "text 0 b", R"(filter 1 {"h":2})", "text 0 c"}));
    EXPECT_TRUE(in.message().native.json.empty());
}

TEST(openai_stream, takes_counts_wherever_servers_put_them) {
    for (const char* chunk :
         {R"({"choices":[],"usage":{"total_tokens":5}})",
          R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":5},"timings":{}})",
          R"({"choices":[],"x_groq":{"id":"r","usage":{"total_tokens":5}}})",
          R"({"choices":[{"index":0,"delta":{},"usage":{"total_tokens":5}}]})"}) {
        stream in;
        in.delta(R"("content":"x")").chunk(chunk);
        EXPECT_EQ(in.into.so_far().usage.total_tokens, 5) << chunk;
    }
    stream often;
    often.chunk(R"({"choices":[],"usage":{"total_tokens":1}})").chunk(R"({"choices":[],"usage":{"total_tokens":2}})");
    often.chunk(R"({"choices":[],"usage":{}})").chunk(R"({"choices":[],"usage":null})");
    EXPECT_EQ(often.all_events(), (events{"usage 2", "usage 2"})) << "an event shows the counts as they are by then";
}

// --- all the rest of an answer ---

TEST(openai_stream, appends_log_probabilities) {
    stream in;
    in.delta(R"("content":"a")",
             R"(,"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null})");
    const auto early = in.into.so_far().choices[0].logprobs;
    in.delta(R"("content":"b")", R"(,"logprobs":{"content":[{"token":"b","logprob":-1}]})");
    in.delta(R"("content":"c")", R"(,"logprobs":null)");
    const auto all = in.into.so_far().choices[0].logprobs;
    ASSERT_EQ(all->content.size(), 2u);
    EXPECT_EQ(all->content[1].token, "b");
    EXPECT_EQ(early->content.size(), 1u) << "what somebody holds does not change";
}

TEST(openai_stream, joins_sound) {
    stream in;
    in.delta(R"("audio":{"id":"audio_1","transcript":"he"})").delta(R"("audio":{"data":"QUJD"})");
    in.delta(R"("audio":{"data":"REVG","transcript":"y"})").delta(R"("audio":{"expires_at":1760000100})");
    ASSERT_NE(in.message().audio, nullptr);
    EXPECT_EQ(in.message().audio->id, "audio_1");
    EXPECT_EQ(in.message().audio->data, "QUJDREVG");
    EXPECT_EQ(in.message().audio->transcript, "hey");
    EXPECT_EQ(in.message().audio->expires_at, std::chrono::sys_seconds(1760000100s));
}

TEST(openai_stream, collects_annotations) {
    stream in;
    in.delta(
        R"("annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":1,"end_index":2}}])");
    in.delta(R"("annotations":[{"type":"url_citation","url_citation":{"url":"v"}}])").delta(R"("annotations":null)");
    ASSERT_EQ(in.message().annotations.size(), 2u);
    EXPECT_EQ(in.message().annotations[0].end_index, 2);
    EXPECT_EQ(in.message().annotations[1].url, "v");
}

TEST(openai_stream, takes_a_whole_message_for_a_delta_if_none_came) {
    stream in;
    in.chunk(
        R"({"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}]})");
    EXPECT_EQ(in.message().content, "whole");
    stream both;
    both.chunk(R"({"choices":[{"index":0,"delta":{"content":"a"},"message":{"content":"a"}}]})");
    both.chunk(R"({"choices":[{"index":0,"delta":{"content":"b"},"message":{"content":"ab"}}]})");
    both.chunk(R"({"choices":[{"index":0,"message":{"content":"ab"},"finish_reason":"stop"}]})");
    EXPECT_EQ(both.message().content, "ab");
}

// --- the end ---

TEST(openai_stream, takes_a_stream_without_the_mark_if_every_choice_has_ended) {
    stream in;
    in.delta(R"("content":"x")", R"(,"finish_reason":"stop")");
    EXPECT_FALSE(in.is_complete());
    EXPECT_TRUE(in.finish());
    stream strict(openai_quirks().requires_done());
    strict.delta(R"("content":"x")", R"(,"finish_reason":"stop")");
    EXPECT_EQ(strict.finish().error(), errc::truncated);
}

TEST(openai_stream, says_that_a_stream_was_cut_off) {
    const auto cut = [](stream& in) {
        const auto finished = in.finish();
        EXPECT_FALSE(finished);
        return !finished && finished.error() == errc::truncated && finished.error().phase() == phase::read;
    };
    stream empty;
    EXPECT_TRUE(cut(empty));
    stream open;
    open.delta(R"("content":"x","role":"assistant")").delta(R"("content":"")", R"(,"finish_reason":"")");
    EXPECT_TRUE(cut(open)) << "an empty reason is none";
    stream half;
    half.delta("", R"(,"finish_reason":"stop")").chunk(R"({"choices":[{"index":1,"delta":{"content":"y"}}]})");
    EXPECT_TRUE(cut(half));
    stream usage_only;
    usage_only.chunk(R"({"choices":[],"usage":{"total_tokens":5}})");
    EXPECT_TRUE(cut(usage_only));
}

TEST(openai_stream, tells_the_end_of_a_choice_once) {
    stream in;
    in.delta("", R"(,"finish_reason":"stop")").delta(R"("content":"")", R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.all_events(), (events{"finish 0 stop"}));
}

// --- errors ---

TEST(openai_stream, takes_errors_for_errors_wherever_they_stand) {
    struct sample {
        const char* type;
        const char* data;
        errc code;
    };
    const sample samples[] = {
        {"", R"({"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}})",
         errc::server_error},
        {"", R"({"error":{"message":"slow","type":"tokens","code":"rate_limit_exceeded"}})", errc::rate_limited},
        {"", R"({"error":{"message":"no money","code":"insufficient_quota"}})", errc::quota_exhausted},
        {"",
         R"({"id":"g","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"upstream"}})",
         errc::server_error},
        {"", R"({"error":"upstream went away"})", errc::server_error},
        {"", R"([{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}])", errc::rate_limited},
        {"", R"({"object":"error","message":"m","type":"invalid_request_error","code":400})", errc::bad_request},
        {"error", R"({"message":"busy","type":"overloaded_error"})", errc::overloaded},
        {"error", "something broke", errc::server_error},
    };
    for (const sample& each : samples) {
        stream in;
        in.delta(R"("content":"x")");
        const auto read = in.read(each.data, each.type);
        ASSERT_FALSE(read) << each.data;
        EXPECT_EQ(read.error(), each.code) << each.data << ": " << read.error().message();
        EXPECT_FALSE(read.error().text().empty()) << each.data;
        EXPECT_EQ(in.message().content, "x");
    }
    stream fine;
    for (const char* none : {"null", "false", "\"\"", "{}"}) {
        fine.chunk(R"({"error":)" + std::string(none) + R"(,"choices":[]})");
    }
}

TEST(openai_stream, says_what_it_cannot_understand) {
    for (const char* data : {"Hello", "{", R"({"choices":[{"index":0,"delta":{"content":"x)", "{}{}", "[1", "[DON"}) {
        stream in;
        const auto read = in.read(data);
        ASSERT_FALSE(read) << data;
        EXPECT_EQ(read.error(), errc::decode_failed) << data;
        EXPECT_EQ(read.error().body(), data);
    }
}

// --- thinking in the content ---

std::string content_delta(std::string_view text) {
    return "\"content\":" + nlohmann::json(text).dump();
}

TEST(openai_stream, splits_thinking_from_the_content_wherever_it_is_cut) {
    const std::string text = "<think>\nSix by </ seven.</think>\n\n42";
    for (std::size_t first = 0; first <= text.size(); ++first) {
        for (std::size_t second = first; second <= text.size(); ++second) {
            stream in(openai_quirks().think_tags());
            in.delta(content_delta(text.substr(0, first)));
            in.delta(content_delta(text.substr(first, second - first)));
            in.delta(content_delta(text.substr(second)), R"(,"finish_reason":"stop")");
            ASSERT_EQ(in.message().reasoning, "Six by </ seven.") << first << ' ' << second;
            ASSERT_EQ(in.message().content, "42") << first << ' ' << second;
            ASSERT_EQ(in.message().reasoning_field, "think");
        }
    }
    stream as_it_is;
    as_it_is.delta(content_delta(text));
    EXPECT_EQ(as_it_is.message().content, text);
}

TEST(openai_stream, gives_thinking_and_text_as_events_as_soon_as_they_are_told_apart) {
    stream in(openai_quirks().think_tags());
    in.delta(content_delta("<th"));
    EXPECT_EQ(in.all_events(), events{});
    in.delta(content_delta("ink>Six"));
    EXPECT_EQ(in.all_events(), events{"reasoning 0 Six"});
    in.delta(content_delta(" by seven.</think>\n4"));
    EXPECT_EQ(in.all_events(), (events{"reasoning 0  by seven.", "text 0 4"}));
    in.delta(content_delta("2"));
    EXPECT_EQ(in.all_events(), events{"text 0 2"});
}

TEST(openai_stream, gives_what_might_have_been_a_tag_when_its_choice_ends) {
    stream in(openai_quirks().think_tags());
    in.chunk(R"({"choices":[{"index":0,"delta":{"content":"\n<thi"}},{"index":1,"delta":{"content":"<thi"}}]})");
    EXPECT_EQ(in.all_events(), events{});
    in.chunk(R"({"choices":[{"index":0,"delta":{},"finish_reason":"length"}]})");
    EXPECT_EQ(in.all_events(), (events{"text 0 \n<thi", "finish 0 length"}));
    // The other choice goes on.
    in.chunk(R"({"choices":[{"index":1,"delta":{"content":"nk>Hm. </thi"}}]})");
    EXPECT_EQ(in.all_events(), events{"reasoning 1 Hm. "});
    in.chunk("[DONE]");
    EXPECT_EQ(in.all_events(), events{"reasoning 1 </thi"});
    EXPECT_EQ(in.message(1).reasoning, "Hm. </thi");
}

TEST(openai_stream, gives_what_might_have_been_a_tag_when_it_is_cut_off) {
    stream in(openai_quirks().think_tags());
    in.delta(content_delta("<thi"));
    EXPECT_FALSE(in.finish());
    EXPECT_EQ(in.message().content, "<thi");
}

TEST(openai_stream, leaves_the_content_where_thinking_has_a_member_of_its_own) {
    stream in(openai_quirks().think_tags());
    in.delta(content_delta("\n")).delta(R"("reasoning_content":"b")").delta(content_delta("<think>a</think>"));
    in.delta(content_delta("42"), R"(,"finish_reason":"stop")");
    EXPECT_EQ(in.message().content, "\n<think>a</think>42");
    EXPECT_EQ(in.message().reasoning, "b");
}

}  // namespace

}  // namespace openai_stream_tests
