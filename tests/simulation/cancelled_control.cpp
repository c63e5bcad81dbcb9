// What several routes, tools, and the gates before a call do, as rows of the table of what is cancelled everywhere.
#include <chorus/async/sleep.hpp>
#include <chorus/routing.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/tools/run_calls.hpp>
#include <chorus/tools/run_tools.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cancelled_operations.hpp"

namespace chorus::simulation {
namespace cancelled_control_tests {
namespace {

using namespace std::chrono_literals;
using testing::mock_request;

/// The model "down" answers with an error, and "slow" late.
void set_up_models(stage& world) {
    world.open_other();
    auto& script = world.server->service().script();
    script.in_any_order();
    script.expect().times(SIZE_MAX).model("down").reply_error(503, "server_error", "", "down");
    script.expect().times(SIZE_MAX).model("slow").after(200ms).reply_text("echo: Why?");
    script.expect().times(SIZE_MAX);
}

void send_once(stage& world) {
    world.options.max_attempts(1);
}

error judged(const result<routed_response>& reply, std::size_t route) {
    if (!reply) return reply.error();
    if (reply->route != route) return wrong("route " + std::to_string(reply->route));
    return simulation::judged(reply->response);
}

// --- tools ------------------------------------------------------------------------------------------------------------

/// Asks for three calls at once, then answers.
void call_tools(stage& world) {
    auto& script = world.server->service().script();
    script.in_any_order();
    const auto has = [](const char* what) {
        return [what](const mock_request& request) { return request.body.find(what) != std::string::npos; };
    };
    const std::string calls =
        R"({"id":"c1","object":"chat.completion","created":1,"model":"model","choices":[{"index":0,"finish_reason":)"
        R"("tool_calls","message":{"role":"assistant","content":null,"tool_calls":[)"
        R"({"id":"1","type":"function","function":{"name":"wait","arguments":"{}"}},)"
        R"({"id":"2","type":"function","function":{"name":"ask","arguments":"{}"}},)"
        R"({"id":"3","type":"function","function":{"name":"add","arguments":"{}"}}]}}]})";
    script.expect().times(SIZE_MAX).matching("it has outputs", has(R"("role":"tool")")).reply_text("echo: Why?");
    script.expect().times(SIZE_MAX).matching("it has tools", has(R"("tools":)")).reply(200, calls);
    script.expect().times(SIZE_MAX);
}

/// One waits, one asks the same client, one answers at once.
tool_set three_tools(stage& world) {
    tool_set tools;
    tools.add(tool::function("wait"), []() -> awaitable<std::string> {
        co_await sleep_for(7ms);
        co_return "waited";
    });
    tools.add(tool::function("ask"), [&world]() -> awaitable<std::string> {
        const auto reply = co_await world.llm->complete(stage::question());
        co_return std::string(reply.text());
    });
    tools.add(tool::function("add"), [] { return 5; });
    return tools;
}

answer calls_of_three_tools() {
    answer asked;
    for (const char* name : {"wait", "ask", "add"}) {
        tool_call call;
        call.id = call.name = name;
        call.arguments = "{}";
        asked.tool_calls.push_back(std::move(call));
    }
    return asked;
}

error judged(const std::vector<message>& outputs) {
    constexpr std::string_view right[] = {"waited", "echo: Why?", "5"};
    if (outputs.size() != std::size(right)) return wrong(std::to_string(outputs.size()) + " outputs");
    for (std::size_t i = 0; i != outputs.size(); ++i) {
        const std::string* text = outputs[i].content().as_text();
        if (outputs[i].has_failed() || text == nullptr || *text != right[i])
            return wrong("output " + std::to_string(i));
    }
    return {};
}

// --- gates ------------------------------------------------------------------------------------------------------------

void allow_one_at_a_time(stage& world) {
    traffic_options most;
    most.max_concurrency = 1;
    most.adaptive = false;
    world.traffic = std::make_shared<traffic_control>(world.get_executor(), most);
}

void allow_one_a_minute(stage& world) {
    traffic_options most;
    most.requests_per_minute = 1;
    world.traffic = std::make_shared<traffic_control>(world.get_executor(), most);
}

void set_all_gates(stage& world) {
    allow_one_at_a_time(world);
    world.breakers = std::make_shared<circuit_breakers>(world.get_executor());
    world.money = std::make_shared<budget>(policy::spending_limits{.tokens = 1'000});
}

/// One holds the only permit, one more waits.
void occupy(stage& world) {
    world.add_neighbour();
    world.run_until([&] { return world.traffic->stats(world.key()).in_flight == 1; });
    world.add_neighbour();
    world.run_until([&] { return world.traffic->stats(world.key()).waiting == 1; });
}

awaitable<void> fail(stage& world) {
    chat_request request("down");
    request.user("Why?").max_attempts(1);
    const auto reply = co_await world.llm->try_complete(std::move(request));
    if (!reply) ++world.neighbours_served;
}

awaitable<error> complete(stage& world) {
    const auto reply = co_await world.llm->try_complete(stage::question());
    co_return simulation::judged(reply);
}

awaitable<error> finish_stream(stage& world) {
    auto answer = world.llm->stream(stage::question());
    const auto reply = co_await answer.try_finish();
    co_return simulation::judged(reply);
}

const operation table[] = {
    {"fallback", over::both, tells::by_error, &send_once, &set_up_models,
     [](stage& world) -> awaitable<error> {
         fallback routes({route(*world.llm).model("down"), *world.other});
         const auto reply = co_await routes.try_complete(stage::question());
         co_return judged(reply, 1);
     }},
    {"fallback_stream", over::both, tells::by_error, &send_once, &set_up_models,
     [](stage& world) -> awaitable<error> {
         fallback routes({route(*world.llm).model("down"), *world.other});
         const auto answer = co_await routes.try_stream(stage::question());
         if (!answer) co_return answer.error();
         co_return answer->route() == 1 ? error() : wrong("the route");
     }},
    {"routed_stream_next", over::http1, tells::by_exception, nullptr, &set_up_models,
     [](stage& world) -> awaitable<error> {
         fallback routes({*world.llm, *world.other});
         auto answer = co_await routes.stream(stage::question());
         for (;;) {
             const auto event = co_await answer.next();
             if (!event) break;
         }
         co_return simulation::judged(answer.accumulated());
     }},
    // Where it is cancelled between the two, the second is not begun: Asio throws.
    {"routed_stream_try_finish", over::both, tells::either, &send_once, &set_up_models,
     [](stage& world) -> awaitable<error> {
         fallback routes({route(*world.llm).model("down"), *world.other});
         auto answer = co_await routes.try_stream(stage::question());
         if (!answer) co_return answer.error();
         const auto reply = co_await answer->try_finish();
         co_return simulation::judged(reply);
     }},
    {"routed_stream_finish", over::http1, tells::by_exception, nullptr, &set_up_models,
     [](stage& world) -> awaitable<error> {
         fallback routes({*world.llm, *world.other});
         auto answer = co_await routes.stream(stage::question());
         const chat_response whole = co_await answer.finish();
         co_return simulation::judged(whole);
     }},
    {"hedged_won_by_the_second", over::both, tells::by_error, nullptr, &set_up_models,
     [](stage& world) -> awaitable<error> {
         hedged both(route(*world.llm).model("slow"), *world.other, {.delay = 30ms, .max_share = 1.0});
         const auto reply = co_await both.try_complete(stage::question());
         co_return judged(reply, 1);
     }},
    {"hedged_won_by_the_first", over::http2, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         hedged both(*world.llm, {.delay = 12ms, .max_share = 1.0});
         const routed_response reply = co_await both.complete(stage::question());
         co_return judged(reply, 0);
     }},

    {"try_run_tools", over::both, tells::by_error, nullptr, &call_tools,
     [](stage& world) -> awaitable<error> {
         const tool_set tools = three_tools(world);
         const auto run = co_await try_run_tools(*world.llm, stage::question(), tools);
         if (!run) co_return run.error();
         co_return run->rounds == 2 ? simulation::judged(run->response) : wrong("the rounds");
     }},
    {"run_tools_one_after_the_other", over::http1, tells::by_exception, nullptr, &call_tools,
     [](stage& world) -> awaitable<error> {
         const tool_set tools = three_tools(world);
         const tool_run run = co_await run_tools(*world.llm, stage::question(), tools, {.parallel = false});
         co_return run.rounds == 2 ? simulation::judged(run.response) : wrong("the rounds");
     }},
    {"run_calls", over::both, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const tool_set tools = three_tools(world);
         const answer asked = calls_of_three_tools();
         const auto outputs = co_await run_calls(tools, asked);
         co_return judged(outputs);
     }},
    {"run_calls_one_after_the_other", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const tool_set tools = three_tools(world);
         const answer asked = calls_of_three_tools();
         const auto outputs = co_await run_calls(tools, asked, {.parallel = false});
         co_return judged(outputs);
     }},

