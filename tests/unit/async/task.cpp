// spawn starts at once, and its handle awaits, cancels or leaves what runs.
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "children_support.hpp"

namespace task_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::sleep_for;
using chorus::spawn;
using chorus::task;

awaitable<void> set_after(duration pause, bool& flag) {
    co_await sleep_for(pause);
    flag = true;
}

}  // namespace

CHORUS_TEST(task, runs_without_being_awaited) {
    bool ran = false;
    auto running = co_await spawn(set_after(1s, ran));
    EXPECT_FALSE(running.done());
    co_await sleep_for(2s);
    EXPECT_TRUE(ran);
    EXPECT_TRUE(running.done());
}

CHORUS_TEST(task, takes_its_first_step_after_spawn_has_returned) {
    bool began = false;
    auto work = [&]() -> awaitable<void> {
        began = true;
        co_return;
    };
    auto running = spawn(get_executor(), work());
    EXPECT_FALSE(began);
    co_await std::move(running);
    EXPECT_TRUE(began);
}

CHORUS_TEST(task, gives_its_value_when_awaited) {
    EXPECT_EQ(co_await (co_await spawn(value_after(1s, 7))), 7);
    auto pointer = co_await spawn(value_after(1s, std::make_unique<int>(8)));
    EXPECT_EQ(*co_await std::move(pointer), 8);
    auto make = []() -> awaitable<awkward> { co_return awkward(9); };
    auto hard_to_keep = co_await spawn(make());
    EXPECT_EQ((co_await hard_to_keep.join()).value(), 9);
}

CHORUS_TEST(task, gives_its_value_after_it_ended) {
    auto running = co_await spawn(value_after(1s, 7));
    co_await sleep_for(5s);
    EXPECT_TRUE(running.done());
    EXPECT_EQ(co_await std::move(running), 7);
}

CHORUS_TEST(task, keeps_its_exception_until_awaited) {
    auto running = co_await spawn(throw_after(1s, "broken"));
    co_await sleep_for(5s);
    EXPECT_TRUE(running.done());
    EXPECT_THROW(co_await std::move(running), std::runtime_error);
}

CHORUS_TEST(task, whose_exception_nobody_awaits_ends_quietly) {
    {
        auto running = co_await spawn(throw_after(1s, "broken"));
        co_await sleep_for(5s);
    }
    co_await sleep_for(1s);
}

CHORUS_TEST(task, is_cancelled_when_its_handle_goes) {
    bool ran = false;
    { auto running = co_await spawn(set_after(1s, ran)); }
    co_await sleep_for(5s);
    EXPECT_FALSE(ran);
}

CHORUS_TEST(task, is_cancelled_when_its_handle_gets_another) {
    bool first = false;
    bool second = false;
    auto running = co_await spawn(set_after(1s, first));
    co_await sleep_for(0s);
    running = co_await spawn(set_after(1s, second));
    co_await std::move(running);
    EXPECT_FALSE(first);
    EXPECT_TRUE(second);
}

CHORUS_TEST(task, cancelled_before_its_first_step_never_begins) {
    bool began = false;
    auto work = [&]() -> awaitable<void> {
        began = true;
        co_return;
    };
    auto running = spawn(get_executor(), work());
    running.cancel();
    EXPECT_TRUE(co_await was_cancelled(running.join()));
    EXPECT_FALSE(began);
}

CHORUS_TEST(task, cancelled_throws_where_it_waits) {
    auto running = co_await spawn(value_after(10s, 1));
    co_await sleep_for(1s);
    running.cancel();
    EXPECT_TRUE(co_await was_cancelled(running.join()));
    EXPECT_TRUE(running.done());
    EXPECT_EQ(test_clock().elapsed(), 1s);
}

CHORUS_TEST(task, may_be_cancelled_by_another_while_it_is_awaited) {
    auto running = co_await spawn(value_after(10s, 1));
    auto canceller = [&]() -> awaitable<void> {
        co_await sleep_for(2s);
        running.cancel();
        running.cancel();
    };
    auto other = co_await spawn(canceller());
    EXPECT_TRUE(co_await was_cancelled(running.join()));
    EXPECT_EQ(test_clock().elapsed(), 2s);
}

CHORUS_TEST(task, may_cancel_itself) {
    std::optional<task<int>> running;
    auto work = [&]() -> awaitable<int> {
        running->cancel();
        co_await sleep_for(1s);
        co_return 1;
    };
    running = co_await spawn(work());
    EXPECT_TRUE(co_await was_cancelled(running->join()));
}

CHORUS_TEST(task, may_drop_its_own_handle) {
    std::optional<task<void>> running;
    bool aborted = false;
    auto work = [&]() -> awaitable<void> {
        running.reset();
        try {
            co_await sleep_for(1s);
        } catch (const boost::system::system_error& thrown) {
            aborted = thrown.code() == boost::asio::error::operation_aborted;
        }
    };
    running = co_await spawn(work());
    co_await sleep_for(5s);
    EXPECT_TRUE(aborted);
}

