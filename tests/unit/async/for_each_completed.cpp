// for_each_completed reads its range lazily, bounds what runs, and hands over each result as it comes.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <ranges>
#include <sstream>
#include <string>

#include "children_support.hpp"

namespace for_each_completed_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::errc;
using chorus::for_each_completed;
using chorus::result;
using chorus::sleep_for;

// For tests that look at something other than the results.
constexpr auto ignore = [](std::size_t, auto) {};

}  // namespace

CHORUS_TEST(for_each_completed, hands_over_results_as_they_come) {
    const std::vector<int> seconds{3, 1, 2};
    std::vector<std::pair<std::size_t, int>> seen;
    co_await for_each_completed(
        seconds, [](int s) { return value_after(1s * s, s * 10); }, {},
        [&](std::size_t index, result<int> value) { seen.emplace_back(index, *value); });
    EXPECT_THAT(seen, testing::ElementsAre(std::pair(1u, 10), std::pair(2u, 20), std::pair(0u, 30)));
    EXPECT_EQ(test_clock().elapsed(), 3s);
}

CHORUS_TEST(for_each_completed, keeps_going_when_an_item_fails) {
    std::map<std::size_t, errc> failures;
    int good = 0;
    auto work = [](int i) -> awaitable<result<int>> {
        co_await sleep_for(1s);
        if (i == 1) co_return chorus::error(errc::overloaded);
        if (i == 2) throw chorus::api_error(chorus::error(errc::conflict));
        co_return i;
    };
    co_await for_each_completed(std::views::iota(0, 5), work, {.limit = 2}, [&](std::size_t index, result<int> value) {
        if (value) {
            ++good;
        } else {
            failures[index] = static_cast<errc>(value.error().code().value());
        }
    });
    EXPECT_EQ(good, 3);
    EXPECT_THAT(failures, testing::ElementsAre(std::pair(1u, errc::overloaded), std::pair(2u, errc::conflict)));
}

CHORUS_TEST(for_each_completed, takes_an_exception_of_the_call_itself_as_that_items_failure) {
    auto work = [](int i) -> awaitable<void> {
        if (i == 0) throw std::runtime_error("not even a coroutine");
        return sleep_for(1s);
    };
    int failed = 0;
    co_await for_each_completed(std::views::iota(0, 3), work, {},
                                [&](std::size_t, result<void> outcome) { failed += !outcome; });
    EXPECT_EQ(failed, 1);
}

