// Contracts of the rate limiter.
#include <chorus/policy/rate_limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace chorus::policy::rate_limiter_tests {
namespace {

using namespace std::chrono_literals;
using time_point = rate_limiter::time_point;
using reservation = rate_limiter::reservation;

constexpr time_point start{1000s};
constexpr token_cost small{100, 0};

rate_limiter limiter_of(std::optional<std::int64_t> requests, std::optional<std::int64_t> tokens = {}) {
    rate_limiter_options options;
    options.requests_per_minute = requests;
    options.tokens_per_minute = tokens;
    return rate_limiter(options);
}

/// Lets through what may go at `now`, and counts it.
int drain(rate_limiter& limiter, time_point now, const token_cost& cost = small, int most = 10'000) {
    int count = 0;
    while (count < most && limiter.earliest(cost, now) <= now) {
        limiter.reserve(cost, now);
        ++count;
    }
    return count;
}

rate_limits requests_said(rate_limit said) {
    rate_limits all;
    all.requests = said;
    return all;
}

TEST(rate_limiter, is_unlimited_while_nothing_is_known) {
    rate_limiter limiter = limiter_of({});
    EXPECT_EQ(drain(limiter, start), 10'000);
    EXPECT_EQ(limiter.requests_per_minute(), std::nullopt);
    EXPECT_EQ(limiter.tokens_per_minute(), std::nullopt);
}

TEST(rate_limiter, holds_nobody_back_for_buckets_that_others_stand_in_for) {
    rate_limiter limiter = limiter_of({});
    const reservation first = limiter.reserve(small, start);
    constexpr rate_limit spent{10'000, 0, 60s};
    rate_limits said;
    said.cache_creation_input_tokens = said.priority_input_tokens = said.priority_output_tokens = said.unified = spent;
    limiter.learn(first, said, start);
    EXPECT_EQ(limiter.earliest(small, start), start);
    said.input_tokens = spent;
    limiter.learn(first, said, start);
    EXPECT_GT(limiter.earliest(small, start), start) << "but for the usual one";
}

TEST(rate_limiter, spreads_the_calls_of_a_minute_after_a_burst) {
    rate_limiter limiter = limiter_of(600);
    EXPECT_EQ(drain(limiter, start), 60);
    EXPECT_EQ(limiter.earliest(small, start), start + 100ms);
    EXPECT_EQ(drain(limiter, start + 1s), 10);
    EXPECT_EQ(drain(limiter, start + 2s + 50ms), 10);
}

TEST(rate_limiter, lets_few_calls_go_at_once_however_small_the_limit) {
    rate_limiter limiter = limiter_of(15);
    EXPECT_EQ(drain(limiter, start), 10);
    EXPECT_EQ(limiter.earliest(small, start), start + 4s);
    rate_limiter tiny = limiter_of(3);
    EXPECT_EQ(drain(tiny, start), 3);
    EXPECT_EQ(tiny.earliest(small, start), start + 62s);
}

TEST(rate_limiter, never_lets_more_through_in_any_minute_than_the_limit) {
    rate_limiter limiter = limiter_of(600, 100'000);
    std::vector<std::pair<time_point, std::int64_t>> sent;
    for (time_point now = start; now < start + 10min; now += 137ms) {
        const token_cost cost{(now.time_since_epoch() / 1ms) % 400, 50};
        for (int count = drain(limiter, now, cost); count > 0; --count) sent.emplace_back(now, cost.total());
    }
    EXPECT_GT(sent.size(), 3000u);
    std::size_t first = 0;
    std::int64_t tokens = 0;
    for (std::size_t last = 0; last < sent.size(); ++last) {
        tokens += sent[last].second;
        for (; sent[first].first + 60s <= sent[last].first; ++first) tokens -= sent[first].second;
        ASSERT_LE(last - first + 1, 600u);
        ASSERT_LE(tokens, 100'000);
    }
}

TEST(rate_limiter, tells_the_time_at_which_there_is_room_and_no_earlier_one) {
    rate_limiter limiter = limiter_of(100, 50'000);
    time_point now = start;
    for (int i = 0; i < 2000; ++i) {
        const token_cost cost{i % 7 * 900, i % 3 * 50};
        const time_point when = limiter.earliest(cost, now);
        if (when > now) {
            rate_limiter before = limiter;
            EXPECT_GT(before.earliest(cost, when - 1us), when - 1us);
            EXPECT_EQ(limiter.earliest(cost, when), when) << "an alarm set for it does not ring in vain";
        }
        now = when;
        limiter.reserve(cost, now);
    }
}

TEST(rate_limiter, lets_a_call_larger_than_the_limit_go_when_nothing_else_went_for_a_minute) {
    rate_limiter limiter = limiter_of({}, 1000);
    const token_cost huge{5000, 0};
    EXPECT_EQ(limiter.earliest(huge, start), start);
    limiter.reserve(small, start);
    EXPECT_EQ(limiter.earliest(huge, start), start + 62s);
    limiter.reserve(huge, start + 62s);
    EXPECT_GE(limiter.earliest(small, start + 62s), start + 5min) << "it left a debt";
}

TEST(rate_limiter, corrects_the_estimate_by_what_was_used) {
    rate_limiter limiter = limiter_of({}, 10'000);
    const reservation one = limiter.reserve({1000, 0}, start);
    EXPECT_EQ(limiter.earliest({1000, 0}, start), start + 6s);
    limiter.spent(one, {100, 100}, start + 1s);
    EXPECT_EQ(limiter.earliest({900, 0}, start + 1s), start + 1s);

    rate_limiter other = limiter_of({}, 10'000);
    const reservation two = other.reserve({100, 0}, start);
    other.spent(two, {100, 9900}, start + 1s);
    EXPECT_EQ(other.earliest({1, 0}, start + 1s), start + 62s);
}

TEST(rate_limiter, takes_back_what_was_never_sent) {
    rate_limiter limiter = limiter_of(3);
    limiter.reserve(small, start);
    limiter.reserve(small, start);
    const reservation last = limiter.reserve(small, start);
    EXPECT_GT(limiter.earliest(small, start), start);
    limiter.give_back(last, start);
    EXPECT_EQ(limiter.earliest(small, start), start);
}

TEST(rate_limiter, counts_a_request_from_when_it_was_sent) {
    rate_limiter limiter = limiter_of(1);
    reservation one = limiter.reserve(small, start);
    limiter.sent(one, start + 30s);
    EXPECT_EQ(limiter.earliest(small, start + 31s), start + 92s);
    limiter.give_back(one, start + 31s);
    EXPECT_EQ(limiter.earliest(small, start + 31s), start + 31s);
}

TEST(rate_limiter, learns_the_limits_of_every_family_from_headers) {
    const auto said = [](rate_limit rate_limits::*bucket) {
        rate_limits all;
        all.*bucket = {1000, 0, 60s};
        return all;
    };
    struct family {
        rate_limit rate_limits::*bucket;
        bool limits_input;
        bool limits_output;
    };
    for (const family& one :
         {family{&rate_limits::tokens, true, true}, family{&rate_limits::project_tokens, true, true},
          family{&rate_limits::input_tokens, true, false}, family{&rate_limits::output_tokens, false, true}}) {
        rate_limiter limiter = limiter_of({});
        const reservation first = limiter.reserve(small, start);
        limiter.learn(first, said(one.bucket), start);
        EXPECT_EQ(limiter.earliest({1, 0}, start) > start, one.limits_input);
        EXPECT_EQ(limiter.earliest({0, 1}, start) > start, one.limits_output);
    }
    rate_limiter limiter = limiter_of({});
    limiter.learn(limiter.reserve(small, start), said(&rate_limits::requests), start);
    EXPECT_EQ(limiter.requests_per_minute(), 1000);
    EXPECT_GT(limiter.earliest({}, start), start);
}

TEST(rate_limiter, takes_the_smaller_of_what_it_was_told_and_what_the_server_says) {
    for (const std::int64_t known : {100, 900}) {
        rate_limiter limiter = limiter_of(known);
        limiter.learn(limiter.reserve(small, start), requests_said({300, 299, 1s}), start);
        EXPECT_EQ(limiter.requests_per_minute(), std::min<std::int64_t>(known, 300));
    }
}

TEST(rate_limiter, subtracts_what_was_reserved_after_the_request_that_was_answered) {
    rate_limiter limiter = limiter_of({});
    const reservation first = limiter.reserve(small, start);
    for (int i = 0; i < 3; ++i) limiter.reserve(small, start);
    limiter.learn(first, requests_said({1000, 5, 60s}), start);
    EXPECT_EQ(drain(limiter, start), 2) << "five, less the three that were sent meanwhile";
}

TEST(rate_limiter, does_not_believe_a_reset_that_calls_sent_since_put_off) {
    rate_limiter limiter = limiter_of({});
    const reservation first = limiter.reserve(small, start);
    const reservation second = limiter.reserve(small, start);
    limiter.learn(first, requests_said({60, 0, 500ms}), start);
    EXPECT_EQ(limiter.earliest(small, start), start + 2s) << "the second one took one that was not there";
    limiter.learn(second, requests_said({60, 1, 500ms}), start);
    limiter.reserve(small, start);
    EXPECT_EQ(limiter.earliest(small, start), start + 1s);
}

TEST(rate_limiter, does_not_correct_what_the_server_has_counted_already) {
    rate_limiter limiter = limiter_of({});
    const reservation one = limiter.reserve({1000, 0}, start);
    rate_limits said;
    said.tokens = {10'000, 5000, 60s};
    limiter.learn(one, said, start);
    limiter.spent(one, {1, 0}, start);
    EXPECT_EQ(limiter.earliest({5000, 0}, start), start);
    EXPECT_GT(limiter.earliest({5001, 0}, start), start);
}

TEST(rate_limiter, gives_the_tokens_of_a_refused_call_back) {
    rate_limiter limiter = limiter_of({}, 1000);
    limiter.refused(limiter.reserve({1000, 0}, start), 0s, false, start);
    EXPECT_EQ(limiter.earliest({1000, 0}, start), start);
}

TEST(rate_limiter, counts_what_was_sent_before_the_limit_was_known) {
    rate_limiter limiter = limiter_of({});
    for (int i = 0; i < 590; ++i) limiter.reserve(small, start);
    limiter.learn(limiter.reserve(small, start), requests_said({600, {}, {}}), start);
    EXPECT_EQ(drain(limiter, start + 10s), 9);
    EXPECT_EQ(limiter.earliest(small, start + 10s), start + 62s);
}

TEST(rate_limiter, believes_the_answer_to_the_request_sent_last_in_whatever_order_answers_come) {
    rate_limiter limiter = limiter_of({});
    const reservation first = limiter.reserve(small, start);
    const reservation second = limiter.reserve(small, start);
    limiter.learn(second, requests_said({1000, 3, 60s}), start + 1ms);
    limiter.learn(first, requests_said({1000, 900, 60s}), start + 2ms);
    EXPECT_EQ(drain(limiter, start + 2ms), 3);
}

TEST(rate_limiter, waits_for_what_the_server_refills) {
    rate_limiter limiter = limiter_of({});
    const reservation one = limiter.reserve(small, start);
    limiter.learn(one, requests_said({600, 0, 60s}), start);
    EXPECT_EQ(limiter.earliest(small, start), start + 100ms);
    // A window that ends soon is not taken for a bucket that fills so fast.
    limiter.learn(one, requests_said({600, 0, 6s}), start);
    EXPECT_EQ(limiter.earliest(small, start), start + 100ms);
    EXPECT_EQ(drain(limiter, start + 6s), 60) << "and when it ends, the burst may go";
}

TEST(rate_limiter, takes_a_limit_by_the_day_for_one) {
    // Groq: 14,400 requests a day, one comes back every 6 s.
    rate_limiter limiter = limiter_of({});
    limiter.learn(limiter.reserve(small, start), requests_said({14'400, 14'370, 180s}), start);
    EXPECT_EQ(drain(limiter, start, small, 500), 500) << "no starvation by the minute";

    limiter.learn(limiter.reserve(small, start), requests_said({14'400, 0, 24h}), start);
    EXPECT_EQ(limiter.earliest(small, start), start + 6s);
    EXPECT_EQ(drain(limiter, start + 1min), 10);

    // A window that ends at midnight.
    rate_limiter other = limiter_of({});
    other.learn(other.reserve(small, start), requests_said({1000, 2, 1h}), start);
    EXPECT_EQ(drain(other, start), 2);
    EXPECT_LE(other.earliest(small, start), start + 1h);
}

TEST(rate_limiter, makes_do_with_partial_headers) {
    rate_limiter limiter = limiter_of({});
    limiter.learn(limiter.reserve(small, start), requests_said({{}, 0, 30s}), start);
    EXPECT_EQ(limiter.earliest(small, start), start + 30s) << "no limit, but none left";
    EXPECT_EQ(drain(limiter, start + 30s, small, 100), 100);

    rate_limiter by_the_minute = limiter_of({});  // Mistral says no reset
    by_the_minute.learn(by_the_minute.reserve(small, start), requests_said({60, 0, {}}), start);
    EXPECT_EQ(by_the_minute.earliest(small, start), start + 1s);

    for (const rate_limit useless : {rate_limit{0, 0, 0ms}, rate_limit{-1, -1, {}}, rate_limit{{}, 0, {}},
                                     rate_limit{{}, {}, 60s}, rate_limit{}}) {
        rate_limiter careless = limiter_of({});
        careless.learn(careless.reserve(small, start), requests_said(useless), start);
        EXPECT_EQ(drain(careless, start, small, 100), 100);
    }
}

TEST(rate_limiter, comes_back_from_a_full_bucket_at_the_limit_by_the_minute) {
    rate_limiter limiter = limiter_of({});
    limiter.learn(limiter.reserve(small, start), requests_said({60, 60, 1s}), start);
    time_point now = start;
    for (int i = 0; i < 100; ++i) {
        now = limiter.earliest(small, now);
        limiter.reserve(small, now);
    }
    EXPECT_LT(now, start + 3min) << "no later headers came, and nobody starved";
}

TEST(rate_limiter, pauses_everybody_until_the_time_the_server_names) {
    rate_limiter limiter = limiter_of({});
    const reservation first = limiter.reserve(small, start);
    const reservation second = limiter.reserve(small, start);
    limiter.refused(first, 20s, false, start + 1s);
    EXPECT_EQ(limiter.paused_until(), start + 21s);
    EXPECT_EQ(limiter.earliest(small, start + 1s), start + 21s);
    limiter.refused(second, 5s, false, start + 2s);
    EXPECT_EQ(limiter.paused_until(), start + 21s) << "a shorter one does not shorten it";
    limiter.refused(second, 24h * 365, false, start + 3s);
    EXPECT_EQ(limiter.paused_until(), start + 1h + 3s) << "after an hour somebody asks again";
}

TEST(rate_limiter, pauses_longer_each_time_where_the_server_names_no_time) {
    rate_limiter limiter = limiter_of({});
    time_point now = start;
    for (const auto expected : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        const reservation one = limiter.reserve(small, now);
        const reservation beside = limiter.reserve(small, now);
        limiter.refused(one, {}, false, now);
        limiter.refused(beside, {}, false, now + 500ms);
        EXPECT_EQ(limiter.paused_until(), now + expected) << "those sent together count as one refusal";
        now = limiter.paused_until();
    }
    limiter.succeeded(limiter.reserve(small, now));
    limiter.refused(limiter.reserve(small, now), {}, false, now);
    EXPECT_EQ(limiter.paused_until(), now + 1s) << "a success begins it anew";
}

TEST(rate_limiter, lets_calls_go_in_a_trickle_that_doubles_after_a_pause) {
    for (const bool slow_down : {false, true}) {
        rate_limiter limiter = limiter_of({});
        limiter.refused(limiter.reserve(small, start), 10s, slow_down, start);
        const std::chrono::seconds step = slow_down ? 5s : 1s;
        time_point now = start + 40s;  // the first step begins with the first call, not with the end of the pause
        for (const int expected : {1, 2, 4, 8, 16}) {
            EXPECT_EQ(drain(limiter, now), expected);
            EXPECT_EQ(limiter.earliest(small, now), now + step);
            now += step;
        }
        EXPECT_EQ(drain(limiter, now, small, 5), 5);
        EXPECT_EQ(drain(limiter, now + step), 10'000) << "nobody was held back by the last step";
    }
}

TEST(rate_limiter, holds_for_an_overloaded_server_without_taking_it_for_a_limit) {
    rate_limiter limiter = limiter_of({});
    for (int i = 0; i < 100; ++i) limiter.reserve(small, start);
    limiter.hold(limiter.reserve(small, start), 7s, false, start);
    EXPECT_EQ(limiter.earliest(small, start), start + 7s);
    EXPECT_EQ(limiter.requests_per_minute(), std::nullopt);
}

TEST(rate_limiter, takes_what_was_accepted_in_the_minute_for_the_limit_where_nothing_better_is_known) {
    rate_limiter limiter = limiter_of({});
    std::vector<reservation> sent;
    for (int i = 0; i < 50; ++i) sent.push_back(limiter.reserve(small, start));
    for (int i = 40; i < 50; ++i) limiter.refused(sent[static_cast<std::size_t>(i)], 1s, false, start + 1s);
    EXPECT_EQ(limiter.requests_per_minute(), 40);
    EXPECT_EQ(limiter.earliest(small, start + 2s), start + 62s);
    limiter.earliest(small, start + 1s + 2min);
    EXPECT_EQ(limiter.requests_per_minute(), 60) << "raised by half after two minutes without a refusal";
    limiter.learn(limiter.reserve(small, start + 3min), requests_said({500, 499, 1s}), start + 3min);
    EXPECT_EQ(limiter.requests_per_minute(), 500);
    limiter.refused(limiter.reserve(small, start + 4min), {}, false, start + 4min);
    EXPECT_EQ(limiter.requests_per_minute(), 500) << "a server that names its limit is believed";
}

TEST(rate_limiter, does_not_take_somebody_elses_traffic_for_a_limit) {
    rate_limiter limiter = limiter_of({});
    for (int i = 0; i < 5; ++i) limiter.reserve(small, start);
    limiter.refused(limiter.reserve(small, start), 1s, false, start);
    EXPECT_EQ(limiter.requests_per_minute(), std::nullopt);
}

TEST(rate_limiter, forecasts_for_a_call_behind_others) {
    rate_limiter limiter = limiter_of(600, 60'000);
    EXPECT_EQ(limiter.earliest(small, start, {59, {0, 0}}), start);
    EXPECT_EQ(limiter.earliest(small, start, {159, {0, 0}}), start + 10s);
    EXPECT_EQ(limiter.earliest(small, start, {6059, {0, 0}}), start + 10min);
    EXPECT_EQ(limiter.earliest(small, start, {0, {6000, 0}}), start + 100ms);
    limiter.refused(limiter.reserve(small, start), 30s, false, start);
    EXPECT_EQ(limiter.earliest(small, start, {5, {}}), start + 30s);
}

}  // namespace
}  // namespace chorus::policy::rate_limiter_tests
