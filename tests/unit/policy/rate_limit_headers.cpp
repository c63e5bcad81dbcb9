// Contracts of reading rate-limit headers.
#include <chorus/policy/rate_limit_headers.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace rate_limit_headers_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

constexpr policy::wall_time now{1'800'000'000s};  // 2027-01-15T08:00:00Z

rate_limits limits_of(std::initializer_list<http::header> fields) {
    http::headers headers;
    for (const http::header field : fields) headers.add(field.name, field.value);
    return policy::parse_rate_limits(headers, now);
}

TEST(parse_rate_limits, reads_the_openai_family) {
    const auto limits = limits_of({{"x-ratelimit-limit-requests", "10000"},
                                   {"X-RateLimit-Limit-Tokens", "200000"},
                                   {"x-ratelimit-remaining-requests", "9999"},
                                   {"x-ratelimit-remaining-tokens", "199968"},
                                   {"x-ratelimit-reset-requests", "8.64s"},
                                   {"x-ratelimit-reset-tokens", "6m0s"},
                                   {"x-ratelimit-limit-project-tokens", "5"},
                                   {"x-ratelimit-remaining-project-tokens", "4"},
                                   {"x-ratelimit-reset-project-tokens", "17ms"}});
    EXPECT_EQ(limits.requests, (rate_limit{10000, 9999, 8640ms}));
    EXPECT_EQ(limits.tokens, (rate_limit{200000, 199968, 6min}));
    EXPECT_EQ(limits.project_tokens, (rate_limit{5, 4, 17ms}));
    EXPECT_FALSE(limits.input_tokens.known());
}

TEST(parse_rate_limits, reads_the_anthropic_family_with_its_points_in_time) {
    const auto limits = limits_of({{"anthropic-ratelimit-requests-limit", "50"},
                                   {"anthropic-ratelimit-requests-remaining", "49"},
                                   {"anthropic-ratelimit-requests-reset", "2027-01-15T08:00:01Z"},
                                   {"anthropic-ratelimit-tokens-limit", "1000"},
                                   {"anthropic-ratelimit-input-tokens-remaining", "30000"},
                                   {"anthropic-ratelimit-output-tokens-reset", "2027-01-15T07:00:00Z"},
                                   {"anthropic-ratelimit-cache-creation-input-tokens-limit", "7"},
                                   {"anthropic-priority-input-tokens-limit", "8"},
                                   {"anthropic-priority-output-tokens-limit", "9"},
                                   {"anthropic-ratelimit-unified-reset", "1800000060"}});
    EXPECT_EQ(limits.requests, (rate_limit{50, 49, 1s}));
    EXPECT_EQ(limits.tokens.limit, 1000);
    EXPECT_EQ(limits.input_tokens, (rate_limit{{}, 30000, {}}));
    EXPECT_EQ(limits.output_tokens, (rate_limit{{}, {}, 0ms}));
    EXPECT_EQ(limits.cache_creation_input_tokens.limit, 7);
    EXPECT_EQ(limits.priority_input_tokens.limit, 8);
    EXPECT_EQ(limits.priority_output_tokens.limit, 9);
    EXPECT_EQ(limits.unified.reset, 60s);
}

TEST(parse_rate_limits, reads_the_names_of_mistral) {
    const auto limits = limits_of({{"x-ratelimit-limit-tokens-minute", "500000"},
                                   {"x-ratelimit-remaining-tokens-minute", "499000"},
                                   {"x-ratelimit-limit-req-minute", "60"},
                                   {"x-ratelimit-remaining-req-minute", "59"},
                                   {"x-ratelimit-tokens-query-cost", "17"}});
    EXPECT_EQ(limits.tokens, (rate_limit{500000, 499000, {}}));
    EXPECT_EQ(limits.requests, (rate_limit{60, 59, {}}));
}

TEST(parse_rate_limits, reads_the_priority_tier_apart_from_the_usual_one) {
    const auto limits = limits_of({{"anthropic-ratelimit-input-tokens-remaining", "1000"},
                                   {"anthropic-priority-input-tokens-limit", "10000"},
                                   {"anthropic-priority-input-tokens-remaining", "9618"},
                                   {"anthropic-priority-input-tokens-reset", "2027-01-15T08:01:00Z"},
                                   {"Anthropic-Priority-Output-Tokens-Remaining", "6000"}});
    EXPECT_EQ(limits.input_tokens, (rate_limit{{}, 1000, {}}));
    EXPECT_EQ(limits.priority_input_tokens, (rate_limit{10000, 9618, 60s}));
    EXPECT_EQ(limits.priority_output_tokens, (rate_limit{{}, 6000, {}}));
    EXPECT_FALSE(limits.output_tokens.known());
}

TEST(parse_rate_limits, takes_of_a_subscription_the_reset_and_of_a_query_no_cost) {
    const auto limits = limits_of({{"anthropic-ratelimit-unified-status", "allowed"},
                                   {"anthropic-ratelimit-unified-reset", "1800000060"},
                                   {"anthropic-ratelimit-unified-5h-reset", "1800003600"},
                                   {"anthropic-ratelimit-unified-5h-utilization", "0.5"},
                                   {"anthropic-ratelimit-unified-7d-status", "allowed"},
                                   {"anthropic-ratelimit-unified-representative-claim", "five_hour"},
                                   {"x-ratelimit-tokens-query-cost", "17"}});
    rate_limits wanted;
    wanted.unified.reset = 60s;
    EXPECT_EQ(limits, wanted);
}

TEST(parse_rate_limits, leaves_out_what_it_cannot_read) {
    const auto limits = limits_of({{"x-ratelimit-limit-requests", "many"},
                                   {"x-ratelimit-remaining-requests", "1.5"},
                                   {"x-ratelimit-reset-requests", "soon"},
                                   {"x-ratelimit-limit", "5"},
                                   {"x-ratelimit-limit-", "5"},
                                   {"x-ratelimit-limit-unknown", "5"},
                                   {"x-ratelimit-limitrequests", "5"},
                                   {"x-ratelimit", "5"},
                                   {"anthropic-ratelimit-requests", "5"},
                                   {"anthropic-ratelimit-limit", "5"},
                                   {"anthropic-ratelimit-requestslimit", "5"},
                                   {"anthropic-priority-requests-limit", "5"},
                                   {"anthropic-ratelimit-", "5"},
                                   {"content-type", "5"}});
    EXPECT_EQ(limits, rate_limits());
    EXPECT_EQ(limits_of({}), rate_limits());
}

TEST(parse_rate_limits, takes_a_negative_number_for_none) {
    const auto limits = limits_of({{"x-ratelimit-limit-requests", "-1"}, {"x-ratelimit-remaining-requests", "-1"}});
    EXPECT_FALSE(limits.requests.known());
}

}  // namespace

}  // namespace rate_limit_headers_tests
