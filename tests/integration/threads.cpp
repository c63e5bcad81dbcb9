// What crosses threads: loops that share nothing but a server, and calls begun from a thread that runs no loop.
#include <chorus/async/gather.hpp>
#include <chorus/async/run.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

namespace chorus::threads_tests {
namespace {

using testing::mock_server_thread;

openai endpoint(const mock_server_thread& server) {
    return openai([](const char*) -> const char* { return nullptr; }).base_url(server.base_url()).api_key("k");
}

client_options trust(const mock_server_thread& server) {
    return client_options().tls(net::tls_options().ca_pem(server.ca_pem())).max_connections(10);
}

/// Asks a number of questions at once, and counts the right answers.
awaitable<int> ask(const mock_server_thread& server, int questions) {
    client llm(co_await this_coro::executor, endpoint(server), trust(server));
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < questions; ++i) calls.push_back(llm.try_complete(chat_request("m").user(std::to_string(i))));
    const auto replies = co_await gather(std::move(calls));
    int right = 0;
    for (int i = 0; i < questions; ++i) {
        const auto& reply = replies[static_cast<std::size_t>(i)];
        if (reply && reply->text() == "echo: " + std::to_string(i)) ++right;
    }
    co_return right;
}

TEST(client_threads, each_thread_has_a_loop_and_a_client_of_its_own) {
    mock_server_thread server;
    std::vector<int> right(3);
    std::vector<std::thread> threads;
    for (int& count : right) {
        threads.emplace_back([&count, &server] { count = run(ask(server, 40), {.handle_signals = false}); });
    }
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(right, (std::vector<int>{40, 40, 40}));
    EXPECT_EQ(server.counters().requests, 120u);
}

TEST(client_threads, a_thread_without_a_loop_gets_futures) {
    mock_server_thread server;
    asio::io_context loop;
    auto work = asio::make_work_guard(loop);
    std::vector<std::future<result<chat_response>>> replies;
    {
        client llm(loop.get_executor(), endpoint(server), trust(server));
        std::thread runner([&loop] { loop.run(); });
        for (int i = 0; i < 20; ++i) {
            replies.push_back(llm.async_complete(chat_request("m").user(std::to_string(i)), asio::use_future));
        }
        for (int i = 0; i < 20; ++i) {
            const auto reply = replies[static_cast<std::size_t>(i)].get();
            ASSERT_TRUE(reply) << reply.error().message();
            EXPECT_EQ(reply->text(), "echo: " + std::to_string(i));
        }
        work.reset();
        runner.join();  // the client goes when nobody runs its loop any more
    }
}

}  // namespace
}  // namespace chorus::threads_tests
