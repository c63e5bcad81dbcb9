// Contracts of writing requests in Anthropic's format.
#include <chorus/provider/anthropic_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace anthropic_encode_tests {

namespace {

using namespace chorus;
using nlohmann::json;

std::string written(const chat_request& request, const anthropic_format::encoding& how = {}) {
    const auto body = anthropic_format::encode_chat(request, how);
    EXPECT_TRUE(body) << body.error().message();
    return body ? *body : std::string("{}");
}
json encoded(const chat_request& request) {
    return json::parse(written(request));
}
json messages(const chat_request& request) {
    return encoded(request).at("messages");
}
json field(const chat_request& request, const char* name) {
    const json body = encoded(request);
    EXPECT_TRUE(body.contains(name)) << body;
    return body.value(name, json());
}
/// The field that is refused, whole and counted alike.
std::string refused(const chat_request& request) {
    const auto body = anthropic_format::encode_chat(request);
    EXPECT_FALSE(body) << *body;
    if (body) return "";
    EXPECT_EQ(body.error(), errc::invalid_argument);
    EXPECT_EQ(body.error().phase(), phase::input);
    EXPECT_TRUE(body.error().text().starts_with(body.error().param())) << body.error().text();
    return std::string(body.error().param());
}

chat_request small() {
    return chat_request("m").user("hi");
}
tool_call call(std::string id, std::string name, std::string arguments) {
    tool_call made;
    made.id = std::move(id);
    made.name = std::move(name);
    made.arguments = std::move(arguments);
    return made;
}
tool add_tool() {
    return tool::function("add").description("Adds.").parameters(json::parse(R"({"type":"object"})"));
}

TEST(anthropic_encode_chat, sends_little_that_is_not_set) {
    EXPECT_EQ(written(small()), R"({"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"hi"}]})");
}

TEST(anthropic_encode_chat, asks_for_a_stream) {
    EXPECT_EQ(written(small(), {.max_tokens = 5, .stream = true}),
              R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"stream":true})");
}

TEST(anthropic_encode_chat, writes_a_whole_conversation) {
    const auto request = chat_request("claude")
                             .system("Be \"terse\".")
                             .user("1+2?")
                             .add(message::assistant("Let me see.").tool_calls({call("t1", "add", R"({"a":1,"b":2})")}))
                             .add(message::tool("t1", "3"))
                             .user("Thanks")
                             .tool(add_tool())
                             .tool_choice(tool_choice::required())
                             .parallel_tool_calls(false)
                             .max_completion_tokens(100)
                             .temperature(0.5)
                             .top_p(0.9)
                             .stop("END")
                             .end_user("u1")
                             .service_tier("auto")
                             .reasoning_effort("low")
                             .thinking(2048);
    EXPECT_EQ(written(request),
              R"({"model":"claude","max_tokens":100,"system":"Be \"terse\".","messages":[)"
              R"({"role":"user","content":"1+2?"},)"
              R"({"role":"assistant","content":[{"type":"text","text":"Let me see."},)"
              R"({"type":"tool_use","id":"t1","name":"add","input":{"a":1,"b":2}}]},)"
              R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"3"}]},)"
              R"({"role":"user","content":"Thanks"}],)"
              R"("tools":[{"name":"add","description":"Adds.","input_schema":{"type":"object"}}],)"
              R"("tool_choice":{"type":"any","disable_parallel_tool_use":true},)"
              R"("thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"low"},)"
              R"("temperature":0.5,"top_p":0.9,"stop_sequences":["END"],)"
              R"("metadata":{"user_id":"u1"},"service_tier":"auto"})");
}

// --- instructions ---

TEST(anthropic_encode_chat, gathers_the_instructions_before_all_turns) {
    const auto request = chat_request("m").system("a").developer("").developer("b").user("hi");
    EXPECT_EQ(field(request, "system"), json::parse(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])"));
    EXPECT_EQ(messages(request), json::parse(R"([{"role":"user","content":"hi"}])"));
}

