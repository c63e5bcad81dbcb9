// Lesson 4: `chorus::run` is the top of a program: it makes the loop, runs one coroutine on it and closes it. A program
// that has a loop of its own, as long-lived ones do, spawns the same coroutine there.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <string>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<std::string> ask(const lesson::server& server, std::string text) {
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));
    const auto reply = co_await llm.complete(lesson::question(std::move(text)));
    co_return std::string(reply.text());
}

int main() {
    lesson::server server(lesson::answers_after(20ms));

    const std::string first = chorus::run(ask(server, "Who runs the loop?"));
    std::cout << "chorus::run:     " << first << '\n';

    std::string second;
    boost::asio::io_context loop;  // the program's own, with its timers, sockets and other clients
    boost::asio::co_spawn(loop, ask(server, "And here?"), [&](std::exception_ptr failure, std::string answer) {
        if (failure) std::rethrow_exception(failure);
        second = std::move(answer);
    });
    loop.run();
    std::cout << "own io_context:  " << second << '\n';

    return lesson::verdict(first == "echo: Who runs the loop?" && second == "echo: And here?",
                           "a coroutine runs on whatever loop there is");
}
