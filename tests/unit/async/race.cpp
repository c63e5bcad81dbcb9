// In a race the first success wins; the others are cancelled and have ended before it comes out.
#include <chorus/async/race.hpp>
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

#include "children_support.hpp"

namespace race_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::errc;
using chorus::race;
using chorus::result;
using chorus::sleep_for;

}  // namespace

CHORUS_TEST(race, gives_the_first_success_and_who_it_was) {
    std::vector<awaitable<std::string>> calls;
    calls.push_back(value_after(3s, std::string("slow")));
    calls.push_back(value_after(1s, std::string("fast")));
    calls.push_back(value_after(2s, std::string("middling")));
    auto [index, value] = co_await race(std::move(calls));
    EXPECT_EQ(index, 1u);
    EXPECT_EQ(value, "fast");
    EXPECT_EQ(test_clock().elapsed(), 1s);
}

CHORUS_TEST(race, cancels_the_losers_and_waits_for_their_end) {
    bool ended = false;
    std::vector<awaitable<void>> calls;
    calls.push_back(slow_to_end(100s, 5s, ended));
    calls.push_back(sleep_for(1s));
    const chorus::race_result<void> winner = co_await race(std::move(calls));
    EXPECT_EQ(winner.index, 1u);
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(race, passes_over_failures_while_others_run) {
    std::vector<awaitable<int>> calls;
    calls.push_back(throw_after<int>(1s, "broken"));
    calls.push_back(value_after(2s, 2));
    EXPECT_EQ((co_await race(std::move(calls))).value, 2);

    std::vector<awaitable<result<int>>> results;
    results.push_back(error_after<int>(1s, errc::overloaded));
    results.push_back(value_after(2s, result<int>(3)));
    results.push_back(throw_after<result<int>>(1s, "broken"));
    auto winner = co_await race(std::move(results));
    EXPECT_EQ(winner->index, 1u);
    EXPECT_EQ(winner->value, 3);
}

CHORUS_TEST(race, that_all_lose_ends_with_the_last_failure) {
    std::vector<awaitable<int>> calls;
    calls.push_back(throw_after<int>(2s, "last"));
    calls.push_back(throw_after<int>(1s, "first"));
    try {
        (void)co_await race(std::move(calls));
        ADD_FAILURE();
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "last");
    }
    std::vector<awaitable<result<int>>> results;
    results.push_back(error_after<int>(2s, errc::overloaded));
    results.push_back(error_after<int>(1s, errc::not_found));
    EXPECT_EQ((co_await race(std::move(results))).error(), errc::overloaded);
}

CHORUS_TEST(race, refuses_to_race_nobody) {
    std::vector<awaitable<int>> none;
    try {
        (void)co_await race(std::move(none));
        ADD_FAILURE();
    } catch (const chorus::api_error& refused) {
        EXPECT_EQ(refused.error(), errc::invalid_argument);
    }
    std::vector<awaitable<result<int>>> none_of_results;
    EXPECT_EQ((co_await race(std::move(none_of_results))).error(), errc::invalid_argument);
}

CHORUS_TEST(race, takes_different_types) {
    auto first = co_await race(value_after(2s, std::make_unique<int>(1)), sleep_for(1s));
    static_assert(std::is_same_v<decltype(first), std::variant<std::unique_ptr<int>, std::monostate>>);
    EXPECT_EQ(first.index(), 1u);

    auto same_type = co_await race(value_after(2s, 1), value_after(1s, 2));
    EXPECT_EQ(same_type.index(), 1u);
    EXPECT_EQ(std::get<1>(same_type), 2);

    auto mixed = co_await race(error_after<int>(1s, errc::conflict), sleep_for(2s));
    EXPECT_EQ(mixed->index(), 1u);
    auto lost = co_await race(error_after<int>(1s, errc::conflict), throw_after(2s, "broken"));
    EXPECT_EQ(lost.error().text(), "broken");
}

CHORUS_TEST(race, takes_types_that_are_hard_to_keep) {
    std::vector<awaitable<awkward>> calls;
    calls.push_back([]() -> awaitable<awkward> {
        co_await sleep_for(1s);
        co_return awkward(7);
    }());
    auto winner = co_await race(std::move(calls));
    EXPECT_EQ(winner.value.value(), 7);
}

CHORUS_TEST(race, starts_nobody_after_an_immediate_winner) {
    auto win = []() -> awaitable<int> { co_return 1; };
    bool started = false;
    auto other = [&]() -> awaitable<int> {
        started = true;
        co_return 2;
    };
    std::vector<awaitable<int>> calls;
    calls.push_back(win());
    calls.push_back(other());
    EXPECT_EQ((co_await race(std::move(calls))).index, 0u);
    EXPECT_FALSE(started);
}

CHORUS_TEST(race, cancelled_before_anyone_won_throws) {
    for (auto when = 0s; when <= 2s; when += 1s) {
        int left = 0;
        auto work = [](duration pause, alive) -> awaitable<void> {
            co_await sleep_for(pause);
            throw std::runtime_error("too late");
        };
        auto all = co_await chorus::spawn(race(work(1s, alive(left)), work(5s, alive(left))));
        co_await sleep_for(when);
        all.cancel();
        EXPECT_TRUE(co_await was_cancelled(all.join())) << when.count();
        EXPECT_EQ(left, 0);
    }
}

CHORUS_TEST(race, cancelled_after_someone_won_keeps_the_winner) {
    bool ended = false;
    auto all = co_await chorus::spawn(race(value_after(1s, 1), slow_to_end(100s, 5s, ended)));
    co_await sleep_for(3s);
    all.cancel();
    EXPECT_EQ((co_await all.join()).index(), 0u);
    EXPECT_TRUE(ended);
}

CHORUS_TEST(race, of_ten_thousand_immediate_failures_does_not_overflow_the_stack) {
    auto fail = []() -> awaitable<result<int>> { co_return chorus::error(errc::conflict); };
    std::vector<awaitable<result<int>>> calls;
    for (int i = 0; i < 10'000; ++i) calls.push_back(fail());
    EXPECT_EQ((co_await race(std::move(calls))).error(), errc::conflict);
}

TEST(race, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
        auto outer = [&](alive) -> awaitable<void> {
            auto first = race(work(alive(left)), work(alive(left)));
            (void)co_await std::move(first);
            ADD_FAILURE() << "resumed";
        };
        boost::asio::co_spawn(loop, outer(alive(left)), boost::asio::detached);
        loop.poll();
        EXPECT_EQ(left, 3);
    }
    EXPECT_EQ(left, 0);
}

}  // namespace race_tests