TEST(anthropic_encode_chat, writes_instructions_with_breakpoints_as_blocks) {
    const auto request = chat_request("m").system(content().text("a").cache_breakpoint()).user("hi");
    EXPECT_EQ(field(request, "system"),
              json::parse(R"([{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}])"));
}

TEST(anthropic_encode_chat, leaves_empty_instructions_out) {
    EXPECT_FALSE(encoded(chat_request("m").system("").user("hi")).contains("system"));
}

TEST(anthropic_encode_chat, leaves_later_instructions_in_their_place) {
    EXPECT_EQ(messages(chat_request("m").system("a").user("hi").developer("b").system("c")), json::parse(R"([
        {"role":"user","content":"hi"},{"role":"system","content":"b"},{"role":"system","content":"c"}])"));
}

TEST(anthropic_encode_chat, wants_more_than_instructions) {
    EXPECT_EQ(refused(chat_request("m").system("a")), "messages");
}

// --- answers ---

TEST(anthropic_encode_chat, leaves_answers_out_that_say_nothing) {
    EXPECT_EQ(messages(small().assistant("").user("go on")),
              json::parse(R"([{"role":"user","content":"hi"},{"role":"user","content":"go on"}])"));
}

TEST(anthropic_encode_chat, writes_refusals_as_text) {
    const auto request = small().add(message::assistant("").refusal("no")).assistant(content().text("a").refusal("b"));
    EXPECT_EQ(messages(request), json::parse(R"([
        {"role":"user","content":"hi"},
        {"role":"assistant","content":[{"type":"text","text":"no"}]},
        {"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])"));
}

TEST(anthropic_encode_chat, writes_no_thinking_without_its_signature) {
    const auto request = small().add(message::assistant("yes").reasoning("hm", "reasoning_content"));
    EXPECT_EQ(messages(request).at(1), json::parse(R"({"role":"assistant","content":"yes"})"));
}

TEST(anthropic_encode_chat, sends_an_answer_of_its_own_format_as_it_came) {
    const std::string native = R"([ {"type":"thinking","thinking":"h","signature":"s="}, {"x":1.0} ])";
    const auto ours = small().add(message::assistant("text").native({"anthropic", native}));
    EXPECT_NE(written(ours).find(R"({"role":"assistant","content":)" + native + "}"), std::string::npos);
    const auto foreign = small().add(message::assistant("text").native({"other", "[{}]"}));
    EXPECT_EQ(messages(foreign).at(1), json::parse(R"({"role":"assistant","content":"text"})"));
}

TEST(anthropic_encode_chat, writes_calls_without_arguments_as_empty_objects) {
    const auto request = small().add(message::assistant("").tool_calls({call("a", "f", ""), call("b", "g", " {} ")}));
    EXPECT_EQ(messages(request).at(1).at("content"), json::parse(R"([
        {"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"g","input":{}}])"));
}

TEST(anthropic_encode_chat, takes_a_call_without_a_type_for_one_of_a_function) {
    tool_call untyped = call("t1", "f", "{}");
    untyped.type.clear();
    const auto request = small().add(message::assistant("").tool_calls({untyped}));
    EXPECT_EQ(messages(request).at(1).at("content"),
              json::parse(R"([{"type":"tool_use","id":"t1","name":"f","input":{}}])"));
}

TEST(anthropic_encode_chat, refuses_answers_that_cannot_be_said) {
    const auto calls = [](tool_call second) {
        return small().add(message::assistant("").tool_calls({call("a", "f", "{}"), std::move(second)}));
    };
    EXPECT_EQ(refused(calls(call("b", "f", "{\"a\":"))), "messages[1].tool_calls[1].arguments");
    EXPECT_EQ(refused(calls(call("b", "f", "[1]"))), "messages[1].tool_calls[1].arguments");
    EXPECT_EQ(refused(calls(call("b", "f", "{} {}"))), "messages[1].tool_calls[1].arguments");
    tool_call custom = call("b", "f", "free text");
    custom.type = tool_type::custom;
    EXPECT_EQ(refused(calls(custom)), "messages[1].tool_calls[1].type");
    EXPECT_EQ(refused(small().add(message::assistant("a").native({"anthropic", "{}"}))), "messages[1].native");
    EXPECT_EQ(refused(small().add(message::assistant("").audio("a1"))), "messages[1].audio");
    EXPECT_EQ(refused(small().add(message::user("a").name("bob"))), "messages[1].name");
    EXPECT_EQ(refused(chat_request("m").add(message::system("a").name("bob")).user("hi")), "messages[0].name");
}

// --- results of tools ---

TEST(anthropic_encode_chat, joins_results_that_follow_each_other) {
    const auto request =
        small()
            .add(message::assistant("").tool_calls({call("a", "f", "{}"), call("b", "f", "{}"), call("c", "f", "{}")}))
            .add(message::tool("a", "1"))
            .add(message::tool("b", "broken").failed())
            .add(message::tool("c", ""))
            .user("and?")
            .add(message::tool("d", "4"));
    EXPECT_EQ(messages(request).at(2), json::parse(R"({"role":"user","content":[
        {"type":"tool_result","tool_use_id":"a","content":"1"},
        {"type":"tool_result","tool_use_id":"b","content":"broken","is_error":true},
        {"type":"tool_result","tool_use_id":"c"}]})"));
    EXPECT_EQ(messages(request).at(3), json::parse(R"({"role":"user","content":"and?"})"));
    EXPECT_EQ(messages(request).at(4),
              json::parse(R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"d","content":"4"}]})"));
    EXPECT_EQ(messages(request).size(), 5u);
}

