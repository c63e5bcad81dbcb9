// The top of a program: values, exceptions, signals, and what happens to what is left.
#include <chorus/async/run.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace run_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;

namespace {

awaitable<void> raise_and_sleep(int number) {
    std::raise(number);
    co_await chorus::sleep_for(24h);
}

TEST(run, returns_zero_for_void_and_the_value_otherwise) {
    EXPECT_EQ(chorus::run([]() -> awaitable<void> { co_return; }()), 0);
    EXPECT_EQ(chorus::run([]() -> awaitable<int> { co_return 3; }()), 3);
    const auto text = chorus::run([]() -> awaitable<std::string> {
        co_await chorus::sleep_for(1ms);
        co_return "text";
    }());
    EXPECT_EQ(text, "text");
}

struct no_default {
    explicit no_default(int v) : value(std::make_unique<int>(v)) {}
    std::unique_ptr<int> value;
};

TEST(run, returns_values_that_only_move_and_have_no_default) {
    auto value = chorus::run([]() -> awaitable<no_default> { co_return no_default(4); }());
    EXPECT_EQ(*value.value, 4);
}

TEST(run, returns_results_as_they_are) {
    const auto reply =
        chorus::run([]() -> awaitable<chorus::result<int>> { co_return chorus::error(chorus::errc::rate_limited); }());
    EXPECT_EQ(reply.error(), chorus::errc::rate_limited);
}

TEST(run, throws_what_the_coroutine_throws) {
    const auto failing = []() -> awaitable<int> {
        co_await chorus::sleep_for(0s);
        throw std::runtime_error("main failed");
    };
    EXPECT_THROW(chorus::run(failing()), std::runtime_error);
}

TEST(run, throws_what_escapes_from_another_handler) {
    const auto main = []() -> awaitable<void> {
        auto ex = co_await chorus::this_coro::executor;
        asio::post(ex, [] { throw std::logic_error("handler"); });
        co_await chorus::sleep_for(24h);
    };
    EXPECT_THROW(chorus::run(main()), std::logic_error);
}

TEST(run, destroys_what_is_left_in_the_loop) {
    auto witness = std::make_shared<int>();
    const auto background = [](std::shared_ptr<int>) -> awaitable<void> { co_await chorus::sleep_for(24h); };
    const auto main = [&]() -> awaitable<void> {
        asio::co_spawn(co_await chorus::this_coro::executor, background(witness), asio::detached);
        co_await chorus::sleep_for(0s);
        EXPECT_EQ(witness.use_count(), 2);
    };
    EXPECT_EQ(chorus::run(main()), 0);
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(run, says_when_the_loop_is_stopped_under_it) {
    const auto main = []() -> awaitable<void> {
        auto ex = co_await chorus::this_coro::executor;
        ex.target<asio::io_context::executor_type>()->context().stop();
        co_await chorus::sleep_for(24h);
    };
    EXPECT_THROW(chorus::run(main()), std::logic_error);
}

TEST(run, is_cancelled_by_the_first_signal_and_returns_what_shells_expect) {
    EXPECT_EQ(chorus::run(raise_and_sleep(SIGINT)), 128 + SIGINT);
    EXPECT_EQ(chorus::run(raise_and_sleep(SIGTERM)), 128 + SIGTERM);
}

TEST(run, lets_a_main_that_catches_its_cancellation_decide) {
    const auto main = []() -> awaitable<int> {
        bool interrupted = false;
        try {
            co_await raise_and_sleep(SIGINT);
        } catch (const boost::system::system_error& thrown) {
            interrupted = thrown.code() == asio::error::operation_aborted;
        }
        co_return interrupted ? 5 : 6;
    };
    EXPECT_EQ(chorus::run(main()), 5);
}

TEST(run, throws_the_cancellation_where_it_cannot_return_a_status) {
    const auto main = []() -> awaitable<std::string> {
        co_await raise_and_sleep(SIGINT);
        co_return "never";
    };
    EXPECT_THROW(chorus::run(main()), boost::system::system_error);
}

TEST(run, an_own_cancellation_is_not_mistaken_for_a_signal) {
    const auto main = []() -> awaitable<void> {
        throw boost::system::system_error(asio::error::operation_aborted);
        co_return;
    };
    EXPECT_THROW(chorus::run(main()), boost::system::system_error);
}

TEST(run_DeathTest, is_killed_by_a_second_signal) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto stubborn = []() -> awaitable<void> {
        try {
            co_await raise_and_sleep(SIGINT);
        } catch (const boost::system::system_error&) {
            std::raise(SIGINT);
        }
    };
    EXPECT_EXIT(chorus::run(stubborn()), testing::KilledBySignal(SIGINT), "");
}

TEST(run_DeathTest, is_killed_by_a_second_signal_while_the_loop_is_blocked) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto blocking = []() -> awaitable<void> {
        std::raise(SIGTERM);
        std::raise(SIGTERM);  // the loop had no chance to see the first
        co_return;
    };
    EXPECT_EXIT(chorus::run(blocking()), testing::KilledBySignal(SIGTERM), "");
}

TEST(run_DeathTest, leaves_signals_alone_if_told_so) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(chorus::run(raise_and_sleep(SIGINT), {.handle_signals = false}), testing::KilledBySignal(SIGINT), "");
}

TEST(run, works_on_several_threads_at_once) {
    std::vector<int> values(4);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&values, i] {
                const auto main = [](int value) -> awaitable<int> {
                    for (int round = 0; round < 20; ++round) co_await chorus::sleep_for(100us);
                    co_return value;
                };
                values[static_cast<std::size_t>(i)] = chorus::run(main(i + 1));
            });
    }
    EXPECT_EQ(values, (std::vector{1, 2, 3, 4}));
}

TEST(run, can_be_called_again_after_a_signal) {
    EXPECT_EQ(chorus::run(raise_and_sleep(SIGINT)), 128 + SIGINT);
    EXPECT_EQ(chorus::run(chorus::sleep_for(1ms)), 0);
    EXPECT_EQ(chorus::run(raise_and_sleep(SIGINT)), 128 + SIGINT);
}

}  // namespace

}  // namespace run_tests
