#include <chorus/testing/mock_latency.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mock_latency_tests {

namespace {

using namespace std::chrono_literals;
using chorus::testing::mock_latency;

std::vector<std::chrono::nanoseconds> draw(mock_latency source, int count) {
    std::vector<std::chrono::nanoseconds> drawn;
    for (int i = 0; i < count; ++i) drawn.push_back(source.next());
    return drawn;
}

TEST(mock_latency, is_zero_by_default) {
    EXPECT_EQ(mock_latency().next(), 0ns);
}

TEST(mock_latency, fixed_is_always_the_same_and_never_negative) {
    EXPECT_EQ(draw(mock_latency::fixed(200ms), 3), std::vector<std::chrono::nanoseconds>(3, 200ms));
    EXPECT_EQ(mock_latency::fixed(-1ms).next(), 0ns);
}

TEST(mock_latency, uniform_stays_in_its_range_and_fills_it) {
    const auto drawn = draw(mock_latency::uniform(100ms, 300ms), 10'000);
    const auto [least, most] = std::minmax_element(drawn.begin(), drawn.end());
    EXPECT_GE(*least, 100ms);
    EXPECT_LT(*least, 101ms);
    EXPECT_LE(*most, 300ms);
    EXPECT_GT(*most, 299ms);
}

TEST(mock_latency, uniform_includes_both_ends) {
    const auto drawn = draw(mock_latency::uniform(1ns, 2ns), 100);
    EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 1ns) + std::count(drawn.begin(), drawn.end(), 2ns), 100);
    EXPECT_NE(std::count(drawn.begin(), drawn.end(), 2ns), 0);
}

TEST(mock_latency, lognormal_has_its_median_and_its_tail) {
    auto drawn = draw(mock_latency::lognormal(200ms, 0.5), 20'000);
    std::sort(drawn.begin(), drawn.end());
    const auto quantile = [&](double q) {
        return static_cast<double>(drawn[static_cast<std::size_t>(q * static_cast<double>(drawn.size()))].count());
    };
    EXPECT_NEAR(quantile(0.5), 200e6, 6e6);
    EXPECT_NEAR(quantile(0.99), 200e6 * 3.2, 200e6 * 0.3);
    EXPECT_GT(drawn.front(), 0ns);
}

TEST(mock_latency, lognormal_never_exceeds_a_hundred_medians) {
    const auto drawn = draw(mock_latency::lognormal(1ms, 20.0), 1000);
    EXPECT_EQ(*std::max_element(drawn.begin(), drawn.end()), 100ms);
}

TEST(mock_latency, repeats_with_the_same_seed_and_differs_with_another) {
    EXPECT_EQ(draw(mock_latency::lognormal(1s, 0.3, 7), 50), draw(mock_latency::lognormal(1s, 0.3, 7), 50));
    EXPECT_NE(draw(mock_latency::uniform(0s, 1s, 7), 50), draw(mock_latency::uniform(0s, 1s, 8), 50));
}

}  // namespace

}  // namespace mock_latency_tests
