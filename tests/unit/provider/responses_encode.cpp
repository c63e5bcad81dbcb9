// Contracts of writing requests for OpenAI's Responses API.
#include <chorus/provider/responses_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace responses_encode_tests {

namespace {

using namespace chorus;
using nlohmann::json;

std::string written(const chat_request& request) {
    const auto body = responses_format::encode_chat(request);
    EXPECT_TRUE(body) << body.error().message();
    return body ? *body : std::string("{}");
}
json encoded(const chat_request& request) {
    return json::parse(written(request));
}
json input(const chat_request& request) {
    return encoded(request).at("input");
}
json field(const chat_request& request, const char* name) {
    const json body = encoded(request);
    EXPECT_TRUE(body.contains(name)) << body;
    return body.value(name, json());
}
std::string refused(const chat_request& request) {
    const auto body = responses_format::encode_chat(request);
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
chat_request with(message next) {
    return small().add(std::move(next));
}
tool_call call(std::string id, std::string name, std::string arguments, std::string_view type = tool_type::function) {
    tool_call made;
    made.id = std::move(id);
    made.type = type;
    made.name = std::move(name);
    made.arguments = std::move(arguments);
    return made;
}
tool add_tool() {
    return tool::function("add").description("Adds.").parameters(json::parse(R"({"type":"object"})"));
}

TEST(responses_encode_chat, sends_little_that_is_not_set) {
    EXPECT_EQ(written(small()), R"({"model":"m","input":[{"type":"message","role":"user","content":"hi"}]})");
}

TEST(responses_encode_chat, writes_a_whole_conversation) {
    const auto request = chat_request("gpt")
                             .system("Be \"terse\".")
                             .developer("Add.")
                             .user("1+2?")
                             .add(message::assistant("Let me see.").tool_calls({call("c1", "add", R"({"a":1,"b":2})")}))
                             .add(message::tool("c1", "3"))
                             .add(message::assistant("3"))
                             .user("Thanks")
                             .tool(add_tool())
                             .tool_choice(tool_choice::required())
                             .parallel_tool_calls(false)
                             .max_completion_tokens(100)
                             .temperature(0.5)
                             .top_p(0.9)
                             .top_logprobs(2)
                             .verbosity("low")
                             .reasoning_effort("high")
                             .service_tier("flex")
                             .store(true)
                             .metadata("k", "v")
                             .prompt_cache_key("p")
                             .safety_identifier("s")
                             .end_user("u1");
    EXPECT_EQ(written(request),
              R"({"model":"gpt","input":[{"type":"message","role":"system","content":"Be \"terse\"."},)"
              R"({"type":"message","role":"developer","content":"Add."},)"
              R"({"type":"message","role":"user","content":"1+2?"},)"
              R"({"type":"message","role":"assistant","content":"Let me see."},)"
              R"({"type":"function_call","call_id":"c1","name":"add","arguments":"{\"a\":1,\"b\":2}"},)"
              R"({"type":"function_call_output","call_id":"c1","output":"3"},)"
              R"({"type":"message","role":"assistant","content":"3"},)"
              R"({"type":"message","role":"user","content":"Thanks"}],)"
              R"("temperature":0.5,"top_p":0.9,"top_logprobs":2,"max_output_tokens":100,"text":{"verbosity":"low"},)"
              R"("reasoning":{"effort":"high"},)"
              R"("tools":[{"type":"function","name":"add","description":"Adds.","parameters":{"type":"object"},)"
              R"("strict":false}],"tool_choice":"required","parallel_tool_calls":false,"service_tier":"flex",)"
              R"("store":true,"metadata":{"k":"v"},"prompt_cache_key":"p","safety_identifier":"s","user":"u1"})");
}

// --- messages ---

TEST(responses_encode_chat, writes_parts_by_their_kind) {
    const auto parts = content()
                           .text("What?")
                           .image("data:image/png;base64,AAAA", "low")
                           .image("https://x/y.png")
                           .image_id("file-2", "high")
                           .file("file-1")
                           .file("a.pdf", "data:application/pdf;base64,BBBB")
                           .file("b.pdf", "https://x/b.pdf")
                           .json(R"({"type":"input_future","x":1})");
    EXPECT_EQ(input(chat_request("m").user(parts)).at(0).at("content"), json::parse(R"([
        {"type":"input_text","text":"What?"},
        {"type":"input_image","image_url":"data:image/png;base64,AAAA","detail":"low"},
        {"type":"input_image","image_url":"https://x/y.png"},
        {"type":"input_image","file_id":"file-2","detail":"high"},
        {"type":"input_file","file_id":"file-1"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,BBBB"},
        {"type":"input_file","filename":"b.pdf","file_url":"https://x/b.pdf"},
        {"type":"input_future","x":1}])"));
}

TEST(responses_encode_chat, marks_the_end_of_what_to_cache) {
    const auto request = chat_request("m").system(content().text("a").cache_breakpoint()).user("hi");
    EXPECT_EQ(input(request).at(0).at("content"),
              json::parse(R"([{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}])"));
}

TEST(responses_encode_chat, writes_answers_as_output) {
    EXPECT_EQ(input(with(message::assistant(content().text("a").refusal("no")))).at(1), json::parse(R"(
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]})"));
    EXPECT_EQ(input(with(message::assistant("a").refusal("no"))).at(1), json::parse(R"(
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]})"));
    EXPECT_EQ(input(with(message::assistant("").refusal("no"))).at(1).at("content").size(), 1u);
    EXPECT_EQ(input(with(message::assistant(""))).size(), 1u);
    // Thinking that came in another format has no place here.
    EXPECT_EQ(input(with(message::assistant("a").reasoning("hm", "reasoning_content"))).at(1),
              json::parse(R"({"type":"message","role":"assistant","content":"a"})"));
}

