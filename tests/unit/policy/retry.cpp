// Which failures are tried again, when, and what the last error says of them all.
#include <chorus/policy/retry.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <utility>

namespace chorus::policy::retry_tests {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using verdict = retry::verdict;

constexpr retry::time_point start{1h};
constexpr retry::time_point never = retry::time_point::max();
constexpr std::uint64_t lowest = 0;
constexpr std::uint64_t highest = ~std::uint64_t{0};

error failure(errc code, phase where = phase::none) {
    error failed(code);
    return failed.phase(where);
}

error status(errc code, int number, std::optional<milliseconds> wait = std::nullopt) {
    error failed(code);
    failed.phase(phase::status).http_status(number);
    if (wait) failed.retry_after(*wait);
    return failed;
}

error in_phase(phase where, error failed) {
    return failed.phase(where);
}

error advised(error failed, bool again) {
    return failed.should_retry(again);
}

verdict first_verdict(const error& failed, const retry_options& options = {}) {
    return retry(options).after(failed, start, never, lowest).what;
}

TEST(retry, tries_again_what_time_heals_and_nothing_else) {
    const std::pair<error, bool> table[] = {
        {status(errc::request_timeout, 408), true},
        {status(errc::conflict, 409), true},
        {status(errc::rate_limited, 429), true},
        {status(errc::server_error, 500), true},
        {status(errc::server_error, 504), true},
        {status(errc::overloaded, 503), true},
        {status(errc::overloaded, 529), true},
        {status(errc::unexpected_status, 600), true},
        {status(errc::server_error, 200), true},  // an error in the body
        {failure(errc::resolve_failed, phase::dns), true},
        {failure(errc::connect_failed, phase::connect), true},
        {failure(errc::connect_timed_out, phase::connect), true},
        {failure(errc::tls_timed_out, phase::tls), true},
        {failure(errc::tls_failed, phase::tls), true},
        {failure(errc::refused, phase::write), true},
        {failure(errc::connection_lost, phase::first_byte), true},
        {failure(errc::first_byte_timed_out, phase::first_byte), true},
        {failure(errc::idle_timed_out, phase::read), true},
        {failure(errc::truncated, phase::read), true},
        {failure(errc::protocol_error, phase::read), true},
        {error(boost::asio::error::connection_reset), true},

        {status(errc::bad_request, 400), false},
        {status(errc::unauthenticated, 401), false},
        {status(errc::payment_required, 402), false},
        {status(errc::permission_denied, 403), false},
        {status(errc::not_found, 404), false},
        {status(errc::request_too_large, 413), false},
        {status(errc::unprocessable, 422), false},
        {status(errc::quota_exhausted, 429), false},
        {status(errc::unexpected_status, 302), false},
        {failure(errc::invalid_argument, phase::input), false},
        {failure(errc::client_closed, phase::pool), false},
        {failure(errc::wrong_thread), false},
        {failure(errc::cancelled, phase::first_byte), false},
        {failure(errc::exception), false},
        {failure(errc::budget_exceeded, phase::input), false},
        {failure(errc::circuit_open, phase::input), false},
        {failure(errc::timed_out), false},
        {failure(errc::pool_timed_out, phase::pool), false},
        {failure(errc::deadline_exceeded, phase::connect), false},
        {failure(errc::certificate_rejected, phase::tls), false},
        {failure(errc::protocol_error, phase::tls), false},
        {failure(errc::proxy_failed, phase::proxy), false},
        {failure(errc::head_too_large, phase::read), false},
        {failure(errc::body_too_large, phase::read), false},
        {failure(errc::decode_failed, phase::decode), false},
        {failure(errc::refused_by_model), false},
        {failure(errc::content_filtered), false},
        {error(boost::asio::error::access_denied), false},
    };
    for (const auto& [failed, again] : table) {
        EXPECT_EQ(first_verdict(failed), again ? verdict::again : verdict::final_error) << failed.message();
    }
}

TEST(retry, lets_the_server_decide_about_a_status) {
    EXPECT_EQ(first_verdict(advised(status(errc::bad_request, 400), true)), verdict::again);
    EXPECT_EQ(first_verdict(advised(status(errc::server_error, 500), false)), verdict::final_error);
    EXPECT_EQ(first_verdict(advised(status(errc::rate_limited, 429), false)), verdict::final_error);
    for (const auto& [code, number] : {std::pair(errc::quota_exhausted, 429), std::pair(errc::payment_required, 402)}) {
        EXPECT_EQ(first_verdict(advised(status(code, number), true)), verdict::final_error)
            << "money does not come back";
    }
    EXPECT_EQ(first_verdict(advised(failure(errc::cancelled), true)), verdict::final_error) << "there was no status";
}

struct level_row {
    error failed;
    replay_level needed;
};

TEST(retry, needs_the_level_that_covers_what_may_have_happened) {
    const level_row table[] = {
        {failure(errc::resolve_failed, phase::dns), replay_level::not_sent},
        {failure(errc::connect_failed, phase::connect), replay_level::not_sent},
        {failure(errc::connect_timed_out, phase::connect), replay_level::not_sent},
        {failure(errc::tls_timed_out, phase::tls), replay_level::not_sent},
        {failure(errc::connection_lost, phase::connect), replay_level::not_sent},
        {failure(errc::connection_lost, phase::proxy), replay_level::not_sent},
        {failure(errc::tls_failed, phase::tls), replay_level::not_sent},
        {failure(errc::refused, phase::write), replay_level::not_sent},
        {failure(errc::refused, phase::first_byte), replay_level::not_sent},
        {failure(errc::connection_lost, phase::write), replay_level::no_response_bytes},
        {failure(errc::connection_lost, phase::first_byte), replay_level::no_response_bytes},
        {failure(errc::connection_lost), replay_level::no_response_bytes},
        {failure(errc::first_byte_timed_out, phase::first_byte), replay_level::no_response_bytes},
        {failure(errc::protocol_error, phase::write), replay_level::no_response_bytes},
        {status(errc::request_timeout, 408), replay_level::no_response_bytes},
        {status(errc::rate_limited, 429), replay_level::no_response_bytes},
        {status(errc::overloaded, 529), replay_level::no_response_bytes},
        {status(errc::overloaded, 503, 1s), replay_level::no_response_bytes},
        {status(errc::overloaded, 503), replay_level::any},
        {status(errc::conflict, 409), replay_level::any},
        {status(errc::server_error, 500, 1s), replay_level::any},
        {status(errc::rate_limited, 200), replay_level::any},
        {failure(errc::truncated, phase::read), replay_level::any},
        {failure(errc::idle_timed_out, phase::read), replay_level::any},
        {failure(errc::protocol_error, phase::read), replay_level::any},
        {in_phase(phase::write, status(errc::truncated, 200)), replay_level::any},  // it was still being sent
        {error(boost::asio::error::connection_reset), replay_level::any},
    };
    constexpr replay_level levels[] = {replay_level::never, replay_level::not_sent, replay_level::no_response_bytes,
                                       replay_level::any};
    for (const auto& [failed, needed] : table) {
        EXPECT_EQ(needed_level(failed), needed) << failed.message();
        for (const replay_level level : levels) {
            const verdict expected = level >= needed ? verdict::again : verdict::level;
            EXPECT_EQ(first_verdict(failed, {.level = level}), expected) << failed.message();
        }
    }
}

TEST(retry, waits_a_random_share_of_a_range_that_doubles_up_to_its_longest) {
    retry quick({.max_attempts = 9});
    retry slow({.max_attempts = 9});
    retry middle({.max_attempts = 9});
    for (const milliseconds most : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 8000ms, 8000ms, 8000ms}) {
        const error failed = failure(errc::connection_lost, phase::first_byte);
        EXPECT_EQ(quick.after(failed, start, never, lowest).delay, 0ms);
        EXPECT_EQ(slow.after(failed, start, never, highest).delay, most);
        EXPECT_EQ(middle.after(failed, start, never, std::uint64_t{1} << 63).delay, most / 2);
    }
    EXPECT_EQ(slow.after(failure(errc::connection_lost), start, never, highest).what, verdict::attempts);
    EXPECT_EQ(slow.retries(), 8);
}

