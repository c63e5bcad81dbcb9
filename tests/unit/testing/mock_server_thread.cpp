#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

#include <stdexcept>
#include <string>

#include "mock_server_client.hpp"

namespace mock_server_thread_tests {

namespace {

using namespace chorus::testing;
using ::testing::HasSubstr;

std::string ask(const mock_server_thread& server, std::string prompt) {
    boost::asio::io_context loop;
    const auto talk = [&]() -> chorus::awaitable<std::string> {
        chorus_test::byte_client client(loop.get_executor());
        const auto tls = chorus::net::tls_context::client(chorus::net::tls_options().ca_pem(server.ca_pem())).value();
        co_await client.connect(server.port(), tls);
        co_await client.send(chorus_test::chat_request(prompt));
        co_return co_await client.response();
    };
    auto reply = boost::asio::co_spawn(loop, talk(), boost::asio::use_future);
    loop.run();
    return reply.get();
}

TEST(mock_server_thread, serves_while_the_thread_of_the_test_does_something_else) {
    mock_server_thread server(mock_options().record(10));
    EXPECT_THAT(server.base_url(), HasSubstr("https://127.0.0.1:"));
    server.with([](mock_server& mock) { mock.expect().reply_text("scripted"); });
    EXPECT_THAT(ask(server, "a"), HasSubstr("scripted"));
    EXPECT_THAT(ask(server, "b"), HasSubstr("echo: b"));
    EXPECT_EQ(server.counters().requests, 2u);
    EXPECT_EQ(server.requests().size(), 2u);
    EXPECT_TRUE(server.verify().empty());
}

TEST(mock_server_thread, with_gives_back_what_the_function_returns_or_throws) {
    mock_server_thread server;
    EXPECT_EQ(server.with([](mock_server& mock) { return mock.port(); }), server.port());
    EXPECT_THROW(server.with([](mock_server&) { throw std::runtime_error("x"); }), std::runtime_error);
}

TEST(mock_server_thread, a_step_that_was_not_reached_fails_the_test_that_owns_it) {
    EXPECT_NONFATAL_FAILURE(
        {
            mock_server_thread server;
            server.with([](mock_server& mock) { mock.expect(); });
        },
        "step 1 (any request) was not reached");
}

}  // namespace

}  // namespace mock_server_thread_tests
