// How often a request allocates, from the call to the decoded response, TLS included, and what it holds while it waits.
// More than here is a step back.
#include <chorus/async/gather.hpp>
#include <chorus/async/run.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <support/allocation_count.hpp>

namespace chorus::allocations_tests {
namespace {

#ifdef CHORUS_TEST_COUNTS_ALLOCATIONS

const char* no_environment(const char*) noexcept {
    return nullptr;
}

awaitable<void> ask_one_by_one(client& llm, int calls) {
    for (int i = 0; i < calls; ++i) co_await llm.complete(chat_request("m").user("Why is the sky blue?"));
}

awaitable<void> ask_at_once(client& llm, int calls) {
    std::vector<awaitable<result<chat_response>>> all;
    for (int i = 0; i < calls; ++i) all.push_back(llm.try_complete(chat_request("m").user("Why is the sky blue?")));
    for (const auto& reply : co_await gather(std::move(all))) EXPECT_TRUE(reply);
}

/// What each of many calls allocates on a connection that has served some before.
double measured(http::protocol version, awaitable<void> (*ask)(client&, int)) {
    testing::mock_options behaviour;
    if (version == http::protocol::http2) behaviour.http2();
    testing::mock_server_thread server(behaviour);
    constexpr int calls = 64;
    std::size_t counted = 0;
    auto main = [&]() -> awaitable<void> {
        auto api = openai(&no_environment).base_url(server.base_url()).api_key("k");
        auto options = client_options().tls(net::tls_options().ca_pem(server.ca_pem())).protocol(version);
        client llm(co_await this_coro::executor, api, options);
        co_await ask(llm, calls);
        const std::size_t before = testing_support::allocations;
        co_await ask(llm, calls);
        counted = testing_support::allocations - before;
    };
    run(main());
    return static_cast<double>(counted) / calls;
}

/// Takes the pieces of an answer as they come, and counts the first one of each stream.
awaitable<void> read_stream(client& llm, std::size_t& begun) {
    auto answer = llm.stream(chat_request("m").user("Why is the sky blue?"));
    const auto first = co_await answer.next();
    if (first && std::holds_alternative<text_event>(*first)) ++begun;
    co_await answer.finish();
}

/// What each of many streams holds while it waits for its second piece, beyond what its connection holds without it.
long long held_by_an_open_stream(http::protocol version) {
    testing::mock_options behaviour;
    if (version == http::protocol::http2) behaviour.http2();
    testing::mock_server_thread server(behaviour);
    constexpr std::size_t streams = 200;
    server.with([](testing::mock_server& all) {
        all.expect().times(streams).reply_text("Sunlight.").hold();
        const std::string piece = "data: {\"choices\":[{\"delta\":{\"content\":\"Sunlight.\"}}]}\n\n";
        all.expect().times(streams).reply_sse_pieces({piece, piece}).every(std::chrono::hours(1));
    });
    long long held = -1;
    auto main = [&]() -> awaitable<void> {
        auto api = openai(&no_environment).base_url(server.base_url()).api_key("k");
        auto options = client_options().tls(net::tls_options().ca_pem(server.ca_pem())).protocol(version);
        client llm(co_await this_coro::executor, api, options.max_connections(streams));
        // Calls that are under way at once open every connection, and leave it to the streams.
        auto calls = co_await spawn(ask_at_once(llm, streams));
        while (server.counters().requests < streams) co_await sleep_for(std::chrono::milliseconds(1));
        server.with([](testing::mock_server& all) { all.release(); });
        co_await std::move(calls);
        const std::size_t opened = llm.pool_stats().opened;
        std::vector<task<void>> open;
        open.reserve(streams);
        std::size_t begun = 0;
        const long long before = testing_support::bytes_held;
        for (std::size_t i = 0; i < streams; ++i) open.push_back(co_await spawn(read_stream(llm, begun)));
        while (begun < streams) co_await sleep_for(std::chrono::milliseconds(1));
        held = (testing_support::bytes_held - before) / static_cast<long long>(streams);
        EXPECT_EQ(llm.pool_stats().opened, opened);
    };
    run(main());
    EXPECT_GT(held, 0) << "bytes: nothing was measured";
    return held;
}

// The figures are those of Debian 12's libraries, with room for two more.
TEST(allocations, of_one_request_after_the_other_over_http1) {
    EXPECT_LE(measured(http::protocol::http1, &ask_one_by_one), 23);
}

TEST(allocations, of_an_open_stream_over_http1_are_few_kilobytes_beyond_its_connection) {
    EXPECT_LE(held_by_an_open_stream(http::protocol::http1), 8192) << "bytes, in a build that is not optimised";
}

#ifdef CHORUS_WITH_HTTP2
TEST(allocations, of_one_request_after_the_other_over_http2) {
    EXPECT_LE(measured(http::protocol::http2, &ask_one_by_one), 37);
}

TEST(allocations, of_an_open_stream_over_http2_are_few_kilobytes_beyond_its_connection) {
    EXPECT_LE(held_by_an_open_stream(http::protocol::http2), 8192) << "bytes, in a build that is not optimised";
}

TEST(allocations, of_many_requests_at_once_over_http2) {
    EXPECT_LE(measured(http::protocol::http2, &ask_at_once), 32);
}

TEST(allocations, of_a_call_that_waits_over_http2_are_few_kilobytes) {
    testing::mock_options behaviour;
    testing::mock_server_thread server(behaviour.http2().latency(std::chrono::hours(1)));
    constexpr std::size_t calls = 1000;
    long long held = 0;
    auto main = [&]() -> awaitable<void> {
        auto api = openai(&no_environment).base_url(server.base_url()).api_key("k");
        auto options = client_options().tls(net::tls_options().ca_pem(server.ca_pem()));
        client llm(co_await this_coro::executor, api, options.protocol(http::protocol::http2));
        std::vector<task<result<chat_response>>> all;
        all.reserve(calls);
        const long long before = testing_support::bytes_held;
        for (std::size_t i = 0; i < calls; ++i) {
            all.push_back(co_await spawn(llm.try_complete(chat_request("m").user("Why is the sky blue?"))));
        }
        while (server.counters().requests < calls) co_await sleep_for(std::chrono::milliseconds(1));
        held = (testing_support::bytes_held - before) / static_cast<long long>(calls);
    };
    run(main());
    EXPECT_LE(held, 6000) << "bytes, its share of a connection among them, in a build that is not optimised";
}
#endif

#else
TEST(allocations, are_counted_where_malloc_is_glibcs) {
    GTEST_SKIP() << "sanitizers bring a malloc of their own";
}
#endif

}  // namespace
}  // namespace chorus::allocations_tests
