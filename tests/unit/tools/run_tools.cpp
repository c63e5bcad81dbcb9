// Contracts of the loop: what is sent, when it ends, and what is left when it is cut short.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/tools/run_tools.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "scripted_model.hpp"

namespace chorus::run_tools_tests {
namespace {

using namespace std::chrono_literals;
using sample::call;
using sample::endpoint;
using sample::scripted_model;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using json = nlohmann::json;

/// `add` adds; `wait` waits for a second.
tool_set sample_tools() {
    tool_set tools;
    const json number = {{"type", "integer"}};
    const json schema = {{"type", "object"}, {"properties", {{"a", number}, {"b", number}}}, {"required", {"a", "b"}}};
    tools.add(tool::function("add").description("Adds.").parameters(schema),
              [](const json& arguments) { return arguments.at("a").get<int>() + arguments.at("b").get<int>(); });
    tools.add(tool::function("wait"), []() -> awaitable<std::string> {
        co_await sleep_for(1s);
        co_return "waited";
    });
    return tools;
}

chat_request question() {
    return chat_request("m").user("What is 2 + 3?");
}

std::vector<std::string> roles_of(const chat_request& conversation) {
    std::vector<std::string> roles;
    for (const message& sent : conversation.messages()) roles.push_back(sent.role());
    return roles;
}

CHORUS_TEST(run_tools, sends_the_outputs_until_the_model_answers) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})"), call("c2", "wait")}).says("It is 5.");
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools());
    CO_ASSERT_TRUE(run) << run.error().message();
    EXPECT_EQ(run->response.text(), "It is 5.");
    EXPECT_EQ(run->rounds, 2u);
    EXPECT_EQ(run->usage.total_tokens, 20);
    EXPECT_EQ(run->usage.prompt_tokens, 2);
    EXPECT_FALSE(run->usage.completion_tokens.has_value()) << "nobody told";
    EXPECT_THAT(roles_of(run->conversation), ElementsAre("user", "assistant", "tool", "tool", "assistant"));

    CO_ASSERT_EQ(model->requests.size(), 2u);
    const json& first = model->requests[0];
    CO_ASSERT_EQ(first["tools"].size(), 2u);
    EXPECT_EQ(first["tools"][0]["function"]["name"], "add");
    EXPECT_EQ(first["tools"][0]["function"]["description"], "Adds.");
    const json& sent = model->requests[1]["messages"];
    CO_ASSERT_EQ(sent.size(), 4u);
    EXPECT_EQ(sent[1]["tool_calls"][0]["id"], "c1");
    EXPECT_EQ(sent[2], json({{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "5"}}));
    EXPECT_EQ(sent[3], json({{"role", "tool"}, {"tool_call_id", "c2"}, {"content", "waited"}}));
    EXPECT_EQ(model->requests[1]["tools"], first["tools"]);
}

CHORUS_TEST(run_tools, an_answer_without_calls_ends_it_at_once) {
    const auto model = std::make_shared<scripted_model>();
    model->says("5.");
    client llm(get_executor(), endpoint(), model);
    const tool_run run = co_await run_tools(llm, question(), sample_tools());
    EXPECT_EQ(run.rounds, 1u);
    EXPECT_EQ(model->requests.size(), 1u);
    EXPECT_THAT(roles_of(run.conversation), ElementsAre("user", "assistant"));
}

CHORUS_TEST(run_tools, calls_decide_whatever_the_finish_reason_says) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})")}, "stop").says("5.");
    client llm(get_executor(), endpoint(), model);
    const tool_run run = co_await run_tools(llm, question(), sample_tools());
    EXPECT_EQ(run.rounds, 2u);
}

CHORUS_TEST(run_tools, a_conversation_can_be_gone_on_with) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})")}).says("5.").calls({call("c2", "wait")}).says("6.");
    client llm(get_executor(), endpoint(), model);
    const tool_set tools = sample_tools();
    tool_run run = co_await run_tools(llm, question(), tools);
    run.conversation.user("And one more?");
    run = co_await run_tools(llm, std::move(run.conversation), tools);
    EXPECT_EQ(run.response.text(), "6.");
    EXPECT_THAT(roles_of(run.conversation),
                ElementsAre("user", "assistant", "tool", "assistant", "user", "assistant", "tool", "assistant"));
    EXPECT_EQ(run.messages().size(), 8u);
    EXPECT_EQ(model->requests.back()["tools"].size(), 2u) << "each tool is sent once";
}

