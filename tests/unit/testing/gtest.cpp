// Coroutine tests pass, fail and end as plain tests do.
#include <chorus/async/sleep.hpp>
#include <chorus/error.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest-spi.h>

#include <chrono>
#include <memory>
#include <stdexcept>

namespace gtest_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;

namespace {

// A test within a test: what it reports is caught by EXPECT_FATAL_FAILURE and EXPECT_NONFATAL_FAILURE.
template <class Body>
struct inner_test final : chorus::testing::coroutine_test {
    Body body_function;
    explicit inner_test(Body function) : body_function(function) {}
    awaitable<void> body() override { return body_function(*this); }
};

template <class Body>
void run_virtual(Body body) {
    inner_test<Body>(body).run_in_virtual_time();
}
template <class Body>
void run_real(Body body) {
    inner_test<Body>(body).run_in_real_time();
}

using test = chorus::testing::coroutine_test;

CHORUS_TEST(coroutine_test, jumps_over_hours) {
    co_await chorus::sleep_for(24h);
    CO_ASSERT_EQ(test_clock().elapsed(), 24h);
}

CHORUS_REAL_TIME_TEST(coroutine_test, runs_on_the_real_clock) {
    const auto start = chorus::clock::now();
    co_await chorus::sleep_for(1ms);
    CO_ASSERT_GE(chorus::clock::now() - start, 1ms);
}

TEST(coroutine_test, stands_beside_plain_tests_of_its_suite) {
    SUCCEED();
}

CHORUS_TEST(coroutine_test, runs_on_its_own_context) {
    CO_ASSERT_TRUE((co_await chorus::this_coro::executor) == get_executor());
}

TEST(coroutine_test, passes_when_every_assertion_holds) {
    run_virtual([](test&) -> awaitable<void> {
        CO_ASSERT_TRUE(true);
        CO_ASSERT_FALSE(false);
        CO_ASSERT_EQ(1, 1);
        CO_ASSERT_NE(1, 2);
        CO_ASSERT_LT(1, 2);
        CO_ASSERT_LE(1, 1);
        CO_ASSERT_GT(2, 1);
        CO_ASSERT_GE(2, 2);
        co_return;
    });
}

TEST(coroutine_test, a_fatal_assertion_leaves_the_body_and_says_what_was_expected) {
    static bool went_on;
    went_on = false;
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             co_await chorus::sleep_for(1s);
                             CO_ASSERT_EQ(6 * 7, 41) << "told more";
                             went_on = true;
                         }),
                         "6 * 7");
    EXPECT_FALSE(went_on);
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_TRUE(1 > 2) << "told more";
                             co_return;
                         }),
                         "told more");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_FALSE(2 > 1);
                             co_return;
                         }),
                         "2 > 1");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_NE(1, 1);
                             co_return;
                         }),
                         "(1) != (1)");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_LT(1, 1);
                             co_return;
                         }),
                         "(1) < (1)");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_LE(2, 1);
                             co_return;
                         }),
                         "(2) <= (1)");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_GT(1, 1);
                             co_return;
                         }),
                         "(1) > (1)");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_ASSERT_GE(1, 2);
                             co_return;
                         }),
                         "(1) >= (2)");
    EXPECT_FATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                             CO_FAIL() << "given up";
                             co_return;
                         }),
                         "given up");
}

CHORUS_TEST(coroutine_test, expects_exceptions_of_what_it_awaits) {
    const auto failing = []() -> awaitable<void> {
        co_await chorus::sleep_for(1s);
        throw std::runtime_error("as planned");
    };
    EXPECT_THROW(co_await failing(), std::runtime_error);
    EXPECT_NO_THROW(co_await chorus::sleep_for(1s));
}

TEST(coroutine_test, an_exception_fails_the_test_with_its_message) {
    EXPECT_NONFATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                                co_await chorus::sleep_for(1s);
                                throw std::runtime_error("lost my way");
                            }),
                            "lost my way");
    EXPECT_NONFATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                                chorus::throw_error(chorus::error(chorus::errc::rate_limited, "slow down"));
                                co_return;
                            }),
                            "slow down");
    EXPECT_NONFATAL_FAILURE(run_virtual([](test&) -> awaitable<void> {
                                throw 7;
                                co_return;
                            }),
                            "no std::exception");
}

TEST(coroutine_test, a_body_that_cannot_end_fails_instead_of_hanging) {
    const auto stuck = [](test& self) -> awaitable<void> {
        self.wall_limit(2ms);
        asio::steady_timer never(self.context(), asio::steady_timer::time_point::max());
        co_await never.async_wait(chorus::use_awaitable);
    };
    EXPECT_NONFATAL_FAILURE(run_virtual(stuck), "has not ended");
    EXPECT_NONFATAL_FAILURE(run_real(stuck), "has not ended");
    const auto busy = [](test& self) -> awaitable<void> {
        self.wall_limit(2ms);
        for (;;) co_await chorus::sleep_for(0s);
    };
    EXPECT_NONFATAL_FAILURE(run_virtual(busy), "has not ended");
    EXPECT_NONFATAL_FAILURE(run_real(busy), "has not ended");
}

TEST(coroutine_test, a_stopped_loop_fails_the_test) {
    const auto stopping = [](test& self) -> awaitable<void> {
        self.context().stop();
        co_await chorus::sleep_for(1s);
    };
    EXPECT_NONFATAL_FAILURE(run_virtual(stopping), "was stopped");
    EXPECT_NONFATAL_FAILURE(run_real(stopping), "was stopped");
}

TEST(coroutine_test, destroys_what_still_runs_when_the_body_has_ended) {
    auto witness = std::make_shared<int>();
    const auto background = [](std::shared_ptr<int>) -> awaitable<void> {
        for (;;) co_await chorus::sleep_for(1h);
    };
    run_virtual([&](test& self) -> awaitable<void> {
        asio::co_spawn(self.context(), background(witness), asio::detached);
        co_await chorus::sleep_for(90min);
    });
    EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace

}  // namespace gtest_tests
