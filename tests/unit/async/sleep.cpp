// Sleeping: at the right time, cancellable at every moment, and cheap.
#include <chorus/async/sleep.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

namespace sleep_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus::sleep_for;
using chorus::sleep_until;

namespace {

CHORUS_TEST(sleep, takes_exactly_its_time) {
    co_await sleep_for(200ms);
    CO_ASSERT_EQ(test_clock().elapsed(), 200ms);
    co_await sleep_until(test_clock().now() + 1h);
    CO_ASSERT_EQ(test_clock().elapsed(), 200ms + 1h);
}

CHORUS_TEST(sleep, counts_from_the_moment_it_is_awaited) {
    auto lazy = sleep_for(1s);
    co_await sleep_for(10s);
    co_await std::move(lazy);
    CO_ASSERT_EQ(test_clock().elapsed(), 11s);
}

CHORUS_TEST(sleep, of_zero_or_less_lets_others_run_and_takes_no_time) {
    std::vector<int> order;
    asio::post(context(), [&] { order.push_back(1); });
    co_await sleep_for(0s);
    order.push_back(2);
    co_await sleep_for(-1h);
    co_await sleep_until(chorus::clock::time_point::min());
    CO_ASSERT_EQ(order, (std::vector{1, 2}));
    CO_ASSERT_EQ(test_clock().elapsed(), 0s);
}

TEST(sleep, of_zero_ends_without_moving_a_virtual_clock) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    bool ended = false;
    asio::co_spawn(loop, sleep_for(0s), [&](std::exception_ptr) { ended = true; });
    loop.run();
    EXPECT_TRUE(ended);
}

CHORUS_TEST(sleep, wakes_in_the_order_of_deadlines_each_at_its_own_time) {
    std::vector<std::pair<int, chorus::clock::duration>> woken;
    const auto sleeper = [](auto& woken, auto& time, int name, chorus::clock::duration length) -> awaitable<void> {
        co_await sleep_for(length);
        woken.emplace_back(name, time.elapsed());
    };
    asio::co_spawn(context(), sleeper(woken, test_clock(), 1, 3s), asio::detached);
    asio::co_spawn(context(), sleeper(woken, test_clock(), 2, 1s), asio::detached);
    asio::co_spawn(context(), sleeper(woken, test_clock(), 3, 3s), asio::detached);
    asio::co_spawn(context(), sleeper(woken, test_clock(), 4, 2s), asio::detached);
    co_await sleep_for(10s);
    const decltype(woken) expected{{2, 1s}, {4, 2s}, {1, 3s}, {3, 3s}};
    CO_ASSERT_EQ(woken, expected);
}

TEST(sleep, longer_than_time_itself_does_not_overflow) {
    asio::io_context loop{1};
    asio::co_spawn(loop, sleep_for(chorus::clock::duration::max()), asio::detached);
    asio::co_spawn(loop, sleep_for(std::chrono::milliseconds::max()), asio::detached);
    asio::co_spawn(loop, sleep_for(std::chrono::duration<double>(1e300)), asio::detached);
    loop.poll();
    EXPECT_FALSE(loop.stopped());  // still asleep
}

TEST(sleep, of_less_than_the_beginning_of_time_is_over_at_once) {
    asio::io_context loop{1};
    asio::co_spawn(loop, sleep_for(std::chrono::milliseconds::min()), asio::detached);
    loop.poll();
    EXPECT_TRUE(loop.stopped());
}

TEST(clock, adds_up_to_the_ends_of_time_and_not_beyond) {
    using chorus::clock;
    using chorus::detail::saturating_add;
    using namespace std::chrono;
    constexpr auto last = clock::time_point::max();
    constexpr auto first = clock::time_point::min();
    for (const clock::time_point start :
         {first, clock::time_point(-1s), clock::time_point(), clock::time_point(1s), last}) {
        EXPECT_EQ(saturating_add(start, milliseconds::max()) == last, start >= clock::time_point());
        EXPECT_EQ(saturating_add(start, milliseconds::min()) == first, start <= clock::time_point());
        EXPECT_EQ(saturating_add(start, hours(0)), start);
        EXPECT_EQ(saturating_add(start, duration<unsigned>(0)), start);
    }
    EXPECT_EQ(saturating_add(last - 1h, 1h), last);
    EXPECT_EQ(saturating_add(last - 1h, 59min), last - 1min);
    EXPECT_EQ(saturating_add(last - 1h, hours::max()), last);
    EXPECT_EQ(saturating_add(first + 1h, -1h), first);
    EXPECT_EQ(saturating_add(first + 1h, -2h), first);
    EXPECT_EQ(saturating_add(clock::time_point(), duration<double>(1.5)), clock::time_point(1500ms));
    EXPECT_EQ(saturating_add(clock::time_point(), nanoseconds::max()), last);
}