CHORUS_TEST(run_tools, what_the_model_does_wrong_goes_back_to_it) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2})"), call("c2", "subtract"), call("c3", "add", "{"), call("", "")})
        .says("Sorry.");
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools());
    CO_ASSERT_TRUE(run) << run.error().message();
    const json& sent = model->requests.at(1)["messages"];
    CO_ASSERT_EQ(sent.size(), 6u);
    EXPECT_THAT(sent[2]["content"].get<std::string>(), HasSubstr("arguments.b is missing"));
    EXPECT_THAT(sent[3]["content"].get<std::string>(), HasSubstr("no tool named \"subtract\""));
    EXPECT_THAT(sent[4]["content"].get<std::string>(), HasSubstr("not valid JSON"));
    EXPECT_THAT(sent[5]["content"].get<std::string>(), HasSubstr("no tool named"));
    EXPECT_EQ(sent[5]["tool_call_id"], sent[1]["tool_calls"][3]["id"]);
    EXPECT_TRUE(run->messages().at(2).has_failed());
}

CHORUS_TEST(run_tools, a_required_call_is_required_once) {
    const auto choices_sent = [&](tool_choice choice, std::vector<json>& sent, chat_request& left) -> awaitable<void> {
        const auto model = std::make_shared<scripted_model>();
        model->calls({call("c1", "wait")}).says("Done.");
        client llm(get_executor(), endpoint(), model);
        auto request = question();
        request.tool_choice(std::move(choice));
        tool_run run = co_await run_tools(llm, std::move(request), sample_tools());
        sent.clear();
        for (const json& one : model->requests) sent.push_back(one["tool_choice"]);
        left = std::move(run.conversation);
    };
    std::vector<json> sent;
    chat_request left;
    co_await choices_sent(tool_choice::required(), sent, left);
    EXPECT_THAT(sent, ElementsAre("required", "auto"));
    EXPECT_EQ(left.options().tool_choice->type(), tool_choice::kind::required) << "as the request said";
    co_await choices_sent(tool_choice::function("wait"), sent, left);
    EXPECT_EQ(sent.at(0)["function"]["name"], "wait");
    EXPECT_EQ(sent.at(1), "auto");
    auto one_of = tool_choice::allowed(std::vector<std::string>{"wait"}, true);
    co_await choices_sent(std::move(one_of), sent, left);
    EXPECT_EQ(sent.at(0)["allowed_tools"]["mode"], "required");
    EXPECT_EQ(sent.at(1)["allowed_tools"]["mode"], "auto");
    EXPECT_EQ(sent.at(1)["allowed_tools"]["tools"].size(), 1u);
    co_await choices_sent(tool_choice::none(), sent, left);
    EXPECT_THAT(sent, ElementsAre("none", "none"));
}

CHORUS_TEST(run_tools, ends_with_an_error_after_as_many_rounds_as_allowed) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait")});
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools(), {.max_rounds = 3});
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(run.error(), errc::too_many_rounds);
    EXPECT_EQ(model->requests.size(), 3u);
    EXPECT_EQ(test_clock().elapsed(), 2s + 3ms) << "the calls of the last answer were not run";
    CO_ASSERT_TRUE(run.error().partial());
    EXPECT_EQ(run.error().partial()->tool_calls().size(), 1u);
    CO_ASSERT_TRUE(run.error().conversation());
    EXPECT_THAT(roles_of(*run.error().conversation()), ElementsAre("user", "assistant", "tool", "assistant", "tool"));

    // It can be asked for an answer all the same.
    model->says("I do not know.");
    co_await llm.complete(*run.error().conversation());
    auto closing = *run.error().conversation();
    closing.tool_choice(tool_choice::none());
    const auto last = co_await llm.complete(std::move(closing));
    EXPECT_EQ(last.text(), "I do not know.");
}

CHORUS_TEST(run_tools, gives_up_after_ten_rounds_unless_told_otherwise) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})")});
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools());
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(model->requests.size(), 10u);
    try {
        co_await run_tools(llm, question(), sample_tools());
        ADD_FAILURE() << "did not throw";
    } catch (const api_error& thrown) {
        EXPECT_EQ(thrown.error(), errc::too_many_rounds);
    }
}

