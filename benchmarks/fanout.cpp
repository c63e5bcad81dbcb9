// Many requests at once, in waves: how close the wall time comes to one latency, and what a request in flight costs.
#include <chorus/async/gather.hpp>
#include <chorus/async/run.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "support/options.hpp"
#include "support/report.hpp"
#include "support/resources.hpp"
#include "support/stopwatch.hpp"
#include "support/tally.hpp"
#include "support/target.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::string_view usage = R"(Usage: fanout [options]
Sends all requests at once, waits for all answers, and does it again: the first wave opens the connections, the others
find them open. Of the memory, rss_kb_per_in_flight is the most that was held at any time, that of the answers included;
rss_kb_per_waiting is what was held while most requests were in flight.

  --requests N        of each wave (default: 100)
  --latency-ms L      of the mock server; with --url, that of the server, for the ratios (default: 200)
  --connections C     at most (default: one for each request)
  --waves W           (default: 2)
)";

/// What a process may open here, less some for itself.
constexpr std::size_t most_sockets = 19'000;

struct fanout_settings : bench::settings {
    std::size_t requests = 100;
    std::size_t latency_ms = 200;
    std::size_t connections = 0;
    std::size_t waves = 2;
};

/// The moment at which most requests were in flight.
struct height {
    std::size_t in_flight = 0;
    std::size_t resident_kb = 0;
};

/// Looks again and again how many requests have been sent and not been answered.
chorus::awaitable<void> watch(const chorus::client& llm, const bench::tally& counts, height& most) {
    for (;;) {
        const std::size_t unsent = llm.pool_stats().waiting;
        const std::size_t in_flight = counts.under_way() - std::min(unsent, counts.under_way());
        if (in_flight >= most.in_flight) most = {in_flight, bench::resident_kb()};
        co_await chorus::sleep_for(2ms);
    }
}

chorus::awaitable<int> measure(const bench::target& server, const fanout_settings& wanted) {
    const auto here = co_await chorus::this_coro::executor;
    const std::size_t needed = wanted.http2 ? std::min(wanted.requests, most_sockets) : wanted.requests;
    auto options =
        chorus::client_options().max_attempts(1).max_connections(wanted.connections ? wanted.connections : needed);
    auto llm = server.make_client(here, options);
    bench::tally counts(wanted.requests * wanted.waves);
    std::vector<double> walls;
    height most;
    double warm_cpu_us = 0;
    const std::size_t kb_before = bench::resident_kb();
    const bench::stopwatch all;
    const auto watcher = chorus::spawn(here, watch(llm, counts, most));
    for (std::size_t wave = 0; wave < wanted.waves; ++wave) {
        const bench::stopwatch one;
        std::vector<chorus::awaitable<void>> calls;
        calls.reserve(wanted.requests);
        for (std::size_t i = 0; i < wanted.requests; ++i) {
            calls.push_back(server.ask(llm, wave * wanted.requests + i, counts));
        }
        co_await chorus::gather(std::move(calls));
        walls.push_back(one.wall_s());
        warm_cpu_us = one.cpu_us();
    }

    const auto pool = llm.pool_stats();
    const double latency_s = static_cast<double>(wanted.latency_ms) / 1000;
    const double sent = static_cast<double>(wanted.requests);
    const auto kb_each = [&](std::size_t kb) {
        return (static_cast<double>(kb) - static_cast<double>(kb_before)) /
               static_cast<double>(std::max<std::size_t>(most.in_flight, 1));
    };
    bench::report figures;
    figures.add("requests", wanted.requests).add("waves", wanted.waves);
    figures.add("ok", counts.ok()).add("failed", counts.failed());
    figures.add("wall_s", walls.front()).add("ratio", walls.front() / latency_s);
    figures.add("wall_s_warm", walls.back()).add("ratio_warm", walls.back() / latency_s);
    figures.add("cpu_us_per_request", all.cpu_us() / sent / static_cast<double>(wanted.waves));
    figures.add("cpu_us_per_request_warm", warm_cpu_us / sent);
    figures.add("rss_kb_per_in_flight", kb_each(bench::peak_resident_kb()));
    figures.add("rss_kb_per_waiting", kb_each(most.resident_kb)).add("peak_in_flight", most.in_flight);
    figures.add("opened", pool.opened);
    figures.add("tls_full", server.is_tls() ? pool.opened - pool.resumed : 0).add("tls_resumed", pool.resumed);
    figures.add("p50_ms", counts.latency_ms(0.50)).add("p99_ms", counts.latency_ms(0.99));
    figures.print(std::cout, wanted.json);
    co_return counts.failed() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        fanout_settings wanted;
        bench::option_reader options(wanted);
        options.number("--requests", wanted.requests).number("--latency-ms", wanted.latency_ms);
        options.number("--connections", wanted.connections).number("--waves", wanted.waves);
        options.read(words);
        const bench::target server(wanted, std::chrono::milliseconds(wanted.latency_ms));
        return chorus::run(measure(server, wanted));
    });
}
