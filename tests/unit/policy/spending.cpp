// Who may spend how much, alone and in a group.
#include <chorus/policy/spending.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace chorus::policy::spending_tests {
namespace {

/// A token of `m` costs a millionth of a dollar as input and two as output.
price_table prices() {
    return price_table().set("m", {.input = money::dollars(1), .output = money::dollars(2)});
}

usage used(token_count input, token_count output) {
    usage counted;
    counted.prompt_tokens = input;
    counted.completion_tokens = output;
    return counted;
}

spending_totals total(std::int64_t tokens, std::int64_t micro_dollars) {
    return {tokens, money::nano_dollars(1000 * micro_dollars)};
}

TEST(spending, holds_the_estimate_and_then_counts_what_was_used) {
    spending budget({.tokens = 1000, .cost = money::dollars(1)}, prices());
    auto held = budget.reserve("m", {100, 50});
    ASSERT_TRUE(held);
    EXPECT_EQ(held->amount(), total(150, 200));
    EXPECT_EQ(budget.reserved(), total(150, 200));
    EXPECT_EQ(budget.spent(), total(0, 0));
    EXPECT_EQ(budget.left().tokens, 850);
    EXPECT_EQ(budget.left().cost, money::dollars(1) - money::dollars(0.0002));
    budget.settle(std::move(*held), used(90, 10));
    EXPECT_EQ(budget.reserved(), total(0, 0));
    EXPECT_EQ(budget.spent(), total(100, 110));
    EXPECT_EQ(budget.left().tokens, 900);
}

TEST(spending, lets_through_what_just_fits_and_refuses_one_token_more) {
    spending budget({.tokens = 100});
    EXPECT_FALSE(budget.reserve("any", {100, 1}));
    const auto all = budget.reserve("any", {50, 50});
    EXPECT_TRUE(all);
    EXPECT_FALSE(budget.reserve("any", {1, 0}));
    EXPECT_TRUE(budget.reserve("any", {0, 0}));
    spending in_money({.cost = money::dollars(0.0001)}, prices());
    EXPECT_FALSE(in_money.reserve("m", {99, 1}));
    EXPECT_TRUE(in_money.reserve("m", {98, 1}));
    spending nothing({.tokens = 0});
    EXPECT_FALSE(nothing.reserve("any", {1, 0}));
}

TEST(spending, says_what_is_spent_and_asked_when_it_refuses) {
    spending budget({.tokens = 1000, .cost = money::dollars(0.001)}, prices());
    budget.settle(budget.reserve("m", {500, 0}).value(), used(400, 0));
    const auto held = budget.reserve("m", {50, 0});
    const auto costly = budget.reserve("m", {1, 500});
    ASSERT_FALSE(costly);
    EXPECT_EQ(costly.error(), errc::budget_exceeded);
    EXPECT_NE(costly.error(), condition::retryable);
    EXPECT_EQ(costly.error().message(),
              "input: the budget does not allow the call: the limit of $0.001; spent $0.0004, reserved $0.00005, "
              "asked $0.001001 [param cost]");
    const auto large = budget.reserve("m", {600, 0});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().param(), "tokens");
    EXPECT_EQ(large.error().text(), "the limit of 1000 tokens; spent 400, reserved 50, asked 600");
}

TEST(spending, refuses_a_model_without_a_price_where_money_is_limited) {
    const auto group = std::make_shared<spending>(spending_limits{.cost = money::dollars(1)}, prices());
    spending budget({.tokens = 1000}, group);
    const auto refused = budget.reserve("unknown", {1, 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_EQ(refused.error().param(), "model");
    EXPECT_EQ(refused.error().text(), "no price is known for unknown, and the budget is in money");
    EXPECT_EQ(group->reserved(), total(0, 0));
    EXPECT_EQ(budget.reserved(), total(0, 0));
    EXPECT_TRUE(budget.reserve("m-2026-11-01", {1, 1}));
    spending tokens_only({.tokens = 1000}, prices());
    EXPECT_TRUE(tokens_only.reserve("unknown", {1, 1}));
}

TEST(spending, takes_a_count_that_the_server_left_out_from_the_estimate) {
    spending budget({}, prices());
    budget.settle(budget.reserve("m", {100, 50}).value(), used(80, std::nullopt));
    EXPECT_EQ(budget.spent(), total(130, 180));
    budget.settle(budget.reserve("m", {100, 50}).value(), used(std::nullopt, 5));
    EXPECT_EQ(budget.spent(), total(235, 290));
    budget.settle(budget.reserve("m", {100, 50}).value(), {});
    EXPECT_EQ(budget.spent(), total(385, 490));
}

TEST(spending, counts_what_was_spent_also_beyond_the_limit) {
    spending budget({.tokens = 100});
    budget.settle(budget.reserve("m", {50, 0}).value(), used(150, 0));
    EXPECT_EQ(budget.spent().tokens, 150);
    EXPECT_EQ(budget.left().tokens, 0) << "not below";
    EXPECT_FALSE(budget.reserve("m", {1, 0}));
}

TEST(spending, gives_back_what_is_cancelled_or_dropped) {
    spending budget({.tokens = 100});
    budget.cancel(budget.reserve("m", {100, 0}).value());
    EXPECT_EQ(budget.left().tokens, 100);
    { const auto dropped = budget.reserve("m", {100, 0}); }
    EXPECT_EQ(budget.left().tokens, 100);
    auto first = budget.reserve("m", {60, 0}).value();
    auto second = budget.reserve("m", {40, 0}).value();
    first = std::move(second);
    EXPECT_EQ(budget.reserved().tokens, 40);
    budget.settle(std::move(first), used(10, 0));
    budget.settle(std::move(first), used(10, 0));  // NOLINT: settled already
    EXPECT_EQ(budget.spent().tokens, 10);
    EXPECT_EQ(budget.reserved().tokens, 0);
}

TEST(spending, needs_room_in_every_group) {
    const auto company = std::make_shared<spending>(spending_limits{.tokens = 150}, prices());
    const auto team = std::make_shared<spending>(spending_limits{.cost = money::dollars(0.0001)}, company);
    spending one({}, team);
    spending other({.tokens = 60}, team);
    spending rich({.tokens = 1000, .cost = money::dollars(1)}, team);
    EXPECT_EQ(one.left().tokens, 150);
    EXPECT_EQ(rich.left().tokens, 150);
    EXPECT_EQ(rich.left().cost, money::dollars(0.0001));
    EXPECT_EQ(other.left().tokens, 60);
    EXPECT_EQ(other.left().cost, money::dollars(0.0001));

    auto held = one.reserve("m", {50, 0});
    ASSERT_TRUE(held);
    EXPECT_EQ(company->reserved(), total(50, 50));
    const auto refused = other.reserve("m", {51, 0});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), "the group's limit of $0.0001; spent $0.00, reserved $0.00005, asked $0.000051");
    EXPECT_EQ(other.reserved(), total(0, 0)) << "nowhere is anything left behind";
    EXPECT_EQ(company->reserved(), total(50, 50));

    one.settle(std::move(*held), used(20, 0));
    EXPECT_EQ(team->spent(), total(20, 20));
    EXPECT_EQ(company->spent(), total(20, 20));
    EXPECT_EQ(other.spent(), total(0, 0));
    EXPECT_TRUE(other.reserve("m", {51, 0}));
    EXPECT_EQ(other.reserve("m", {61, 0}).error().text(), "the limit of 60 tokens; spent 0, reserved 0, asked 61");
}

