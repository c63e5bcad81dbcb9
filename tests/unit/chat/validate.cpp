// Contracts of refusing a request before it is sent.
#include <chorus/chat/validate.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <limits>
#include <string>
#include <utility>

namespace validate_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

constexpr const char* bad = "x\xff";

chat_request good() {
    return chat_request("m").user("hi");
}

/// The path of the field that is refused; empty if none is.
std::string refused(const chat_request& request) {
    const auto checked = validate(request);
    if (checked) return "";
    EXPECT_EQ(checked.error(), errc::invalid_argument);
    EXPECT_EQ(checked.error().phase(), phase::input);
    EXPECT_TRUE(checked.error().text().starts_with(checked.error().param()));
    return std::string(checked.error().param());
}

TEST(validate, accepts_a_request_with_every_field_in_range) {
    const nlohmann::json schema = {{"type", "object"}};
    const auto request = good()
                             .system("caf\u00e9")
                             .temperature(2)
                             .top_p(1)
                             .frequency_penalty(-2)
                             .presence_penalty(2)
                             .logit_bias(50256, -100)
                             .n(1)
                             .max_completion_tokens(1)
                             .top_logprobs(20)
                             .response_format(response_format::json_schema("a_B-9", schema))
                             .prediction("p")
                             .metadata("k", "v")
                             .extra("top_k", 5)
                             .header("X-Title", "t\u00e9")
                             .timeout(1ms);
    const auto checked = validate(request);
    EXPECT_TRUE(checked) << checked.error().message();
}

TEST(validate, asks_for_a_model_and_a_message) {
    EXPECT_EQ(refused(chat_request().user("hi")), "model");
    EXPECT_EQ(refused(chat_request("m")), "messages");
}

TEST(validate, names_the_message_that_is_not_utf8) {
    EXPECT_EQ(refused(chat_request(bad).user("hi")), "model");
    EXPECT_EQ(refused(good().assistant("ok").user(bad)), "messages[2].content");
    EXPECT_EQ(refused(good().add(message(bad, "x"))), "messages[1].role");
    EXPECT_EQ(refused(good().add(message("", "x"))), "messages[1].role");
    EXPECT_EQ(refused(good().add(message::user("x").name(bad))), "messages[1].name");
    EXPECT_EQ(refused(good().add(message::assistant("x").refusal(bad))), "messages[1].refusal");
    EXPECT_EQ(refused(good().add(message::assistant("x").audio(bad))), "messages[1].audio.id");
    EXPECT_EQ(validate(good().user("abc\xff")).error().text(), "messages[1].content is not valid UTF-8 at byte 3");
}

TEST(validate, names_the_part_that_is_wrong) {
    const auto with = [](content parts) { return refused(chat_request("m").user(std::move(parts))); };
    EXPECT_EQ(with(content().text("a").text(bad)), "messages[0].content[1].text");
    EXPECT_EQ(with(content().image("")), "messages[0].content[0].image_url.url");
    EXPECT_EQ(with(content().image(bad)), "messages[0].content[0].image_url.url");
    EXPECT_EQ(with(content().image("u", bad)), "messages[0].content[0].image_url.detail");
    EXPECT_EQ(with(content().image_id(bad)), "messages[0].content[0].image_url.file_id");
    EXPECT_EQ(with(content().image_id("f")), "");
    EXPECT_EQ(with(content().audio(bad, "wav")), "messages[0].content[0].input_audio.data");
    EXPECT_EQ(with(content().audio("QQ==", bad)), "messages[0].content[0].input_audio.format");
    EXPECT_EQ(with(content().file("")), "messages[0].content[0].file");
    EXPECT_EQ(with(content().file(bad)), "messages[0].content[0].file.file_id");
    EXPECT_EQ(with(content().file(bad, "d")), "messages[0].content[0].file.filename");
    EXPECT_EQ(with(content().file("f", bad)), "messages[0].content[0].file.file_data");
    EXPECT_EQ(with(content().refusal(bad)), "messages[0].content[0].refusal");
    EXPECT_EQ(with(content().json("{\"type\":")), "messages[0].content[0]");
    EXPECT_EQ(with(content().json("{} {}")), "messages[0].content[0]");
    EXPECT_EQ(with(content().json("{\"type\":\"video_url\"}")), "");
}

TEST(validate, refuses_numbers_out_of_range) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(refused(good().temperature(-0.1)), "temperature");
    EXPECT_EQ(refused(good().temperature(nan)), "temperature");
    EXPECT_EQ(refused(good().temperature(infinity)), "temperature");
    EXPECT_EQ(refused(good().top_p(1.01)), "top_p");
    EXPECT_EQ(refused(good().frequency_penalty(-2.1)), "frequency_penalty");
    EXPECT_EQ(refused(good().presence_penalty(2.1)), "presence_penalty");
    EXPECT_EQ(refused(good().logit_bias(1, 5).logit_bias(2, 101)), "logit_bias[2]");
    EXPECT_EQ(refused(good().n(0)), "n");
    EXPECT_EQ(refused(good().max_completion_tokens(0)), "max_completion_tokens");
    EXPECT_EQ(refused(good().top_logprobs(-1)), "top_logprobs");
    EXPECT_EQ(refused(good().timeout(0ms)), "timeout");
    EXPECT_EQ(validate(good().top_p(2)).error().text(), "top_p must lie between 0 and 1");
}

