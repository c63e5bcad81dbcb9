// Lesson 2: a coroutine does nothing until it is awaited or spawned. It is an object: it has an address and a size,
// and takes no thread, no socket and no other resource of the system. One that is never awaited never happens.
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(20ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    auto call = llm.complete(lesson::question("Why is the sky blue?"));
    auto never = llm.complete(lesson::question("And if nobody asks?"));
    std::cout << "made: a coroutine at " << &call << ", a handle of " << sizeof(call) << " bytes\n";

    co_await chorus::sleep_for(50ms);  // long enough for an answer, had anything been sent
    const auto before = server.counters().requests;
    std::cout << "50 ms later the server has seen " << before << " requests\n";

    const auto reply = co_await std::move(call);
    const auto after = server.counters().requests;
    std::cout << "awaited: \"" << reply.text() << "\"; the server has seen " << after << " request\n";

    co_return lesson::verdict(before == 0 && after == 1, "nothing is sent until a coroutine is awaited");
}

int main() {
    return chorus::run(co_main());
}