TEST(retry, waits_no_longer_than_its_longest_where_that_is_no_double) {
    retry machine({.max_attempts = 9, .longest_delay = 3s});
    for (const milliseconds most : {500ms, 1000ms, 2000ms, 3000ms, 3000ms}) {
        EXPECT_EQ(machine.after(failure(errc::connection_lost), start, never, highest).delay, most);
    }
    EXPECT_EQ(retry({.longest_delay = 300ms}).after(failure(errc::connection_lost), start, never, highest).delay,
              300ms);
}

TEST(retry, draws_evenly) {
    std::mt19937_64 random(3);
    int low = 0;
    int high = 0;
    constexpr int draws = 4000;
    for (int i = 0; i < draws; ++i) {
        const milliseconds delay = retry().after(failure(errc::connect_failed), start, never, random()).delay;
        low += delay < 125ms ? 1 : 0;
        high += delay > 375ms ? 1 : 0;
    }
    EXPECT_NEAR(low, draws / 4, draws / 20);
    EXPECT_NEAR(high, draws / 4, draws / 20);
}

TEST(retry, never_wakes_before_the_time_that_the_server_gave) {
    const error told = status(errc::rate_limited, 429, 20s);
    EXPECT_EQ(retry().after(told, start, never, lowest).delay, 20s);
    EXPECT_EQ(retry().after(told, start, never, highest).delay, 22500ms) << "at most an eighth is added";
    EXPECT_EQ(retry().after(status(errc::rate_limited, 429, 0ms), start, never, highest).delay, 500ms)
        << "now is no time to come back";
}

