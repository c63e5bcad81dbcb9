// What many calls at once do, and the async kit by itself, as rows of the table of what is cancelled everywhere.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/gather.hpp>
#include <chorus/async/offload.hpp>
#include <chorus/async/race.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task_group.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/async/when_all.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cancelled_operations.hpp"

namespace chorus::simulation {
namespace cancelled_groups_tests {
namespace {

using namespace std::chrono_literals;

std::vector<awaitable<result<chat_response>>> three_calls(stage& world) {
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 3; ++i) calls.push_back(world.llm->try_complete(stage::question()));
    return calls;
}

awaitable<void> add_right_answer(stage& world, int& answers) {
    const auto reply = co_await world.llm->complete(stage::question());
    if (stage::is_right(reply)) ++answers;
}

awaitable<void> wait_for_the_gate(stage& world) {
    co_await world.gate->wait();
}

awaitable<void> hold_a_permit(stage& world, std::chrono::milliseconds pause, std::chrono::milliseconds length) {
    co_await sleep_for(pause);
    const auto held = co_await world.permits->acquire();
    co_await sleep_for(length);
    ++world.neighbours_served;
}

const operation table[] = {
    {"gather", over::both, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto calls = three_calls(world);
         const auto replies = co_await gather(std::move(calls), {.limit = 2});
         for (const auto& reply : replies) {
             if (const error failure = judged(reply); failure.code()) co_return failure;
         }
         co_return error();
     }},
    {"when_all", over::http2, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto calls = three_calls(world);
         const auto replies = co_await when_all(std::move(calls));
         if (!replies) co_return replies.error();
         co_return replies->size() == 3 ? judged(replies->back()) : wrong("the replies");
     }},
    {"race", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto calls = three_calls(world);
         const auto winner = co_await race(std::move(calls));
         co_return winner ? judged(winner->value) : winner.error();
     }},
    {"for_each_completed", over::http2, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         int answers = 0;
         const std::vector<int> items = {1, 2, 3};
         const auto ask = [&](int) { return world.llm->try_complete(stage::question()); };
         const auto take = [&](std::size_t, result<chat_response> reply) -> awaitable<void> {
             co_await sleep_for(1ms);
             if (!judged(reply).code()) ++answers;
         };
         co_await for_each_completed(items, ask, {.limit = 2}, take);
         co_return answers == 3 ? error() : wrong("the answers");
     }},
    {"with_task_group", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         int answers = 0;
         const auto body = [&](task_group& group) -> awaitable<void> {
             group.spawn(add_right_answer(world, answers));
             co_await sleep_for(1ms);
             group.spawn(add_right_answer(world, answers));
         };
         co_await with_task_group(body);
         co_return answers == 2 ? error() : wrong("the answers");
     }},
    {"task_group_that_fails", over::http2, tells::either, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         int answers = 0;
         const auto body = [&](task_group& group) -> awaitable<void> {
             group.spawn(add_right_answer(world, answers));
             co_await sleep_for(20ms);
             throw_error(error(errc::no_answer));
         };
         try {
             co_await with_task_group(body);
         } catch (const api_error& thrown) {
             co_return thrown.error() == errc::no_answer ? error() : thrown.error();
         }
         co_return wrong("the failure is lost");
     }},
    {"task_of_a_task", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto asked = co_await spawn(world.llm->try_complete(stage::question()));
         co_await sleep_for(5ms);
         const auto reply = co_await std::move(asked);
         co_return judged(reply);
     }},
    {"with_timeout", over::http1, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await with_timeout(20min, world.llm->try_complete(stage::question()));
         co_return judged(reply);
     }},
    {"with_timeout_that_passes", over::http2, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await with_timeout(14ms, world.llm->try_complete(stage::question()));
         if (reply) co_return wrong("it did not pass");
         co_return reply.error() == errc::timed_out ? error() : reply.error();
     }},

    {"sleep_for", over::none, tells::by_exception, nullptr, nullptr,
     [](stage&) -> awaitable<error> {
         co_await sleep_for(10ms);
         co_await sleep_for(0ms);
         co_return error();
     }},
    {"semaphore_acquire", over::none, tells::by_exception,
     [](stage& world) { world.permits = std::make_unique<semaphore>(1); },
     [](stage& world) {
         world.add_neighbour(hold_a_permit(world, 0ms, 5ms));
         world.add_neighbour(hold_a_permit(world, 2ms, 3ms));
         world.run_until([&] { return world.permits->available() == 0; });
     },
     [](stage& world) -> awaitable<error> {
         {
             const auto held = co_await world.permits->acquire();
             co_await sleep_for(5ms);
         }
         const auto again = co_await world.permits->acquire();
         co_return again ? error() : wrong("the permit");
     }},
    {"event_wait", over::none, tells::by_exception, [](stage& world) { world.gate = std::make_unique<event>(); },
     nullptr,
     [](stage& world) -> awaitable<error> {
         auto waiting = co_await spawn(wait_for_the_gate(world));
         co_await sleep_for(5ms);
         world.gate->set();
         co_await std::move(waiting);
         world.gate->reset();
         auto setting = [&]() -> awaitable<void> {
             co_await sleep_for(5ms);
             world.gate->set();
         };
         co_await when_all(world.gate->wait(), setting());
         co_return error();
     }},
    {"offload", over::none, tells::by_exception, [](stage& world) { world.occupy_threads(); }, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto compute = [] { return std::string(1'000, 'x'); };
         const std::string made = co_await offload(*world.threads, compute);
         co_return made.size() == 1'000 ? error() : wrong(made);
     }},
};

}  // namespace
}  // namespace cancelled_groups_tests

std::span<const operation> operations_of_groups() {
    return cancelled_groups_tests::table;
}

}  // namespace chorus::simulation