TEST(responses_encode_chat, sends_the_items_of_an_answer_as_they_came) {
    const std::string items = R"([{"type":"reasoning","id":"rs_1","encrypted_content":"x","summary":[]},)"
                              R"({"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"}])";
    const auto request =
        small()
            .add(message::assistant("left out").tool_calls({call("c1", "f", "{}")}).native({"openai_responses", items}))
            .add(message::tool("c1", "3"));
    json expected = json::parse(items);
    expected.insert(expected.begin(), json::parse(R"({"type":"message","role":"user","content":"hi"})"));
    expected.push_back(json::parse(R"({"type":"function_call_output","call_id":"c1","output":"3"})"));
    EXPECT_EQ(input(request), expected);

    EXPECT_EQ(input(with(message::assistant("a").native({"anthropic", "[]"}))).at(1).at("content"), "a");
    EXPECT_EQ(refused(with(message::assistant("a").native({"openai_responses", "{}"}))), "messages[1].native");
}

TEST(responses_encode_chat, writes_calls_of_each_kind_and_their_results) {
    const auto request = small()
                             .add(message::assistant("").tool_calls(
                                 {call("c1", "f", ""), call("c2", "sql", "select", tool_type::custom)}))
                             .add(message::tool("c1", content().text("a").image("https://x")))
                             .add(message::tool("c2", "b").failed());
    EXPECT_EQ(input(request), json::parse(R"([{"type":"message","role":"user","content":"hi"},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"custom_tool_call","call_id":"c2","name":"sql","input":"select"},
        {"type":"function_call_output","call_id":"c1",
         "output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"https://x"}]},
        {"type":"custom_tool_call_output","call_id":"c2","output":"b"}])"));
}

// --- tools ---

TEST(responses_encode_chat, writes_tools_flat) {
    const auto request = small()
                             .tool(add_tool().strict())
                             .tool(tool::function("now"))
                             .tool(tool::function("now_strict").strict())
                             .tool(tool::custom("sql").grammar("lark", "start: x"))
                             .tool(tool::custom("free"))
                             .tool(tool::json(json::parse(R"({"type":"file_search","vector_store_ids":["v"]})")));
    EXPECT_EQ(field(request, "tools"), json::parse(R"([
        {"type":"function","name":"add","description":"Adds.","parameters":{"type":"object"},"strict":true},
        {"type":"function","name":"now","parameters":{"type":"object","properties":{}},"strict":false},
        {"type":"function","name":"now_strict","strict":true,
         "parameters":{"type":"object","properties":{},"required":[],"additionalProperties":false}},
        {"type":"custom","name":"sql","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
        {"type":"custom","name":"free"},
        {"type":"file_search","vector_store_ids":["v"]}])"));
}

TEST(responses_encode_chat, writes_every_tool_choice) {
    const std::vector<std::pair<tool_choice, const char*>> cases = {
        {tool_choice::automatic(), R"("auto")"},
        {tool_choice::none(), R"("none")"},
        {tool_choice::required(), R"("required")"},
        {tool_choice::function("add"), R"({"type":"function","name":"add"})"},
        {tool_choice::custom("sql"), R"({"type":"custom","name":"sql"})"},
        {tool_choice::allowed({"add"}),
         R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"add"}]})"},
        {tool_choice::allowed({"add"}, true),
         R"({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"add"}]})"},
    };
    for (const auto& [choice, expected] : cases) {
        EXPECT_EQ(field(small().tool(add_tool()).tool_choice(choice), "tool_choice"), json::parse(expected));
    }
}

TEST(responses_encode_chat, makes_a_tool_of_the_search_of_the_web) {
    EXPECT_EQ(
        field(small().tool(tool::custom("free")).web_search(web_search().context_size("low").city("Rome")), "tools"),
        json::parse(R"([{"type":"custom","name":"free"},{"type":"web_search","search_context_size":"low",
                  "user_location":{"type":"approximate","city":"Rome"}}])"));
    EXPECT_EQ(field(small().web_search(web_search()), "tools"), json::parse(R"([{"type":"web_search"}])"));
}

// --- options ---