CHORUS_TEST(for_each_completed, of_nothing_completes) {
    std::vector<int> none;
    co_await for_each_completed(
        none, [](int) { return sleep_for(1s); }, {}, ignore);
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(for_each_completed, never_exceeds_its_limit) {
    int running = 0;
    int most = 0;
    auto work = [&](int i) -> awaitable<void> {
        most = std::max(most, ++running);
        co_await sleep_for(1s * (i % 3 + 1));
        --running;
    };
    int seen = 0;
    co_await for_each_completed(std::views::iota(0, 100), work, {.limit = 7},
                                [&](std::size_t, result<void>) { ++seen; });
    EXPECT_EQ(most, 7);
    EXPECT_EQ(seen, 100);
    EXPECT_LE(test_clock().elapsed(), 32s);
}

CHORUS_TEST(for_each_completed, refuses_a_limit_of_zero) {
    try {
        co_await for_each_completed(
            std::views::iota(0, 3), [](int) { return sleep_for(1s); }, {.limit = 0}, ignore);
        ADD_FAILURE();
    } catch (const chorus::api_error& refused) {
        EXPECT_EQ(refused.error(), errc::invalid_argument);
    }
}

CHORUS_TEST(for_each_completed, reads_the_range_only_as_far_as_there_is_room) {
    std::size_t read = 0;
    std::size_t seen = 0;
    auto items = std::views::iota(0, 1000) | std::views::transform([&](int i) {
                     ++read;
                     return std::to_string(i);
                 });
    co_await for_each_completed(
        items, [](std::string) { return sleep_for(1s); }, {.limit = 10},
        [&](std::size_t, result<void>) {
            ++seen;
            EXPECT_LE(read, seen + 10);
        });
    EXPECT_EQ(read, 1000u);
}

CHORUS_TEST(for_each_completed, reads_a_stream_once) {
    std::istringstream lines("alpha beta gamma delta");
    std::vector<std::string> seen;
    auto echo = [](const std::string& line) -> awaitable<std::string> {
        co_await sleep_for(1s);
        co_return line;  // the stream's own string has been overwritten by now
    };
    co_await for_each_completed(std::views::istream<std::string>(lines), echo, {.limit = 2},
                                [&](std::size_t, result<std::string> value) { seen.push_back(*value); });
    EXPECT_THAT(seen, testing::ElementsAre("alpha", "beta", "gamma", "delta"));
}

CHORUS_TEST(for_each_completed, moves_items_out_of_a_range_passed_by_move) {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
    auto work = [](std::unique_ptr<int> item) -> awaitable<std::unique_ptr<int>> {
        co_await sleep_for(1s);
        co_return item;
    };
    int sum = 0;
    co_await for_each_completed(std::move(items), work, {},
                                [&](std::size_t, result<std::unique_ptr<int>> value) { sum += **value; });
    EXPECT_EQ(sum, 3);
}

CHORUS_TEST(for_each_completed, refers_to_items_of_a_range_passed_by_name) {
    std::vector<std::unique_ptr<int>> items;
    for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
    auto work = [](std::unique_ptr<int>& item) -> awaitable<void> {
        co_await sleep_for(1s);
        *item += 10;
    };
    co_await for_each_completed(items, work, {}, ignore);
    EXPECT_EQ(*items[2], 12);

    const std::vector<bool> flags{true, false, true};
    int set = 0;
    auto answer = [](bool flag) { return value_after(1s, flag); };
    co_await for_each_completed(flags, answer, {}, [&](std::size_t, result<bool> value) { set += *value; });
    EXPECT_EQ(set, 2);
}

CHORUS_TEST(for_each_completed, takes_types_that_are_hard_to_keep) {
    auto work = [](int i) -> awaitable<awkward> {
        co_await sleep_for(1s);
        co_return awkward(i);
    };
    int sum = 0;
    co_await for_each_completed(std::views::iota(1, 4), work, {},
                                [&](std::size_t, result<awkward> value) { sum += value->value(); });
    EXPECT_EQ(sum, 6);
}

CHORUS_TEST(for_each_completed, calls_a_coroutine_sink_for_one_result_at_a_time) {
    int inside = 0;
    std::vector<std::size_t> seen;
    auto sink = [&](std::size_t index, result<void>) -> awaitable<void> {
        EXPECT_EQ(++inside, 1);
        co_await sleep_for(1s);
        --inside;
        seen.push_back(index);
    };
    co_await for_each_completed(
        std::views::iota(0, 5), [](int) { return sleep_for(1s); }, {.limit = 3}, sink);
    EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4));
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(for_each_completed, is_held_back_by_a_slow_sink) {
    int started = 0;
    int seen = 0;
    auto work = [&](int) -> awaitable<void> {
        ++started;
        co_return;
    };
    auto sink = [&](std::size_t, result<void>) -> awaitable<void> {
        EXPECT_LE(started, seen + 4 + 1);  // four in the works, and the one in here
        co_await sleep_for(1s);
        ++seen;
    };
    co_await for_each_completed(std::views::iota(0, 50), work, {.limit = 4}, sink);
    EXPECT_EQ(seen, 50);
}

CHORUS_TEST(for_each_completed, stops_when_the_sink_throws) {
    int started = 0;
    int left = 0;
    bool ended = false;
    auto work = [&](int i) -> awaitable<void> {
        ++started;
        alive here(left);
        if (i == 2) co_await slow_to_end(100s, 5s, ended);
        co_await sleep_for(1s * (i + 1));
    };
    auto plain = [](std::size_t, result<void>) { throw std::runtime_error("full disk"); };
    EXPECT_THROW(co_await for_each_completed(std::views::iota(0, 50), work, {.limit = 4}, plain), std::runtime_error);
    EXPECT_EQ(started, 4);
    EXPECT_EQ(left, 0);
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);

    started = 0;
    auto coroutine = [](std::size_t, result<void>) -> awaitable<void> {
        co_await sleep_for(500ms);
        throw std::runtime_error("full disk");
    };
    EXPECT_THROW(co_await for_each_completed(std::views::iota(0, 50), work, {.limit = 4}, coroutine),
                 std::runtime_error);
    EXPECT_EQ(started, 5);
    EXPECT_EQ(left, 0);
}

