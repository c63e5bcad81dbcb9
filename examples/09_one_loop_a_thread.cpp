// Lesson 9: one loop a thread, and nothing crosses threads unguarded. To use more cores, run a loop with a client of
// its own on each; results are handed over by posting them to the loop that owns what they go into. No lock is needed.
#include <boost/asio/post.hpp>

#include <string>
#include <thread>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;

struct collection {
    std::vector<std::string> answers;  // touched on the main loop only
    chorus::event complete;
};

// Runs on a loop of its own, and posts each answer to the loop `home`.
chorus::awaitable<void> ask_ten(const lesson::server& server, std::string name, chorus::executor home,
                                collection& all) {
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));
    for (int i = 0; i < 10; ++i) {
        const auto reply = co_await llm.complete(lesson::question(name + std::to_string(i)));
        boost::asio::post(home, [&all, answer = std::string(reply.text())] {
            all.answers.push_back(answer);
            if (all.answers.size() == 20) all.complete.set();
        });
    }
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(10ms));
    const chorus::executor home = co_await chorus::this_coro::executor;
    collection all;

    const auto on_own_loop = [&](std::string name) {
        return std::jthread([&, name] { chorus::run(ask_ten(server, name, home, all), {.handle_signals = false}); });
    };
    const auto left = on_own_loop("left "), right = on_own_loop("right ");
    co_await all.complete.wait();
    for (const std::string& answer : all.answers) std::cout << answer << "; ";
    std::cout << '\n';

    co_return lesson::verdict(all.answers.size() == 20, "two loops on two threads share nothing but posted values");
}

int main() {
    return chorus::run(co_main());
}
