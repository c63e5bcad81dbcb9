// Contracts of running the calls of one answer.
#include <chorus/async/event.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/tools/run_calls.hpp>

#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "scripted_model.hpp"

namespace chorus::run_calls_tests {
namespace {

using namespace std::chrono_literals;
using sample::asking;
using sample::call;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using json = nlohmann::json;

std::string text_of(const message& output) {
    return (output.has_failed() ? "failed " : "") + *output.content().as_text();
}
std::vector<std::string> texts_of(const std::vector<message>& outputs) {
    std::vector<std::string> texts;
    for (const message& output : outputs) texts.push_back(output.tool_call_id() + ": " + text_of(output));
    return texts;
}

/// `wait` sleeps for `ms` milliseconds and gives the number back; `throw` throws.
tool_set sample_tools(std::vector<std::string>* log = nullptr) {
    tool_set tools;
    const json schema = {{"type", "object"}, {"properties", {{"ms", {{"type", "integer"}}}}}, {"required", {"ms"}}};
    tools.add(tool::function("wait").parameters(schema), [log](const json& arguments) -> awaitable<int> {
        const int ms = arguments.at("ms");
        if (log != nullptr) log->push_back("begin " + std::to_string(ms));
        co_await sleep_for(std::chrono::milliseconds(ms));
        if (log != nullptr) log->push_back("end " + std::to_string(ms));
        co_return ms;
    });
    tools.add(tool::function("throw"), []() -> std::string { throw std::runtime_error("out of order"); });
    return tools;
}

CHORUS_TEST(run_calls, calls_of_one_answer_run_at_once) {
    const answer asked = asking({call("c1", "wait", R"({"ms":3000})"), call("c2", "wait", R"({"ms":1000})"),
                                 call("c3", "wait", R"({"ms":2000})")});
    const auto outputs = co_await run_calls(sample_tools(), asked);
    EXPECT_EQ(test_clock().elapsed(), 3s);
    EXPECT_THAT(texts_of(outputs), ElementsAre("c1: 3000", "c2: 1000", "c3: 2000")) << "in the order of the calls";
}

CHORUS_TEST(run_calls, runs_one_after_the_other_if_told_to) {
    std::vector<std::string> log;
    const answer asked = asking({call("c1", "wait", R"({"ms":2})"), call("c2", "wait", R"({"ms":1})")});
    const auto outputs = co_await run_calls(sample_tools(&log), asked, {.parallel = false});
    EXPECT_THAT(log, ElementsAre("begin 2", "end 2", "begin 1", "end 1"));
    EXPECT_THAT(texts_of(outputs), ElementsAre("c1: 2", "c2: 1"));
}

CHORUS_TEST(run_calls, runs_no_more_at_once_than_allowed) {
    std::vector<std::string> log;
    const answer asked = asking(
        {call("c1", "wait", R"({"ms":3})"), call("c2", "wait", R"({"ms":1})"), call("c3", "wait", R"({"ms":1})")});
    co_await run_calls(sample_tools(&log), asked, {.max_parallel = 2});
    EXPECT_THAT(log, ElementsAre("begin 3", "begin 1", "end 1", "begin 1", "end 1", "end 3"));
    try {
        co_await run_calls(sample_tools(), asked, {.max_parallel = 0});
        ADD_FAILURE() << "did not throw";
    } catch (const api_error& thrown) {
        EXPECT_EQ(thrown.error(), errc::invalid_argument);
    }
}

CHORUS_TEST(run_calls, does_nothing_for_an_answer_without_calls) {
    const auto outputs = co_await run_calls(sample_tools(), answer());
    EXPECT_THAT(outputs, IsEmpty());
}

CHORUS_TEST(run_calls, a_failing_tool_does_not_stop_the_others) {
    const answer asked = asking({call("c1", "throw"), call("c2", "wait", R"({"ms":1000})")});
    const auto outputs = co_await run_calls(sample_tools(), asked);
    EXPECT_THAT(texts_of(outputs), ElementsAre("c1: failed Error: out of order", "c2: 1000"));
}

CHORUS_TEST(run_calls, arguments_that_do_not_fit_go_back_to_the_model) {
    std::vector<std::string> log;
    const answer asked =
        asking({call("c1", "wait", R"({"ms":"long"})"), call("c2", "wait", "{}"), call("c3", "wait", "[1]"),
                call("c4", "wait", R"({"ms":)"), call("c5", "wait", R"({"ms":1e999})")});
    const auto outputs = co_await run_calls(sample_tools(&log), asked);
    EXPECT_EQ(text_of(outputs.at(0)),
              "failed Error: the arguments do not fit the schema of the tool:\n"
              "- arguments.ms must be an integer, not \"long\"\n"
              "Mend them and call the tool again.");
    EXPECT_THAT(text_of(outputs.at(1)), HasSubstr("- arguments.ms is missing\n"));
    EXPECT_THAT(text_of(outputs.at(2)), HasSubstr("- arguments must be an object, not a list\n"));
    EXPECT_THAT(text_of(outputs.at(3)), HasSubstr("failed Error: the arguments are not valid JSON: "));
    EXPECT_THAT(text_of(outputs.at(4)), HasSubstr("failed Error: the arguments are not valid JSON: "));
    EXPECT_THAT(log, IsEmpty()) << "no handler has seen them";
}

CHORUS_TEST(run_calls, refuses_arguments_that_are_nested_without_end) {
    const answer asked =
        asking({call("c1", "throw", R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}")});
    const auto outputs = co_await run_calls(sample_tools(), asked);
    EXPECT_THAT(text_of(outputs.at(0)), HasSubstr("not valid JSON"));
}

CHORUS_TEST(run_calls, tells_the_model_which_tools_there_are) {
    const answer asked = asking({call("c1", "weather")});
    const auto outputs = co_await run_calls(sample_tools(), asked);
    EXPECT_EQ(text_of(outputs.at(0)), "failed Error: there is no tool named \"weather\"; the tools are wait, throw.");
    const auto none = co_await run_calls(tool_set(), asked);
    EXPECT_EQ(text_of(none.at(0)), "failed Error: there is no tool named \"weather\"; there are none at all.");
}

CHORUS_TEST(run_calls, gives_a_custom_tool_its_text) {
    tool_set tools;
    tools.add(tool::custom("shell"), [](std::string_view text) { return "ran " + std::string(text); });
    answer asked = asking({call("c1", "shell", "ls {")});
    asked.tool_calls[0].type = tool_type::custom;
    const auto outputs = co_await run_calls(tools, asked);
    EXPECT_THAT(texts_of(outputs), ElementsAre("c1: ran ls {"));
}

CHORUS_TEST(run_calls, the_limit_of_a_call_is_told_to_the_model) {
    const answer asked = asking({call("c1", "wait", R"({"ms":60000})"), call("c2", "wait", R"({"ms":1000})")});
    const auto outputs = co_await run_calls(sample_tools(), asked, {.call_timeout = 5s});
    EXPECT_EQ(test_clock().elapsed(), 5s);
    EXPECT_THAT(texts_of(outputs), ElementsAre("c1: failed Error: the limit of 5000 ms passed", "c2: 1000"));
}

/// Counts the frames that are alive.
struct life {
    explicit life(int& count) : count_(count) { ++count_; }
    ~life() { --count_; }
    life(const life&) = delete;
    life& operator=(const life&) = delete;
    int& count_;
};

CHORUS_TEST(run_calls, cancelling_ends_the_running_handlers) {
    int running = 0;
    int finished = 0;
    tool_set tools;
    tools.add(tool::function("f"), [&]() -> awaitable<std::string> {
        const life here(running);
        co_await sleep_for(1h);
        ++finished;
        co_return "";
    });
    const answer asked = asking({call("c1", "f"), call("c2", "f"), call("c3", "f")});
    auto run = run_calls(tools, asked, {.max_parallel = 2});
    auto work = spawn(get_executor(), std::move(run));
    co_await sleep_for(1s);
    EXPECT_EQ(running, 2);
    work.cancel();
    try {
        co_await std::move(work);
        ADD_FAILURE() << "did not throw";
    } catch (const boost::system::system_error& thrown) {
        EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
    }
    EXPECT_EQ(running, 0) << "nothing is left behind";
    EXPECT_EQ(finished, 0);
    EXPECT_EQ(test_clock().elapsed(), 1s);
}

CHORUS_REAL_TIME_TEST(run_calls, cancelling_drops_the_jobs_that_have_not_begun) {
    asio::thread_pool one(1);
    std::promise<void> gate;
    const std::shared_future<void> opened = gate.get_future().share();
    std::atomic<int> begun = 0;
    event first_begun;
    const executor home = get_executor();
    tool_set tools;
    tools.add(tool::function("f"), offloaded(one, [&, opened] {
                  if (begun++ == 0) asio::post(home, [&] { first_begun.set(); });
                  opened.wait();
                  return "";
              }));
    const answer asked = asking({call("c1", "f"), call("c2", "f"), call("c3", "f")});
    auto work = spawn(get_executor(), run_calls(tools, asked));
    co_await first_begun.wait();
    work.cancel();
    try {
        co_await std::move(work);
        ADD_FAILURE() << "did not throw";
    } catch (const boost::system::system_error& thrown) {
        EXPECT_EQ(thrown.code(), asio::error::operation_aborted) << "and does not wait for the job that runs";
    }
    gate.set_value();
    one.join();
    EXPECT_EQ(begun, 1);
}

class call_log final : public tool_observer {
 public:
    void on_call(const tool_call& made) override { lines.push_back("call " + made.id + " " + made.arguments); }
    void on_result(const tool_call& made, const message& output, clock::duration taken) override {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(taken).count();
        lines.push_back("result " + made.id + " " + text_of(output) + " after " + std::to_string(ms));
    }
    std::vector<std::string> lines;
};

CHORUS_TEST(run_calls, tells_its_observer_of_each_call_as_it_happens) {
    call_log log;
    const answer asked =
        asking({call("c1", "wait", R"({"ms":20})"), call("c2", "wait", R"({"ms":10})"), call("c3", "throw")});
    co_await run_calls(sample_tools(), asked, {.observer = &log});
    EXPECT_THAT(log.lines, ElementsAre(R"(call c1 {"ms":20})", R"(call c2 {"ms":10})", "call c3 {}",
                                       "result c3 failed Error: out of order after 0", "result c2 10 after 10",
                                       "result c1 20 after 20"));
}

class angry_observer final : public tool_observer {
 public:
    void on_result(const tool_call&, const message&, clock::duration) override { throw std::logic_error("enough"); }
};

CHORUS_TEST(run_calls, an_exception_of_the_observer_comes_out) {
    angry_observer observer;
    const answer asked = asking({call("c1", "throw")});
    try {
        co_await run_calls(sample_tools(), asked, {.observer = &observer});
        ADD_FAILURE() << "did not throw";
    } catch (const std::logic_error& thrown) {
        EXPECT_STREQ(thrown.what(), "enough");
    }
}

}  // namespace
}  // namespace chorus::run_calls_tests
