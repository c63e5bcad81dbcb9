// What counts as a handler, what it is given, and what the model is told of its output.
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/tools/run_calls.hpp>
#include <chorus/tools/tool_set.hpp>

#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "scripted_model.hpp"

namespace chorus::tool_set_tests {
namespace {

using sample::call;
using ::testing::ElementsAre;
using json = nlohmann::json;

/// What the model is told when it calls a handler.
template <class Handler>
awaitable<message> output_of(tool description, Handler handler, std::string arguments) {
    tool_set tools;
    tool_call made = call("c1", description.name(), std::move(arguments));
    made.type = description.type();
    tools.add(std::move(description), std::move(handler));
    answer asked;
    asked.tool_calls.push_back(std::move(made));
    auto messages = co_await run_calls(tools, asked);
    EXPECT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages.at(0).role(), role::tool);
    EXPECT_EQ(messages.at(0).tool_call_id(), "c1");
    co_return messages.at(0);
}
template <class Handler>
awaitable<std::string> text_of(Handler handler, std::string arguments = R"({"n": 2})") {
    const message output = co_await output_of(tool::function("f"), std::move(handler), std::move(arguments));
    EXPECT_FALSE(output.has_failed());
    co_return output.content().as_text() ? *output.content().as_text() : "no text";
}
template <class Handler>
awaitable<std::string> failure_of(Handler handler, std::string arguments = R"({"n": 2})") {
    const message output = co_await output_of(tool::function("f"), std::move(handler), std::move(arguments));
    EXPECT_TRUE(output.has_failed());
    co_return output.content().as_text() ? *output.content().as_text() : "no text";
}

std::string twice(const json& arguments) {
    return std::to_string(arguments.at("n").get<int>() * 2);
}
awaitable<std::string> twice_later(const json& arguments) {
    co_await sleep_for(std::chrono::seconds(1));
    co_return twice(arguments);
}

CHORUS_TEST(tool_set, takes_functions_and_coroutines_of_json) {
    EXPECT_EQ(co_await text_of(&twice), "4");
    EXPECT_EQ(co_await text_of(&twice_later), "4");
    auto by_value = [](json arguments) { return arguments.at("n").get<int>() + 1; };
    EXPECT_EQ(co_await text_of(by_value), "3");
    auto generic = [](const auto& arguments) { return arguments.at("n"); };
    EXPECT_EQ(co_await text_of(generic), "2");
    std::function<std::string(const json&)> erased = twice;
    EXPECT_EQ(co_await text_of(std::move(erased)), "4");
    auto without = [] { return "now"; };
    EXPECT_EQ(co_await text_of(without), "now");
    auto counting = [count = 0](const json&) mutable { return ++count; };
    EXPECT_EQ(co_await text_of(counting), "1");
    auto owning = [owned = std::make_unique<int>(7)] { return *owned; };
    EXPECT_EQ(co_await text_of(std::move(owning)), "7");
}

CHORUS_TEST(tool_set, gives_the_text_as_it_came_to_a_handler_of_text) {
    auto raw = [](std::string_view text) { return std::string(text); };
    EXPECT_EQ(co_await text_of(raw, R"( {"n":  2})"), R"( {"n":  2})");
    auto later = [](std::string text) -> awaitable<std::string> { co_return text; };
    EXPECT_EQ(co_await text_of(later, R"({})"), "{}");
    auto measure = [](std::string_view text) noexcept { return text.size(); };
    EXPECT_EQ(co_await text_of(measure, "{}"), "2");
    auto shout = [](const std::string& text) { return text + "!"; };
    const message output = co_await output_of(tool::custom("shell"), shout, "ls -l \"a b\"");
    EXPECT_EQ(*output.content().as_text(), "ls -l \"a b\"!");
    EXPECT_FALSE(output.has_failed());
}

CHORUS_TEST(tool_set, gives_an_empty_object_where_the_model_wrote_nothing) {
    auto echo = [](const json& arguments) { return arguments; };
    EXPECT_EQ(co_await text_of(echo, ""), "{}");
    EXPECT_EQ(co_await text_of(echo, " \n"), "{}");
    EXPECT_EQ(co_await text_of(echo, "null"), "{}");
}

CHORUS_TEST(tool_set, writes_what_a_handler_returns) {
    auto object = [] { return json{{"a", 1}}; };
    EXPECT_EQ(co_await text_of(object), R"({"a":1})");
    auto text_in_json = [] { return json("text"); };
    EXPECT_EQ(co_await text_of(text_in_json), R"("text")");
    auto ordered = [] { return nlohmann::ordered_json{{"b", 1}, {"a", 2}}; };
    EXPECT_EQ(co_await text_of(ordered), R"({"b":1,"a":2})");
    auto list = [] { return std::vector<int>{1, 2}; };
    EXPECT_EQ(co_await text_of(list), "[1,2]");
    auto map = [] { return std::map<std::string, bool>{{"a", true}}; };
    EXPECT_EQ(co_await text_of(map), R"({"a":true})");
    auto nothing = [] {};
    EXPECT_EQ(co_await text_of(nothing), "done");
    auto nothing_later = []() -> awaitable<void> { co_return; };
    EXPECT_EQ(co_await text_of(nothing_later), "done");
    auto sound = []() -> result<std::string> { return "sound"; };
    EXPECT_EQ(co_await text_of(sound), "sound");
    auto sound_json = []() -> awaitable<result<json>> { co_return json{{"a", 1}}; };
    EXPECT_EQ(co_await text_of(sound_json), R"({"a":1})");
    auto sound_nothing = []() -> result<void> { return {}; };
    EXPECT_EQ(co_await text_of(sound_nothing), "done");
}

CHORUS_TEST(tool_set, passes_images_on) {
    auto drawn = [] { return content().text("A cat.").image("data:image/png;base64,AAAA"); };
    const message output = co_await output_of(tool::function("draw"), drawn, "");
    CO_ASSERT_TRUE(output.content().as_parts());
    EXPECT_EQ(output.content().as_parts()->size(), 2u);
}

CHORUS_TEST(tool_set, mends_text_that_no_server_takes) {
    auto latin = [] { return "caf\xe9"; };
    EXPECT_EQ(co_await text_of(latin), "caf\xef\xbf\xbd");
    auto inside = [] { return json{{"a", "\xff"}}; };
    EXPECT_EQ(co_await text_of(inside), "{\"a\":\"\xef\xbf\xbd\"}");
    auto thrown = []() -> std::string { throw std::runtime_error("no caf\xe9"); };
    EXPECT_EQ(co_await failure_of(thrown), "Error: no caf\xef\xbf\xbd");
}

CHORUS_TEST(tool_set, tells_the_model_of_a_failure_in_its_own_words) {
    auto throws = [](const json&) -> std::string { throw std::runtime_error("no such city"); };
    EXPECT_EQ(co_await failure_of(throws), "Error: no such city");
    auto throws_later = [](const json&) -> awaitable<std::string> {
        co_await sleep_for(std::chrono::seconds(1));
        throw std::runtime_error("no such city");
    };
    EXPECT_EQ(co_await failure_of(throws_later), "Error: no such city");
    auto throws_something = []() -> int { throw 42; };
    EXPECT_EQ(co_await failure_of(throws_something), "Error: an exception was thrown");
    auto returns = []() -> result<int> { return error(errc::not_found, "no such city"); };
    EXPECT_EQ(co_await failure_of(returns), "Error: no such city");
    auto of_a_call = []() -> awaitable<result<std::string>> {
        error failure(errc::rate_limited, "slow down");
        co_return failure.phase(phase::status).http_status(429);
    };
    EXPECT_EQ(co_await failure_of(of_a_call), "Error: status: rate limited: slow down [status 429]");
    auto cancelled_itself = []() -> awaitable<std::string> {
        throw boost::system::system_error(asio::error::operation_aborted);
        co_return "";
    };
    EXPECT_EQ(co_await failure_of(cancelled_itself), "Error: cancelled");
    EXPECT_EQ(co_await failure_of(offloaded(throws)), "Error: no such city");
    auto wrong_access = [](const json& arguments) { return arguments.at("missing").get<int>(); };
    EXPECT_THAT(co_await failure_of(wrong_access), ::testing::HasSubstr("missing"));
}

CHORUS_REAL_TIME_TEST(tool_set, runs_cpu_work_on_a_pool) {
    const auto loop = std::this_thread::get_id();
    auto where = [loop](const json& arguments) {
        return json{{"n", arguments.at("n")}, {"on_loop", std::this_thread::get_id() == loop}};
    };
    EXPECT_EQ(co_await text_of(where), R"({"n":2,"on_loop":true})");
    EXPECT_EQ(co_await text_of(offloaded(where)), R"({"n":2,"on_loop":false})");
    asio::thread_pool own(1);
    EXPECT_EQ(co_await text_of(offloaded(own, where)), R"({"n":2,"on_loop":false})");
}

CHORUS_TEST(tool_set, keeps_a_coroutine_lambda_and_what_it_captured_alive) {
    auto handler =
        [owned = std::string("a text too long for the small buffer")](const json& arguments) -> awaitable<std::string> {
        co_await sleep_for(std::chrono::seconds(1));
        co_return owned + arguments.dump();
    };
    answer asked;
    asked.tool_calls.push_back(call("c1", "f", R"({"n":1})"));
    auto tools = std::make_unique<tool_set>();
    tools->add(tool::function("f"), std::move(handler));
    auto running = spawn(get_executor(), run_calls(*tools, asked));
    tools.reset();
    const auto messages = co_await std::move(running);
    EXPECT_EQ(*messages.at(0).content().as_text(), R"(a text too long for the small buffer{"n":1})");
}

TEST(tool_set, describes_its_tools_for_a_request) {
    tool_set tools;
    tools.add(tool::function("a").description("A."), [] { return 1; });
    tools.add(tool::custom("b"), [](std::string_view) { return 1; });
    EXPECT_THAT(tools.names(), ElementsAre("a", "b"));
    EXPECT_EQ(tools.size(), 2u);
    EXPECT_TRUE(tools.contains("a"));
    EXPECT_FALSE(tools.contains("c"));
    const auto request = chat_request("m").tools(tools.descriptions());
    ASSERT_EQ(request.options().tools.size(), 2u);
    EXPECT_EQ(request.options().tools[0].description(), "A.");
}

TEST(tool_set, knows_the_name_of_a_tool_given_as_json) {
    tool_set tools;
    tools.add(tool::json({{"type", "bash_20250124"}, {"name", "bash"}}), [](const json&) { return ""; });
    tools.add(tool::json({{"type", "function"}, {"function", {{"name", "f"}}}}), [](const json&) { return ""; });
    EXPECT_THAT(tools.names(), ElementsAre("bash", "f"));
}

TEST(tool_set, refuses_what_cannot_work) {
    const auto failure_from = [](tool description, auto handler) {
        tool_set tools;
        tools.add(tool::function("taken"), [] { return 1; });
        try {
            tools.add(std::move(description), handler);
        } catch (const api_error& thrown) {
            EXPECT_EQ(tools.size(), 1u);
            EXPECT_EQ(thrown.error(), errc::invalid_argument);
            return std::string(thrown.error().text());
        }
        return std::string("none");
    };
    const auto takes_json = [](const json&) { return 1; };
    EXPECT_EQ(failure_from(tool::function("taken"), takes_json), R"(the tool "taken" is in the set already)");
    EXPECT_EQ(failure_from(tool::function(""), takes_json), "a tool of a tool_set has no name");
    EXPECT_EQ(failure_from(tool::json({{"type", "web_search"}}), takes_json), "a tool of a tool_set has no name");
    EXPECT_EQ(failure_from(tool::custom("shell"), takes_json),
              R"(the tool "shell" is custom: its handler takes std::string_view)");
    EXPECT_EQ(failure_from(tool::function("free"), takes_json), "none");
}

}  // namespace
}  // namespace chorus::tool_set_tests
