// When a circuit opens, whom it lets through, and when it closes.
#include <chorus/policy/circuit_breaker.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace chorus::policy::circuit_breaker_tests {
namespace {

using namespace std::chrono_literals;
using time_point = circuit_breaker::time_point;

constexpr time_point start{1h};

void succeed(circuit_breaker& circuit, time_point now, int times = 1) {
    for (int i = 0; i < times; ++i) circuit.on_success(circuit.allow(now).value(), now);
}
void fail(circuit_breaker& circuit, time_point now, int times = 1) {
    for (int i = 0; i < times; ++i) circuit.on_failure(circuit.allow(now).value(), now);
}

/// One that opened at this moment.
circuit_breaker opened(const circuit_breaker_options& options = {}) {
    circuit_breaker circuit(options);
    fail(circuit, start, options.min_calls);
    return circuit;
}

TEST(circuit_breaker, opens_at_the_share_of_failures_and_not_before) {
    circuit_breaker circuit;
    succeed(circuit, start, 11);
    fail(circuit, start, 10);
    EXPECT_EQ(circuit.state(), circuit_state::closed) << "10 of 21";
    fail(circuit, start);
    EXPECT_EQ(circuit.state(), circuit_state::open) << "11 of 22";
}

TEST(circuit_breaker, concludes_nothing_from_a_few_calls) {
    circuit_breaker circuit;
    fail(circuit, start, 19);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
    fail(circuit, start);
    EXPECT_EQ(circuit.state(), circuit_state::open);
}

TEST(circuit_breaker, is_never_opened_by_a_success) {
    circuit_breaker circuit;
    fail(circuit, start, 19);
    succeed(circuit, start);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
}

TEST(circuit_breaker, forgets_what_is_older_than_its_window) {
    circuit_breaker circuit;
    fail(circuit, start, 19);
    fail(circuit, start + 10s);
    EXPECT_EQ(circuit.state(), circuit_state::closed) << "one in the window";
    fail(circuit, start + 10s, 18);
    fail(circuit, start + 18900ms);
    EXPECT_EQ(circuit.state(), circuit_state::open) << "20 in the window";

    circuit_breaker slow;
    for (int second = 0; second < 100; ++second) fail(slow, start + std::chrono::seconds(second));
    EXPECT_EQ(slow.state(), circuit_state::closed) << "10 to a window";
    circuit_breaker faster;
    for (int step = 0; step < 20; ++step) fail(faster, start + step * 450ms);
    EXPECT_EQ(faster.state(), circuit_state::open);
    // In steps that are no whole number of tenths of the window, too.
    circuit_breaker uneven({.min_calls = 8});
    for (int step = 0; step < 100; ++step) fail(uneven, start + step * 1900ms);
    EXPECT_EQ(uneven.state(), circuit_state::closed) << "6 to a window";
}

TEST(circuit_breaker, forgets_failures_that_are_older_than_its_window) {
    circuit_breaker circuit;
    succeed(circuit, start, 20);
    fail(circuit, start, 15);
    for (int second = 1; second <= 11; ++second) succeed(circuit, start + std::chrono::seconds(second), 3);
    fail(circuit, start + 11s);
    EXPECT_EQ(circuit.state(), circuit_state::closed) << "1 of about 30";
}

TEST(circuit_breaker, refuses_while_open_and_says_for_how_long) {
    circuit_breaker circuit = opened();
    const auto refused = circuit.allow(start + 1800ms);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_EQ(refused.error(), condition::retryable);
    EXPECT_EQ(refused.error().retry_after(), 3200ms);
    EXPECT_EQ(refused.error().message(), "input: calls to this server are suspended [retry after 3200 ms]");
    EXPECT_FALSE(circuit.allow(start + 4999ms));
    EXPECT_TRUE(circuit.allow(start + 5s));
    EXPECT_EQ(circuit.state(), circuit_state::half_open);
}

TEST(circuit_breaker, lets_as_many_probes_through_as_it_may) {
    circuit_breaker circuit = opened({.probes = 2});
    const auto first = circuit.allow(start + 5s);
    EXPECT_TRUE(first);
    EXPECT_TRUE(circuit.allow(start + 5s));
    const auto third = circuit.allow(start + 6s);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().retry_after(), std::nullopt) << "nobody knows";
    EXPECT_EQ(third.error().cause(), "a call that tries the server is under way");
    circuit.on_abandoned(*first);
    EXPECT_TRUE(circuit.allow(start + 6s));
    EXPECT_FALSE(circuit.allow(start + 6s));
}

