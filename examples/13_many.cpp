// Lesson 13: a waiting coroutine costs hundreds of bytes, a waiting call the memory of its connection; a thread would
// cost its stack. What bounds a loop is descriptors: one a connection. benchmarks/fanout goes to a million calls.
#include <chorus/net/tls_context.hpp>

#include <cstddef>
#include <fstream>
#include <utility>
#include <vector>

#include "lesson.hpp"
#include <unistd.h>

using namespace std::chrono_literals;

double resident_kb() {
    std::size_t size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

// The memory that `count` coroutines add while all of them wait, a coroutine.
template <class T>
chorus::awaitable<double> kb_each(std::size_t count, auto make, chorus::clock::duration until_all_wait) {
    const double before = resident_kb();
    std::vector<chorus::awaitable<T>> waiting;
    for (std::size_t i = 0; i < count; ++i) waiting.push_back(make());
    auto all = co_await chorus::spawn(chorus::gather(std::move(waiting)));
    co_await chorus::sleep_for(until_all_wait);
    const double kb = (resident_kb() - before) / static_cast<double>(count);
    co_await std::move(all);
    co_return kb;
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(600ms).plain(false));
    const auto tls = chorus::net::tls_options().ca_pem(server.ca_pem());
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server), chorus::client_options().tls(tls));

    const auto sleep = [] { return chorus::sleep_for(500ms); };
    const double sleeping_kb = co_await kb_each<void>(50'000, sleep, 100ms);
    std::cout << "50000 coroutines asleep at once: " << sleeping_kb << " KB each\n";

    const auto call = [&] { return llm.complete(lesson::question("Hello?")); };
    const double call_kb = co_await kb_each<chorus::chat_response>(400, call, 500ms);
    std::cout << "400 calls in flight over TLS, a connection each: " << call_kb
              << " KB each, client and server; at most " << server.counters().peak_in_flight << " at once\n";

    co_return lesson::verdict(sleeping_kb < 2 && call_kb < 200, "waiting is cheap where it takes no thread");
}

int main() {
    return chorus::run(co_main());
}
