// gather keeps every outcome, in input order, whatever happens to the others.
#include <chorus/async/gather.hpp>
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "children_support.hpp"

namespace gather_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::errc;
using chorus::gather;
using chorus::result;
using chorus::sleep_for;

awaitable<int> note(std::vector<int>& notes, int value, duration pause) {
    notes.push_back(value);
    co_await sleep_for(pause);
    co_return value;
}

awaitable<int> immediate(int value) {
    co_return value;
}

}  // namespace

CHORUS_TEST(gather, gives_values_in_input_order) {
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 5; ++i) calls.push_back(value_after(1s * (5 - i), i));
    const auto values = co_await gather(std::move(calls));
    CO_ASSERT_EQ(values.size(), 5u);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(*values[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(test_clock().elapsed(), 5s);
}

CHORUS_TEST(gather, keeps_other_results_when_one_fails) {
    std::vector<awaitable<int>> calls;
    calls.push_back(value_after(3s, 1));
    calls.push_back(throw_after<int>(1s, "broken"));
    calls.push_back(value_after(2s, 3));
    const auto values = co_await gather(std::move(calls));
    CO_ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(*values[0], 1);
    EXPECT_EQ(values[1].error(), errc::exception);
    EXPECT_EQ(values[1].error().text(), "broken");
    EXPECT_EQ(*values[2], 3);
    EXPECT_EQ(test_clock().elapsed(), 3s);
}

CHORUS_TEST(gather, rethrows_the_original_exception_from_the_value) {
    auto [failed] = co_await gather(throw_after<int>(1s, "broken"));
    EXPECT_THROW(failed.value(), std::runtime_error);
}

CHORUS_TEST(gather, flattens_results) {
    std::vector<awaitable<result<std::string>>> calls;
    calls.push_back(error_after<std::string>(1s, errc::overloaded));
    calls.push_back(value_after(1s, result<std::string>("yes")));
    const std::vector<result<std::string>> values = co_await gather(std::move(calls));
    EXPECT_EQ(values[0].error(), errc::overloaded);
    EXPECT_EQ(*values[1], "yes");
}

CHORUS_TEST(gather, reports_a_child_that_cancelled_itself) {
    auto stopped = []() -> awaitable<void> {
        co_await sleep_for(1s);
        throw boost::system::system_error(boost::asio::error::operation_aborted);
    };
    auto [first, second] = co_await gather(stopped(), value_after(2s, 2));
    EXPECT_EQ(first.error(), errc::cancelled);
    EXPECT_EQ(*second, 2);
}

CHORUS_TEST(gather, of_nothing_completes) {
    std::vector<awaitable<int>> none;
    EXPECT_TRUE((co_await gather(std::move(none))).empty());
    (void)co_await gather();
}

CHORUS_TEST(gather, takes_types_that_are_hard_to_keep) {
    std::vector<awaitable<awkward>> calls;
    calls.push_back([]() -> awaitable<awkward> { co_return awkward(7); }());
    calls.push_back([]() -> awaitable<awkward> {
        co_await sleep_for(1s);
        co_return awkward(8);
    }());
    auto values = co_await gather(std::move(calls));
    EXPECT_EQ(values[0]->value(), 7);
    EXPECT_EQ(values[1]->value(), 8);

    std::vector<awaitable<bool>> flags;
    flags.push_back(value_after(1s, true));
    flags.push_back(value_after(1s, false));
    auto answers = co_await gather(std::move(flags));
    EXPECT_TRUE(*answers[0]);
    EXPECT_FALSE(*answers[1]);
}

CHORUS_TEST(gather, takes_different_types) {
    auto [number, text, nothing, failed] =
        co_await gather(value_after(1s, 1), value_after(2s, std::make_unique<std::string>("two")), sleep_for(3s),
                        error_after<double>(4s, errc::not_found));
    EXPECT_EQ(*number, 1);
    EXPECT_EQ(**text, "two");
    EXPECT_TRUE(nothing.has_value());
    EXPECT_EQ(failed.error(), errc::not_found);
    EXPECT_EQ(test_clock().elapsed(), 4s);
}

CHORUS_TEST(gather, takes_tasks) {
    std::vector<chorus::task<int>> tasks;
    tasks.push_back(co_await chorus::spawn(value_after(1s, 1)));
    tasks.push_back(co_await chorus::spawn(value_after(2s, 2)));
    co_await sleep_for(1s);
    const auto values = co_await gather(std::move(tasks));
    EXPECT_EQ(*values[0] + *values[1], 3);
    EXPECT_EQ(test_clock().elapsed(), 2s);
}

CHORUS_TEST(gather, starts_nothing_before_it_is_awaited_and_then_in_order) {
    std::vector<int> notes;
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(note(notes, i, 1s));
    auto all = gather(std::move(calls));
    EXPECT_TRUE(notes.empty());
    (void)co_await std::move(all);
    EXPECT_THAT(notes, testing::ElementsAre(0, 1, 2, 3));
}

CHORUS_TEST(gather, never_exceeds_its_limit) {
    int running = 0;
    int most = 0;
    auto work = [&](duration pause) -> awaitable<void> {
        most = std::max(most, ++running);
        co_await sleep_for(pause);
        --running;
    };
    std::vector<awaitable<void>> calls;
    for (int i = 0; i < 10; ++i) calls.push_back(work(1s));
    const auto values = co_await gather(std::move(calls), {.limit = 3});
    EXPECT_EQ(values.size(), 10u);
    EXPECT_EQ(most, 3);
    EXPECT_EQ(test_clock().elapsed(), 4s);
}

CHORUS_TEST(gather, starts_waiting_calls_in_order) {
    std::vector<int> notes;
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 6; ++i) calls.push_back(note(notes, i, i == 0 ? 10s : 1s));
    (void)co_await gather(std::move(calls), {.limit = 2});
    EXPECT_THAT(notes, testing::ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_EQ(test_clock().elapsed(), 10s);
}

CHORUS_TEST(gather, refuses_a_limit_of_zero) {
    std::vector<awaitable<int>> calls;
    calls.push_back(immediate(1));
    try {
        (void)co_await gather(std::move(calls), {.limit = 0});
        ADD_FAILURE();
    } catch (const chorus::api_error& refused) {
        EXPECT_EQ(refused.error(), errc::invalid_argument);
    }
}

CHORUS_TEST(gather, cancelled_at_any_time_cancels_all_and_waits_for_their_end) {
    for (auto when = 0s; when <= 4s; when += 1s) {
        int left = 0;
        auto work = [](duration pause, alive) -> awaitable<void> { co_await sleep_for(pause); };
        std::vector<awaitable<void>> calls;
        for (int i = 1; i <= 5; ++i) calls.push_back(work(1s * i, alive(left)));
        auto all = co_await chorus::spawn(gather(std::move(calls), {.limit = 4}));
        co_await sleep_for(when);
        all.cancel();
        EXPECT_TRUE(co_await was_cancelled(all.join())) << when.count();
        EXPECT_EQ(left, 0) << when.count();
    }
    EXPECT_EQ(test_clock().elapsed(), 10s);
}

CHORUS_TEST(gather, waits_for_children_that_end_slowly) {
    bool ended = false;
    auto all = co_await chorus::spawn(gather(slow_to_end(10s, 5s, ended)));
    co_await sleep_for(1s);
    all.cancel();
    EXPECT_TRUE(co_await was_cancelled(all.join()));
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(gather, cancelled_beforehand_starts_nothing) {
    std::vector<int> notes;
    auto work = [&]() -> awaitable<void> {
        (void)co_await was_cancelled(sleep_for(1h));
        (void)co_await gather(note(notes, 1, 1s));
    };
    auto task = co_await chorus::spawn(work());
    co_await sleep_for(1s);
    task.cancel();
    EXPECT_TRUE(co_await was_cancelled(task.join()));
    EXPECT_TRUE(notes.empty());
}

CHORUS_TEST(gather, may_be_cancelled_by_its_own_child_while_it_starts) {
    boost::asio::cancellation_signal signal;
    std::vector<int> notes;
    auto canceller = [&]() -> awaitable<void> {
        notes.push_back(0);
        signal.emit(boost::asio::cancellation_type::terminal);
        co_await sleep_for(1s);
        notes.push_back(-1);
    };
    auto work = [&]() -> awaitable<void> { (void)co_await gather(canceller(), note(notes, 1, 1s)); };
    bool aborted = false;
    boost::asio::co_spawn(get_executor(), work(),
                          boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown) {
                              aborted = chorus::error::from_exception(thrown) == errc::cancelled;
                          }));
    co_await sleep_for(1s);
    EXPECT_TRUE(aborted);
    EXPECT_THAT(notes, testing::ElementsAre(0));
}

