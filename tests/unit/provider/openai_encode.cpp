// Contracts of writing requests in the format of OpenAI.
#include <chorus/provider/openai_encode.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace openai_encode_tests {

namespace {

using namespace chorus;
using nlohmann::json;

using openai_format::delivery;

json encoded(const chat_request& request, const openai_quirks& quirks = {}, delivery how = delivery::whole) {
    const auto body = openai_format::encode_chat(request, quirks, how);
    EXPECT_TRUE(body) << body.error().message();
    return body ? json::parse(*body) : json();
}

/// The value of one field of a request that has little else.
json field(const chat_request& request, const char* name, const openai_quirks& quirks = {}) {
    const json body = encoded(request, quirks);
    EXPECT_TRUE(body.contains(name)) << body;
    return body.value(name, json());
}

chat_request small() {
    return chat_request("m").user("hi");
}

TEST(encode_chat, sends_nothing_that_is_not_set) {
    EXPECT_EQ(openai_format::encode_chat(small()).value(),
              R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
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
    const std::string body = openai_format::encode_chat(request).value();
    const json parsed = json::parse(body);
    EXPECT_EQ(parsed.at("temperature"), nullptr);
    EXPECT_EQ(parsed.at("top_k"), 40);
    EXPECT_EQ(parsed.at("model"), "other");
    EXPECT_EQ(parsed.at("stop"), json::array({"x"}));
    EXPECT_EQ(body.find("\"temperature\""), body.rfind("\"temperature\""));
    EXPECT_EQ(body.find("\"model\""), body.rfind("\"model\""));
}

// --- tools ---

TEST(encode_chat, writes_functions_custom_tools_and_those_given_as_json) {
    const json schema = {{"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}};
    const json search = {{"type", "web_search"}, {"limit", 3}};
    const auto request = small()
                             .tool(tool::function("weather").description("d").parameters(schema).strict())
                             .tool(tool::function("now"))
                             .tool(tool::function("fixed").strict())
                             .tool(tool::custom("sql").description("q").grammar("lark", "start: \"a\""))
                             .tool(tool::custom("free"))
                             .tool(tool::json(search));
    EXPECT_EQ(field(request, "tools"), json::parse(R"json([
        {"type":"function","function":{"name":"weather","description":"d","strict":true,
         "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}},
        {"type":"function","function":{"name":"now","parameters":{"type":"object","properties":{}}}},
        {"type":"function","function":{"name":"fixed","strict":true,
         "parameters":{"type":"object","properties":{},"required":[],"additionalProperties":false}}},
        {"type":"custom","custom":{"name":"sql","description":"q",
         "format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}}},
        {"type":"custom","custom":{"name":"free"}},
        {"type":"web_search","limit":3}])json"));
}

TEST(encode_chat, writes_every_form_of_the_choice_of_tools) {
    const auto choice = [](tool_choice value) { return field(small().tool_choice(std::move(value)), "tool_choice"); };
    EXPECT_EQ(choice(tool_choice::automatic()), "auto");
    EXPECT_EQ(choice(tool_choice::none()), "none");
    EXPECT_EQ(choice(tool_choice::required()), "required");
    EXPECT_EQ(choice(tool_choice::function("f")), json::parse(R"({"type":"function","function":{"name":"f"}})"));
    EXPECT_EQ(choice(tool_choice::custom("c")), json::parse(R"({"type":"custom","custom":{"name":"c"}})"));
    EXPECT_EQ(choice(tool_choice::allowed({"f", "g"})),
              json::parse(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
                  {"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}})"));
    EXPECT_EQ(choice(tool_choice::allowed({"f"}, true)).at("allowed_tools").at("mode"), "required");
    EXPECT_EQ(field(small().parallel_tool_calls(false), "parallel_tool_calls"), false);
}

tool_call call(std::string id, std::string name, std::string arguments) {
    return {std::move(id), std::string(tool_type::function), std::move(name), std::move(arguments), {}};
}

/// The second message of a request, as written.
json second(const message& next, const openai_quirks& quirks = {}) {
    return encoded(small().add(next), quirks).at("messages").at(1);
}

TEST(encode_chat, writes_calls_and_their_results) {
    tool_call sql = call("c2", "sql", "select \"x\"");
    sql.type = tool_type::custom;
    tool_call untyped = call("c4", "sub", "not JSON");
    untyped.type.clear();
    const auto request = small()
                             .add(message::assistant("").tool_calls({call("c1", "add", "{\"a\":1}"), sql}))
                             .add(message::tool("c1", "3"))
                             .add(message::tool("c2", content().text("rows")).failed())
                             .add(message::assistant("Well,").tool_calls({call("c3", "now", ""), untyped}));
    EXPECT_EQ(field(request, "messages"), json::parse(R"([
        {"role":"user","content":"hi"},
        {"role":"assistant","content":null,"tool_calls":[
            {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}},
            {"id":"c2","type":"custom","custom":{"name":"sql","input":"select \"x\""}}]},
        {"role":"tool","tool_call_id":"c1","content":"3"},
        {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"rows"}]},
        {"role":"assistant","content":"Well,","tool_calls":[
            {"id":"c3","type":"function","function":{"name":"now","arguments":"{}"}},
            {"id":"c4","type":"function","function":{"name":"sub","arguments":"not JSON"}}]}])"));
}

TEST(encode_chat, joins_what_belongs_to_a_call_with_it_and_names_nothing_twice) {
    tool_call signed_call = call("c1", "add", "{}");
    signed_call.extra = R"({"extra_content":{"google":{"thought_signature":"s"}},"id":"other","function":5})";
    const auto answer = message::assistant("").tool_calls({signed_call});
    EXPECT_EQ(second(answer).at("tool_calls").at(0), json::parse(R"({"id":"c1","type":"function",
        "function":{"name":"add","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}})"));
    EXPECT_FALSE(second(answer, openai_quirks().echo_native(false)).at("tool_calls").at(0).contains("extra_content"));
}

TEST(encode_chat, sends_calls_of_unknown_types_back_as_they_came) {
    tool_call unknown = call("m1", "", "");
    unknown.type = "mcp";
    unknown.extra = R"({"mcp":{"server":"s"},"function":1})";
    for (const bool echo : {true, false}) {
        EXPECT_EQ(second(message::assistant("").tool_calls({unknown}), openai_quirks().echo_native(echo))
                      .at("tool_calls")
                      .at(0),
                  json::parse(R"({"id":"m1","type":"mcp","mcp":{"server":"s"},"function":1})"));
    }
}

TEST(encode_chat, joins_the_native_members_of_its_own_format_with_the_message) {
    const std::string members = R"({"reasoning_details":[{"type":"reasoning.text","text":"t"}],"content":"no"})";
    const auto answer = message::assistant("x").native({"openai", members});
    EXPECT_EQ(second(answer), json::parse(R"({"role":"assistant","content":"x",
        "reasoning_details":[{"type":"reasoning.text","text":"t"}]})"));
    EXPECT_FALSE(second(answer, openai_quirks().echo_native(false)).contains("reasoning_details"));
    EXPECT_EQ(second(message::assistant("x").native({"anthropic", "[1]"})),
              json::parse(R"({"role":"assistant","content":"x"})"));
}

// --- streams ---

TEST(encode_chat, asks_for_a_stream_and_its_usage) {
    EXPECT_EQ(encoded(small(), {}, delivery::stream), json::parse(R"({"model":"m","stream":true,
        "stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]})"));
    const json without = encoded(small().stream_usage(false), {}, delivery::stream);
    EXPECT_EQ(without.at("stream"), true);
    EXPECT_FALSE(without.contains("stream_options"));
    EXPECT_EQ(encoded(small().stream_obfuscation(false), {}, delivery::stream).at("stream_options"),
              json::parse(R"({"include_usage":true,"include_obfuscation":false})"));
    EXPECT_EQ(encoded(small().stream_usage(false).stream_obfuscation(false), {}, delivery::stream).at("stream_options"),
              json::parse(R"({"include_obfuscation":false})"));
    EXPECT_EQ(encoded(small().stream_usage(true).stream_obfuscation(true)), encoded(small()))
        << "where none is asked for";
}

// --- dialects ---

TEST(encode_chat, renames_drops_and_refuses_what_the_quirks_name) {
    const auto quirks =
        openai_quirks().rename("max_completion_tokens", "max_tokens").rename("seed", "random_seed").drop("store");
    EXPECT_EQ(encoded(small().max_completion_tokens(5).seed(7).store().top_p(1), quirks),
              json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"top_p":1.0,"random_seed":7,
                  "max_tokens":5})"));
    const auto strict = openai_quirks(quirks).refuse("logprobs");
    EXPECT_TRUE(openai_format::encode_chat(small(), strict));
    const auto refused = openai_format::encode_chat(small().logprobs(), strict);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_EQ(refused.error().phase(), phase::input);
    EXPECT_EQ(refused.error().param(), "logprobs");
}

TEST(encode_chat, writes_one_limit_of_tokens_where_both_have_one_name) {
    const auto both = small().max_completion_tokens(5).max_tokens(6);
    for (const auto& [from, to] :
         {std::pair("max_completion_tokens", "max_tokens"), std::pair("max_tokens", "max_completion_tokens")}) {
        const std::string body = openai_format::encode_chat(both, openai_quirks().rename(from, to)).value();
        EXPECT_EQ(json::parse(body).at(to), 5);
        EXPECT_FALSE(json::parse(body).contains(from));
        EXPECT_EQ(body.find(to), body.rfind(to));
    }
    EXPECT_EQ(field(small().max_tokens(6), "max_tokens", openai_quirks().rename("max_completion_tokens", "max_tokens")),
              6);
}

TEST(encode_chat, lets_extra_fields_win_under_the_name_that_is_sent) {
    const auto quirks = openai_quirks().rename("seed", "random_seed").drop("store").refuse("logprobs");
    const std::string body =
        openai_format::encode_chat(small().seed(1).extra("random_seed", 2).extra("store", true).extra("logprobs", 1),
                                   quirks)
            .value();
    EXPECT_EQ(json::parse(body).at("random_seed"), 2);
    EXPECT_EQ(json::parse(body).at("store"), true);
    EXPECT_EQ(json::parse(body).at("logprobs"), 1);
    EXPECT_EQ(body.find("random_seed"), body.rfind("random_seed"));
}

TEST(encode_chat, drops_and_refuses_names_and_parts_of_messages) {
    const auto request =
        chat_request("m").user("a").add(message::user(content().text("t").audio("QQ==", "wav").image("u")).name("bob"));
    EXPECT_EQ(encoded(request, openai_quirks().drop("messages.name").drop("messages.content.input_audio"))
                  .at("messages")
                  .at(1),
              json::parse(R"({"role":"user","content":[{"type":"text","text":"t"},
                  {"type":"image_url","image_url":{"url":"u"}}]})"));
    const auto refused = [&](const char* name) {
        const auto body = openai_format::encode_chat(request, openai_quirks().refuse(name));
        return body ? "" : std::string(body.error().param());
    };
    EXPECT_EQ(refused("messages.name"), "messages[1].name");
    EXPECT_EQ(refused("messages.content.input_audio"), "messages[1].content[1].input_audio");
    EXPECT_EQ(refused("messages.content.image_url"), "messages[1].content[2].image_url");
    EXPECT_EQ(refused("messages.content.file"), "");
}

TEST(encode_chat, refuses_images_in_forms_that_the_server_has_not) {
    const auto refused = [](content parts, const openai_quirks& quirks = {}) {
        const auto body = openai_format::encode_chat(small().user(std::move(parts)), quirks);
        return body ? "" : std::string(body.error().text());
    };
    EXPECT_EQ(refused(content().text("a").image_id("file-1")),
              "messages[1].content[1].image_url.file_id is something that OpenAI's chat format has not");
    auto no_fetching = openai_quirks().fetches_images(false);
    EXPECT_EQ(refused(content().image("HTTPS://x/y.png"), no_fetching),
              "messages[1].content[0].image_url.url is the address of an image, and this server takes only its bytes");
    EXPECT_NE(refused(content().image("http://x"), no_fetching), "");
    EXPECT_EQ(refused(content().image("data:image/png;base64,AAAA"), no_fetching), "");
    EXPECT_EQ(refused(content().image("AAAA"), no_fetching), "");
    EXPECT_EQ(refused(content().image("http://x"), no_fetching.fetches_images(true)), "") << "amended";
}

TEST(encode_chat, leaves_out_what_is_refused_and_asks_for_the_usual) {
    const auto quirks = openai_quirks().refuse("n").refuse("logprobs");
    EXPECT_EQ(openai_format::encode_chat(small().n(1).logprobs(false), quirks).value(),
              R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
    EXPECT_EQ(openai_format::encode_chat(small().n(2), quirks).error().param(), "n");
    EXPECT_EQ(openai_format::encode_chat(small().logprobs(), quirks).error().param(), "logprobs");
    EXPECT_EQ(field(small().n(1), "n"), 1);
}

TEST(encode_chat, calls_developers_system_where_they_are_unknown) {
    const auto request = chat_request("m").developer("d").user("u");
    EXPECT_EQ(encoded(request).at("messages").at(0).at("role"), "developer");
    EXPECT_EQ(encoded(request, openai_quirks().developer_as_system()).at("messages").at(0).at("role"), "system");
}

TEST(encode_chat, sends_thoughts_back_when_and_where_the_quirks_say) {
    const auto plain = message::assistant("x").reasoning("r", "reasoning_content");
    const auto with_call = message(plain).tool_calls({call("c", "f", "")});
    const auto sent = [](const message& next, const openai_quirks& quirks, const char* name) {
        return second(next, quirks).value(name, std::string());
    };
    EXPECT_EQ(sent(plain, {}, "reasoning_content"), "");
    EXPECT_EQ(sent(with_call, {}, "reasoning_content"), "r");
    const auto always = openai_quirks().echo_reasoning(reasoning_echo::always);
    EXPECT_EQ(sent(plain, always, "reasoning_content"), "r");
    EXPECT_EQ(sent(message::assistant("x").reasoning("r", "reasoning"), always, "reasoning"), "r");
    const auto never = openai_quirks().echo_reasoning(reasoning_echo::never);
    EXPECT_EQ(sent(with_call, never, "reasoning_content"), "");
    const auto renamed = openai_quirks().echo_reasoning(reasoning_echo::always, "reasoning");
    EXPECT_EQ(sent(plain, renamed, "reasoning"), "r");
    EXPECT_FALSE(second(plain, renamed).contains("reasoning_content"));
    for (const char* foreign : {"thinking", "reasoning_details"}) {
        EXPECT_EQ(second(message::assistant("x").reasoning("r", foreign), always),
                  json::parse(R"({"role":"assistant","content":"x"})"));
    }
}

TEST(encode_chat, sends_thoughts_as_parts_where_the_server_has_them_so) {
    const auto mistral = openai_quirks().echo_reasoning(reasoning_echo::always, "thinking");
    EXPECT_EQ(
        second(message::assistant("x").reasoning("r", "thinking"), mistral).at("content"),
        json::parse(R"([{"type":"thinking","thinking":[{"type":"text","text":"r"}]},{"type":"text","text":"x"}])"));
    EXPECT_EQ(second(message::assistant("").reasoning("r", "thinking"), mistral).at("content"),
              json::parse(R"([{"type":"thinking","thinking":[{"type":"text","text":"r"}]}])"));
    EXPECT_EQ(second(message::assistant(content().text("a").text("b")).reasoning("r", "thinking"), mistral)
                  .at("content")
                  .size(),
              3u);
}

TEST(encode_chat, puts_schemas_where_the_server_reads_them) {
    const json schema = {{"type", "object"}};
    EXPECT_EQ(field(small().response_format(response_format::json_schema("p", schema).strict()), "response_format",
                    openai_quirks().flat_schema()),
              json::parse(R"({"type":"json_schema","schema":{"type":"object"}})"));
}

TEST(encode_chat, uses_the_words_of_the_server) {
    EXPECT_EQ(field(small().tool_choice(tool_choice::required()), "tool_choice", openai_quirks().required_word("any")),
              "any");
    const auto quiet = openai_quirks().stream_usage(false);
    EXPECT_FALSE(encoded(small(), quiet, delivery::stream).contains("stream_options"));
    EXPECT_EQ(encoded(small().stream_usage(true), quiet, delivery::stream).at("stream_options").at("include_usage"),
              true);
}

}  // namespace

}  // namespace openai_encode_tests
