#include <chorus/observe/metrics.hpp>

#include <boost/asio/error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

#include <support/allocation_count.hpp>

namespace chorus::metrics_tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const call_info chat{.id = 1, .operation = "chat", .provider = "openai", .model = "gpt-4o-mini"};

usage some_tokens() {
    usage tokens;
    tokens.prompt_tokens = 12;
    tokens.completion_tokens = 34;
    tokens.prompt.cached_tokens = 5;
    tokens.prompt.cache_write_tokens = 2;
    tokens.completion.reasoning_tokens = 30;
    return tokens;
}

void end_with(metrics& counts, const error& failure, const call_info& call = chat) {
    counts.on_call(call);
    counts.on_attempt(call, 1);
    counts.on_end(call, {.failure = &failure, .total = 1ms, .attempts = 1});
}

TEST(metrics, counts_a_call_that_is_retried_and_succeeds) {
    metrics counts;
    const usage tokens = some_tokens();
    counts.on_call(chat);
    counts.on_limited(chat, 5ms);
    counts.on_attempt(chat, 1);
    counts.on_retry(chat, error(errc::overloaded), 10ms);
    counts.on_attempt(chat, 2);
    counts.on_first_byte(chat, 20ms);
    counts.on_first_token(chat, 40ms);
    EXPECT_EQ(counts.snapshot().in_flight, 1u);
    counts.on_end(
        chat, {.tokens = &tokens, .total = 100ms, .queued = 5ms, .attempts = 2, .bytes_sent = 7, .bytes_received = 9});
    const auto now = counts.snapshot();
    EXPECT_EQ(now.calls("chat"), 1u);
    EXPECT_EQ(now.started, 1u);
    EXPECT_EQ(now.ended, 1u);
    EXPECT_EQ(now.failed, 0u);
    EXPECT_EQ(now.limited, 1u);
    EXPECT_EQ(now.attempts, 2u);
    EXPECT_EQ(now.retries, 1u);
    EXPECT_EQ(now.in_flight, 0u);
    EXPECT_EQ(now.prompt_tokens, 12);
    EXPECT_EQ(now.completion_tokens, 34);
    EXPECT_EQ(now.cached_tokens, 5);
    EXPECT_EQ(now.cache_write_tokens, 2);
    EXPECT_EQ(now.reasoning_tokens, 30);
    EXPECT_EQ(now.bytes_sent, 7u);
    EXPECT_EQ(now.bytes_received, 9u);
    EXPECT_EQ(now.total.max(), 100ms);
    EXPECT_EQ(now.queued.max(), 5ms);
    EXPECT_EQ(now.first_byte.max(), 20ms);
    EXPECT_EQ(now.first_token.max(), 40ms);
}

TEST(metrics, tells_outcomes_apart_by_operation_and_code) {
    metrics counts;
    const call_info models{.id = 2, .operation = "models"};
    end_with(counts, error(errc::rate_limited));
    end_with(counts, error(errc::rate_limited));
    end_with(counts, error(errc::unexpected_status));
    end_with(counts, error(boost::asio::error::operation_aborted));
    end_with(counts, error(boost::asio::error::connection_reset));
    end_with(counts, error(boost::system::error_code(9999, error_category())));
    end_with(counts, error(), models);
    const auto now = counts.snapshot();
    EXPECT_EQ(now.calls("chat", "rate_limited"), 2u);
    EXPECT_EQ(now.calls("chat", "unexpected_status"), 1u);
    EXPECT_EQ(now.calls("chat", "cancelled"), 1u);
    EXPECT_EQ(now.calls("chat", "other"), 2u);
    EXPECT_EQ(now.calls("chat"), 0u);
    EXPECT_EQ(now.calls("models"), 1u);
    EXPECT_EQ(now.calls("batches"), 0u);
    EXPECT_EQ(now.failed, 6u);
}

TEST(metrics, keeps_the_peak_of_calls_in_flight) {
    metrics counts;
    for (int i = 0; i < 3; ++i) counts.on_call(chat);
    counts.on_end(chat, {});
    counts.on_call(chat);
    counts.on_end(chat, {});
    EXPECT_EQ(counts.snapshot().in_flight, 2u);
    EXPECT_EQ(counts.snapshot().peak_in_flight, 3u);
    counts.reset();
    EXPECT_EQ(counts.snapshot().in_flight, 2u) << "calls under way are not forgotten";
    EXPECT_EQ(counts.snapshot().peak_in_flight, 2u);
    EXPECT_EQ(counts.snapshot().started, 0u);
    EXPECT_TRUE(counts.snapshot().operations.empty());
}

TEST(metrics, a_call_that_was_never_sent_has_queue_time_only_if_it_waited) {
    metrics counts;
    counts.on_call(chat);
    const error refused(errc::invalid_argument);
    counts.on_end(chat, {.failure = &refused});
    EXPECT_EQ(counts.snapshot().queued.count(), 0u);
    EXPECT_EQ(counts.snapshot().total.count(), 1u);
    const error late(errc::deadline_exceeded);
    counts.on_end(chat, {.failure = &late, .queued = 3s});
    EXPECT_EQ(counts.snapshot().queued.max(), 3s);
}

TEST(metrics, counts_connections_and_the_share_that_is_reused) {
    metrics counts;
    EXPECT_EQ(counts.snapshot().reuse_rate(), 0);
    const auto tell = [&counts](connection_event what, int times) {
        for (int i = 0; i < times; ++i) counts.on_connection(what, {});
    };
    tell(connection_event::opened, 2);
    tell(connection_event::resumed, 1);
    tell(connection_event::reused, 9);
    tell(connection_event::closed, 4);
    tell(connection_event::failed, 5);
    const auto now = counts.snapshot();
    EXPECT_EQ(now.connections_opened, 2u);
    EXPECT_EQ(now.connections_resumed, 1u);
    EXPECT_EQ(now.connections_reused, 9u);
    EXPECT_EQ(now.connections_closed, 4u);
    EXPECT_EQ(now.connections_failed, 5u);
    EXPECT_DOUBLE_EQ(now.reuse_rate(), 0.75);
}