TEST(anthropic_encode_chat, marks_a_result_and_not_what_is_in_it) {
    const auto request =
        small().add(message::tool("a", content().text("x").image("https://h/i.png").cache_breakpoint()));
    EXPECT_EQ(messages(request).at(1).at("content"), json::parse(R"([{"type":"tool_result","tool_use_id":"a",
        "content":[{"type":"text","text":"x"},{"type":"image","source":{"type":"url","url":"https://h/i.png"}}],
        "cache_control":{"type":"ephemeral"}}])"));
}

TEST(anthropic_encode_chat, refuses_names_of_results) {
    EXPECT_EQ(refused(small().add(message::tool("a", "1")).add(message::tool("b", "2").name("n"))), "messages[2].name");
}

// --- parts ---

TEST(anthropic_encode_chat, writes_every_kind_of_part) {
    const auto request = chat_request("m").user(content()
                                                    .text("What?")
                                                    .text("")
                                                    .image("data:image/png;base64,AAAA", "auto")
                                                    .image("DATA:Image/JPEG;name=x;BASE64,BBBB")
                                                    .image("HTTPS://x/y.png")
                                                    .image_id("file-2", "auto")
                                                    .file("file-1")
                                                    .file("a.pdf", "data:application/pdf;base64,CCCC")
                                                    .cache_breakpoint()
                                                    .file("b.png", "data:image/png;base64,DDDD")
                                                    .file("", "http://x/c.pdf")
                                                    .refusal("no")
                                                    .json(R"({"type":"search_result"})"));
    EXPECT_EQ(messages(request).at(0).at("content"), json::parse(R"([
        {"type":"text","text":"What?"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
        {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"BBBB"}},
        {"type":"image","source":{"type":"url","url":"HTTPS://x/y.png"}},
        {"type":"image","source":{"type":"file","file_id":"file-2"}},
        {"type":"document","source":{"type":"file","file_id":"file-1"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"CCCC"},
         "title":"a.pdf","cache_control":{"type":"ephemeral"}},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"DDDD"}},
        {"type":"document","source":{"type":"url","url":"http://x/c.pdf"}},
        {"type":"text","text":"no"},
        {"type":"search_result"}])"));
}

TEST(anthropic_encode_chat, gives_breakpoints_the_duration_of_the_request) {
    const auto request = chat_request("m")
                             .user(content().text("a").cache_breakpoint())
                             .tool(tool::function("f").cache_breakpoint())
                             .prompt_cache("explicit", "1h");
    const json marked = json::parse(R"({"type":"ephemeral","ttl":"1h"})");
    EXPECT_EQ(messages(request).at(0).at("content").at(0).at("cache_control"), marked);
    EXPECT_EQ(field(request, "tools").at(0).at("cache_control"), marked);
}