TEST(circuit_breaker, closes_when_a_probe_succeeds_and_begins_to_count_anew) {
    circuit_breaker circuit = opened();
    succeed(circuit, start + 5s);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
    fail(circuit, start + 5s, 19);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
    fail(circuit, start + 12s);  // when what had opened it would be too old
    EXPECT_EQ(circuit.state(), circuit_state::open);
}

TEST(circuit_breaker, stays_open_twice_as_long_each_time_a_probe_fails) {
    circuit_breaker circuit = opened();
    time_point now = start + 5s;
    for (const auto expected : {10s, 20s, 40s, 60s, 60s}) {
        fail(circuit, now);
        EXPECT_EQ(circuit.allow(now).error().retry_after(), expected);
        now += expected;
    }
    succeed(circuit, now);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
    fail(circuit, now, 20);
    EXPECT_EQ(circuit.allow(now).error().retry_after(), 5s) << "as the first time";
}

TEST(circuit_breaker, does_not_take_a_call_that_began_earlier_for_a_probe) {
    circuit_breaker circuit;
    const auto late = circuit.allow(start).value();
    const auto later = circuit.allow(start).value();
    const auto last = circuit.allow(start).value();
    fail(circuit, start, 20);
    circuit.on_success(late, start + 1s);
    EXPECT_EQ(circuit.state(), circuit_state::open);
    const auto probe = circuit.allow(start + 5s);
    circuit.on_failure(later, start + 5s);
    EXPECT_EQ(circuit.state(), circuit_state::half_open);
    circuit.on_abandoned(last);
    EXPECT_FALSE(circuit.allow(start + 5s)) << "it was not the probe that ended";
    circuit.on_success(*probe, start + 6s);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
}

TEST(circuit_breaker, counts_no_call_that_was_abandoned) {
    circuit_breaker circuit;
    for (int i = 0; i < 100; ++i) circuit.on_abandoned(circuit.allow(start).value());
    fail(circuit, start, 19);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
}

TEST(circuit_breaker, learns_from_an_error_what_it_says_of_the_server) {
    const auto with_status = [](errc code, int status) {
        error failed(code);
        return failed.http_status(status);
    };
    enum class told { failing, alive, nothing };
    const std::pair<error, told> table[] = {
        {errc::connect_failed, told::failing},
        {errc::connect_timed_out, told::failing},
        {errc::tls_timed_out, told::failing},
        {errc::resolve_failed, told::failing},
        {errc::tls_failed, told::failing},
        {errc::connection_lost, told::failing},
        {errc::first_byte_timed_out, told::failing},
        {errc::idle_timed_out, told::failing},
        {errc::truncated, told::failing},
        {errc::protocol_error, told::failing},
        {with_status(errc::truncated, 200), told::failing},
        {with_status(errc::server_error, 500), told::failing},
        {with_status(errc::overloaded, 529), told::failing},
        {with_status(errc::overloaded, 200), told::failing},  // in the body
        {with_status(errc::unexpected_status, 600), told::failing},
        {error(boost::asio::error::connection_reset), told::failing},
        {with_status(errc::bad_request, 400), told::alive},
        {with_status(errc::unauthenticated, 401), told::alive},
        {with_status(errc::rate_limited, 429), told::alive},
        {with_status(errc::quota_exhausted, 429), told::alive},
        {with_status(errc::decode_failed, 200), told::alive},
        {errc::cancelled, told::nothing},
        {errc::client_closed, told::nothing},
        {errc::timed_out, told::nothing},
        {errc::deadline_exceeded, told::nothing},
        {errc::pool_timed_out, told::nothing},
        {errc::invalid_argument, told::nothing},
        {errc::budget_exceeded, told::nothing},
        {errc::certificate_rejected, told::nothing},
        {errc::proxy_failed, told::nothing},
        {errc::refused, told::nothing},
        {errc::exception, told::nothing},
    };
    for (const auto& [failed, expected] : table) {
        circuit_breaker circuit = opened();
        circuit.on_error(circuit.allow(start + 5s).value(), failed, start + 5s);
        const circuit_state after = expected == told::failing ? circuit_state::open
                                    : expected == told::alive ? circuit_state::closed
                                                              : circuit_state::half_open;
        EXPECT_EQ(circuit.state(), after) << failed.message();
        if (expected == told::nothing) {
            EXPECT_TRUE(circuit.allow(start + 5s)) << "the place is free again";
        }
    }
}