CHORUS_TEST(for_each_completed, stops_when_the_range_throws) {
    int left = 0;
    auto items = std::views::iota(0, 50) | std::views::transform([](int i) {
                     if (i == 3) throw std::runtime_error("bad line");
                     return i;
                 });
    auto work = [&](int) -> awaitable<void> {
        alive here(left);
        co_await sleep_for(1s);
    };
    EXPECT_THROW(co_await for_each_completed(items, work, {.limit = 10}, ignore), std::runtime_error);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

CHORUS_TEST(for_each_completed, cancelled_at_any_time_cancels_all_and_waits_for_their_end) {
    for (auto when = 0s; when <= 6s; when += 1s) {
        int left = 0;
        auto work = [&](int i) -> awaitable<void> {
            alive here(left);
            co_await sleep_for(1s * (i % 3 + 1));
        };
        auto sink = [&](std::size_t, result<void>) -> awaitable<void> {
            alive here(left);
            co_await sleep_for(700ms);
        };
        auto all = co_await chorus::spawn(for_each_completed(std::views::iota(0, 50), work, {.limit = 4}, sink));
        co_await sleep_for(when);
        all.cancel();
        EXPECT_TRUE(co_await was_cancelled(all.join())) << when.count();
        EXPECT_EQ(left, 0) << when.count();
    }
}

CHORUS_TEST(for_each_completed, of_ten_thousand_immediate_results_does_not_overflow_the_stack) {
    auto immediate = [](int i) -> awaitable<int> { co_return i; };
    for (std::size_t limit : {1u, 256u, 20'000u}) {
        int seen = 0;
        co_await for_each_completed(std::views::iota(0, 10'000), immediate, {.limit = limit},
                                    [&](std::size_t, result<int>) { ++seen; });
        EXPECT_EQ(seen, 10'000);
        auto sink = [&](std::size_t, result<int>) -> awaitable<void> {
            ++seen;
            co_return;
        };
        co_await for_each_completed(std::views::iota(0, 10'000), immediate, {.limit = limit}, sink);
        EXPECT_EQ(seen, 20'000);
    }
}

CHORUS_TEST(for_each_completed, holds_memory_for_its_limit_and_not_for_its_range) {
    if (allocated_bytes() == 0) CO_SKIP() << "nobody counts what malloc gives";
    constexpr std::size_t limit = 10'000;
    const std::size_t before = allocated_bytes();
    std::size_t most = 0;
    auto work = [](int) -> awaitable<void> { co_await sleep_for(1s); };
    co_await for_each_completed(std::views::iota(0, 50'000), work, {.limit = limit},
                                [&](std::size_t index, result<void>) {
                                    if (index % 1'000 == 0) most = std::max(most, allocated_bytes() - before);
                                });
    const double each = static_cast<double>(most) / static_cast<double>(limit);
    std::cout << "bytes an item in the works: " << each << '\n';
    EXPECT_LE(each, 2048);
    EXPECT_GE(each, 500) << "this does not count what it should";
}

TEST(for_each_completed, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [&](int i) -> awaitable<void> {
            alive here(left);
            if (i > 0) co_await sleep_for(1h);
        };
        auto sink = [&](std::size_t, result<void>) -> awaitable<void> {
            alive here(left);
            co_await sleep_for(1h);
        };
        auto outer = [&](alive) -> awaitable<void> {
            co_await for_each_completed(std::views::iota(0, 5), work, {.limit = 3}, sink);
            ADD_FAILURE() << "resumed";
        };
        boost::asio::co_spawn(loop, outer(alive(left)), boost::asio::detached);
        loop.poll();
        EXPECT_EQ(left, 5);  // the outer one, the sink, three in the works
    }
    EXPECT_EQ(left, 0);
}

}  // namespace for_each_completed_tests