TEST(anthropic_encode_chat, refuses_parts_that_cannot_be_said) {
    const auto with = [](content parts) { return refused(small().user(std::move(parts))); };
    EXPECT_EQ(with(content().text("a").audio("AAAA", "wav")), "messages[1].content[1].input_audio");
    EXPECT_EQ(with(content().image("https://h/i.png", "low")), "messages[1].content[0].image_url.detail");
    EXPECT_EQ(with(content().image("data:image/png,AAAA")), "messages[1].content[0].image_url.url");
    EXPECT_EQ(with(content().image("file:///etc/passwd")), "messages[1].content[0].image_url.url");
    EXPECT_EQ(with(content().file("a", "data:text/plain;base64,AAAA")), "messages[1].content[0].file.file_data");
    EXPECT_EQ(with(content().file("a", "AAAA")), "messages[1].content[0].file.file_data");
}

// --- tools ---

TEST(anthropic_encode_chat, writes_every_kind_of_tool) {
    const json own = json::parse(R"({"type":"web_search_20250305","name":"web_search","cache_control":{"x":1}})");
    const auto request = small().tools({add_tool().strict(), tool::function("now").strict(false).cache_breakpoint(),
                                        tool::json(own), tool::json(own).cache_breakpoint()});
    EXPECT_EQ(field(request, "tools"), json::parse(R"([
        {"name":"add","description":"Adds.","input_schema":{"type":"object"},"strict":true},
        {"name":"now","input_schema":{"type":"object","properties":{}},"strict":false,
         "cache_control":{"type":"ephemeral"}},
        {"type":"web_search_20250305","name":"web_search","cache_control":{"x":1}},
        {"type":"web_search_20250305","name":"web_search","cache_control":{"type":"ephemeral"}}])"));
}

TEST(anthropic_encode_chat, refuses_tools_that_it_has_not) {
    EXPECT_EQ(refused(small().tool(add_tool()).tool(tool::custom("c"))), "tools[1].type");
    EXPECT_EQ(refused(small().tool(tool::function("f").parameters(json::array()))), "tools[0].parameters");
    EXPECT_EQ(refused(small().tool(tool::json(json::array()))), "tools[0]");
}

TEST(anthropic_encode_chat, writes_every_choice_of_tools) {
    const auto chosen = [](tool_choice choice) {
        return field(small().tool(add_tool()).tool_choice(std::move(choice)), "tool_choice");
    };
    EXPECT_EQ(chosen(tool_choice::automatic()), json::parse(R"({"type":"auto"})"));
    EXPECT_EQ(chosen(tool_choice::none()), json::parse(R"({"type":"none"})"));
    EXPECT_EQ(chosen(tool_choice::required()), json::parse(R"({"type":"any"})"));
    EXPECT_EQ(chosen(tool_choice::function("add")), json::parse(R"({"type":"tool","name":"add"})"));
    EXPECT_EQ(chosen(tool_choice::allowed({"add"})), json::parse(R"({"type":"auto"})"));
    EXPECT_EQ(chosen(tool_choice::allowed({"add"}, true)), json::parse(R"({"type":"any"})"));
}

TEST(anthropic_encode_chat, leaves_tools_out_that_are_not_allowed) {
    const auto tools = [](tool_choice choice) {
        return small()
            .tools({add_tool(), tool::function("sub"), tool::json({{"type", "t"}, {"name", "own"}})})
            .tool_choice(std::move(choice));
    };
    const json left = field(tools(tool_choice::allowed({"own", "sub"})), "tools");
    ASSERT_EQ(left.size(), 2u);
    EXPECT_EQ(left.at(0).at("name"), "sub");
    EXPECT_EQ(left.at(1).at("name"), "own");
    EXPECT_EQ(refused(tools(tool_choice::allowed({"add", "mul"}))), "tool_choice");
    EXPECT_EQ(refused(tools(tool_choice::custom("add"))), "tool_choice");
}