TEST(metrics, counts_what_limits_do) {
    metrics counts;
    for (const auto what :
         {limit_event::held, limit_event::queued, limit_event::refused, limit_event::refused,
          limit_event::pool_timed_out, limit_event::paused, limit_event::concurrency_changed,
          limit_event::circuit_opened, limit_event::circuit_half_opened, limit_event::circuit_closed}) {
        counts.on_server_limit(what, {});
    }
    const auto now = counts.snapshot();
    EXPECT_EQ(now.refused, 2u);
    EXPECT_EQ(now.pool_timeouts, 1u);
    EXPECT_EQ(now.pauses, 1u);
    EXPECT_EQ(now.circuits_opened, 1u);
    EXPECT_THAT(to_prometheus(now), HasSubstr("chorus_calls_refused_total 2\n"));
}

TEST(metrics, snapshots_add_up) {
    metrics left, right;
    end_with(left, error());
    end_with(right, error());
    end_with(right, error(errc::rate_limited));
    const call_info models{.id = 2, .operation = "models"};
    end_with(right, error(), models);
    auto sum = left.snapshot();
    sum += right.snapshot();
    EXPECT_EQ(sum.calls("chat"), 2u);
    EXPECT_EQ(sum.calls("chat", "rate_limited"), 1u);
    EXPECT_EQ(sum.calls("models"), 1u);
    EXPECT_EQ(sum.started, 4u);
    EXPECT_EQ(sum.ended, 4u);
    EXPECT_EQ(sum.failed, 1u);
    EXPECT_EQ(sum.peak_in_flight, 2u);
    EXPECT_EQ(sum.total.count(), 4u);
}

TEST(metrics, allocates_nothing_after_the_first_call_of_an_operation) {
    metrics counts;
    const error failure(errc::rate_limited);
    end_with(counts, failure);
#ifdef CHORUS_TEST_COUNTS_ALLOCATIONS
    const std::size_t before = testing_support::allocations;
#endif
    for (int i = 0; i < 1000; ++i) {
        counts.on_call(chat);
        counts.on_attempt(chat, 1);
        counts.on_first_byte(chat, i * 1ms);
        counts.on_retry(chat, failure, 1ms);
        counts.on_connection(connection_event::reused, {});
        counts.on_server_limit(limit_event::paused, {});
        counts.on_end(chat, {.failure = i % 2 == 0 ? &failure : nullptr, .total = i * 1ms, .attempts = 1});
    }
#ifdef CHORUS_TEST_COUNTS_ALLOCATIONS
    EXPECT_EQ(testing_support::allocations, before);
#endif
    EXPECT_EQ(counts.snapshot().calls("chat", "rate_limited"), 501u);
}

TEST(metrics, names_without_end_fill_no_memory) {
    metrics counts;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "operation " + std::to_string(i);
        end_with(counts, error(), {.id = 1, .operation = name});
    }
    const auto now = counts.snapshot();
    EXPECT_EQ(now.operations.size(), 32u);
    EXPECT_EQ(now.calls("other"), 69u);
    EXPECT_EQ(now.ended, 100u);
}

TEST(metrics, are_written_as_prometheus_reads_them) {
    metrics counts;
    end_with(counts, error(), {.id = 1, .operation = "a\"b\\c\nd\xff"});
    counts.on_end(chat, {.total = 2s, .attempts = 1});
    const std::string text = to_prometheus(counts.snapshot());
    EXPECT_THAT(text, HasSubstr("# TYPE chorus_calls_total counter\n"
                                "chorus_calls_total{operation=\"a\\\"b\\\\c\\nd\uFFFD\",outcome=\"ok\"} 1\n"
                                "chorus_calls_total{operation=\"chat\",outcome=\"ok\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE chorus_calls_in_flight gauge\nchorus_calls_in_flight 0\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE chorus_attempts_total counter\nchorus_attempts_total 1\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE chorus_call_duration_seconds summary\n"));
    EXPECT_THAT(text, HasSubstr("chorus_call_duration_seconds{quantile=\"1\"} 2\n"
                                "chorus_call_duration_seconds_sum 2.001\nchorus_call_duration_seconds_count 2\n"));
    EXPECT_THAT(text, HasSubstr("chorus_first_token_seconds{quantile=\"0.5\"} NaN\n"));
    EXPECT_THAT(text, HasSubstr("chorus_tokens_total{kind=\"cached\"} 0\n"));
    EXPECT_EQ(text.back(), '\n');
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        EXPECT_TRUE(text.compare(at, 7, "chorus_") == 0 || text.compare(at, 2, "# ") == 0) << text.substr(at, 40);
    }
}

TEST(metrics, are_written_as_json) {
    metrics counts;
    end_with(counts, error(errc::rate_limited));
    const auto tree = nlohmann::json::parse(to_json(counts.snapshot()));
    EXPECT_EQ(tree["calls"]["chat"]["rate_limited"], 1);
    EXPECT_EQ(tree["calls_failed"], 1);
    EXPECT_EQ(tree["tokens"]["prompt"], 0);
    EXPECT_EQ(tree["call_duration_seconds"]["count"], 1);
    EXPECT_DOUBLE_EQ(tree["call_duration_seconds"]["max"].get<double>(), 0.001);
    EXPECT_NEAR(tree["call_duration_seconds"]["p50"].get<double>(), 0.001, 0.00002);
}

}  // namespace
}  // namespace chorus::metrics_tests
