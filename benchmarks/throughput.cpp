// Requests one after the other over a fixed number of connections, without latency: what the client itself costs.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/run.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <ranges>
#include <string_view>

#include "support/options.hpp"
#include "support/report.hpp"
#include "support/stopwatch.hpp"
#include "support/tally.hpp"
#include "support/target.hpp"

namespace {

constexpr std::string_view usage = R"(Usage: throughput [options]
Keeps a fixed number of requests in flight until all are answered. compare-wrk puts the result beside that of wrk.

  --requests N        (default: 50000)
  --concurrency C     requests in flight and connections (default: 64)
  --latency-ms L      of the mock server (default: 0)
)";

struct throughput_settings : bench::settings {
    std::size_t requests = 50'000;
    std::size_t concurrency = 64;
    std::size_t latency_ms = 0;
};

chorus::awaitable<int> measure(const bench::target& server, const throughput_settings& wanted) {
    const auto here = co_await chorus::this_coro::executor;
    auto options = chorus::client_options().max_attempts(1).max_connections(wanted.concurrency);
    auto llm = server.make_client(here, options);
    bench::tally counts(wanted.requests);
    const auto ask = [&](std::size_t index) { return server.ask(llm, index, counts); };
    const auto counted_already = [](std::size_t, const chorus::result<void>&) {};
    const bench::stopwatch all;
    co_await chorus::for_each_completed(std::views::iota(std::size_t{0}, wanted.requests), ask,
                                        {.limit = wanted.concurrency}, counted_already);

    const double sent = static_cast<double>(wanted.requests);
    bench::report figures;
    figures.add("requests", wanted.requests).add("concurrency", wanted.concurrency);
    figures.add("ok", counts.ok()).add("failed", counts.failed());
    figures.add("wall_s", all.wall_s());
    figures.add("requests_per_s", static_cast<double>(counts.ok()) / all.wall_s());
    figures.add("cpu_us_per_request", all.cpu_us() / sent);
    figures.add("p50_ms", counts.latency_ms(0.50)).add("p99_ms", counts.latency_ms(0.99));
    figures.print(std::cout, wanted.json);
    co_return counts.failed() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        throughput_settings wanted;
        bench::option_reader options(wanted);
        options.number("--requests", wanted.requests).number("--concurrency", wanted.concurrency);
        options.number("--latency-ms", wanted.latency_ms, 0);
        options.read(words);
        const bench::target server(wanted, std::chrono::milliseconds(wanted.latency_ms));
        return chorus::run(measure(server, wanted));
    });
}