TEST(anthropic_encode_chat, says_of_parallel_calls_only_what_matters) {
    const auto choice = [](chat_request request) { return encoded(request).value("tool_choice", json()); };
    EXPECT_EQ(choice(small().tool(add_tool()).parallel_tool_calls(false)),
              json::parse(R"({"type":"auto","disable_parallel_tool_use":true})"));
    EXPECT_EQ(choice(small().tool(add_tool()).parallel_tool_calls(true)), json());
    EXPECT_EQ(choice(small().parallel_tool_calls(false)), json());
    EXPECT_EQ(choice(small().tool(add_tool()).tool_choice(tool_choice::none()).parallel_tool_calls(false)),
              json::parse(R"({"type":"none"})"));
}

// --- options ---

TEST(anthropic_encode_chat, takes_the_limit_from_where_it_is) {
    EXPECT_EQ(field(small().max_tokens(7), "max_tokens"), 7);
    EXPECT_EQ(field(small().max_tokens(7).max_completion_tokens(8), "max_tokens"), 8);
    EXPECT_EQ(json::parse(written(small(), {.max_tokens = 9})).at("max_tokens"), 9);
    EXPECT_EQ(field(small().max_tokens(7).extra("max_tokens", 10), "max_tokens"), 10);
}

TEST(anthropic_encode_chat, adds_the_budget_of_thinking_to_its_own_limit_only) {
    EXPECT_EQ(field(small().thinking(1024), "max_tokens"), 8192 + 1024);
    EXPECT_EQ(field(small().thinking(1024).max_tokens(2000), "max_tokens"), 2000);
    EXPECT_EQ(field(small().thinking(std::numeric_limits<std::int64_t>::max()), "max_tokens"),
              std::numeric_limits<std::int64_t>::max());
}

TEST(anthropic_encode_chat, turns_thinking_on_and_off) {
    EXPECT_EQ(field(small().thinking(0), "thinking"), json::parse(R"({"type":"disabled"})"));
    EXPECT_EQ(field(small().thinking(1024), "thinking"), json::parse(R"({"type":"enabled","budget_tokens":1024})"));
    const json none = encoded(small().reasoning_effort("none"));
    EXPECT_EQ(none.at("thinking"), json::parse(R"({"type":"disabled"})"));
    EXPECT_FALSE(none.contains("output_config"));
    EXPECT_EQ(refused(small().thinking(1023)), "thinking");
    EXPECT_EQ(refused(small().thinking(-1)), "thinking");
    EXPECT_EQ(refused(small().thinking(2048).reasoning_effort("none")), "reasoning_effort");
}

TEST(anthropic_encode_chat, asks_for_json_of_a_schema) {
    const json schema = json::parse(R"({"type":"object","description":"old"})");
    auto format = response_format::json_schema("point", schema).strict();
    const auto request = [&] { return small().response_format(format).reasoning_effort("high"); };
    EXPECT_EQ(field(request(), "output_config"), json::parse(R"({"effort":"high","format":{"type":"json_schema",
                              "schema":{"type":"object","description":"old"}}})"));
    format.description("A point.");
    EXPECT_EQ(field(request(), "output_config").at("format").at("schema"),
              json::parse(R"({"description":"A point.","type":"object"})"));
    EXPECT_FALSE(encoded(small().response_format(response_format::text())).contains("output_config"));
    EXPECT_EQ(refused(small().response_format(response_format::json_object())), "response_format");
    EXPECT_EQ(refused(small().response_format(response_format::json_schema("p", json::array()))),
              "response_format.json_schema.schema");
}

TEST(anthropic_encode_chat, names_the_end_user) {
    const auto user = [](chat_request request) { return field(request, "metadata"); };
    EXPECT_EQ(user(small().end_user("a")), json::parse(R"({"user_id":"a"})"));
    EXPECT_EQ(user(small().end_user("a").safety_identifier("b")), json::parse(R"({"user_id":"b"})"));
    EXPECT_EQ(user(small().end_user("a").metadata("user_id", "c")), json::parse(R"({"user_id":"c"})"));
}

TEST(anthropic_encode_chat, knows_the_usual_tier_by_the_name_of_others) {
    EXPECT_EQ(field(small().service_tier("default"), "service_tier"), "standard_only");
    EXPECT_EQ(field(small().service_tier("standard_only"), "service_tier"), "standard_only");
}

