// Contracts of the limit on calls in flight.
#include <chorus/policy/concurrency_limit.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace chorus::policy::concurrency_limit_tests {
namespace {

using namespace std::chrono_literals;
using time_point = concurrency_limit::time_point;

constexpr time_point start{1000s};

concurrency_options adaptive(std::size_t initial, std::size_t max = 1000) {
    concurrency_options options;
    options.initial = initial;
    options.max = max;
    return options;
}

TEST(concurrency_limit, doubles_in_a_round_trip_until_the_first_overload) {
    concurrency_limit at_most(adaptive(8, 20));
    for (int i = 0; i < 8; ++i) at_most.succeeded(start, {}, at_most.limit(), start + 1s);
    EXPECT_EQ(at_most.limit(), 16u);
    for (int i = 0; i < 100; ++i) at_most.succeeded(start, {}, at_most.limit(), start + 2s);
    EXPECT_EQ(at_most.limit(), 20u) << "and never exceeds its maximum";
}

TEST(concurrency_limit, then_takes_as_many_successes_as_the_limit_to_grow_by_one) {
    concurrency_limit at_most(adaptive(100));
    at_most.overloaded(start, start + 1s);
    EXPECT_EQ(at_most.limit(), 70u);
    for (int i = 0; i < 70; ++i) at_most.succeeded(start + 2s, {}, at_most.limit(), start + 3s);
    EXPECT_EQ(at_most.limit(), 70u);
    for (int i = 0; i < 2; ++i) at_most.succeeded(start + 2s, {}, at_most.limit(), start + 3s);
    EXPECT_EQ(at_most.limit(), 71u);
}

TEST(concurrency_limit, falls_once_a_round_trip_however_many_calls_fail) {
    concurrency_limit at_most(adaptive(100));
    for (int i = 0; i < 100; ++i) at_most.overloaded(start, start + 1s);
    EXPECT_EQ(at_most.limit(), 70u) << "all were sent before the first of them failed";
    at_most.overloaded(start + 2s, start + 3s);
    EXPECT_EQ(at_most.limit(), 49u);
    for (int i = 4; i < 40; i += 2) at_most.overloaded(start + i * 1s, start + (i + 1) * 1s);
    EXPECT_EQ(at_most.limit(), 1u) << "and never below one";
}

TEST(concurrency_limit, does_not_grow_while_it_is_not_in_use) {
    concurrency_limit at_most(adaptive(100));
    for (int i = 0; i < 1000; ++i) at_most.succeeded(start, {}, 49, start + 1s);
    EXPECT_EQ(at_most.limit(), 100u);
    at_most.succeeded(start, {}, 50, start + 1s);
    EXPECT_EQ(at_most.limit(), 101u);
}

TEST(concurrency_limit, takes_a_latency_far_beyond_the_usual_for_overload_if_told_so) {
    concurrency_options options = adaptive(100);
    options.latency_factor = 4;
    concurrency_limit at_most(options);
    for (int i = 0; i < 50; ++i) at_most.succeeded(start, i % 2 == 0 ? 100ms : 300ms, 1, start + 1s);
    EXPECT_LT(at_most.usual_latency(), 110ms);
    EXPECT_EQ(at_most.limit(), 100u);
    at_most.succeeded(start + 2s, 500ms, 100, start + 3s);
    EXPECT_EQ(at_most.limit(), 70u);
    // A server that is slower for good becomes the usual one.
    for (int i = 0; i < 500; ++i) at_most.succeeded(start, 2s, 1, start + 4s);
    EXPECT_GT(at_most.usual_latency(), 1s);

    concurrency_limit careless(adaptive(100));
    careless.succeeded(start, 1ms, 1, start + 1s);
    careless.succeeded(start, 1h, 1, start + 1s);
    EXPECT_EQ(careless.limit(), 100u);
}

TEST(concurrency_limit, stays_where_it_is_fixed) {
    concurrency_options options;
    options.adaptive = false;
    options.max = 30;
    concurrency_limit at_most(options);
    at_most.overloaded(start, start + 1s);
    at_most.succeeded(start, {}, 30, start + 1s);
    EXPECT_EQ(at_most.limit(), 30u);
}

TEST(concurrency_limit, makes_sense_of_senseless_options) {
    concurrency_options options = adaptive(0, 0);
    options.decrease = -3;
    concurrency_limit at_most(options);
    EXPECT_EQ(at_most.limit(), 1u);
    at_most.overloaded(start, start + 1s);
    EXPECT_EQ(at_most.limit(), 1u);
}

}  // namespace
}  // namespace chorus::policy::concurrency_limit_tests
