// Lesson 7: create tasks early. Who makes a call, awaits it, and makes the next has written a sequence, coroutines or
// not; three tasks started first and awaited then take as long as the slowest.
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(150ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    const lesson::stopwatch late;
    co_await llm.complete(lesson::question("Summarise chapter 1."));
    co_await llm.complete(lesson::question("Summarise chapter 2."));
    co_await llm.complete(lesson::question("Summarise chapter 3."));
    const double late_ms = late.wall_ms();
    std::cout << "each awaited before the next is made: " << late_ms << " ms\n";

    const lesson::stopwatch early;
    auto first = co_await chorus::spawn(llm.complete(lesson::question("Summarise chapter 1.")));
    auto second = co_await chorus::spawn(llm.complete(lesson::question("Summarise chapter 2.")));
    auto third = co_await chorus::spawn(llm.complete(lesson::question("Summarise chapter 3.")));
    co_await std::move(first);
    co_await std::move(second);
    co_await std::move(third);
    const double early_ms = early.wall_ms();
    std::cout << "all made, then awaited: " << early_ms << " ms\n";

    co_return lesson::verdict(early_ms < late_ms * 0.6, "the order of making and awaiting decides");
}

int main() {
    return chorus::run(co_main());
}