CHORUS_TEST(run_tools, refuses_limits_that_let_nothing_happen) {
    const auto model = std::make_shared<scripted_model>();
    model->says("5.");
    client llm(get_executor(), endpoint(), model);
    const auto no_rounds = co_await try_run_tools(llm, question(), sample_tools(), {.max_rounds = 0});
    CO_ASSERT_FALSE(no_rounds);
    EXPECT_EQ(no_rounds.error(), errc::invalid_argument);
    EXPECT_EQ(no_rounds.error().param(), "max_rounds");
    const auto no_calls = co_await try_run_tools(llm, question(), sample_tools(), {.max_parallel = 0});
    CO_ASSERT_FALSE(no_calls);
    EXPECT_EQ(no_calls.error().param(), "max_parallel");
    EXPECT_TRUE(model->requests.empty());
}

CHORUS_TEST(run_tools, an_error_of_a_request_comes_with_the_conversation) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})")}).fails(429);
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools());
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(run.error(), errc::rate_limited);
    EXPECT_EQ(run.error().http_status(), 429);
    CO_ASSERT_TRUE(run.error().conversation());
    EXPECT_THAT(roles_of(*run.error().conversation()), ElementsAre("user", "assistant", "tool"));
}

CHORUS_TEST(run_tools, the_limit_of_a_request_is_that_of_each_round) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait")}).says("Done.");
    client llm(get_executor(), endpoint(), model);
    auto request = question();
    request.timeout(500ms);
    const auto run = co_await try_run_tools(llm, std::move(request), sample_tools());
    EXPECT_TRUE(run) << "the second that the call takes does not count";
    EXPECT_EQ(model->last_limits.total, 500ms);
}

CHORUS_TEST(run_tools, names_each_round_apart_where_the_user_names_the_request) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait")}).calls({call("c2", "wait")}).says("Done.");
    client llm(get_executor(), endpoint(), model);
    auto request = question();
    request.header("idempotency-key", "mine").header("X-Client-Request-Id", "id").header("X-Other", "same");
    const auto run = co_await try_run_tools(llm, std::move(request), sample_tools());
    CO_ASSERT_TRUE(run);
    std::vector<std::string> names;
    for (const auto& sent : model->headers) {
        names.push_back(std::string(sent.get("Idempotency-Key")) + " " + std::string(sent.get("X-Client-Request-Id")) +
                        " " + std::string(sent.get("X-Other")));
    }
    EXPECT_EQ(names, (std::vector<std::string>{"mine id same", "mine-2 id-2 same", "mine-3 id-3 same"}));
    EXPECT_EQ(run->conversation.options().headers.size(), 3u) << "they stay as the user set them";
}

CHORUS_TEST(run_tools, the_limit_of_the_run_ends_it_in_the_middle_of_a_handler) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "add", R"({"a":2,"b":3})"), call("c2", "wait")}).says("Done.");
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools(), {.timeout = 500ms});
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(run.error(), errc::timed_out);
    EXPECT_EQ(run.error(), condition::timeout);
    EXPECT_EQ(test_clock().elapsed(), 500ms);
    CO_ASSERT_TRUE(run.error().conversation());
    const auto& messages = run.error().conversation()->messages();
    CO_ASSERT_EQ(messages.size(), 4u) << "each call is answered, so that a server takes it";
    EXPECT_EQ(*messages[2].content().as_text(), "5") << "what was done is not lost";
    EXPECT_EQ(*messages[3].content().as_text(), "Error: the call was cancelled");
    EXPECT_TRUE(messages[3].has_failed());
}

CHORUS_TEST(run_tools, the_limit_of_the_run_ends_it_in_the_middle_of_a_request) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait")}).says("Done.");
    model->latency = 2s;
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools(), {.timeout = 4s});
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(run.error(), errc::timed_out);
    EXPECT_EQ(test_clock().elapsed(), 4s);
    EXPECT_THAT(roles_of(*run.error().conversation()), ElementsAre("user", "assistant", "tool"));
}