TEST(responses_encode_chat, writes_every_form_of_output) {
    EXPECT_EQ(field(small().response_format(response_format::text()), "text"),
              json::parse(R"({"format":{"type":"text"}})"));
    EXPECT_EQ(field(small().response_format(response_format::json_object()).verbosity("high"), "text"),
              json::parse(R"({"format":{"type":"json_object"},"verbosity":"high"})"));
    EXPECT_EQ(
        field(small().response_format(
                  response_format::json_schema("p", json::parse(R"({"type":"object"})")).strict().description("d")),
              "text"),
        json::parse(R"({"format":{"type":"json_schema","name":"p","description":"d","strict":true,
                  "schema":{"type":"object"}}})"));
}

TEST(responses_encode_chat, asks_for_what_it_must_send_back_when_the_server_keeps_nothing) {
    const json thinking = json::parse(R"(["reasoning.encrypted_content"])");
    EXPECT_EQ(field(chat_request("gpt-5").user("hi").store(false), "include"), thinking);
    EXPECT_EQ(field(chat_request("o3").user("hi").store(false), "include"), thinking);
    EXPECT_FALSE(encoded(chat_request("gpt-5").user("hi")).contains("include"));
    EXPECT_FALSE(encoded(chat_request("gpt-5").user("hi").store(true)).contains("include"));
    // These refuse to be asked.
    EXPECT_FALSE(encoded(chat_request("gpt-4o-mini").user("hi").store(false)).contains("include"));
    EXPECT_EQ(field(chat_request("gpt-5").user("hi").store(false).logprobs(true), "include"),
              json::parse(R"(["reasoning.encrypted_content","message.output_text.logprobs"])"));
    EXPECT_EQ(field(chat_request("gpt-5").user("hi").store(false).extra("include", json::array()), "include"),
              json::array());
}

TEST(responses_encode_chat, writes_options_of_streams_and_caches) {
    const auto request =
        small().stream_obfuscation(false).prompt_cache("explicit", "30m").prompt_cache_retention("24h").max_tokens(7);
    const auto body = responses_format::encode_chat(request, openai_format::delivery::stream);
    ASSERT_TRUE(body);
    const json sent = json::parse(*body);
    EXPECT_EQ(sent.at("stream"), true);
    EXPECT_EQ(sent.at("stream_options"), json::parse(R"({"include_obfuscation":false})"));
    EXPECT_EQ(sent.at("prompt_cache_options"), json::parse(R"({"mode":"explicit","ttl":"30m"})"));
    EXPECT_EQ(sent.at("prompt_cache_retention"), "24h");
    EXPECT_EQ(sent.at("max_output_tokens"), 7);
    EXPECT_FALSE(encoded(request).contains("stream"));
    EXPECT_FALSE(encoded(request).contains("stream_options"));
}

TEST(responses_encode_chat, lets_extra_fields_win) {
    const json sent = encoded(small()
                                  .temperature(1)
                                  .reasoning_effort("low")
                                  .extra("temperature", 0.25)
                                  .extra("reasoning", json::parse(R"({"summary":"auto"})"))
                                  .extra("previous_response_id", "resp_1"));
    EXPECT_EQ(sent.at("temperature"), 0.25);
    EXPECT_EQ(sent.at("reasoning"), json::parse(R"({"summary":"auto"})"));
    EXPECT_EQ(sent.at("previous_response_id"), "resp_1");
    const std::string text = written(small().temperature(1).extra("temperature", 0.25));
    EXPECT_EQ(text.find("temperature"), text.rfind("temperature"));
}

TEST(responses_encode_chat, refuses_what_the_api_has_not) {
    const std::vector<std::pair<chat_request, const char*>> cases = {
        {small().n(2), "n"},
        {small().seed(1), "seed"},
        {small().stop("a"), "stop"},
        {small().frequency_penalty(0.5), "frequency_penalty"},
        {small().presence_penalty(0.5), "presence_penalty"},
        {small().logit_bias(1, 2), "logit_bias"},
        {small().modality("text").modality("audio"), "modalities"},
        {small().audio("alloy", "wav"), "audio"},
        {small().prediction("a"), "prediction"},
        {small().moderation("omni"), "moderation"},
        {chat_request("m").user(content().text("a").audio("AAAA", "wav")), "messages[0].content[1].input_audio"},
        {chat_request("m").user(content().refusal("a")), "messages[0].content[0].refusal"},
        {with(message::user("a").name("bob")), "messages[1].name"},
        {with(message::assistant("a").audio("audio_1")), "messages[1].audio"},
        {with(message::assistant(content().image("https://x"))), "messages[1].content[0].image_url"},
        {with(message::assistant(content().file("f"))), "messages[1].content[0].file"},
        {with(message::assistant(content().text("a").cache_breakpoint())),
         "messages[1].content[0].prompt_cache_breakpoint"},
        {with(message::assistant("").tool_calls({call("c", "f", "", "oracle")})), "messages[1].tool_calls[0].type"},
    };
    for (const auto& [request, param] : cases) EXPECT_EQ(refused(request), param);
}

TEST(responses_encode_chat, passes_what_asks_for_nothing_special) {
    EXPECT_EQ(written(small()),
              written(small().n(1).frequency_penalty(0).presence_penalty(0).modality("text").logprobs(false)));
}

}  // namespace

}  // namespace responses_encode_tests