TEST(anthropic_encode_chat, merges_extra_fields_last_and_writes_no_name_twice) {
    const json own = json::parse(R"({"type":"adaptive"})");
    const auto request = small()
                             .thinking(2048)
                             .temperature(2)
                             .top_p(0.5)
                             .extra("thinking", own)
                             .extra("top_k", 5)
                             .extra("temperature", 0.1);
    EXPECT_EQ(written(request), R"({"model":"m","max_tokens":10240,"messages":[{"role":"user","content":"hi"}],)"
                                R"("top_p":0.5,"thinking":{"type":"adaptive"},"top_k":5,"temperature":0.1})");
}

TEST(anthropic_encode_chat, refuses_what_the_api_has_not) {
    EXPECT_EQ(refused(small().n(2)), "n");
    EXPECT_EQ(refused(small().seed(1)), "seed");
    EXPECT_EQ(refused(small().frequency_penalty(0.5)), "frequency_penalty");
    EXPECT_EQ(refused(small().presence_penalty(0.5)), "presence_penalty");
    EXPECT_EQ(refused(small().logit_bias(1, 2)), "logit_bias");
    EXPECT_EQ(refused(small().logprobs()), "logprobs");
    EXPECT_EQ(refused(small().top_logprobs(2)), "top_logprobs");
    EXPECT_EQ(refused(small().temperature(1.1)), "temperature");
    EXPECT_EQ(refused(small().modality("text").modality("audio")), "modalities");
    EXPECT_EQ(refused(small().audio("alloy", "wav")), "audio");
    EXPECT_EQ(refused(small().prediction("x")), "prediction");
    EXPECT_EQ(refused(small().verbosity("low")), "verbosity");
    EXPECT_EQ(refused(small().web_search()), "web_search_options");
    EXPECT_EQ(refused(small().store()), "store");
    EXPECT_EQ(refused(small().metadata("user_id", "a").metadata("team", "b")), "metadata.team");
    EXPECT_EQ(refused(small().prompt_cache_key("k")), "prompt_cache_key");
    EXPECT_EQ(refused(small().prompt_cache_retention("24h")), "prompt_cache_retention");
    EXPECT_EQ(refused(small().prompt_cache("implicit")), "prompt_cache_options.mode");
    EXPECT_EQ(refused(small().moderation("omni")), "moderation");
    EXPECT_EQ(refused(small().stream_obfuscation(true)), "stream_options.include_obfuscation");
}

TEST(anthropic_encode_chat, passes_what_the_api_does_anyway) {
    const auto request = small()
                             .n(1)
                             .frequency_penalty(0)
                             .presence_penalty(0)
                             .logprobs(false)
                             .top_logprobs(0)
                             .modality("text")
                             .store(false)
                             .stream_usage(true)
                             .stream_obfuscation(false)
                             .prompt_cache("explicit");
    EXPECT_EQ(written(request), written(small()));
}

TEST(anthropic_encode_count_tokens, writes_only_what_fills_the_context) {
    const auto request = chat_request("m")
                             .system("s")
                             .user("hi")
                             .tool(add_tool())
                             .tool_choice(tool_choice::none())
                             .thinking(1024)
                             .max_tokens(5)
                             .temperature(0.5)
                             .stop("x")
                             .end_user("u")
                             .service_tier("auto")
                             .extra("mcp_servers", json::array())
                             .extra("top_k", 5);
    const auto body = anthropic_format::encode_count_tokens(request);
    ASSERT_TRUE(body);
    EXPECT_EQ(*body, R"({"model":"m","system":"s","messages":[{"role":"user","content":"hi"}],)"
                     R"("tools":[{"name":"add","description":"Adds.","input_schema":{"type":"object"}}],)"
                     R"("tool_choice":{"type":"none"},"thinking":{"type":"enabled","budget_tokens":1024},)"
                     R"("mcp_servers":[]})");
    const auto refused = anthropic_format::encode_count_tokens(small().n(2));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param(), "n");
}

}  // namespace

}  // namespace anthropic_encode_tests