TEST(validate, leaves_to_the_server_what_only_some_servers_refuse) {
    EXPECT_EQ(refused(good().temperature(3).max_tokens(-1).stop("1").stop("2").stop("3").stop("4").stop("5")), "");
}

TEST(validate, checks_the_text_of_every_option) {
    EXPECT_EQ(refused(good().reasoning_effort(bad)), "reasoning_effort");
    EXPECT_EQ(refused(good().verbosity(bad)), "verbosity");
    EXPECT_EQ(refused(good().service_tier(bad)), "service_tier");
    EXPECT_EQ(refused(good().prompt_cache_key(bad)), "prompt_cache_key");
    EXPECT_EQ(refused(good().prompt_cache(bad)), "prompt_cache_options.mode");
    EXPECT_EQ(refused(good().prompt_cache("explicit", bad)), "prompt_cache_options.ttl");
    EXPECT_EQ(refused(good().prompt_cache_retention(bad)), "prompt_cache_retention");
    EXPECT_EQ(refused(good().safety_identifier(bad)), "safety_identifier");
    EXPECT_EQ(refused(good().end_user(bad)), "user");
    EXPECT_EQ(refused(good().stop("ok").stop(bad)), "stop");
    EXPECT_EQ(refused(good().modality(bad)), "modalities");
    EXPECT_EQ(refused(good().audio(bad, "wav")), "audio.voice");
    EXPECT_EQ(refused(good().audio("alloy", bad)), "audio.format");
    EXPECT_EQ(refused(good().moderation(bad)), "moderation.model");
    EXPECT_EQ(refused(good().metadata(bad, "v")), "metadata");
    EXPECT_EQ(refused(good().metadata("k", bad)), "metadata.k");
    EXPECT_EQ(refused(good().prediction(bad)), "prediction.content");
    EXPECT_EQ(refused(good().prediction(content().text(bad))), "prediction.content[0].text");
    EXPECT_EQ(refused(good().web_search(web_search().city(bad))), "web_search_options.user_location.city");
    EXPECT_EQ(refused(good().web_search(web_search().context_size(bad))), "web_search_options.search_context_size");
    auto many = good();
    for (int i = 0; i < 17; ++i) many.metadata(std::to_string(i), "v");
    EXPECT_EQ(refused(many), "metadata");
}

TEST(validate, refuses_json_values_that_hold_bad_text) {
    EXPECT_EQ(refused(good().extra("top_k", std::string(bad))), "extra.top_k");
    EXPECT_EQ(refused(good().extra(bad, 1)), "extra");
    EXPECT_EQ(refused(good().extra(nlohmann::json(5))), "extra");
    EXPECT_EQ(refused(good().moderation("m", std::string(bad))), "moderation.policy");
    const nlohmann::json schema = {{"description", bad}};
    EXPECT_EQ(refused(good().response_format(response_format::json_schema("n", schema))),
              "response_format.json_schema.schema");
}

TEST(validate, checks_the_name_of_a_schema) {
    const auto named = [](std::string name) {
        return refused(good().response_format(response_format::json_schema(std::move(name), nlohmann::json::object())));
    };
    for (const char* name : {"", "with space", "\u00e9"}) EXPECT_EQ(named(name), "response_format.json_schema.name");
    EXPECT_EQ(named(std::string(65, 'a')), "response_format.json_schema.name");
    EXPECT_EQ(named(std::string(64, 'a')), "");
}

TEST(validate, refuses_header_fields_that_break_the_request) {
    for (const std::string& value : {std::string("a\r\nX: y"), std::string("a\n"), std::string("a\0b", 3)}) {
        const auto checked = validate(good().header("X-Title", value));
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().param(), "headers[X-Title]");
        EXPECT_EQ(checked.error().message().find('\n'), std::string::npos);
    }
    for (const char* name : {"", "a b", "a:", "a\r\nb"}) EXPECT_EQ(refused(good().header(name, "v")), "headers");
    for (const char* name : {"Host", "content-length", "Transfer-Encoding", "CONNECTION"}) {
        EXPECT_EQ(refused(good().header(name, "v")), std::string("headers[") + name + "]");
    }
}

// --- tools ---

TEST(validate, accepts_tools_of_every_kind_and_choices_among_them) {
    const nlohmann::json schema = {{"type", "object"}};
    const nlohmann::json other = {{"type", "web_search"}};
    const auto request = good()
                             .tool(tool::function("a_B-9").description("d").parameters(schema).strict())
                             .tool(tool::custom("sql").grammar("regex", "a+"))
                             .tool(tool::json(other));
    EXPECT_EQ(refused(request), "");
    EXPECT_EQ(refused(chat_request(request).tool_choice(tool_choice::function("a_B-9"))), "");
    EXPECT_EQ(refused(chat_request(request).tool_choice(tool_choice::custom("sql"))), "");
    EXPECT_EQ(refused(chat_request(request).tool_choice(tool_choice::function("in_the_json"))), "");
    EXPECT_EQ(refused(good().tool_choice(tool_choice::required())), "");
}