TEST(circuit_breaker, takes_senseless_options_for_the_least_sensible) {
    circuit_breaker circuit(
        {.min_calls = -1, .failure_percent = 0, .window = 0ms, .open_for = -1s, .longest_open = 0ms, .probes = 0});
    succeed(circuit, start, 99);
    EXPECT_EQ(circuit.state(), circuit_state::closed);
    fail(circuit, start);
    EXPECT_EQ(circuit.state(), circuit_state::open);
    EXPECT_TRUE(circuit.allow(start + 1ms));
    EXPECT_FALSE(circuit.allow(start + 1ms));
}

TEST(circuit_breaker, keeps_its_promises_over_random_histories) {
    struct call {
        circuit_breaker::pass given;
        int round;  // of being half open, for a probe; else 0
    };
    for (unsigned seed = 0; seed < 300 && !::testing::Test::HasFailure(); ++seed) {
        std::mt19937 random(seed);
        const auto chance = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
        circuit_breaker_options options;
        options.min_calls = 1 + chance(10);
        options.probes = 1 + chance(3);
        circuit_breaker circuit(options);
        time_point now = start;
        time_point open_until = start;
        std::vector<call> under_way;
        int round = 0;
        const auto probes = [&] {
            return std::count_if(under_way.begin(), under_way.end(),
                                 [&](const call& each) { return each.round == round; });
        };
        for (int step = 0; step < 2000; ++step) {
            if (chance(3) == 0) now += std::chrono::milliseconds(chance(2000));
            const circuit_state before = circuit.state();
            if (chance(2) == 0) {
                const auto given = circuit.allow(now);
                const bool is_half_open = circuit.state() == circuit_state::half_open;
                if (is_half_open && before == circuit_state::open) {
                    ++round;
                    EXPECT_GE(now, open_until) << seed;
                }
                if (given) under_way.push_back({*given, is_half_open ? round : 0});
                if (is_half_open) {
                    EXPECT_LE(probes(), options.probes) << seed;
                    EXPECT_EQ(bool(given) || probes() == options.probes, true) << seed << ": a place was lost";
                } else {
                    EXPECT_EQ(bool(given), circuit.state() == circuit_state::closed) << seed;
                    if (!given) open_until = now + *given.error().retry_after() - 1ms;
                }
            } else if (!under_way.empty()) {
                const auto at = under_way.begin() + chance(static_cast<int>(under_way.size()));
                const call ended = *at;
                under_way.erase(at);
                const int how = chance(3);
                if (how == 0) circuit.on_success(ended.given, now);
                if (how == 1) circuit.on_failure(ended.given, now);
                if (how == 2) circuit.on_abandoned(ended.given);
                const bool decides = before == circuit_state::half_open && ended.round == round && how != 2;
                if (before != circuit_state::closed) {
                    const circuit_state decided = how == 0 ? circuit_state::closed : circuit_state::open;
                    EXPECT_EQ(circuit.state(), decides ? decided : before) << seed;
                } else if (circuit.state() != before) {
                    EXPECT_EQ(circuit.state(), circuit_state::open) << seed;
                    EXPECT_EQ(how, 1) << seed;
                }
            }
        }
        EXPECT_GT(round, 0) << seed << ": it never opened, and nothing was tested";
        // Whatever happened: with time and a working server it closes.
        for (const call& each : under_way) circuit.on_abandoned(each.given);
        if (circuit.state() != circuit_state::closed) succeed(circuit, now + 61s);
        EXPECT_EQ(circuit.state(), circuit_state::closed) << seed;
    }
}

}  // namespace
}  // namespace chorus::policy::circuit_breaker_tests
