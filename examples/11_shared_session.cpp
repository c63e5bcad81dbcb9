// Lesson 11: one client for all calls. A new client for each call pays for a TCP and a TLS handshake, and for reading
// the certificates it trusts, every time; a kept one pays once. Both are measured, over TLS.
#include <chorus/net/tls_context.hpp>

#include "lesson.hpp"

using namespace std::chrono_literals;

constexpr int calls = 20;

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(1ms).plain(false));
    const chorus::executor here = co_await chorus::this_coro::executor;
    const auto options = chorus::client_options().tls(chorus::net::tls_options().ca_pem(server.ca_pem()));

    const lesson::stopwatch each;
    for (int i = 0; i < calls; ++i) {
        chorus::client llm(here, lesson::at(server), options);
        co_await llm.complete(lesson::question("Hello?"));
    }
    const double each_wall = each.wall_ms(), each_cpu = each.cpu_ms();
    each.print("20 calls, a client each");

    const lesson::stopwatch shared;
    chorus::client llm(here, lesson::at(server), options);
    for (int i = 0; i < calls; ++i) co_await llm.complete(lesson::question("Hello?"));
    const double shared_wall = shared.wall_ms(), shared_cpu = shared.cpu_ms();
    shared.print("20 calls, one client");

    const auto pool = llm.pool_stats();
    std::cout << "the shared client opened " << pool.opened << " connection and used it again " << pool.reused
              << " times: " << 100 - 100 * shared_wall / each_wall << " % less time, "
              << 100 - 100 * shared_cpu / each_cpu << " % less CPU\n";
    co_return lesson::verdict(shared_wall < each_wall / 2 && shared_cpu < each_cpu / 2,
                              "a shared client saves more than half of the time and of the CPU");
}

int main() {
    return chorus::run(co_main());
}