TEST(spending, takes_senseless_numbers_for_sensible_ones) {
    spending budget({.tokens = 100}, prices());
    auto held = budget.reserve("m", {-50, -50});
    ASSERT_TRUE(held);
    EXPECT_EQ(budget.reserved(), total(0, 0));
    budget.settle(std::move(*held), used(-5, -5));
    EXPECT_EQ(budget.spent(), total(0, 0));
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    EXPECT_FALSE(budget.reserve("m", {most, most}));
    spending endless({}, prices());
    endless.settle(endless.reserve("m", {1, 1}).value(), used(most, 0));
    endless.settle(endless.reserve("m", {1, 1}).value(), used(most, 0));
    EXPECT_EQ(endless.spent().tokens, most);
}

/// Many budgets of one group, with calls that use at most what was estimated.
TEST(spending, never_passes_a_limit_while_estimates_are_not_too_low) {
    struct call {
        std::size_t owner;
        token_estimate asked;
        spending::reservation held;
    };
    for (unsigned seed = 0; seed < 50 && !::testing::Test::HasFailure(); ++seed) {
        std::mt19937 random(seed);
        const auto chance = [&](std::int64_t most) { return static_cast<std::int64_t>(random()) % (most + 1); };
        const spending_limits of_group{.tokens = 2000 + chance(3000), .cost = money::nano_dollars(chance(9'000'000))};
        const auto group = std::make_shared<spending>(of_group, prices());
        std::vector<std::unique_ptr<spending>> owners;
        std::vector<spending_limits> limits;
        for (int i = 0; i < 3; ++i) {
            limits.push_back({.tokens = 500 + chance(2500), .cost = money::nano_dollars(chance(4'000'000))});
            owners.push_back(std::make_unique<spending>(limits.back(), group));
        }
        spending_totals settled;  // of the group, by a sum of its own
        std::vector<call> under_way;
        for (int step = 0; step < 500; ++step) {
            if (chance(2) != 0) {
                const auto owner = static_cast<std::size_t>(chance(2));
                const token_estimate asked{chance(200), chance(100)};
                auto held = owners[owner]->reserve("m", asked);
                if (held) under_way.push_back({owner, asked, std::move(*held)});
            } else if (!under_way.empty()) {
                std::swap(under_way[static_cast<std::size_t>(chance(std::int64_t(under_way.size()) - 1))],
                          under_way.back());
                call ended = std::move(under_way.back());
                under_way.pop_back();
                if (chance(3) == 0) {
                    owners[ended.owner]->cancel(std::move(ended.held));
                } else {
                    const std::int64_t input = chance(ended.asked.input);
                    const std::int64_t output = chance(ended.asked.output);
                    owners[ended.owner]->settle(std::move(ended.held), used(input, output));
                    settled.tokens += input + output;
                    settled.cost += money::nano_dollars(1000 * (input + 2 * output));
                }
            }
            spending_totals held;
            for (const call& each : under_way) {
                held.tokens += each.held.amount().tokens;
                held.cost += each.held.amount().cost;
            }
            EXPECT_EQ(group->spent(), settled) << seed;
            EXPECT_EQ(group->reserved(), held) << seed;
            EXPECT_LE(settled.tokens + held.tokens, *of_group.tokens) << seed;
            EXPECT_LE(settled.cost + held.cost, *of_group.cost) << seed;
            for (std::size_t i = 0; i < owners.size(); ++i) {
                const spending& own = *owners[i];
                EXPECT_LE(own.spent().tokens + own.reserved().tokens, *limits[i].tokens) << seed;
                EXPECT_LE(own.spent().cost + own.reserved().cost, *limits[i].cost) << seed;
            }
        }
        under_way.clear();
        EXPECT_EQ(group->reserved(), spending_totals()) << seed;
    }
}

}  // namespace
}  // namespace chorus::policy::spending_tests