    {"waiting_for_a_place_in_flight", over::both, tells::by_error, &allow_one_at_a_time, &occupy, &complete},
    {"waiting_for_the_next_minute", over::http1, tells::by_error, &allow_one_a_minute,
     [](stage& world) {
         world.add_neighbour();
         world.rest();
     },
     &complete},
    {"paused_by_the_server", over::http2, tells::by_error,
     [](stage& world) { world.traffic = std::make_shared<traffic_control>(world.get_executor()); },
     [](stage& world) {
         world.server->service()
             .script()
             .expect()
             .reply_error(429, "rate_limit_error", "", "slow down")
             .reply_header("retry-after", "2");
     },
     &complete},
    {"probing_a_server_that_was_down", over::both, tells::by_error,
     [](stage& world) {
         policy::circuit_breaker_options at_once;
         at_once.min_calls = 1;
         at_once.open_for = 1s;
         world.breakers = std::make_shared<circuit_breakers>(world.get_executor(), at_once);
     },
     [](stage& world) {
         set_up_models(world);
         world.add_neighbour(fail(world));
         world.rest();
         world.time.advance(2s);
     },
     &complete},
    {"through_all_gates_retried", over::http1, tells::by_error, &set_all_gates,
     [](stage& world) {
         occupy(world);
         world.server->service().script().expect().times(2).reply_error(503, "server_error", "", "busy");
     },
     &complete},
    {"through_all_gates_streamed", over::both, tells::by_error, &set_all_gates, &occupy, &finish_stream},
    {"traffic_control_acquire", over::http1, tells::by_error, &allow_one_at_a_time, &occupy,
     [](stage& world) -> awaitable<error> {
         const traffic_key key = world.key();
         auto permit = co_await world.traffic->acquire(key, {10, 10}, priority::normal, world.time.now() + 20min);
         if (!permit) co_return permit.error();
         permit->sent();
         permit->finish(outcome_of(usage()));
         co_return error();
     }},
};

}  // namespace
}  // namespace cancelled_control_tests

std::span<const operation> operations_under_control() {
    return cancelled_control_tests::table;
}

}  // namespace chorus::simulation
