// A limit around a coroutine: who ends it, what the caller sees, and that nothing is left running.
#include <chorus/async/event.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace timeout_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus::errc;
using chorus::result;
using chorus::sleep_for;
using chorus::with_timeout;

namespace {

awaitable<std::unique_ptr<int>> slow_value(chorus::clock::duration delay, int value) {
    co_await sleep_for(delay);
    co_return std::make_unique<int>(value);
}

awaitable<result<int>> slow_result(chorus::clock::duration delay) {
    co_await sleep_for(delay);
    co_return 42;
}

// As a client does that reports everything as a value.
awaitable<result<int>> catching_result(chorus::clock::duration delay) {
    std::exception_ptr failure;
    try {
        co_await sleep_for(delay);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) co_return chorus::error::from_exception(failure);
    co_return 42;
}

CHORUS_TEST(with_timeout, returns_the_value_of_what_is_in_time) {
    auto value = co_await with_timeout(2s, slow_value(1s, 7));
    CO_ASSERT_EQ(*value, 7);
    CO_ASSERT_EQ(test_clock().elapsed(), 1s);
    CO_ASSERT_EQ(test_clock().pending(), 0u);  // the limit is gone
    co_await with_timeout(2s, sleep_for(1s));
}

CHORUS_TEST(with_timeout, throws_timed_out_when_the_limit_passes) {
    std::optional<chorus::error> failure;
    try {
        co_await with_timeout(250ms, slow_value(1h, 7));
    } catch (const chorus::api_error& thrown) {
        failure = thrown.error();
    }
    CO_ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(*failure, errc::timed_out);
    EXPECT_EQ(*failure, chorus::condition::timeout);
    EXPECT_NE(failure->message().find("250 ms"), std::string::npos) << failure->message();
    CO_ASSERT_EQ(test_clock().elapsed(), 250ms);
    CO_ASSERT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(with_timeout, gives_the_error_as_a_value_where_the_coroutine_returns_results) {
    const auto thrown_inside = co_await with_timeout(1s, slow_result(1h));
    CO_ASSERT_FALSE(thrown_inside.has_value());
    EXPECT_EQ(thrown_inside.error(), errc::timed_out);
    const auto returned_inside = co_await with_timeout(1s, catching_result(1h));
    CO_ASSERT_FALSE(returned_inside.has_value());
    EXPECT_EQ(returned_inside.error(), errc::timed_out);
    const auto in_time = co_await with_timeout(1s, slow_result(1ms));
    EXPECT_EQ(in_time.value(), 42);
}

CHORUS_TEST(with_timeout, passes_other_failures_through) {
    const auto failing = []() -> awaitable<void> {
        co_await sleep_for(1s);
        throw std::runtime_error("its own");
    };
    EXPECT_THROW(co_await with_timeout(2s, failing()), std::runtime_error);
    const auto returning = []() -> awaitable<result<int>> { co_return chorus::error(errc::rate_limited); };
    const auto reply = co_await with_timeout(2s, returning());
    EXPECT_EQ(reply.error(), errc::rate_limited);
}

CHORUS_TEST(with_timeout, waits_until_a_cancelled_coroutine_has_cleaned_up) {
    bool cleaned_up = false;
    const auto careful = [](bool& done) -> awaitable<void> {
        bool cancelled = false;
        try {
            co_await sleep_for(1h);
        } catch (const boost::system::system_error&) {
            cancelled = true;
        }
        co_await chorus::this_coro::reset_cancellation_state();
        if (cancelled) co_await sleep_for(5s);
        done = true;
        if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
    };
    EXPECT_THROW(co_await with_timeout(1s, careful(cleaned_up)), chorus::api_error);
    EXPECT_TRUE(cleaned_up);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(with_timeout, hears_a_value_or_failure_that_comes_in_spite_of_the_cancellation) {
    const auto stubborn = []() -> awaitable<int> {
        co_await chorus::this_coro::throw_if_cancelled(false);
        try {
            co_await sleep_for(1h);
        } catch (const boost::system::system_error&) {
        }
        co_return 5;
    };
    EXPECT_EQ(co_await with_timeout(1s, stubborn()), 5);
    const auto broken = []() -> awaitable<int> {
        try {
            co_await sleep_for(1h);
        } catch (const boost::system::system_error&) {
            throw std::runtime_error("clean-up failed");
        }
        co_return 5;
    };
    EXPECT_THROW(co_await with_timeout(1s, broken()), std::runtime_error);
}

CHORUS_TEST(with_timeout, of_zero_still_lets_what_needs_no_waiting_end) {
    const auto immediate = []() -> awaitable<int> { co_return 1; };
    EXPECT_EQ(co_await with_timeout(0s, immediate()), 1);
    EXPECT_THROW(co_await with_timeout(0s, sleep_for(1ms)), chorus::api_error);
    EXPECT_THROW(co_await with_timeout(-1h, sleep_for(1ms)), chorus::api_error);
}

CHORUS_TEST(with_timeout, without_end_is_no_limit) {
    EXPECT_EQ(*co_await with_timeout(chorus::clock::duration::max(), slow_value(1h, 3)), 3);
    EXPECT_EQ(*co_await with_timeout(std::chrono::milliseconds::max(), slow_value(1h, 3)), 3);
}

CHORUS_TEST(with_timeout, nests_and_the_shorter_limit_wins) {
    const auto inner = []() -> awaitable<void> { co_await with_timeout(1s, sleep_for(1h)); };
    EXPECT_THROW(co_await with_timeout(5s, inner()), chorus::api_error);
    EXPECT_EQ(test_clock().elapsed(), 1s);
    const auto patient = []() -> awaitable<void> { co_await with_timeout(1h, sleep_for(2h)); };
    EXPECT_THROW(co_await with_timeout(5s, patient()), chorus::api_error);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

TEST(with_timeout, passes_a_cancellation_from_outside_through) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    asio::co_spawn(loop, with_timeout(1h, sleep_for(2h)),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    loop.poll();
    EXPECT_EQ(time.pending(), 2u);
    signal.emit(asio::cancellation_type::terminal);
    time.run();
    EXPECT_EQ(time.elapsed(), 0s);
    ASSERT_TRUE(failure);
    EXPECT_EQ(chorus::error::from_exception(failure), errc::cancelled);
}

TEST(with_timeout, that_is_cancelled_from_outside_first_does_not_claim_a_timeout) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    const auto slow_to_leave = []() -> awaitable<void> {
        try {
            co_await sleep_for(2h);
        } catch (const boost::system::system_error&) {
        }
        co_await chorus::this_coro::reset_cancellation_state();
        co_await sleep_for(3h);  // the limit passes meanwhile
        throw boost::system::system_error(asio::error::operation_aborted);
    };
    asio::co_spawn(loop, with_timeout(1h, slow_to_leave()),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    loop.poll();
    signal.emit(asio::cancellation_type::terminal);
    time.run();
    ASSERT_TRUE(failure);
    EXPECT_EQ(chorus::error::from_exception(failure), errc::cancelled);
}

TEST(with_timeout, leaves_nothing_behind_in_a_context_that_goes_away) {
    auto witness = std::make_shared<int>();
    {
        asio::io_context loop{1};
        const auto body = [](std::shared_ptr<int>) -> awaitable<void> { co_await sleep_for(1h); };
        asio::co_spawn(loop, with_timeout(1s, body(witness)), asio::detached);
        loop.poll();
    }
    EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace

}  // namespace timeout_tests
