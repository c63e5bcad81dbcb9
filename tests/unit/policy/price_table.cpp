// Which price a model has, and what its tokens cost.
#include <chorus/policy/price_table.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <utility>

namespace chorus::policy::price_table_tests {
namespace {

token_prices priced(double input) {
    return {.input = money::dollars(input), .output = money::dollars(10)};
}

TEST(price_table, finds_the_exact_name_or_the_longest_one_before_a_dash) {
    const auto table = price_table().set("gpt-4o", priced(4)).set("gpt-4o-mini", priced(1)).set("gpt", priced(9));
    const std::pair<const char*, double> found[] = {
        {"gpt-4o", 4},
        {"gpt-4o-2024-08-06", 4},
        {"gpt-4o-audio-preview", 4},
        {"gpt-4o-mini", 1},
        {"gpt-4o-mini-2024-07-18", 1},
        {"gpt-4o-minimal", 4},
        {"gpt-4", 9},
        {"gpt-4o.1", 9},
        {"gpt", 9},
        {"gpt-", 9},
    };
    for (const auto& [model, input] : found) {
        const token_prices* const prices = table.find(model);
        ASSERT_NE(prices, nullptr) << model;
        EXPECT_EQ(prices->input, money::dollars(input)) << model;
    }
    for (const char* const model : {"gpt4", "gp", "", "-", "-gpt", "my-gpt-4o", "GPT-4o"}) {
        EXPECT_EQ(table.find(model), nullptr) << model;
    }
}

TEST(price_table, takes_the_price_that_was_set_last_and_none_below_zero) {
    const auto table =
        price_table()
            .set("m", priced(4))
            .set("m", {.input = money::dollars(-1), .cached_input = money::dollars(-1), .output = money::dollars(-1)});
    usage used;
    used.prompt_tokens = used.completion_tokens = used.prompt.cached_tokens = 1000;
    EXPECT_EQ(cost_of(used, *table.find("m")), money());
}

TEST(cost_of, prices_each_kind_of_token) {
    const token_prices prices{.input = money::dollars(3),
                              .cached_input = money::dollars(0.30),
                              .cache_write = money::dollars(3.75),
                              .output = money::dollars(15)};
    usage used;
    used.prompt_tokens = 10'000;
    used.completion_tokens = 1'000;
    EXPECT_EQ(to_string(cost_of(used, prices)), "$0.045");
    used.prompt.cached_tokens = 8'000;
    EXPECT_EQ(to_string(cost_of(used, prices)), "$0.0234");
    used.prompt.cache_write_tokens = 1'000;
    EXPECT_EQ(to_string(cost_of(used, prices)), "$0.02415");
    const token_prices plain{.input = money::dollars(3), .output = money::dollars(15)};
    EXPECT_EQ(to_string(cost_of(used, plain)), "$0.045") << "without a price of their own they cost what input does";
}

TEST(cost_of, takes_what_is_missing_or_senseless_for_nothing) {
    const token_prices prices = priced(1);
    EXPECT_EQ(cost_of({}, prices), money());
    usage odd;
    odd.prompt_tokens = -5;
    odd.completion_tokens = -5;
    EXPECT_EQ(cost_of(odd, prices), money());
    odd.prompt_tokens = 1'000'000;
    odd.prompt.cached_tokens = 5'000'000;
    odd.prompt.cache_write_tokens = 5'000'000;
    EXPECT_EQ(cost_of(odd, prices), money::dollars(1)) << "more cached than there is";
}

TEST(cost_of, rounds_the_sum_up_once) {
    usage used;
    used.prompt_tokens = 1;
    used.completion_tokens = 1;
    const auto nano = [](std::int64_t count) { return money::nano_dollars(count); };
    const auto cost = [&](std::int64_t input, std::int64_t output) {
        return cost_of(used, {.input = nano(input), .output = nano(output)});
    };
    EXPECT_EQ(cost(1, 0), nano(1)) << "a millionth of a billionth is not nothing";
    EXPECT_EQ(cost(500'000, 500'000), nano(1));
    EXPECT_EQ(cost(500'000, 500'001), nano(2));
    EXPECT_EQ(cost(12'500'000, 12'500'000), nano(25));
}

TEST(cost_of, stays_at_the_end_of_the_range) {
    usage used;
    used.prompt_tokens = used.completion_tokens = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(cost_of(used, {.input = money::most(), .output = money::most()}), money::most());
    EXPECT_EQ(cost_of(used, {.input = money::nano_dollars(1), .output = money()}),
              money::nano_dollars(9'223'372'036'855));
    EXPECT_EQ(cost_of(used, priced(1000)), money::most());
    used = {};
    used.prompt_tokens = 999'999;
    EXPECT_EQ(cost_of(used, {.input = money::most(), .output = money()}),
              money::nano_dollars(9'223'362'813'482'738'953))
        << "exact also where the product does not fit";
}

}  // namespace
}  // namespace chorus::policy::price_table_tests
