// Lesson 8: never block the loop. While a coroutine sleeps with its thread, nobody else moves; one that awaits its
// sleep lets the others go on. A loop monitor names the culprit while it is at it.
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<void> bad() {
    std::this_thread::sleep_for(300ms);  // or a slow computation, or a read that blocks
    co_return;
}

chorus::awaitable<void> good() {
    co_await chorus::sleep_for(300ms);
}

// Counts how often another coroutine gets its turn while `work` runs under a name.
chorus::awaitable<int> turns_beside(chorus::awaitable<void> work, std::string name) {
    auto task = chorus::spawn(chorus::named(co_await chorus::this_coro::executor, std::move(name)), std::move(work));
    int turns = 0;
    for (; !task.done(); ++turns) co_await chorus::sleep_for(10ms);
    co_return turns;
}

chorus::awaitable<int> co_main() {
    std::mutex mutex;  // reports come on the monitor's thread
    std::string reports;
    chorus::loop_monitor monitor(co_await chorus::this_coro::executor, {.limit = 100ms},
                                 [&](const chorus::loop_stall& stall) {
                                     const std::lock_guard lock(mutex);
                                     reports += stall.message() + '\n';
                                 });
    co_await chorus::sleep_for(50ms);

    const int beside_bad = co_await turns_beside(bad(), "the bad one");
    const int beside_good = co_await turns_beside(good(), "the good one");
    const std::lock_guard lock(mutex);
    std::cout << "turns of another coroutine beside the bad version: " << beside_bad << ", the good: " << beside_good
              << "\nthe monitor says:\n"
              << reports;

    co_return lesson::verdict(beside_bad < beside_good && reports.find("the bad one") != std::string::npos &&
                                  reports.find("the good one") == std::string::npos,
                              "who blocks the loop stops everybody, and is named");
}

int main() {
    return chorus::run(co_main());
}