CHORUS_TEST(gather, serves_in_cleanup_after_a_cancellation) {
    int sum = 0;
    auto work = [&]() -> awaitable<void> {
        (void)co_await was_cancelled(sleep_for(1h));
        co_await chorus::this_coro::throw_if_cancelled(false);
        auto [a, b] = co_await gather(value_after(1s, 1), value_after(2s, 2));
        sum = *a + *b;
    };
    auto task = co_await chorus::spawn(work());
    co_await sleep_for(1s);
    task.cancel();
    co_await task.join();
    EXPECT_EQ(sum, 3);
}

CHORUS_TEST(gather, of_ten_thousand_immediate_values_does_not_overflow_the_stack) {
    for (std::size_t limit : {std::size_t{1}, std::size_t{100}, chorus::gather_options::unlimited}) {
        std::vector<awaitable<int>> calls;
        for (int i = 0; i < 10'000; ++i) calls.push_back(immediate(i));
        const auto values = co_await gather(std::move(calls), {.limit = limit});
        CO_ASSERT_EQ(values.size(), 10'000u);
        EXPECT_EQ(*values.back(), 9'999);
    }
    int sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto [one, two] = co_await gather(immediate(1), immediate(2));
        sum += *one + *two;
    }
    EXPECT_EQ(sum, 30'000);
}

CHORUS_TEST(gather, nests) {
    auto inner = [](int base) -> awaitable<int> {
        auto [a, b] = co_await gather(value_after(1s, base), value_after(2s, base + 1));
        co_return *a + *b;
    };
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 10; ++i) calls.push_back(inner(i));
    int sum = 0;
    for (const auto& value : co_await gather(std::move(calls))) sum += *value;
    EXPECT_EQ(sum, 100);
    EXPECT_EQ(test_clock().elapsed(), 2s);
}

CHORUS_TEST(gather, of_100000_sleeps_holds_at_most_2_kb_each) {
    if (allocated_bytes() == 0) CO_SKIP() << "nobody counts what malloc gives";
    constexpr std::size_t count = 100'000;
    const std::size_t before = allocated_bytes();
    std::vector<awaitable<void>> calls;
    calls.reserve(count);
    for (std::size_t i = 0; i < count; ++i) calls.push_back(sleep_for(1h));
    auto all = co_await chorus::spawn(gather(std::move(calls)));
    co_await sleep_for(1s);
    CO_ASSERT_EQ(test_clock().pending(), count);
    const double each = static_cast<double>(allocated_bytes() - before) / static_cast<double>(count);
    std::cout << "bytes a sleep: " << each << '\n';
    EXPECT_LE(each, 2048);
    EXPECT_GE(each, 500) << "this does not count what it should";
    EXPECT_EQ((co_await std::move(all)).size(), count);
}

TEST(gather, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
        auto outer = [&](alive) -> awaitable<void> {
            std::vector<awaitable<void>> calls;
            for (int i = 0; i < 3; ++i) calls.push_back(work(alive(left)));
            (void)co_await gather(std::move(calls), {.limit = 2});
            ADD_FAILURE() << "resumed";
        };
        boost::asio::co_spawn(loop, outer(alive(left)), boost::asio::detached);
        loop.poll();
        EXPECT_EQ(left, 4);
    }
    EXPECT_EQ(left, 0);
}

TEST(gather, never_awaited_leaves_nothing_behind) {
    int left = 0;
    {
        auto work = [](alive) -> awaitable<void> { co_return; };
        std::vector<awaitable<void>> calls;
        calls.push_back(work(alive(left)));
        auto all = gather(std::move(calls));
        EXPECT_EQ(left, 1);
    }
    EXPECT_EQ(left, 0);
}

TEST(gather, works_on_a_strand_of_a_thread_pool) {
    boost::asio::thread_pool pool(4);
    auto work = [](int value) -> awaitable<int> {
        for (int i = 0; i < 10; ++i) co_await boost::asio::post(boost::asio::deferred);
        co_return value;
    };
    auto sum_up = [&]() -> awaitable<int> {
        std::vector<awaitable<int>> calls;
        for (int i = 0; i < 200; ++i) calls.push_back(work(i));
        int sum = 0;
        for (auto& value : co_await gather(std::move(calls))) sum += *value;
        co_return sum;
    };
    std::vector<std::future<int>> sums;
    for (int i = 0; i < 8; ++i)
        sums.push_back(boost::asio::co_spawn(boost::asio::make_strand(pool), sum_up(), boost::asio::use_future));
    for (auto& sum : sums) EXPECT_EQ(sum.get(), 19'900);
    pool.join();
}

}  // namespace gather_tests
