// Contracts of the sum over the last minute.
#include <chorus/policy/minute_window.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace chorus::policy::minute_window_tests {
namespace {

using namespace std::chrono_literals;
using time_point = minute_window::time_point;

constexpr time_point start{1000s};

minute_window window_at(time_point now) {
    minute_window window;
    window.advance(now);
    return window;
}

TEST(minute_window, keeps_for_a_minute_and_at_most_two_seconds_more) {
    for (const auto fraction : {0ms, 1ms, 500ms, 999ms}) {
        const time_point sent = start + fraction;
        minute_window window = window_at(sent);
        window.add(sent, {1, {10, 5}});
        window.advance(sent + 61s);
        EXPECT_EQ(window.sum(), (rate_amounts{1, {10, 5}})) << fraction.count();
        EXPECT_EQ(window.when_at_most(meter::requests, 0), start + 62s);
        window.advance(start + 62s);
        EXPECT_EQ(window.sum(), rate_amounts{}) << fraction.count();
    }
}

TEST(minute_window, tells_when_enough_is_over) {
    minute_window window = window_at(start);
    window.add(start, {1, {100, 0}});
    window.advance(start + 10s);
    window.add(start + 10s, {1, {0, 50}});
    window.advance(start + 20s);
    window.add(start + 20s, {1, {7, 3}});
    EXPECT_EQ(window.when_at_most(meter::requests, 2), start + 62s);
    EXPECT_EQ(window.when_at_most(meter::requests, 0), start + 82s);
    EXPECT_EQ(window.when_at_most(meter::total_tokens, 59), start + 72s);
    EXPECT_EQ(window.when_at_most(meter::input_tokens, 7), start + 62s);
    EXPECT_EQ(window.when_at_most(meter::output_tokens, 3), start + 72s);
}

TEST(minute_window, counts_what_was_not_refused) {
    minute_window window = window_at(start);
    for (int i = 0; i < 5; ++i) window.add(start, {1, {}});
    window.refuse(start);
    window.refuse(start);
    EXPECT_EQ(window.accepted(), 3);
    window.advance(start + 62s);
    EXPECT_EQ(window.accepted(), 0);
}

TEST(minute_window, forgets_corrections_of_what_it_has_forgotten) {
    minute_window window = window_at(start);
    window.add(start, {1, {100, 0}});
    window.advance(start + 2min);
    window.add(start, {-1, {-100, 0}});
    window.refuse(start);
    EXPECT_EQ(window.sum(), rate_amounts{});
    EXPECT_EQ(window.accepted(), 0);
}

TEST(minute_window, bears_a_jump_of_years) {
    minute_window window = window_at(start);
    window.add(start, {1, {100, 0}});
    window.advance(start + std::chrono::years(10));
    EXPECT_EQ(window.sum(), rate_amounts{});
    window.add(start + std::chrono::years(10), {1, {1, 1}});
    EXPECT_EQ(window.sum().requests, 1);
}

}  // namespace
}  // namespace chorus::policy::minute_window_tests
