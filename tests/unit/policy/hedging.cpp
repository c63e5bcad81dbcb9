// Contracts of hedging: when a second request is due, and how seldom it may be sent.
#include <chorus/policy/hedging.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace chorus::policy::hedging_tests {
namespace {

using namespace std::chrono_literals;

constexpr token_estimate small{100, 100};

hedging_options after(std::chrono::milliseconds delay) {
    hedging_options options;
    options.delay = delay;
    return options;
}

TEST(hedging, waits_for_a_fixed_delay) {
    EXPECT_EQ(hedging(after(2s)).delay(), 2s);
    EXPECT_EQ(hedging(after(-2s)).delay(), 0s);
    EXPECT_EQ(hedging(after(std::chrono::milliseconds::max())).delay(), 24h) << "and nothing overflows";
}

TEST(hedging, knows_no_quantile_before_it_has_seen_enough) {
    hedging_options options;
    options.least_answers = 20;
    hedging decides(options);
    for (int i = 1; i < 20; ++i) decides.on_first(i * 100ms);
    EXPECT_EQ(decides.delay(), std::nullopt);
    decides.on_first(2000ms);
    ASSERT_TRUE(decides.delay());
    EXPECT_NEAR(static_cast<double>(decides.delay()->count()), 1.9e9, 1.9e9 / 64) << "the 19th of 20 is the p95";
}

TEST(hedging, waits_no_less_than_the_shortest_delay_for_quick_answers) {
    hedging decides;
    for (int i = 0; i < 50; ++i) decides.on_first(1us);
    EXPECT_EQ(decides.delay(), 10ms);
}

TEST(hedging, forgets_what_is_a_thousand_answers_old) {
    hedging decides;
    for (int i = 0; i < 500; ++i) decides.on_first(10s);
    for (int i = 0; i < 500; ++i) decides.on_first(1s);
    EXPECT_GT(*decides.delay(), 9s) << "half of what is known took 10 s";
    for (int i = 0; i < 10; ++i) decides.on_first(1s);
    EXPECT_LT(*decides.delay(), 1100ms);
}

TEST(hedging, sends_no_more_than_its_share_at_any_time) {
    hedging decides(after(1s));
    EXPECT_FALSE(decides.take()) << "before the first call there is no share";
    int sent = 0;
    for (int calls = 1; calls <= 1000; ++calls) {
        EXPECT_TRUE(decides.on_call(small));
        if (decides.take()) ++sent;
        EXPECT_LE(sent * 20, calls);
    }
    EXPECT_EQ(sent, 50);
    EXPECT_EQ(decides.stats().sent, 50u);
    EXPECT_EQ(decides.stats().denied, 951u);
    EXPECT_EQ(decides.stats().calls, 1000u);
}

TEST(hedging, saves_up_no_more_than_a_burst) {
    hedging_options options = after(1s);
    options.burst = 3;
    hedging decides(options);
    for (int i = 0; i < 1000; ++i) decides.on_call(small);
    int sent = 0;
    while (decides.take()) ++sent;
    EXPECT_EQ(sent, 3);
}

TEST(hedging, takes_a_share_out_of_range_for_the_nearest_in_it) {
    for (const auto& [share, expected] :
         {std::pair{7.0, 1}, {-1.0, 0}, {std::numeric_limits<double>::quiet_NaN(), 0}}) {
        hedging_options options = after(1s);
        options.max_share = share;
        hedging decides(options);
        decides.on_call(small);
        EXPECT_EQ(decides.take(), expected == 1) << share;
        EXPECT_FALSE(decides.take()) << share;
    }
}

TEST(hedging, leaves_large_calls_alone) {
    hedging_options options = after(1s);
    options.max_tokens = 1000;
    hedging decides(options);
    EXPECT_TRUE(decides.on_call({600, 400}));
    EXPECT_FALSE(decides.on_call({600, 401}));
}

TEST(hedging, takes_back_a_request_that_a_gate_refused) {
    hedging_options options = after(1s);
    options.max_share = 1;
    hedging decides(options);
    decides.on_call(small);
    ASSERT_TRUE(decides.take());
    EXPECT_TRUE(decides.on_failed(error(errc::budget_exceeded)));
    EXPECT_EQ(decides.stats().sent, 0u);
    EXPECT_EQ(decides.stats().refused, 1u);
    EXPECT_TRUE(decides.take()) << "the right to it was not used";
    EXPECT_FALSE(decides.on_failed(error(errc::connection_lost)));
    EXPECT_EQ(decides.stats().sent, 1u);
}

TEST(hedging, follows_what_may_pass_with_time_but_presses_no_server_that_asks_for_patience) {
    error later(errc::server_error);
    later.retry_after(1s);
    error unwanted(errc::server_error);
    unwanted.should_retry(false);
    const struct {
        error failed;
        bool elsewhere, on_same_server;
    } rows[] = {
        {errc::connection_lost, true, true},
        {errc::server_error, true, true},
        {later, true, false},
        {unwanted, true, false},
        {errc::rate_limited, true, false},
        {errc::overloaded, true, false},
        {errc::circuit_open, true, false},
        {errc::bad_request, false, false},
        {errc::quota_exhausted, false, false},
        {errc::cancelled, false, false},
        {errc::budget_exceeded, false, false},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(hedging::is_followed(row.failed, false), row.elsewhere) << row.failed.message();
        EXPECT_EQ(hedging::is_followed(row.failed, true), row.on_same_server) << row.failed.message();
    }
}

}  // namespace
}  // namespace chorus::policy::hedging_tests