struct cancelled_sleep : testing::TestWithParam<asio::cancellation_type_t> {};

TEST_P(cancelled_sleep, throws_operation_aborted_at_once) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    asio::cancellation_signal signal;
    std::optional<boost::system::error_code> outcome;
    const auto body = [&]() -> awaitable<void> {
        co_await chorus::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await chorus::this_coro::throw_if_cancelled(false);
        try {
            co_await sleep_for(1h);
        } catch (const boost::system::system_error& thrown) {
            outcome = thrown.code();
        }
    };
    asio::co_spawn(loop, body(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    loop.poll();
    EXPECT_EQ(time.pending(), 1u);
    asio::post(loop, [&] {
        signal.emit(GetParam());
        EXPECT_EQ(time.pending(), 0u);
        EXPECT_FALSE(outcome);  // never from inside emit
    });
    loop.run();
    EXPECT_EQ(outcome, asio::error::operation_aborted);
    EXPECT_EQ(time.elapsed(), 0s);
}

INSTANTIATE_TEST_SUITE_P(every_type, cancelled_sleep,
                         testing::Values(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                         asio::cancellation_type::total));

TEST(sleep, cancelled_before_it_starts_never_starts) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    asio::co_spawn(loop, sleep_for(1h),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    signal.emit(asio::cancellation_type::terminal);
    loop.run();
    EXPECT_THROW(std::rethrow_exception(failure), boost::system::system_error);
}

TEST(sleep, that_is_due_wins_over_a_later_cancellation) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    asio::cancellation_signal signal;
    std::optional<std::exception_ptr> outcome;
    asio::co_spawn(loop, sleep_for(1s),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { outcome = e; }));
    loop.poll();
    time.jump();  // its completion is queued
    signal.emit(asio::cancellation_type::terminal);
    signal.emit(asio::cancellation_type::terminal);
    loop.run();
    ASSERT_TRUE(outcome);
    EXPECT_FALSE(*outcome);
}

TEST(sleep, leaves_nothing_behind_in_a_context_that_goes_away) {
    asio::cancellation_signal outlives_the_loop;
    auto witness = std::make_shared<int>();
    std::optional<asio::cancellation_signal> dies_before_the_loop(std::in_place);
    {
        asio::io_context loop{1};
        const auto body = [](std::shared_ptr<int>) -> awaitable<void> { co_await sleep_for(1h); };
        asio::co_spawn(loop, body(witness), asio::bind_cancellation_slot(outlives_the_loop.slot(), asio::detached));
        asio::co_spawn(loop, body(witness), asio::bind_cancellation_slot(dies_before_the_loop->slot(), asio::detached));
        asio::co_spawn(loop, body(witness), asio::detached);
        loop.poll();
        EXPECT_EQ(witness.use_count(), 4);
        dies_before_the_loop.reset();
    }
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(sleep, drops_a_completion_that_never_runs) {
    auto witness = std::make_shared<int>();
    asio::cancellation_signal signal;
    {
        asio::io_context loop{1};
        chorus::testing::virtual_clock time(loop);
        const auto body = [](std::shared_ptr<int>) -> awaitable<void> { co_await sleep_for(1h); };
        asio::co_spawn(loop, body(witness), asio::bind_cancellation_slot(signal.slot(), asio::detached));
        loop.poll();
        time.jump();
    }
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(sleep, resumes_on_the_executor_of_its_coroutine) {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time(loop);
    auto strand = asio::make_strand(loop);
    bool inside = false;
    const auto body = [&]() -> awaitable<void> {
        co_await sleep_for(1s);
        inside = strand.running_in_this_thread();
    };
    asio::co_spawn(strand, body(), asio::detached);
    time.run();
    EXPECT_TRUE(inside);
}

TEST(sleep, in_real_time_is_no_shorter_than_asked) {
    asio::io_context loop{1};
    const auto start = chorus::clock::now();
    asio::co_spawn(loop, sleep_for(2ms), asio::detached);
    loop.run();
    EXPECT_GE(chorus::clock::now() - start, 2ms);
}

TEST(sleep, now_is_real_without_a_virtual_clock_and_virtual_with_one) {
    asio::io_context loop{1};
    const auto before = chorus::clock::now();
    EXPECT_GE(chorus::now(loop.get_executor()), before);
    chorus::testing::virtual_clock time(loop);
    time.advance(1h);
    EXPECT_EQ(chorus::now(loop.get_executor()), time.now());
    EXPECT_GE(chorus::now(loop.get_executor()), before + 1h);
}

}  // namespace

}  // namespace sleep_tests
