// Sums that are exact, and what they look like.
#include <chorus/policy/money.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace chorus::policy::money_tests {
namespace {

TEST(money, is_exact_where_floating_numbers_are_not) {
    money sum;
    for (int i = 0; i < 10; ++i) sum += money::dollars(0.1);
    EXPECT_EQ(sum, money::dollars(1));
    EXPECT_EQ(money::dollars(0.15).count(), 150'000'000);
    EXPECT_EQ(money::dollars(-0.075).count(), -75'000'000);
    EXPECT_EQ(money::dollars(0.1) + money::dollars(0.2), money::dollars(0.3));
}

TEST(money, stays_at_the_end_of_its_range) {
    EXPECT_EQ(money::most() + money::nano_dollars(1), money::most());
    EXPECT_EQ(money::most() + money::most(), money::most());
    const money least = money() - money::most();
    EXPECT_EQ(least - money::nano_dollars(1), least);
    EXPECT_EQ(least - money::most(), least);
    EXPECT_EQ(money::most() - money::most(), money());
    EXPECT_EQ(money::dollars(1e300), money::most());
    EXPECT_EQ(money::dollars(-1e300), least);
    EXPECT_EQ(money::dollars(std::numeric_limits<double>::quiet_NaN()), money());
}

TEST(money, shows_cents_and_what_is_smaller_only_where_it_is) {
    const std::pair<std::int64_t, const char*> table[] = {
        {0, "$0.00"},
        {12'500'000'000, "$12.50"},
        {75'000, "$0.000075"},
        {1, "$0.000000001"},
        {10'000'000, "$0.01"},
        {-1'234'000'000, "-$1.234"},
        {std::numeric_limits<std::int64_t>::max(), "$9223372036.854775807"},
        {std::numeric_limits<std::int64_t>::min(), "-$9223372036.854775808"},
    };
    for (const auto& [count, text] : table) EXPECT_EQ(to_string(money::nano_dollars(count)), text);
}

}  // namespace
}  // namespace chorus::policy::money_tests
