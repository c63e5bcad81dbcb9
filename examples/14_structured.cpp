// Lesson 14: structured concurrency. Nothing outlives its block; the first failure of a task group cancels the rest and
// is the one that comes out; a limit of time goes around anything, and cancelling is closing the connection.
#include <stdexcept>
#include <string>
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<void> ask(chorus::client& llm, std::string text) {
    co_await llm.complete(lesson::question(std::move(text)));
}

chorus::awaitable<void> break_after(chorus::clock::duration time) {
    co_await chorus::sleep_for(time);
    throw std::runtime_error("the second step failed");
}

// Awaits work that should fail, and returns its error.
chorus::awaitable<chorus::error> failure_of(chorus::awaitable<void> work) {
    const auto [outcome] = co_await chorus::gather(std::move(work));
    co_return outcome.error();
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(60s));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));
    const lesson::stopwatch watch;

    const auto too_slow = co_await failure_of(chorus::with_timeout(50ms, ask(llm, "slow")));
    std::cout << "a limit on one call: " << too_slow.message() << '\n';

    const auto three = [&](chorus::task_group& group) -> chorus::awaitable<void> {
        group.spawn(ask(llm, "slow"));
        group.spawn(break_after(100ms));
        group.spawn(ask(llm, "slow"));
        co_return;  // the block ends when all three have
    };
    const auto first = co_await failure_of(chorus::with_task_group(three));
    std::cout << "a group, one of which fails: " << first.message() << '\n';

    const auto over_all = co_await failure_of(chorus::with_timeout(50ms, chorus::with_task_group(three)));
    std::cout << "a limit on a whole group: " << over_all.message() << '\n';

    auto call = co_await chorus::spawn(ask(llm, "slow"));
    call.cancel();
    const auto cancelled = co_await failure_of(std::move(call));
    std::cout << "one call, cancelled: " << cancelled.message() << '\n';

    const bool held = too_slow == chorus::condition::timeout && first == chorus::errc::exception &&
                      over_all == chorus::condition::timeout && cancelled == chorus::condition::cancelled &&
                      llm.pool_stats().in_use == 0 && watch.wall_ms() < 5000;
    co_return lesson::verdict(held, "every block ended with its true reason, and nothing was left in flight");
}

int main() {
    return chorus::run(co_main());
}
