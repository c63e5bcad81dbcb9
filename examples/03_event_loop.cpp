// Lesson 3: the event loop runs what is ready, asks the system which I/O is done, and resumes who waited for it.
// The trace of three calls on one thread: each `co_await` gives the thread to the others.
#include <string>
#include <thread>

#include "lesson.hpp"

using namespace std::chrono_literals;

std::string trace;

chorus::awaitable<void> ask(chorus::client& llm, std::string name) {
    const auto thread = std::this_thread::get_id();
    std::cout << name << " sends its question and suspends\n";
    trace += name;
    co_await llm.complete(lesson::question(name));
    std::cout << name << " is resumed with its answer\n";
    trace += std::this_thread::get_id() == thread ? name : std::string("?");
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(0ms));
    server.with([](chorus::testing::mock_server& mock) {
        mock.script().in_any_order();
        mock.expect().prompt("A").after(100ms);
        mock.expect().prompt("B").after(50ms);
        mock.expect().prompt("C").after(150ms);
    });
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    co_await chorus::when_all(ask(llm, "A"), ask(llm, "B"), ask(llm, "C"));
    std::cout << "all on thread " << std::this_thread::get_id() << ": " << trace << '\n';

    co_return lesson::verdict(trace == "ABCBAC",
                              "all questions are out before an answer is in; who is ready first goes first");
}

int main() {
    return chorus::run(co_main());
}
