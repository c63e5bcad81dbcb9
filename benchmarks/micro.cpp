// The pieces of one call, each by itself: encode, decode, the pool's ledger, HTTP/1.1, gather.
#include <chorus/async/gather.hpp>
#include <chorus/http/h1_codec.hpp>
#include <chorus/policy/pool_ledger.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/mock_openai.hpp>

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;

std::shared_ptr<const chorus::provider> api() {
    return chorus::openai().base_url("https://localhost/v1").api_key("sk-micro").make();
}

chorus::chat_request question() {
    return chorus::chat_request("gpt-4o-mini").system("Be terse.").user("Why is the sky blue?").temperature(0.2);
}

/// An answer as the mock server sends it: about 900 bytes, as small answers of OpenAI are.
chorus::http::response answer() {
    chorus::http::response whole;
    whole.status = 200;
    whole.headers.add("content-type", "application/json").add("x-request-id", "req_1");
    whole.headers.add("x-ratelimit-limit-requests", "10000").add("x-ratelimit-remaining-requests", "9999");
    whole.headers.add("x-ratelimit-limit-tokens", "2000000").add("x-ratelimit-remaining-tokens", "1999000");
    whole.headers.add("x-ratelimit-reset-requests", "6ms").add("x-ratelimit-reset-tokens", "30ms");
    chorus::testing::append_completion(whole.body, "chatcmpl-1", "gpt-4o-mini", "Why is the sky blue?",
                                       "Because air scatters short waves of light more than long ones.", 900);
    return whole;
}

/// A benchmark that measures failures would look fast.
template <class Result>
void require(const Result& outcome) {
    if (!outcome) throw std::runtime_error(outcome.error().message());
}

void encode(benchmark::State& state) {
    const auto openai = api();
    const auto request = question();
    require(openai->encode(request));
    for (auto step : state) benchmark::DoNotOptimize(openai->encode(request));
}
BENCHMARK(encode);

/// Includes a copy of the response, which decoding consumes.
void decode(benchmark::State& state) {
    const auto openai = api();
    const auto received = answer();
    const auto now = std::chrono::system_clock::now();
    require(openai->decode(received, now));
    for (auto step : state) benchmark::DoNotOptimize(openai->decode(received, now));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(received.body.size()));
}
BENCHMARK(decode);

void h1_encode(benchmark::State& state) {
    const auto request = api()->encode(question());
    require(request);
    std::string out;
    for (auto step : state) {
        out.clear();
        chorus::http::encode_h1(*request, out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(h1_encode);

void h1_decode(benchmark::State& state) {
    const auto whole = answer();
    const std::string bytes = "HTTP/1.1 200 OK\r\n" + whole.headers.block() +
                              "content-length: " + std::to_string(whole.body.size()) + "\r\n\r\n" + whole.body;
    const chorus::http::limits limits;
    chorus::http::h1_response_decoder decoder;
    for (auto step : state) {
        decoder.start(limits);
        require(decoder.feed(bytes));
        if (!decoder.is_complete()) throw std::runtime_error("the response is not complete");
        benchmark::DoNotOptimize(decoder.take());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(h1_decode);

/// One lease taken and returned, with so many connections open.
void pool_ledger(benchmark::State& state) {
    using ledger_type = chorus::policy::pool_ledger;
    const chorus::http::origin where;
    const auto now = std::chrono::steady_clock::now();
    const auto connections = static_cast<std::size_t>(state.range(0));
    ledger_type ledger({.max_connections = connections, .max_connections_per_origin = connections});
    std::vector<ledger_type::connection_id> leased;
    int waiter = 0;
    for (std::size_t i = 0; i < connections; ++i) {
        ledger.enqueue(where, &waiter);
        for (const auto& action : ledger.take_actions()) {
            if (action.kind == ledger_type::action_kind::open) leased.push_back(action.connection);
        }
        ledger.opened(leased.back(), 1, now);
        ledger.take_actions();
    }
    if (leased.size() != connections) throw std::runtime_error("the ledger did not open one connection a waiter");
    for (const auto connection : leased) ledger.release(connection, true, {}, now);
    for (auto step : state) {
        const auto connection = ledger.acquire(where, now);
        ledger.release(connection, true, {}, now);
        benchmark::DoNotOptimize(ledger.has_actions());
    }
}
BENCHMARK(pool_ledger)->Arg(1)->Arg(1'000)->Arg(100'000);

chorus::awaitable<chorus::result<int>> immediate(int value) {
    co_return value;
}

chorus::awaitable<void> gather_immediate(int count) {
    std::vector<chorus::awaitable<chorus::result<int>>> calls;
    calls.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) calls.push_back(immediate(i));
    const auto results = co_await chorus::gather(std::move(calls));
    if (results.size() != static_cast<std::size_t>(count)) throw std::runtime_error("gather lost results");
}

/// Results that are there at once: the cost of gather alone, shown for each of them.
void gather(benchmark::State& state) {
    const int count = static_cast<int>(state.range(0));
    asio::io_context loop(1);
    for (auto step : state) {
        asio::co_spawn(loop, gather_immediate(count), [](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
        });
        loop.run();
        loop.restart();
    }
    state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(gather)->Arg(1)->Arg(100)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