CHORUS_TEST(task, detached_runs_on) {
    bool ran = false;
    (co_await spawn(set_after(1s, ran))).detach();
    co_await sleep_for(2s);
    EXPECT_TRUE(ran);
}

CHORUS_TEST(task, ends_before_a_cancelled_waiter_does) {
    bool ended = false;
    auto wait = [&]() -> awaitable<void> {
        auto running = co_await spawn(slow_to_end(10s, 5s, ended));
        co_await std::move(running);
    };
    auto waiter = co_await spawn(wait());
    co_await sleep_for(1s);
    waiter.cancel();
    EXPECT_TRUE(co_await was_cancelled(waiter.join()));
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(task, runs_under_its_name) {
    std::string first;
    std::string later;
    auto work = [&]() -> awaitable<void> {
        first = chorus::current_task_name();
        co_await sleep_for(1s);
        later = chorus::current_task_name();
    };
    co_await (co_await spawn(work(), "a name that is too long for a small string"));
    EXPECT_EQ(first, "a name that is too long for a small string");
    EXPECT_EQ(later, first);
    EXPECT_EQ(chorus::current_task_name(), "");
    co_await spawn(get_executor(), work(), "other");
    EXPECT_EQ(later, "other");
}

CHORUS_TEST(task, ten_thousand_that_await_one_another_do_not_overflow_the_stack) {
    struct chain {
        static awaitable<int> link(int depth) {
            if (depth == 0) co_return 0;
            auto next = co_await spawn(link(depth - 1));
            co_return 1 + co_await std::move(next);
        }
    };
    EXPECT_EQ(co_await chain::link(10'000), 10'000);
}

CHORUS_TEST(task, ten_thousand_immediate_ones_in_a_row) {
    int sum = 0;
    auto one = []() -> awaitable<int> { co_return 1; };
    for (int i = 0; i < 10'000; ++i) sum += co_await (co_await spawn(one()));
    EXPECT_EQ(sum, 10'000);
}

CHORUS_TEST(task, waiting_for_a_sleep_holds_at_most_2_kb) {
    if (allocated_bytes() == 0) CO_SKIP() << "nobody counts what malloc gives";
    constexpr std::size_t count = 10'000;
    std::vector<task<void>> tasks;
    const std::size_t before = allocated_bytes();
    tasks.reserve(count);
    for (std::size_t i = 0; i < count; ++i) tasks.push_back(spawn(get_executor(), sleep_for(1h)));
    co_await sleep_for(1s);
    CO_ASSERT_EQ(test_clock().pending(), count);
    const double each = static_cast<double>(allocated_bytes() - before) / static_cast<double>(count);
    std::cout << "bytes a task: " << each << '\n';
    EXPECT_LE(each, 2048);
    EXPECT_GE(each, 500) << "this does not count what it should";
}

TEST(task, starts_from_outside_of_the_loop) {
    boost::asio::io_context loop;
    auto running = spawn(loop, value_after(1ms, 5));
    EXPECT_FALSE(running.done());
    loop.run();
    EXPECT_TRUE(running.done());
    loop.restart();
    auto value = boost::asio::co_spawn(loop, running.join(), boost::asio::use_future);
    loop.run();
    EXPECT_EQ(value.get(), 5);
}

TEST(task, cancelled_from_outside_before_the_loop_ran_ends_quietly) {
    boost::asio::io_context loop;
    int left = 0;
    auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
    auto running = spawn(loop, work(alive(left)));
    running.cancel();
    EXPECT_NO_THROW(loop.run());
    EXPECT_TRUE(running.done());
    EXPECT_EQ(left, 0);
}

TEST(task, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    std::optional<task<void>> handle;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
        auto wait = [&](alive) -> awaitable<void> {
            auto running = spawn(loop, work(alive(left)));
            co_await std::move(running);
        };
        spawn(loop, work(alive(left))).detach();
        handle = spawn(loop, wait(alive(left)));
        loop.poll();
        EXPECT_EQ(left, 3);
    }
    EXPECT_EQ(left, 0);
    EXPECT_TRUE(handle->done());
    handle->cancel();
}

TEST(task, never_run_leaves_nothing_behind) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_return; };
        auto running = spawn(loop, work(alive(left)));
        EXPECT_EQ(left, 1);
    }
    EXPECT_EQ(left, 0);
}

TEST(task, works_on_a_strand_of_a_thread_pool) {
    boost::asio::thread_pool pool(4);
    auto work = [](int value) -> awaitable<int> {
        for (int i = 0; i < 10; ++i) co_await boost::asio::post(boost::asio::deferred);
        co_return value;
    };
    auto sum_up = [&]() -> awaitable<int> {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 100; ++i) tasks.push_back(co_await spawn(work(i)));
        int sum = 0;
        for (auto& one : tasks) sum += co_await std::move(one);
        co_return sum;
    };
    auto first = boost::asio::co_spawn(boost::asio::make_strand(pool), sum_up(), boost::asio::use_future);
    auto second = boost::asio::co_spawn(boost::asio::make_strand(pool), sum_up(), boost::asio::use_future);
    EXPECT_EQ(first.get() + second.get(), 9'900);
    pool.join();
}

}  // namespace task_tests
