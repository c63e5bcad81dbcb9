// Lesson 10: what a scope owns is cleaned up when the scope is left, by an exception too. A client that goes while
// calls are in flight ends them in order, closes its connections and leaks nothing.
#include <optional>
#include <stdexcept>
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;
using reply = chorus::result<chorus::chat_response>;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(60s));  // nobody will wait for it
    std::optional<chorus::task<reply>> call;
    try {
        chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));
        call = co_await chorus::spawn(llm.try_complete(lesson::question("Are you still there?")));
        while (server.counters().in_flight == 0) co_await chorus::sleep_for(5ms);
        std::cout << "a call is in flight, on " << server.counters().open_connections << " connection\n";
        throw std::runtime_error("something else went wrong");
    } catch (const std::runtime_error& problem) {
        std::cout << "left the scope: " << problem.what() << '\n';
    }

    const reply outcome = co_await std::move(*call);
    std::cout << "the call ended: " << outcome.error().message() << '\n';
    for (int i = 0; i < 200 && server.counters().open_connections > 0; ++i) co_await chorus::sleep_for(5ms);
    const auto seen = server.counters();
    std::cout << "the server: " << seen.abandoned << " request abandoned, " << seen.open_connections
              << " connections open\n";

    co_return lesson::verdict(outcome.error() == chorus::errc::client_closed && seen.open_connections == 0,
                              "leaving the scope ended the call and closed the connection");
}

int main() {
    return chorus::run(co_main());
}
