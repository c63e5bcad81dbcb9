// Lesson 6: 100 calls of 200 ms each, gathered, take about 200 ms and not 20 s. `gather` keeps every outcome in the
// order of the calls; one failure cancels nobody.
#include <string>
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(200ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    const lesson::stopwatch watch;
    std::vector<chorus::awaitable<chorus::result<chorus::chat_response>>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(llm.try_complete(lesson::question("Question " + std::to_string(i))));
    const auto replies = co_await chorus::gather(std::move(calls));

    double sum_ms = 0;
    bool in_order = true;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        in_order = in_order && replies[i] && replies[i]->text() == "echo: Question " + std::to_string(i);
        if (replies[i]) sum_ms += std::chrono::duration<double, std::milli>(replies[i]->timing().total).count();
    }
    watch.print("100 calls, gathered");
    std::cout << "the same one after the other: " << sum_ms << " ms\n";

    co_return lesson::verdict(in_order && watch.wall_ms() < 2000, "100 calls take about as long as one");
}

int main() {
    return chorus::run(co_main());
}
