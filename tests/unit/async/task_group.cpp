// Nothing outlives a task group; the first failure ends it.
#include <chorus/async/task.hpp>
#include <chorus/async/task_group.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "children_support.hpp"

namespace task_group_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::errc;
using chorus::result;
using chorus::sleep_for;
using chorus::task_group;
using chorus::with_task_group;

awaitable<void> count_after(duration pause, int& count) {
    co_await sleep_for(pause);
    ++count;
}

}  // namespace

CHORUS_TEST(task_group, ends_when_its_last_task_has_ended) {
    int count = 0;
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        for (int i = 1; i <= 5; ++i) group.spawn(count_after(1s * i, count));
        EXPECT_EQ(group.size(), 5u);
        co_return;
    });
    EXPECT_EQ(count, 5);
    EXPECT_EQ(test_clock().elapsed(), 5s);
}

CHORUS_TEST(task_group, gives_what_its_body_returns) {
    int count = 0;
    const int value = co_await with_task_group([&](task_group& group) -> awaitable<int> {
        group.spawn(count_after(2s, count));
        co_await sleep_for(1s);
        co_return 7;
    });
    EXPECT_EQ(value, 7);
    EXPECT_EQ(count, 1);
    auto make = [](task_group&) -> awaitable<awkward> { co_return awkward(8); };
    EXPECT_EQ((co_await with_task_group(make)).value(), 8);
}

CHORUS_TEST(task_group, without_tasks_is_its_body) {
    co_await with_task_group([](task_group&) -> awaitable<void> { co_return; });
    co_await with_task_group([](task_group&) { return sleep_for(1s); });
    EXPECT_EQ(test_clock().elapsed(), 1s);
}

CHORUS_TEST(task_group, starts_tasks_in_order_and_not_inside_of_spawn) {
    std::vector<int> notes;
    auto note = [&](int value) -> awaitable<void> {
        notes.push_back(value);
        co_return;
    };
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        for (int i = 0; i < 4; ++i) group.spawn(note(i));
        EXPECT_TRUE(notes.empty());
        co_return;
    });
    EXPECT_THAT(notes, testing::ElementsAre(0, 1, 2, 3));
}

CHORUS_TEST(task_group, cancels_all_after_the_first_failure_of_a_task) {
    bool ended = false;
    int count = 0;
    auto body = [&](task_group& group) -> awaitable<void> {
        group.spawn(slow_to_end(100s, 5s, ended));
        group.spawn(throw_after(2s, "first"));
        group.spawn(throw_after(3s, "second"));
        co_await count_after(50s, count);
    };
    try {
        co_await with_task_group(body);
        ADD_FAILURE();
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "first");
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(count, 0);
    EXPECT_EQ(test_clock().elapsed(), 7s);
}

CHORUS_TEST(task_group, cancels_all_after_a_failure_of_its_body) {
    bool ended = false;
    auto body = [&](task_group& group) -> awaitable<void> {
        group.spawn(slow_to_end(100s, 5s, ended));
        co_await sleep_for(1s);
        throw std::runtime_error("body");
    };
    EXPECT_THROW(co_await with_task_group(body), std::runtime_error);
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);

    auto no_coroutine = [](task_group&) -> awaitable<void> { throw std::runtime_error("at once"); };
    EXPECT_THROW(co_await with_task_group(no_coroutine), std::runtime_error);
}

CHORUS_TEST(task_group, takes_a_failed_result_as_a_failure) {
    auto body = [&](task_group& group) -> awaitable<void> {
        group.spawn(value_after(1s, result<void>()));
        group.spawn(error_after<void>(2s, errc::overloaded));
        co_await sleep_for(100s);
    };
    try {
        co_await with_task_group(body);
        ADD_FAILURE();
    } catch (const chorus::api_error& thrown) {
        EXPECT_EQ(thrown.error(), errc::overloaded);
    }
    EXPECT_EQ(test_clock().elapsed(), 2s);
}

