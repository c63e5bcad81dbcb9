// How a mock server begins and ends, and whom it tells what was wrong.
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

#include <memory>
#include <string>
#include <vector>

#include "mock_server_client.hpp"

namespace mock_server_lifetime_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;
using chorus_test::byte_client;
using chorus_test::chat_request;
using ::testing::ElementsAre;
namespace asio = boost::asio;

mock_options plain() {
    return mock_options().plain();
}

TEST(mock_server_lifetime, a_step_that_was_not_reached_fails_the_test_that_owns_the_server) {
    EXPECT_NONFATAL_FAILURE(
        {
            asio::io_context loop;
            mock_server server(loop.get_executor(), plain());
            server.expect().model("m");
        },
        "step 1 (model \"m\") was not reached");
}

TEST(mock_server_lifetime, problems_go_to_its_own_reporter_if_it_has_one) {
    std::vector<std::string> heard;
    {
        asio::io_context loop;
        mock_server server(loop.get_executor(), plain());
        server.on_problem([&](std::string_view problem) { heard.emplace_back(problem); });
        server.expect();
    }
    EXPECT_THAT(heard, ElementsAre("step 1 (any request) was not reached"));
}

TEST(mock_server_lifetime, what_verify_returned_is_not_reported_again_but_a_later_step_is) {
    std::vector<std::string> heard;
    for (const bool later_step : {false, true}) {
        asio::io_context loop;
        mock_server server(loop.get_executor(), plain());
        server.on_problem([&](std::string_view problem) { heard.emplace_back(problem); });
        server.expect();
        EXPECT_EQ(server.verify().size(), 1u);
        if (later_step) server.expect();
        EXPECT_TRUE(heard.empty());
    }
    EXPECT_EQ(heard.size(), 2u);
}

TEST(mock_server_lifetime, a_port_that_is_taken_is_an_exception) {
    asio::io_context loop;
    mock_server server(loop.get_executor(), plain());
    EXPECT_THROW(mock_server(loop.get_executor(), plain().port(server.port())), boost::system::system_error);
}

TEST(mock_server_lifetime, after_stop_its_loop_has_no_work) {
    asio::io_context loop;
    mock_server server(loop.get_executor());
    loop.poll();
    server.stop();
    loop.run();
    EXPECT_EQ(server.counters().open_connections, 0u);
}

// The loop runs one handler after another; the server goes away after each number of them once.
TEST(mock_server_lifetime, may_be_destroyed_at_any_moment) {
    for (const bool encrypted : {false, true}) {
        bool answered = false;
        int steps = 0;
        for (; !answered && steps < 1000; ++steps) {
            asio::io_context loop;
            auto server =
                std::make_unique<mock_server>(loop.get_executor(), mock_options().plain(!encrypted).latency(1us));
            const auto tls = chorus_test::trust(*server);
            const auto talk = [&, port = server->port()]() -> chorus::awaitable<void> {
                byte_client client(loop.get_executor());
                co_await client.connect(port, tls);
                co_await client.send(chat_request("a"));
                answered = !(co_await client.response()).empty();
            };
            asio::co_spawn(loop, talk(), asio::detached);
            for (int i = 0; i < steps && !answered; ++i) loop.run_one();
            server.reset();
            if (steps % 2 == 0) loop.run();  // the other half of the loops end in the middle, too
        }
        EXPECT_TRUE(answered);
    }
}

}  // namespace

}  // namespace mock_server_lifetime_tests