TEST(retry, fails_at_once_when_the_server_asks_for_too_long) {
    retry machine({.longest_retry_after = 120s});
    EXPECT_TRUE(machine.after(status(errc::rate_limited, 429, 120s), start, never, lowest));
    const error told = advised(status(errc::rate_limited, 429, 120'001ms), true);
    EXPECT_EQ(machine.after(told, start, never, lowest).what, verdict::wait_too_long);
    EXPECT_EQ(machine.conclude(told).cause(), "the server asks for 120.001 s, a retry waits at most 120 s");
}

TEST(retry, fails_at_once_when_the_deadline_leaves_no_time_for_the_wait) {
    const error told = status(errc::rate_limited, 429, 100s);
    retry machine;
    EXPECT_EQ(machine.after(told, start, start + 20s, lowest).what, verdict::deadline);
    EXPECT_EQ(machine.conclude(told).cause(), "the server asks for 100 s, the deadline leaves 20 s");
    EXPECT_EQ(machine.retries(), 0);

    const error lost = failure(errc::connection_lost, phase::first_byte);
    retry other;
    EXPECT_EQ(other.after(lost, start, start + 250ms, std::uint64_t{1} << 63).what, verdict::deadline)
        << "no time is left for the attempt itself";
    EXPECT_EQ(other.conclude(lost).cause(), "the next attempt would wait 0.25 s, the deadline leaves 0.25 s");
    EXPECT_TRUE(retry().after(lost, start, start + 251ms, std::uint64_t{1} << 63));
    EXPECT_EQ(retry().after(lost, start, start, lowest).what, verdict::deadline);
    EXPECT_EQ(retry().after(lost, start, start - 1s, lowest).what, verdict::deadline);
}

TEST(retry, adds_its_reason_to_a_cause_that_is_there) {
    error told = status(errc::rate_limited, 429, 100s);
    told.cause("why");
    retry machine;
    machine.after(told, start, start + 1s, lowest);
    EXPECT_EQ(machine.conclude(told).cause(), "why; the server asks for 100 s, the deadline leaves 1 s");
}

TEST(retry, makes_one_attempt_where_no_more_are_allowed) {
    const error failed = failure(errc::connect_failed, phase::connect);
    for (const int attempts : {1, 0, -3}) {
        EXPECT_EQ(first_verdict(failed, {.max_attempts = attempts}), verdict::attempts);
    }
    retry machine({.level = replay_level::never});
    EXPECT_EQ(machine.after(failed, start, never, lowest).what, verdict::level);
    EXPECT_EQ(machine.conclude(failed).cause(), "") << "who wants no retry needs no explanation";
}

TEST(retry, takes_senseless_times_for_none) {
    retry machine({.first_delay = -5s, .longest_delay = -1s, .longest_retry_after = -1s});
    EXPECT_EQ(machine.after(failure(errc::connect_failed), start, never, highest).delay, 0ms);
    retry endless({.first_delay = milliseconds::max(), .longest_delay = milliseconds::max()});
    EXPECT_EQ(endless.after(failure(errc::connect_failed), start, never, highest).what, verdict::deadline);
}

TEST(retry, lists_the_attempts_in_the_last_error) {
    retry machine;
    error first = status(errc::rate_limited, 429, 2s);
    first.attempts(1);
    error second = failure(errc::connect_timed_out, phase::connect);
    error third = status(errc::overloaded, 503);
    third.attempts(3);  // the transport sent it three times
    EXPECT_TRUE(machine.after(first, start, never, lowest));
    EXPECT_TRUE(machine.after(second, start, never, highest));
    EXPECT_EQ(machine.after(third, start, never, lowest).what, verdict::attempts);
    const error last = machine.conclude(third);
    EXPECT_EQ(last, errc::overloaded);
    EXPECT_EQ(last.attempts(), 4) << "the second one was never sent";
    ASSERT_EQ(last.history().size(), 3u);
    EXPECT_EQ(last.history()[0], (attempt{errc::rate_limited, phase::status, 429, 2s}));
    EXPECT_EQ(last.history()[1], (attempt{errc::connect_timed_out, phase::connect, 0, 1s}));
    EXPECT_EQ(last.history()[2], (attempt{errc::overloaded, phase::status, 503, 0ms}));
    EXPECT_EQ(last.message(),
              "status: the server is overloaded [status 503]; 3 attempts: 429, timed out connecting, 503");
    EXPECT_EQ(third.history().size(), 0u) << "the error given stays as it was";
}

TEST(retry, leaves_an_error_alone_that_came_before_any_attempt) {
    const error refused = failure(errc::invalid_argument, phase::input);
    EXPECT_EQ(retry().conclude(refused).message(), refused.message());
    EXPECT_EQ(retry().conclude(refused).history().size(), 0u);
}

TEST(retry, tells_what_failed_before_a_wait_that_was_cancelled) {
    retry machine;
    error lost = failure(errc::connection_lost, phase::first_byte);
    lost.attempts(1);
    EXPECT_TRUE(machine.after(lost, start, never, lowest));
    const error last = machine.conclude(failure(errc::cancelled));
    EXPECT_EQ(last, errc::cancelled);
    EXPECT_EQ(last.attempts(), 1);
    EXPECT_EQ(last.history().size(), 1u);
}

TEST(retry_budget, is_asked_only_for_a_retry_that_would_be_made) {
    retry_budget budget({.tokens = 1});
    const error lost = failure(errc::connection_lost, phase::first_byte);
    EXPECT_FALSE(retry({}, &budget).after(status(errc::bad_request, 400), start, never, lowest));
    EXPECT_FALSE(retry({.max_attempts = 1}, &budget).after(lost, start, never, lowest));
    EXPECT_FALSE(retry({.level = replay_level::not_sent}, &budget).after(lost, start, never, lowest));
    EXPECT_FALSE(retry({}, &budget).after(status(errc::rate_limited, 429, 1h), start, never, lowest));
    EXPECT_FALSE(retry({}, &budget).after(lost, start, start, lowest));
    EXPECT_EQ(budget.left(), 1);
    retry machine({}, &budget);
    EXPECT_TRUE(machine.after(lost, start, never, lowest));
    EXPECT_EQ(machine.after(lost, start, never, lowest).what, verdict::budget);
    EXPECT_EQ(machine.conclude(lost).cause(), "the retry budget of the client is used up");
}

TEST(retry_budget, lets_an_outage_cost_its_tokens_and_no_more) {
    retry_budget budget;
    int sent = 0;
    for (int call = 0; call < 1000; ++call) {
        retry machine({}, &budget);
        do ++sent;
        while (machine.after(failure(errc::connect_failed, phase::connect), start, never, lowest));
    }
    EXPECT_EQ(sent, 1100);
}

TEST(retry_budget, gives_a_token_back_for_ten_answers_up_to_what_it_began_with) {
    retry_budget budget({.tokens = 2});
    EXPECT_TRUE(budget.take());
    EXPECT_TRUE(budget.take());
    EXPECT_FALSE(budget.take());
    for (int i = 0; i < 9; ++i) budget.on_answer();
    EXPECT_FALSE(budget.take());
    budget.on_answer();
    EXPECT_TRUE(budget.take());
    for (int i = 0; i < 1000; ++i) budget.on_answer();
    EXPECT_EQ(budget.left(), 2);
}

TEST(retry_budget, takes_senseless_numbers_for_none) {
    EXPECT_FALSE(retry_budget({.tokens = -1}).take());
    retry_budget fixed({.tokens = 1, .tokens_per_answer = -1});
    EXPECT_TRUE(fixed.take());
    fixed.on_answer();
    EXPECT_EQ(fixed.left(), 0);
}

TEST(retry, keeps_its_promises_whatever_fails) {
    std::mt19937_64 random(20261122);
    const auto chance = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
    for (int call = 0; call < 20'000 && !::testing::Test::HasFailure(); ++call) {
        retry_options options;
        options.max_attempts = 1 + chance(6);
        options.first_delay = milliseconds(chance(2000));
        options.longest_delay = milliseconds(chance(10'000));
        options.level = static_cast<replay_level>(chance(4));
        retry_budget budget({.tokens = chance(5)});
        const int tokens = budget.left();
        retry machine(options, &budget);
        retry::time_point now = start;
        const retry::time_point deadline = chance(4) == 0 ? never : start + milliseconds(chance(60'000));
        int attempts = 0;
        for (bool more = true; more;) {
            ++attempts;
            error failed(static_cast<errc>(1 + chance(static_cast<int>(errc::unexpected_status))));
            failed.phase(static_cast<phase>(chance(static_cast<int>(phase::status) + 1)));
            if (chance(2) == 0) failed.http_status(400 + chance(200));
            if (chance(3) == 0) failed.retry_after(milliseconds(chance(150'000)));
            if (chance(5) == 0) failed.should_retry(chance(2) == 0);
            now += milliseconds(chance(1000));
            const retry::decision next = machine.after(failed, now, deadline, random());
            more = bool(next);
            if (!more) {
                EXPECT_EQ(machine.conclude(failed).history().size(), static_cast<std::size_t>(attempts));
                break;
            }
            EXPECT_GE(next.delay, failed.retry_after().value_or(0ms)) << "earlier than the server asked";
            EXPECT_LE(next.delay, std::max<milliseconds>(options.longest_delay, 135s));
            EXPECT_LT(now + next.delay, deadline);
            EXPECT_LE(needed_level(failed), options.level);
            EXPECT_NE(failed, condition::quota_exhausted);
            EXPECT_NE(failed, errc::cancelled) << "whatever it says besides";
            now += next.delay;
        }
        EXPECT_LE(attempts, options.max_attempts);
        EXPECT_EQ(machine.retries(), attempts - 1);
        EXPECT_EQ(budget.left(), tokens - (attempts - 1));
    }
}

}  // namespace
}  // namespace chorus::policy::retry_tests
