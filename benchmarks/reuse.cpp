// The same requests, one after the other: over one client that is kept, and with a new client for each.
#include <chorus/async/run.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "support/options.hpp"
#include "support/report.hpp"
#include "support/stopwatch.hpp"
#include "support/tally.hpp"
#include "support/target.hpp"

namespace {

constexpr std::string_view usage = R"(Usage: reuse [options]
Measures what a kept session saves. A ratio of 0.4 says that it needs 40 % of what a new client for each request needs.

  --requests N        of each kind (default: 200)
  --latency-ms L      of the mock server (default: 0)
)";

struct reuse_settings : bench::settings {
    std::size_t requests = 200;
    std::size_t latency_ms = 0;
};

struct cost {
    double latency_ms;  // the median
    double cpu_us;      // the mean
};

/// Sends the requests one by one, each through `send(index)`, and measures from outside.
template <class Send>
chorus::awaitable<cost> in_sequence(std::size_t requests, Send& send) {
    std::vector<float> latencies_ms;
    latencies_ms.reserve(requests);
    const bench::stopwatch all;
    for (std::size_t i = 0; i < requests; ++i) {
        const bench::stopwatch one;
        co_await send(i);
        latencies_ms.push_back(static_cast<float>(one.wall_s() * 1000));
    }
    co_return cost{bench::percentile(latencies_ms, 0.5), all.cpu_us() / static_cast<double>(requests)};
}

chorus::awaitable<void> ask_with_new_client(const bench::target& server, std::size_t index, bench::tally& counts) {
    auto llm = server.make_client(co_await chorus::this_coro::executor);
    co_await server.ask(llm, index, counts);
}

chorus::awaitable<int> measure(const bench::target& server, const reuse_settings& wanted) {
    const auto here = co_await chorus::this_coro::executor;
    bench::tally counts(2 * wanted.requests);
    auto session = server.make_client(here);
    auto with_session = [&](std::size_t index) { return server.ask(session, index, counts); };
    auto with_new_client = [&](std::size_t index) { return ask_with_new_client(server, index, counts); };
    const cost kept = co_await in_sequence(wanted.requests, with_session);
    const cost renewed = co_await in_sequence(wanted.requests, with_new_client);

    bench::report figures;
    figures.add("requests", wanted.requests);
    figures.add("ok", counts.ok()).add("failed", counts.failed());
    figures.add("latency_ms_kept", kept.latency_ms).add("latency_ms_new", renewed.latency_ms);
    figures.add("latency_ratio", kept.latency_ms / renewed.latency_ms);
    figures.add("cpu_us_kept", kept.cpu_us).add("cpu_us_new", renewed.cpu_us);
    figures.add("cpu_ratio", kept.cpu_us / renewed.cpu_us);
    figures.print(std::cout, wanted.json);
    co_return counts.failed() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        reuse_settings wanted;
        bench::option_reader options(wanted);
        options.number("--requests", wanted.requests).number("--latency-ms", wanted.latency_ms, 0);
        options.read(words);
        const bench::target server(wanted, std::chrono::milliseconds(wanted.latency_ms));
        return chorus::run(measure(server, wanted));
    });
}