CHORUS_TEST(task_group, cancelled_by_its_own_is_no_failure) {
    int count = 0;
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        group.spawn(count_after(1s, count));
        group.spawn(count_after(9s, count));
        co_await sleep_for(2s);
        group.cancel();
        group.spawn(count_after(0s, count));
        co_await sleep_for(1s);
        count = 100;
    });
    EXPECT_EQ(count, 1);
    EXPECT_EQ(test_clock().elapsed(), 2s);

    auto without_value = [](task_group& group) -> awaitable<int> {
        group.cancel();
        co_await sleep_for(1s);
        co_return 1;
    };
    EXPECT_TRUE(co_await was_cancelled(with_task_group(without_value)));
}

CHORUS_TEST(task_group, may_be_cancelled_by_a_task) {
    int count = 0;
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        auto stop = [&]() -> awaitable<void> {
            co_await sleep_for(2s);
            group.cancel();
        };
        group.spawn(stop());
        group.spawn(count_after(9s, count));
        co_await sleep_for(100s);
    });
    EXPECT_EQ(count, 0);
    EXPECT_EQ(test_clock().elapsed(), 2s);
}

CHORUS_TEST(task_group, lets_tasks_spawn_tasks) {
    int count = 0;
    struct crawler {
        static awaitable<void> visit(task_group& group, int depth, int& count) {
            ++count;
            if (depth == 0) co_return;
            co_await sleep_for(1s);
            group.spawn(visit(group, depth - 1, count));
            group.spawn(visit(group, depth - 1, count));
        }
    };
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        group.spawn(crawler::visit(group, 6, count));
        co_return;
    });
    EXPECT_EQ(count, 127);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(task_group, ten_thousand_tasks_that_spawn_one_another_do_not_overflow_the_stack) {
    int count = 0;
    struct chain {
        static awaitable<void> link(task_group& group, int depth, int& count) {
            ++count;
            if (depth > 1) group.spawn(link(group, depth - 1, count));
            co_return;
        }
    };
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        group.spawn(chain::link(group, 10'000, count));
        co_return;
    });
    EXPECT_EQ(count, 10'000);
}

CHORUS_TEST(task_group, keeps_no_memory_for_tasks_that_have_ended) {
    if (allocated_bytes() == 0) CO_SKIP() << "nobody counts what malloc gives";
    co_await with_task_group([&](task_group& group) -> awaitable<void> {
        auto one_by_one = [&](int tasks) -> awaitable<void> {
            for (int i = 0; i < tasks; ++i) {
                group.spawn(sleep_for(1s));
                co_await sleep_for(2s);
            }
        };
        co_await one_by_one(100);
        const std::size_t before = allocated_bytes();
        co_await one_by_one(10'000);
        EXPECT_LE(allocated_bytes(), before + 10'000);
    });
}

CHORUS_TEST(task_group, cancelled_at_any_time_cancels_all_and_waits_for_their_end) {
    for (auto when = 0s; when <= 3s; when += 1s) {
        int count = 0;
        bool ended = false;
        auto body = [&](task_group& group) -> awaitable<void> {
            group.spawn(slow_to_end(10s, 1s, ended));
            co_await sleep_for(1s);
            group.spawn(count_after(8s, count));
            co_await sleep_for(1s);
        };
        auto block = co_await chorus::spawn(with_task_group(body));
        co_await sleep_for(when + 500ms);
        block.cancel();
        EXPECT_TRUE(co_await was_cancelled(block.join())) << when.count();
        EXPECT_TRUE(ended);
        EXPECT_EQ(count, 0);
    }
}

TEST(task_group, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
        auto body = [&](task_group& group) -> awaitable<void> {
            group.spawn(work(alive(left)));
            co_await sleep_for(1h);
            ADD_FAILURE() << "resumed";
        };
        auto outer = [&](alive) -> awaitable<void> {
            co_await with_task_group(body);
            ADD_FAILURE() << "resumed";
        };
        boost::asio::co_spawn(loop, outer(alive(left)), boost::asio::detached);
        loop.poll();
        EXPECT_EQ(left, 2);
    }
    EXPECT_EQ(left, 0);
}

}  // namespace task_group_tests
