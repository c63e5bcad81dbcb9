// How many tokens a request is taken for.
#include <chorus/chat/chat_request.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace chorus::policy::token_estimate_tests {
namespace {

std::string bytes(std::size_t count) {
    return std::string(count, 'x');
}

std::int64_t input_of(const chat_request& request) {
    return estimate_tokens(request).input;
}
std::int64_t input_of(content said) {
    return input_of(chat_request("m").user(std::move(said))) - 4;
}

TEST(token_estimate, counts_four_bytes_of_text_as_a_token) {
    EXPECT_EQ(input_of(content(bytes(400))), 100);
    EXPECT_EQ(input_of(content(bytes(401))), 101);
    EXPECT_EQ(input_of(chat_request("m").system(bytes(400)).user(bytes(400))), 208) << "and 4 for each message";
    EXPECT_EQ(input_of(content().text(bytes(400)).refusal(bytes(40)).json(bytes(80))), 130);
}

TEST(token_estimate, is_never_below_its_floor) {
    EXPECT_EQ(input_of(chat_request("m")), 16);
    EXPECT_EQ(input_of(chat_request("m").user("hi")), 16);
    EXPECT_EQ(input_of(chat_request("m").user(bytes(48))), 16);
    EXPECT_EQ(input_of(chat_request("m").user(bytes(52))), 17);
}

TEST(token_estimate, counts_what_is_no_text_by_rule_of_thumb) {
    EXPECT_EQ(input_of(content().image("https://example.com/" + bytes(9999))), 1000);
    EXPECT_EQ(input_of(content().image("data:image/png;base64,AAAA", "low")), 85);
    EXPECT_EQ(input_of(content().audio(bytes(50'000), "wav")), 50);
    EXPECT_EQ(input_of(content().file("file-1")), 1000);
    EXPECT_EQ(input_of(content().file("abcd", bytes(64'000))), 1001);
}

TEST(token_estimate, counts_everything_that_a_message_carries) {
    const auto carrying = [](auto change) {
        message said = message::assistant(bytes(400));
        change(said);
        return input_of(chat_request("m").add(said)) - 4;
    };
    EXPECT_EQ(carrying([](message&) {}), 100);
    EXPECT_EQ(carrying([](message& m) { m.name(bytes(8)); }), 102);
    EXPECT_EQ(carrying([](message& m) { m.refusal(bytes(40)); }), 110);
    EXPECT_EQ(carrying([](message& m) { m.reasoning(bytes(80), "reasoning"); }), 120);
    EXPECT_EQ(
        carrying([](message& m) {
            m.tool_calls({{.id = bytes(8), .type = "function", .name = bytes(8), .arguments = bytes(84), .extra = {}}});
        }),
        125);
    EXPECT_EQ(carrying([](message& m) { m.native({"anthropic", bytes(800)}); }), 200) << "in place of the fields";
    EXPECT_EQ(carrying([](message& m) { m.native({"anthropic", bytes(80)}); }), 100);
}

TEST(token_estimate, counts_tools_and_the_schema_of_the_answer) {
    const nlohmann::json schema = {{"type", "object"}};
    const auto size = static_cast<std::int64_t>(schema.dump().size());
    const chat_request plain = chat_request("m").user(bytes(400));
    chat_request equipped = plain;
    equipped.tool(tool::function("add_").description(bytes(40)).parameters(schema));
    EXPECT_EQ(input_of(equipped), input_of(plain) + 4 + (44 + size + 3) / 4);
    chat_request formed = plain;
    formed.response_format(response_format::json_schema("n", schema));
    EXPECT_EQ(input_of(formed), input_of(plain) + (size + 3) / 4);
    chat_request expected = plain;
    expected.prediction(bytes(400));
    EXPECT_EQ(input_of(expected), input_of(plain) + 100);
}

TEST(token_estimate, takes_the_most_that_the_answer_may_have) {
    const chat_request plain = chat_request("m").user("hi");
    EXPECT_EQ(estimate_tokens(plain).output, 500);
    EXPECT_EQ(estimate_tokens(plain, 20).output, 20);
    EXPECT_EQ(estimate_tokens(plain, -20).output, 0);
    EXPECT_EQ(estimate_tokens(chat_request(plain).max_tokens(70)).output, 70);
    EXPECT_EQ(estimate_tokens(chat_request(plain).max_tokens(70).max_completion_tokens(90)).output, 90);
    EXPECT_EQ(estimate_tokens(chat_request(plain).max_tokens(70).n(3)).output, 210);
    EXPECT_EQ(estimate_tokens(chat_request(plain).n(2)).output, 1000);
    EXPECT_EQ(estimate_tokens(chat_request(plain).max_tokens(0)).output, 0);
    EXPECT_EQ(estimate_tokens(chat_request(plain).max_tokens(-1).n(-1)).output, 0);
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    EXPECT_GT(estimate_tokens(chat_request(plain).max_tokens(most).n(most)).total(), 1'000'000'000'000)
        << "no overflow";
}

}  // namespace
}  // namespace chorus::policy::token_estimate_tests