TEST(validate, names_the_tool_that_is_wrong) {
    const auto with = [](tool next) { return refused(good().tool(tool::function("ok")).tool(std::move(next))); };
    EXPECT_EQ(with(tool::function("")), "tools[1].name");
    EXPECT_EQ(with(tool::function("a b")), "tools[1].name");
    EXPECT_EQ(with(tool::function("caf\u00e9")), "tools[1].name");
    EXPECT_EQ(with(tool::function(std::string(64, 'x'))), "");
    EXPECT_EQ(with(tool::function(std::string(65, 'x'))), "tools[1].name");
    EXPECT_EQ(with(tool::function("ok")), "tools[1].name");
    EXPECT_EQ(with(tool::custom("ok")), "tools[1].name");
    EXPECT_EQ(with(tool::function("f").description(bad)), "tools[1].description");
    const nlohmann::json broken = {{"type", bad}};
    EXPECT_EQ(with(tool::function("f").parameters(broken)), "tools[1].parameters");
    EXPECT_EQ(with(tool::json(broken)), "tools[1]");
    EXPECT_EQ(with(tool::custom("c").grammar("lark", bad)), "tools[1].grammar");
    EXPECT_EQ(with(tool::custom("c").grammar(bad, "x")), "tools[1].grammar.syntax");
}

TEST(validate, refuses_the_choice_of_a_tool_that_is_not_there) {
    const auto with = [](tool_choice choice) {
        return refused(good().tool(tool::function("f")).tool(tool::custom("c")).tool_choice(std::move(choice)));
    };
    EXPECT_EQ(with(tool_choice::function("f")), "");
    EXPECT_EQ(with(tool_choice::function("g")), "tool_choice");
    EXPECT_EQ(with(tool_choice::function("c")), "tool_choice") << "a tool of another type";
    EXPECT_EQ(with(tool_choice::function("")), "tool_choice");
    EXPECT_EQ(with(tool_choice::function(bad)), "tool_choice");
    EXPECT_EQ(with(tool_choice::allowed({"f"})), "");
    EXPECT_EQ(with(tool_choice::allowed({"f", "g"})), "tool_choice");
    EXPECT_EQ(with(tool_choice::allowed({})), "tool_choice");
    EXPECT_EQ(refused(good().tool_choice(tool_choice::function("f")).extra("tools", nlohmann::json::array())), "");
    EXPECT_EQ(validate(good().tool_choice(tool_choice::function("g"))).error().text(),
              "tool_choice names the tool 'g', which the request does not have");
}

TEST(validate, names_the_call_or_result_that_is_wrong) {
    const auto with = [](tool_call call) {
        const tool_call fine{"c1", "function", "f", "{}", ""};
        return refused(good().add(message::assistant("").tool_calls({fine, std::move(call)})));
    };
    const std::string path = "messages[1].tool_calls[1].";
    EXPECT_EQ(with({"c2", "function", "f", "not JSON", R"({"x":1})"}), "");
    EXPECT_EQ(with({"c2", "mcp", "", "", ""}), "");
    EXPECT_EQ(with({"", "function", "f", "", ""}), path + "id");
    EXPECT_EQ(with({"c2", "function", "", "", ""}), path + "name");
    EXPECT_EQ(with({"c2", "custom", "", "", ""}), path + "name");
    EXPECT_EQ(with({"c2", "", "", "", ""}), path + "name");
    EXPECT_EQ(with({bad, "function", "f", "", ""}), path + "id");
    EXPECT_EQ(with({"c2", bad, "f", "", ""}), path + "type");
    EXPECT_EQ(with({"c2", "function", bad, "", ""}), path + "name");
    EXPECT_EQ(with({"c2", "function", "f", bad, ""}), path + "arguments");
    EXPECT_EQ(with({"c2", "function", "f", "", "{"}), path + "extra");
    EXPECT_EQ(with({"c2", "function", "f", "", "[1]"}), path + "extra");
    EXPECT_EQ(refused(good().add(message::tool("", "3"))), "messages[1].tool_call_id");
    EXPECT_EQ(refused(good().add(message("tool", "3"))), "messages[1].tool_call_id");
    EXPECT_EQ(refused(good().add(message::tool(bad, "3"))), "messages[1].tool_call_id");
    EXPECT_EQ(refused(good().add(message::tool("c1", bad))), "messages[1].content");
    EXPECT_EQ(refused(good().add(message::tool("c1", ""))), "");
    EXPECT_EQ(refused(good().add(message::assistant("x").reasoning(bad, "reasoning"))), "messages[1].reasoning");
    EXPECT_EQ(refused(good().add(message::assistant("x").native({"openai", "{"}))), "messages[1].native");
    EXPECT_EQ(refused(good().thinking(-1)), "thinking");
}

}  // namespace

}  // namespace validate_tests
