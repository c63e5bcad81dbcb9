// Contracts of asking for a type: what is sent, and which error says what about the answer.
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/structured/complete_as.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "types.hpp"

namespace chorus::complete_as_tests {
namespace {

using testing::fake_transport;
using tree = nlohmann::json;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

chat_request question() {
    return chat_request("m").user("Who?");
}

/// A server that gives this list of choices.
std::shared_ptr<fake_transport> choosing(tree choices) {
    tree body = {{"id", "c1"}, {"model", "m"}, {"usage", {{"total_tokens", 3}}}};
    body["choices"] = std::move(choices);
    return std::make_shared<fake_transport>([text = body.dump()](const http::request&) {
        http::response answer;
        answer.status = 200;
        answer.headers.add("x-request-id", "req_1");
        answer.body = text;
        return answer;
    });
}
tree choice_of(tree message, std::string_view finish_reason = "stop") {
    message["role"] = "assistant";
    return {{"index", 0}, {"finish_reason", finish_reason}, {"message", std::move(message)}};
}
std::shared_ptr<fake_transport> choosing_one(tree choice) {
    return choosing(tree::array({std::move(choice)}));
}
std::shared_ptr<fake_transport> saying(std::string_view content, std::string_view finish_reason = "stop") {
    return choosing_one(choice_of({{"content", content}}, finish_reason));
}

/// The error of asking a server for a person.
awaitable<error> failure_from(std::shared_ptr<fake_transport> server) {
    client llm(co_await this_coro::executor, endpoint(), server);
    const auto found = co_await try_complete_as<sample::person>(llm, question());
    EXPECT_FALSE(found);
    co_return found ? error() : found.error();
}

CHORUS_TEST(complete_as, sends_the_schema_of_the_type_and_reads_the_answer) {
    const auto server = saying(R"({"name": "Ada", "age": 36})");
    client llm(get_executor(), endpoint(), server);
    const auto found = co_await try_complete_as<sample::person>(llm, question());
    CO_ASSERT_TRUE(found);
    EXPECT_EQ(found->value, (sample::person{"Ada", 36}));
    EXPECT_EQ((*found)->name, "Ada");
    EXPECT_EQ(found->response.usage().total_tokens, 3);

    const tree sent = tree::parse(server->requests.at(0).body);
    EXPECT_EQ(sent["response_format"]["type"], "json_schema");
    const tree& format = sent["response_format"]["json_schema"];
    EXPECT_EQ(format["name"], "person");
    EXPECT_EQ(format["strict"], true);
    EXPECT_EQ(format["schema"], tree(schema_of<sample::person>()));
}

CHORUS_TEST(complete_as, keeps_the_response_format_of_the_request) {
    const auto server = saying(R"({"name": "Ada"})");
    client llm(get_executor(), endpoint(), server);
    const tree schema = {{"type", "object"}};
    const auto own = question().response_format(response_format::json_schema("mine", schema));
    const auto found = co_await complete_as<sample::person>(llm, own);
    EXPECT_EQ(found.name, "Ada");
    const tree sent = tree::parse(server->requests.at(0).body);
    EXPECT_EQ(sent["response_format"]["json_schema"]["name"], "mine");
}

CHORUS_TEST(complete_as, reads_an_answer_in_a_code_fence) {
    client llm(get_executor(), endpoint(), saying("```json\n{\"name\": \"Ada\"}\n```"));
    const auto found = co_await complete_as<sample::person>(llm, question());
    EXPECT_EQ(found.name, "Ada");
}

CHORUS_TEST(complete_as, tells_a_refusal_in_the_words_of_the_model) {
    const tree message = {{"content", nullptr}, {"refusal", "I cannot."}};
    const error refused = co_await failure_from(choosing_one(choice_of(message)));
    EXPECT_EQ(refused, errc::refused_by_model);
    EXPECT_EQ(refused.text(), "I cannot.");
    EXPECT_EQ(refused.phase(), phase::decode);
    EXPECT_EQ(refused.request_id(), "req_1");
    CO_ASSERT_TRUE(refused.partial());
    EXPECT_EQ(refused.partial()->usage().total_tokens, 3);
}

CHORUS_TEST(complete_as, tells_an_answer_that_was_cut_off) {
    const error cut = co_await failure_from(saying(R"({"name": "Ad)", "length"));
    EXPECT_EQ(cut, errc::cut_off);
    CO_ASSERT_TRUE(cut.partial());
    EXPECT_EQ(cut.partial()->text(), R"({"name": "Ad)");
    // A whole value may still lack what the model had no tokens for.
    EXPECT_EQ(co_await failure_from(saying(R"({"name": "Ada"})", "length")), errc::cut_off);
}

CHORUS_TEST(complete_as, tells_an_answer_that_was_filtered) {
    EXPECT_EQ(co_await failure_from(saying("", "content_filter")), errc::content_filtered);
}

CHORUS_TEST(complete_as, tells_a_response_without_an_answer) {
    const error none = co_await failure_from(choosing(tree::array()));
    EXPECT_EQ(none, errc::no_answer);
    EXPECT_EQ(none.text(), "there is no choice");
    const error blank = co_await failure_from(saying(" \n", "tool_calls"));
    EXPECT_EQ(blank, errc::no_answer);
    EXPECT_EQ(blank.text(), "the text is empty, finish reason tool_calls");
}

CHORUS_TEST(complete_as, tells_text_that_is_no_json) {
    const error prose = co_await failure_from(saying("Ada, of course."));
    EXPECT_EQ(prose, errc::decode_failed);
    EXPECT_EQ(prose.text(), "invalid JSON at byte 0: expected a value");
    EXPECT_EQ(prose.http_status(), 200);
    EXPECT_TRUE(prose.partial());
}

CHORUS_TEST(complete_as, names_the_path_of_what_does_not_fit) {
    const error wrong = co_await failure_from(saying(R"({"name": "Ada", "age": "36"})"));
    EXPECT_EQ(wrong, errc::schema_mismatch);
    EXPECT_EQ(wrong.param(), "$.age");
    EXPECT_EQ(wrong.message(),
              "decode: the answer does not fit the type asked for: expected an integer, found \"36\" "
              "[status 200, param $.age, request req_1]");
    EXPECT_NE(wrong, condition::retryable);
}

/// A server in Anthropic's format that stops so.
std::shared_ptr<fake_transport> stopping(std::string_view reason, std::string_view text, const tree& details = {}) {
    const tree body = {{"id", "msg_1"},
                       {"type", "message"},
                       {"role", "assistant"},
                       {"content", tree::array({{{"type", "text"}, {"text", text}}})},
                       {"stop_reason", reason},
                       {"stop_details", details},
                       {"usage", {{"input_tokens", 2}, {"output_tokens", 1}}}};
    return std::make_shared<fake_transport>([text = body.dump()](const http::request&) {
        http::response answer;
        answer.status = 200;
        answer.body = text;
        return answer;
    });
}

struct anthropic_end {
    std::string_view reason;
    std::string_view text;
    tree details;
    errc expected;
    std::string_view words;
};
std::vector<anthropic_end> anthropic_ends() {
    const tree why = {{"type", "refusal"}, {"explanation", "It is private."}};
    return {
        {"refusal", "", why, errc::refused_by_model, "It is private."},
        {"refusal", R"({"name": "A)", why, errc::refused_by_model, "It is private."},
        {"refusal", R"({"name": "Ada"})", nullptr, errc::refused_by_model, "The model refused to answer."},
        {"max_tokens", R"({"name": "Ada"})", nullptr, errc::cut_off, ""},
        {"model_context_window_exceeded", R"({"name": "A)", nullptr, errc::cut_off, ""},
        {"end_turn", R"({"name": 3})", nullptr, errc::schema_mismatch, "expected a string, found 3"},
    };
}

CHORUS_TEST(complete_as, knows_the_ends_of_other_servers_too) {
    const anthropic claude = anthropic(&no_environment).api_key("k");
    for (const anthropic_end& row : anthropic_ends()) {
        client llm(get_executor(), claude, stopping(row.reason, row.text, row.details));
        const auto found = co_await try_complete_as<sample::person>(llm, question());
        CO_ASSERT_FALSE(found) << row.reason;
        EXPECT_EQ(found.error(), row.expected) << row.reason << row.text;
        EXPECT_EQ(found.error().text(), row.words) << row.reason << row.text;
        CO_ASSERT_TRUE(found.error().partial());
        EXPECT_EQ(found.error().partial()->usage().total_tokens, 3);
    }
    client whole(get_executor(), claude, stopping("end_turn", R"({"name": "Ada"})"));
    EXPECT_EQ((co_await complete_as<sample::person>(whole, question())).name, "Ada");
    // Mistral's word for the same.
    EXPECT_EQ(co_await failure_from(saying(R"({"name": "Ad)", "model_length")), errc::cut_off);
}

chat_request question_by_hand() {
    const tree schema = tree::parse(R"({"type": "object", "required": ["name", "age"], "properties":
        {"name": {"type": "string"}, "age": {"type": "integer"}, "towns": {"items": {"type": "string"}}}})");
    return question().response_format(response_format::json_schema("person", schema));
}

CHORUS_TEST(complete_as, gives_json_of_a_schema_without_a_type) {
    const auto server = saying("```json\n{\"name\": \"Ada\", \"age\": 36}\n```");
    client llm(get_executor(), endpoint(), server);
    const auto found = co_await try_complete_as<tree>(llm, question_by_hand());
    CO_ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->value, tree({{"name", "Ada"}, {"age", 36}}));
    EXPECT_EQ(found->response.usage().total_tokens, 3);
    const tree sent = tree::parse(server->requests.at(0).body);
    EXPECT_EQ(sent["response_format"]["json_schema"]["name"], "person");
    const tree thrown = co_await complete_as<tree>(llm, question_by_hand());
    EXPECT_EQ(thrown, found->value);
}

struct unfit_answer {
    std::shared_ptr<fake_transport> server;
    errc expected;
    std::string_view path;
    std::string_view words;
};
std::vector<unfit_answer> unfit_answers() {
    return {
        {saying(R"({"name": "Ada", "age": 36, "towns": ["Rome", 3]})"), errc::schema_mismatch, "$.towns[1]",
         "must be a string, not 3"},
        {saying(R"({"name": "Ada", "towns": [3]})"), errc::schema_mismatch, "$.age",
         "is missing; $.towns[0] must be a string, not 3"},
        {saying("[]"), errc::schema_mismatch, "$", "must be an object, not a list"},
        {saying("Ada."), errc::decode_failed, "", "invalid JSON at byte 0: expected a value"},
        {saying(R"({"name": "Ad)", "length"), errc::cut_off, "", ""},
        {saying("", "content_filter"), errc::content_filtered, "", ""},
        {choosing_one(choice_of({{"refusal", "I cannot."}})), errc::refused_by_model, "", "I cannot."},
    };
}

CHORUS_TEST(complete_as, tells_what_is_wrong_with_json_of_a_schema) {
    for (const unfit_answer& row : unfit_answers()) {
        client llm(get_executor(), endpoint(), row.server);
        const auto found = co_await try_complete_as<tree>(llm, question_by_hand());
        CO_ASSERT_FALSE(found) << row.words;
        EXPECT_EQ(found.error(), row.expected) << found.error().message();
        EXPECT_EQ(found.error().param(), row.path);
        EXPECT_EQ(found.error().text(), row.words);
        CO_ASSERT_TRUE(found.error().partial());
        EXPECT_EQ(found.error().partial()->usage().total_tokens, 3);
    }
    client llm(get_executor(), endpoint(), unfit_answers().front().server);
    EXPECT_THROW(co_await complete_as<tree>(llm, question_by_hand()), api_error);
}

CHORUS_TEST(complete_as, takes_any_json_where_no_schema_is_given) {
    const auto server = saying(R"({"anything": [1]})");
    client llm(get_executor(), endpoint(), server);
    const tree found = co_await complete_as<tree>(llm, question());
    EXPECT_EQ(found, tree::parse(R"({"anything": [1]})"));
    EXPECT_EQ(tree::parse(server->requests.at(0).body)["response_format"]["type"], "json_object");
}

TEST(answer_as, checks_json_against_the_format_that_was_asked_for) {
    chat_completion decoded;
    decoded.choices.emplace_back().message.content = R"({"name": "Ada"})";
    const chat_response response(std::move(decoded), {});
    const auto unfit = answer_as<tree>(response, *question_by_hand().options().response_format);
    ASSERT_FALSE(unfit);
    EXPECT_EQ(unfit.error().param(), "$.age");
    const auto any = answer_as<tree>(response);
    ASSERT_TRUE(any);
    EXPECT_EQ(any->value["name"], "Ada");
    const auto looped = answer_as<tree>(response, response_format::json_schema("loop", {{"$ref", "#"}}));
    ASSERT_FALSE(looped);
    EXPECT_EQ(looped.error().text(), "the answer is too complex to be checked");
}

CHORUS_TEST(complete_as, passes_on_the_error_of_the_call) {
    const auto broken = std::make_shared<fake_transport>(
        [](const http::request&) -> result<http::response> { return error(errc::connect_failed, "nobody there"); });
    const error failed = co_await failure_from(broken);
    EXPECT_EQ(failed, errc::connect_failed);
    EXPECT_EQ(failed.text(), "nobody there");
}

CHORUS_TEST(complete_as, throws_what_try_complete_as_returns) {
    client llm(get_executor(), endpoint(), saying("{}"));
    try {
        co_await complete_as<sample::person>(llm, question());
        ADD_FAILURE() << "did not throw";
    } catch (const api_error& thrown) {
        EXPECT_EQ(thrown.error(), errc::schema_mismatch);
        EXPECT_EQ(thrown.error().param(), "$.name");
    }
}

CHORUS_TEST(complete_as, sends_nothing_before_it_is_awaited_and_needs_no_client_then) {
    const auto server = saying(R"({"name": "Ada"})");
    auto llm = std::make_unique<client>(get_executor(), endpoint(), server);
    auto later = try_complete_as<sample::person>(*llm, question());
    EXPECT_TRUE(server->requests.empty());
    llm.reset();
    const auto found = co_await std::move(later);
    CO_ASSERT_FALSE(found);
    EXPECT_EQ(found.error(), errc::client_closed);
}

TEST(answer_as, reads_a_value_that_holds_no_copies) {
    chat_completion decoded;
    decoded.choices.emplace_back().message.content = R"({"link": 1, "next": {"link": 2}})";
    const auto found = answer_as<sample::chain>(chat_response(std::move(decoded), {}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->value.next->link, 2);
}

}  // namespace
}  // namespace chorus::complete_as_tests
