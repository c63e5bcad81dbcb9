// Lesson 1: a call to an LLM is waiting. The same 20 calls one after the other and at once, on one thread: the CPU
// does the same work, and what was waiting is gone.
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(50ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    const lesson::stopwatch one_by_one;
    for (int i = 0; i < 20; ++i) co_await llm.complete(lesson::question("Why is the sky blue?"));
    one_by_one.print("20 calls one after the other");
    const double waited = one_by_one.wall_ms();

    const lesson::stopwatch at_once;
    std::vector<chorus::awaitable<chorus::chat_response>> calls;
    for (int i = 0; i < 20; ++i) calls.push_back(llm.complete(lesson::question("Why is the sky blue?")));
    co_await chorus::when_all(std::move(calls));
    at_once.print("20 calls at once");

    co_return lesson::verdict(at_once.wall_ms() < waited / 3,
                              "most of the time of a call is waiting, and can be shared");
}

int main() {
    return chorus::run(co_main());
}
