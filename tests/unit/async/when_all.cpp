// when_all gives all values, or the first failure after the others have been cancelled and have ended.
#include <chorus/async/task.hpp>
#include <chorus/async/when_all.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

#include "children_support.hpp"

namespace when_all_tests {

namespace {

using namespace chorus_test;
using chorus::awaitable;
using chorus::errc;
using chorus::result;
using chorus::sleep_for;
using chorus::when_all;

awaitable<int> immediate(int value) {
    co_return value;
}

}  // namespace

CHORUS_TEST(when_all, gives_values_in_input_order) {
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(value_after(1s * (4 - i), i));
    const std::vector<int> values = co_await when_all(std::move(calls));
    EXPECT_THAT(values, testing::ElementsAre(0, 1, 2, 3));
    EXPECT_EQ(test_clock().elapsed(), 4s);
}

CHORUS_TEST(when_all, throws_the_first_failure_after_the_others_have_ended) {
    bool ended = false;
    std::vector<awaitable<void>> calls;
    calls.push_back(slow_to_end(100s, 5s, ended));
    calls.push_back(throw_after(2s, "first"));
    calls.push_back(throw_after(3s, "second"));
    try {
        co_await when_all(std::move(calls));
        ADD_FAILURE();
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "first");
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 7s);
}

CHORUS_TEST(when_all, starts_nothing_after_an_immediate_failure) {
    auto fail = []() -> awaitable<int> {
        throw std::runtime_error("at once");
        co_return 0;
    };
    bool started = false;
    auto other = [&]() -> awaitable<int> {
        started = true;
        co_return 1;
    };
    std::vector<awaitable<int>> calls;
    calls.push_back(fail());
    calls.push_back(other());
    EXPECT_THROW((void)co_await when_all(std::move(calls)), std::runtime_error);
    EXPECT_FALSE(started);
}

CHORUS_TEST(when_all, of_results_returns_a_result) {
    std::vector<awaitable<result<std::string>>> good;
    good.push_back(value_after(1s, result<std::string>("a")));
    good.push_back(value_after(2s, result<std::string>("b")));
    const result<std::vector<std::string>> values = co_await when_all(std::move(good));
    CO_ASSERT_TRUE(values.has_value());
    EXPECT_THAT(*values, testing::ElementsAre("a", "b"));

    bool ended = false;
    auto slow = [&]() -> awaitable<result<std::string>> {
        co_await slow_to_end(100s, 1s, ended);
        co_return "late";
    };
    std::vector<awaitable<result<std::string>>> bad;
    bad.push_back(slow());
    bad.push_back(error_after<std::string>(1s, errc::overloaded));
    EXPECT_EQ((co_await when_all(std::move(bad))).error(), errc::overloaded);
    EXPECT_TRUE(ended);

    std::vector<awaitable<result<std::string>>> throwing;
    throwing.push_back(throw_after<result<std::string>>(1s, "broken"));
    EXPECT_EQ((co_await when_all(std::move(throwing))).error().text(), "broken");
}

CHORUS_TEST(when_all, of_nothings_gives_nothing) {
    std::vector<awaitable<void>> calls;
    calls.push_back(sleep_for(1s));
    calls.push_back(sleep_for(2s));
    co_await when_all(std::move(calls));
    EXPECT_EQ(test_clock().elapsed(), 2s);

    std::vector<awaitable<result<void>>> checks;
    checks.push_back(error_after<void>(1s, errc::not_found));
    EXPECT_EQ((co_await when_all(std::move(checks))).error(), errc::not_found);
}

CHORUS_TEST(when_all, of_none_completes) {
    std::vector<awaitable<int>> none;
    EXPECT_TRUE((co_await when_all(std::move(none))).empty());
    std::vector<awaitable<void>> none_of_void;
    co_await when_all(std::move(none_of_void));
    std::vector<awaitable<result<int>>> none_of_results;
    EXPECT_TRUE((co_await when_all(std::move(none_of_results))).has_value());
    (void)co_await when_all();
}

CHORUS_TEST(when_all, takes_different_types) {
    auto [number, text, nothing] =
        co_await when_all(value_after(1s, 1), value_after(2s, std::make_unique<std::string>("two")), sleep_for(3s));
    EXPECT_EQ(number, 1);
    EXPECT_EQ(*text, "two");
    static_assert(std::is_same_v<decltype(nothing), std::monostate>);

    auto mixed = co_await when_all(value_after(1s, 1), value_after(1s, result<std::string>("two")));
    static_assert(std::is_same_v<decltype(mixed), result<std::tuple<int, std::string>>>);
    EXPECT_EQ(std::get<1>(*mixed), "two");
    EXPECT_EQ((co_await when_all(sleep_for(9s), error_after<int>(1s, errc::conflict))).error(), errc::conflict);
}

CHORUS_TEST(when_all, takes_types_that_are_hard_to_keep) {
    std::vector<awaitable<awkward>> calls;
    calls.push_back([]() -> awaitable<awkward> { co_return awkward(7); }());
    const auto values = co_await when_all(std::move(calls));
    EXPECT_EQ(values[0].value(), 7);

    std::vector<awaitable<bool>> flags;
    for (int i = 0; i < 100; ++i) flags.push_back(value_after(1s * (i % 7), i % 3 == 0));
    const std::vector<bool> answers = co_await when_all(std::move(flags));
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(answers[i], i % 3 == 0);
}

CHORUS_TEST(when_all, cancelled_at_any_time_cancels_all_and_waits_for_their_end) {
    for (auto when = 0s; when <= 2s; when += 1s) {
        int left = 0;
        bool ended = false;
        auto work = [](duration pause, alive) -> awaitable<void> { co_await sleep_for(pause); };
        auto all =
            co_await chorus::spawn(when_all(work(1s, alive(left)), work(3s, alive(left)), slow_to_end(4s, 1s, ended)));
        co_await sleep_for(when);
        all.cancel();
        EXPECT_TRUE(co_await was_cancelled(all.join())) << when.count();
        EXPECT_EQ(left, 0);
        EXPECT_TRUE(ended);
    }
}

CHORUS_TEST(when_all, cancelled_after_a_failure_throws_the_failure) {
    bool ended = false;
    auto all = co_await chorus::spawn(when_all(slow_to_end(100s, 5s, ended), throw_after(1s, "broken")));
    co_await sleep_for(3s);
    all.cancel();
    EXPECT_THROW((void)co_await all.join(), std::runtime_error);
    EXPECT_TRUE(ended);
    EXPECT_EQ(test_clock().elapsed(), 6s);
}

CHORUS_TEST(when_all, of_ten_thousand_immediate_values_does_not_overflow_the_stack) {
    std::vector<awaitable<int>> calls;
    for (int i = 0; i < 10'000; ++i) calls.push_back(immediate(i));
    EXPECT_EQ((co_await when_all(std::move(calls))).back(), 9'999);
}

TEST(when_all, leaves_nothing_behind_when_the_loop_goes) {
    int left = 0;
    {
        boost::asio::io_context loop;
        auto work = [](alive) -> awaitable<void> { co_await sleep_for(1h); };
        auto outer = [&](alive) -> awaitable<void> {
            auto all = when_all(work(alive(left)), immediate(1), work(alive(left)));
            (void)co_await std::move(all);
            ADD_FAILURE() << "resumed";
        };
        boost::asio::co_spawn(loop, outer(alive(left)), boost::asio::detached);
        loop.poll();
        EXPECT_EQ(left, 3);
    }
    EXPECT_EQ(left, 0);
}

}  // namespace when_all_tests