// Rounds of 3 ms, each with a request of 1 ms and a call of 2 ms: cancelled before, in and after each step.
CHORUS_TEST(run_tools, can_be_cancelled_at_every_step) {
    int running = 0;
    int ended = 0;
    tool_set tools;
    tools.add(tool::function("f"), [&]() -> awaitable<std::string> {
        ++running;
        struct leave {
            int& count;
            ~leave() { --count; }
        } const here{running};
        co_await sleep_for(2ms);
        ++ended;
        co_return "done";
    });
    for (int step = 0; step != 16; ++step) {
        const auto model = std::make_shared<scripted_model>();
        model->calls({call("c1", "f"), call("c2", "f")}).calls({call("c3", "f")}).says("Done.");
        client llm(get_executor(), endpoint(), model);
        auto work = spawn(get_executor(), try_run_tools(llm, question(), tools));
        co_await sleep_for(step * 500us);
        work.cancel();
        try {
            const auto run = co_await std::move(work);
            if (run) {
                EXPECT_GE(step, 14) << "it takes 7 ms";
            } else {
                EXPECT_EQ(run.error(), condition::cancelled) << step;
                CO_ASSERT_TRUE(run.error().conversation());
                std::size_t calls = 0;
                std::size_t outputs = 0;
                for (const message& one : run.error().conversation()->messages()) {
                    calls += one.tool_calls().size();
                    outputs += one.role() == role::tool;
                }
                EXPECT_EQ(calls, outputs) << step;
            }
        } catch (const boost::system::system_error& thrown) {
            EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
        }
        EXPECT_EQ(running, 0) << step;
        const int before = ended;
        co_await sleep_for(1s);
        EXPECT_EQ(ended, before) << "nothing goes on after it";
    }
}

class step_log final : public tool_observer {
 public:
    void on_round(std::size_t number, const chat_request& sent) override {
        lines.push_back("round " + std::to_string(number) + " of " + std::to_string(sent.messages().size()));
    }
    void on_answer(const chat_response& got) override { lines.push_back("answer " + std::string(got.text())); }
    void on_call(const tool_call& made) override { lines.push_back("call " + made.name); }
    void on_result(const tool_call& made, const message& output, clock::duration) override {
        lines.push_back("result " + made.name + " " + *output.content().as_text());
    }
    std::vector<std::string> lines;
};

CHORUS_TEST(run_tools, tells_its_observer_of_each_step_in_order) {
    step_log log;
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait"), call("c2", "add", R"({"a":2,"b":3})")}).says("Done.");
    client llm(get_executor(), endpoint(), model);
    co_await run_tools(llm, question(), sample_tools(), {.observer = &log});
    EXPECT_THAT(log.lines, ElementsAre("round 1 of 1", "answer ", "call wait", "call add", "result add 5",
                                       "result wait waited", "round 2 of 4", "answer Done."));
}

class angry_observer final : public tool_observer {
 public:
    void on_answer(const chat_response&) override { throw std::logic_error("enough"); }
};

CHORUS_TEST(run_tools, an_exception_of_the_observer_ends_the_run) {
    angry_observer observer;
    const auto model = std::make_shared<scripted_model>();
    model->says("Done.");
    client llm(get_executor(), endpoint(), model);
    const auto run = co_await try_run_tools(llm, question(), sample_tools(), {.observer = &observer});
    CO_ASSERT_FALSE(run);
    EXPECT_EQ(run.error().text(), "enough");
    try {
        co_await run_tools(llm, question(), sample_tools(), {.observer = &observer});
        ADD_FAILURE() << "did not throw";
    } catch (const std::logic_error& thrown) {
        EXPECT_STREQ(thrown.what(), "enough");
    }
}

CHORUS_TEST(run_tools, does_nothing_until_it_is_awaited_and_keeps_what_it_was_given) {
    const auto model = std::make_shared<scripted_model>();
    model->calls({call("c1", "wait")}).says("Done.");
    client llm(get_executor(), endpoint(), model);
    { auto never = try_run_tools(llm, question(), sample_tools()); }
    auto tools = std::make_unique<tool_set>(sample_tools());
    auto later = try_run_tools(llm, question(), *tools);
    tools.reset();
    co_await sleep_for(1s);
    EXPECT_TRUE(model->requests.empty());
    const auto run = co_await std::move(later);
    EXPECT_TRUE(run);
}

CHORUS_TEST(run_tools, gives_a_custom_tool_its_text_and_answers_it) {
    tool_set tools;
    tools.add(tool::custom("shell"), [](std::string_view text) { return "ran " + std::string(text); });
    const auto model = std::make_shared<scripted_model>();
    auto made = call("c1", "shell", "ls");
    made.type = tool_type::custom;
    const std::vector<tool_call> calls(1, made);
    model->calls(calls).says("Done.");
    client llm(get_executor(), endpoint(), model);
    co_await run_tools(llm, question(), tools);
    const json& sent = model->requests.at(1)["messages"];
    EXPECT_EQ(sent[1]["tool_calls"][0]["custom"]["input"], "ls");
    EXPECT_EQ(sent[2]["content"], "ran ls");
}

}  // namespace
}  // namespace chorus::run_tools_tests
