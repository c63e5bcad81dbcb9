// The order and the times of connection attempts.
#include <chorus/policy/happy_eyeballs.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace happy_eyeballs_tests {

namespace {

using namespace std::chrono_literals;
using chorus::policy::address_family;
using chorus::policy::happy_eyeballs;
using ::testing::ElementsAre;

constexpr auto v4 = address_family::ipv4;
constexpr auto v6 = address_family::ipv6;
constexpr happy_eyeballs::time_point start{};

std::vector<std::size_t> order_of(const std::vector<address_family>& families) {
    happy_eyeballs order(families);
    std::vector<std::size_t> seen;
    auto now = start;
    while (order.next_at()) {
        while (const auto index = order.next(now)) seen.push_back(*index);
        now += 250ms;
    }
    return seen;
}

TEST(happy_eyeballs, lets_the_families_take_turns) {
    EXPECT_THAT(order_of({v6, v6, v6, v4, v4}), ElementsAre(0, 3, 1, 4, 2));
    EXPECT_THAT(order_of({v6, v4, v4, v4}), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(order_of({v4, v4, v4}), ElementsAre(0, 1, 2));
}

TEST(happy_eyeballs, begins_with_the_family_that_the_resolver_prefers) {
    EXPECT_THAT(order_of({v4, v4, v6, v6}), ElementsAre(0, 2, 1, 3));
    EXPECT_THAT(order_of({v6, v6, v4, v4}), ElementsAre(0, 2, 1, 3));
}

TEST(happy_eyeballs, starts_one_attempt_at_once_and_the_next_after_the_head_start) {
    happy_eyeballs order(std::vector{v6, v4});
    EXPECT_EQ(order.next(start), 0u);
    EXPECT_EQ(order.next(start), std::nullopt);
    EXPECT_EQ(order.next_at(), start + 250ms);
    EXPECT_EQ(order.next(start + 249ms), std::nullopt);
    EXPECT_EQ(order.next(start + 250ms), 1u);
    EXPECT_EQ(order.next_at(), std::nullopt);
}

TEST(happy_eyeballs, takes_the_head_start_from_the_options) {
    happy_eyeballs order(std::vector{v6, v4}, {.attempt_delay = 100ms});
    order.next(start);
    EXPECT_EQ(order.next_at(), start + 100ms);
}

TEST(happy_eyeballs, starts_the_next_attempt_at_once_when_one_fails) {
    happy_eyeballs order(std::vector{v6, v4, v6});
    EXPECT_EQ(order.next(start), 0u);
    order.failed();
    EXPECT_EQ(order.next(start), 1u);
    EXPECT_EQ(order.next(start), std::nullopt) << "one failure starts one attempt";
    EXPECT_EQ(order.next_at(), start + 250ms);
}

TEST(happy_eyeballs, starts_nothing_after_a_success) {
    happy_eyeballs order(std::vector{v6, v4});
    order.next(start);
    order.succeeded();
    EXPECT_EQ(order.next(start + 1h), std::nullopt);
    EXPECT_EQ(order.next_at(), std::nullopt);
    EXPECT_FALSE(order.is_exhausted());
}

TEST(happy_eyeballs, is_exhausted_when_all_have_failed_and_not_before) {
    happy_eyeballs order(std::vector{v6, v4});
    EXPECT_FALSE(order.is_exhausted());
    order.next(start);
    order.failed();
    EXPECT_FALSE(order.is_exhausted());
    order.next(start);
    EXPECT_FALSE(order.is_exhausted());
    order.failed();
    EXPECT_TRUE(order.is_exhausted());
    EXPECT_EQ(order.next_at(), std::nullopt);
}

TEST(happy_eyeballs, is_not_exhausted_when_the_last_one_fails_after_a_success) {
    happy_eyeballs order(std::vector{v6, v4});
    order.next(start);
    order.next(start + 250ms);
    order.succeeded();
    order.failed();
    EXPECT_FALSE(order.is_exhausted());
}

TEST(happy_eyeballs, has_nothing_to_try_without_addresses) {
    happy_eyeballs order(std::vector<address_family>{});
    EXPECT_EQ(order.next(start), std::nullopt);
    EXPECT_EQ(order.next_at(), std::nullopt);
    EXPECT_TRUE(order.is_exhausted());
}

}  // namespace

}  // namespace happy_eyeballs_tests
