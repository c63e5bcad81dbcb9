// Contracts of traffic control: who waits, who is sent away, and what the books say afterwards.
#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/traffic/traffic_control.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace chorus::traffic_control_tests {
namespace {

using namespace std::chrono_literals;
using kind = call_outcome::kind;

const http::origin somewhere{true, "host.example", 443};
const traffic_key key{somewhere, 1, "model"};
constexpr clock::time_point never = clock::time_point::max();

traffic_options at_most(std::size_t calls) {
    traffic_options options;
    options.max_concurrency = calls;
    options.adaptive = false;
    return options;
}
traffic_options by_the_minute(std::int64_t requests) {
    traffic_options options;
    options.requests_per_minute = requests;
    return options;
}

call_outcome outcome_with(kind what) {
    call_outcome outcome;
    outcome.what = what;
    return outcome;
}

rate_limits requests_said(std::int64_t limit, std::int64_t remaining, std::chrono::milliseconds reset) {
    rate_limits said;
    said.requests = {limit, remaining, reset};
    return said;
}

/// One call of `length`, which succeeds.
awaitable<result<void>> call(traffic_control& traffic, std::chrono::milliseconds length,
                             priority how = priority::normal, clock::time_point deadline = never,
                             token_cost cost = {}) {
    auto permit = traffic.try_acquire(key, cost);
    if (!permit) {
        auto acquired = co_await traffic.acquire(key, cost, how, deadline);
        if (!acquired) co_return acquired.error();
        permit = std::move(*acquired);
    }
    permit.sent();
    co_await sleep_for(length);
    permit.finish(outcome_with(kind::answered));
    co_return result<void>();
}

awaitable<void> note(awaitable<result<void>> work, std::vector<int>& order, int who) {
    const auto outcome = co_await std::move(work);
    if (outcome) order.push_back(who);
}

bool is_at_rest(const traffic_control& traffic) {
    const traffic_stats counts = traffic.stats(key);
    return counts.waiting == 0 && counts.in_flight == 0;
}

CHORUS_TEST(traffic_control, lets_a_call_go_without_suspending_where_it_can) {
    traffic_control traffic(get_executor(), at_most(1));
    EXPECT_EQ(traffic.stats(key).limit, 0u) << "nothing is known of a key before its first call";
    auto first = traffic.try_acquire(key, {100, 10});
    EXPECT_TRUE(first);
    EXPECT_FALSE(traffic.try_acquire(key, {}));
    EXPECT_EQ(traffic.stats(key).in_flight, 1u);
    EXPECT_EQ(traffic.stats(key).limit, 1u);
    first.finish(outcome_with(kind::answered));
    EXPECT_FALSE(first);
    auto acquired = co_await traffic.acquire(key, {}, priority::normal, never);
    CO_ASSERT_TRUE(acquired);
    EXPECT_TRUE(*acquired);
    acquired->finish(outcome_with(kind::answered));
    EXPECT_EQ(test_clock().elapsed(), 0s);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, keeps_the_limits_of_origins_keys_and_models_apart) {
    traffic_control traffic(get_executor(), at_most(1));
    const http::origin elsewhere{true, "other.example", 443};
    std::vector<traffic_control::permit> held;
    for (const auto& [origin, fingerprint, model] :
         {traffic_key{somewhere, 1, "model"}, traffic_key{elsewhere, 1, "model"}, traffic_key{somewhere, 2, "model"},
          traffic_key{somewhere, 1, "other"}}) {
        held.push_back(traffic.try_acquire({origin, fingerprint, model}, {}));
        EXPECT_TRUE(held.back());
    }
    EXPECT_FALSE(traffic.try_acquire({somewhere, 1, std::string("model")}, {}));
    co_return;
}

CHORUS_TEST(traffic_control, serves_in_order_of_arrival_and_by_class) {
    traffic_control traffic(get_executor(), at_most(1));
    std::vector<int> order;
    std::vector<awaitable<void>> calls;
    const std::vector<priority> classes = {priority::background,  priority::background, priority::normal,
                                           priority::interactive, priority::normal,     priority::interactive};
    for (std::size_t who = 0; who < classes.size(); ++who) {
        calls.push_back(note(call(traffic, 10ms, classes[who]), order, static_cast<int>(who)));
    }
    co_await gather(std::move(calls));
    EXPECT_EQ(order, (std::vector{0, 3, 5, 2, 4, 1})) << "the first one met nobody";
    EXPECT_EQ(test_clock().elapsed(), 60ms);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, spreads_calls_over_the_minute_with_one_alarm) {
    traffic_control traffic(get_executor(), by_the_minute(60));
    std::vector<awaitable<result<void>>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(call(traffic, 1ms));
    auto all = spawn(get_executor(), gather(std::move(calls)));
    co_await sleep_for(1500ms);
    EXPECT_EQ(traffic.stats(key).waiting, 89u);
    EXPECT_EQ(test_clock().pending(), 2u) << "the next call, and the deadline of the first";
    for (const auto& outcome : co_await std::move(all)) EXPECT_TRUE(outcome);
    EXPECT_GE(test_clock().elapsed(), 90s);
    EXPECT_LT(test_clock().elapsed(), 95s);
    EXPECT_EQ(test_clock().pending(), 0u);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, fails_now_what_could_only_wait_in_vain) {
    traffic_control traffic(get_executor(), by_the_minute(60));
    for (int i = 0; i < 10; ++i) CO_ASSERT_TRUE(co_await call(traffic, 0ms));
    auto waiting = spawn(get_executor(), call(traffic, 1ms));
    co_await asio::post(get_executor(), use_awaitable);
    const auto start = test_clock().now();
    const auto outcome = co_await call(traffic, 1ms, priority::normal, start + 1500ms);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(test_clock().now(), start);
    EXPECT_EQ(outcome.error(), errc::rate_limited);
    EXPECT_EQ(outcome.error().phase(), phase::pool);
    EXPECT_EQ(outcome.error().http_status(), 0);
    EXPECT_EQ(outcome.error().retry_after(), 2000ms);
    EXPECT_EQ(outcome.error().text(),
              "https://host.example, model: its limits have room in 2000 ms at the earliest, and the deadline is in "
              "1500 ms; 0 of 64 calls in flight, 1 waiting, 60 requests a minute");
    EXPECT_TRUE(co_await call(traffic, 1ms, priority::normal, start + 2001ms)) << "just in time";
    EXPECT_TRUE(co_await std::move(waiting));
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, ends_a_wait_at_its_deadline_and_says_how_much_is_under_way) {
    traffic_control traffic(get_executor(), at_most(1));
    auto busy = spawn(get_executor(), call(traffic, 10s));
    co_await sleep_for(1s);
    const auto outcome = co_await call(traffic, 1ms, priority::normal, test_clock().now() + 2s);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::deadline_exceeded);
    EXPECT_EQ(outcome.error().phase(), phase::pool);
    EXPECT_NE(outcome.error().text().find("1 of 1 calls in flight, 1 waiting"), std::string::npos)
        << outcome.error().text();
    EXPECT_EQ(test_clock().elapsed(), 3s);

    const auto late = co_await call(traffic, 1ms, priority::normal, test_clock().now());
    EXPECT_EQ(late.error(), errc::deadline_exceeded) << "it was over before";
    EXPECT_TRUE(co_await std::move(busy));
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, sends_away_at_once_those_whose_deadline_lies_in_a_new_pause) {
    traffic_control traffic(get_executor(), at_most(1));
    auto refused = traffic.try_acquire(key, {});
    const auto start = test_clock().now();
    auto patient = spawn(get_executor(), call(traffic, 1ms));
    auto hurried = spawn(get_executor(), call(traffic, 1ms, priority::normal, start + 10s));
    co_await sleep_for(1s);
    refused.sent();
    call_outcome pause = outcome_with(kind::throttled);
    pause.retry_after = 20s;
    refused.finish(pause);
    EXPECT_EQ(traffic.stats(key).paused_until, start + 21s);
    const auto outcome = co_await std::move(hurried);
    EXPECT_EQ(test_clock().elapsed(), 1s);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::rate_limited);
    EXPECT_EQ(outcome.error().retry_after(), 20s);
    EXPECT_TRUE(co_await std::move(patient));
    EXPECT_EQ(test_clock().elapsed(), 21s + 1ms) << "not earlier than the server asked for";
    EXPECT_EQ(traffic.stats(key).paused_until, std::nullopt);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, learns_from_the_head_of_an_answer_before_its_end) {
    traffic_control traffic(get_executor());
    auto streaming = traffic.try_acquire(key, {});
    streaming.sent();
    streaming.answered(requests_said(60, 0, 60s));
    EXPECT_FALSE(traffic.try_acquire(key, {}));
    EXPECT_EQ(traffic.stats(key).requests_per_minute, 60);
    EXPECT_TRUE(co_await call(traffic, 0ms));
    EXPECT_EQ(test_clock().elapsed(), 1s);
}

CHORUS_TEST(traffic_control, wakes_those_who_wait_when_headers_tell_of_more_room) {
    traffic_control traffic(get_executor());
    auto first = traffic.try_acquire(key, {});
    auto second = traffic.try_acquire(key, {});
    first.answered(requests_said(100, 0, 1h));
    auto waiting = spawn(get_executor(), call(traffic, 0ms));
    co_await sleep_for(1ms);
    EXPECT_EQ(traffic.stats(key).waiting, 1u);
    second.answered(requests_said(100, 50, 30s));
    EXPECT_TRUE(co_await std::move(waiting));
    EXPECT_EQ(test_clock().elapsed(), 1ms);
}

CHORUS_TEST(traffic_control, takes_back_what_a_dropped_permit_had_reserved_unless_it_was_sent) {
    for (const bool is_sent : {false, true}) {
        traffic_options options;
        options.tokens_per_minute = 1000;
        traffic_control traffic(get_executor(), options);
        {
            auto dropped = traffic.try_acquire(key, {1000, 0});
            if (is_sent) dropped.sent();
            auto moved = std::move(dropped);
            EXPECT_FALSE(dropped);
        }
        EXPECT_EQ(static_cast<bool>(traffic.try_acquire(key, {1000, 0})), !is_sent);
        EXPECT_TRUE(is_at_rest(traffic));
    }
    co_return;
}

CHORUS_TEST(traffic_control, keeps_its_books_when_a_call_is_cancelled_at_any_moment) {
    for (std::chrono::milliseconds moment{0}; moment < 60ms; ++moment) {
        traffic_control traffic(get_executor(), at_most(1));
        auto before = spawn(get_executor(), call(traffic, 20ms));
        auto cancelled = spawn(get_executor(), call(traffic, 20ms));
        auto behind = spawn(get_executor(), call(traffic, 5ms));
        co_await sleep_for(moment);
        cancelled.cancel();
        EXPECT_TRUE(co_await std::move(before));
        EXPECT_TRUE(co_await std::move(behind));
        co_await sleep_for(1s);
        EXPECT_TRUE(is_at_rest(traffic)) << moment.count();
    }
}

CHORUS_TEST(traffic_control, keeps_its_books_when_a_call_is_cancelled_at_any_turn_of_the_loop) {
    for (int turns = 0; turns < 12; ++turns) {
        traffic_control traffic(get_executor(), at_most(1));
        auto held = traffic.try_acquire(key, {});
        auto cancelled = spawn(get_executor(), call(traffic, 0ms));
        auto behind = spawn(get_executor(), call(traffic, 0ms));
        co_await sleep_for(1ms);
        held.finish(outcome_with(kind::answered));  // the permit is on its way to the one that is cancelled
        for (int i = 0; i < turns; ++i) co_await asio::post(get_executor(), use_awaitable);
        cancelled.cancel();
        EXPECT_TRUE(co_await std::move(behind));
        co_await sleep_for(1s);
        EXPECT_TRUE(is_at_rest(traffic)) << turns;
    }
}

CHORUS_TEST(traffic_control, says_cancelled_and_leaves_no_alarm) {
    traffic_control traffic(get_executor(), by_the_minute(1));
    CO_ASSERT_TRUE(co_await call(traffic, 0ms));
    auto cancelled = spawn(get_executor(), call(traffic, 0ms, priority::normal, test_clock().now() + 2min));
    co_await sleep_for(1s);
    EXPECT_EQ(test_clock().pending(), 2u);
    cancelled.cancel();
    const auto outcome = co_await std::move(cancelled);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::cancelled);
    EXPECT_EQ(outcome.error().phase(), phase::pool);
    EXPECT_EQ(test_clock().pending(), 0u);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, lets_the_next_ones_go_when_a_large_call_before_them_is_cancelled) {
    traffic_options options;
    options.tokens_per_minute = 1000;
    traffic_control traffic(get_executor(), options);
    CO_ASSERT_TRUE(co_await call(traffic, 0ms, priority::normal, never, {50, 0}));
    auto large = spawn(get_executor(), call(traffic, 0ms, priority::normal, never, {1000, 0}));
    auto small = spawn(get_executor(), call(traffic, 0ms, priority::normal, never, {10, 0}));
    co_await sleep_for(1s);
    EXPECT_EQ(traffic.stats(key).waiting, 2u) << "it is not overtaken";
    large.cancel();
    EXPECT_TRUE(co_await std::move(small));
    EXPECT_EQ(test_clock().elapsed(), 1s);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, lets_the_next_ones_go_when_a_large_call_before_them_gives_up) {
    traffic_options options;
    options.tokens_per_minute = 1000;
    traffic_control traffic(get_executor(), options);
    auto costly = traffic.try_acquire(key, {});
    CO_ASSERT_TRUE(co_await call(traffic, 0ms, priority::normal, never, {50, 0}));
    auto large = spawn(get_executor(), call(traffic, 0ms, priority::normal, test_clock().now() + 70s, {1000, 0}));
    auto small = spawn(get_executor(), call(traffic, 0ms, priority::normal, never, {10, 0}));
    co_await sleep_for(20s);
    costly.sent();
    call_outcome more_than_estimated = outcome_with(kind::answered);
    more_than_estimated.used = token_cost{500, 0};
    costly.finish(more_than_estimated);
    EXPECT_EQ((co_await std::move(large)).error(), errc::deadline_exceeded);
    EXPECT_TRUE(co_await std::move(small));
    EXPECT_EQ(test_clock().elapsed(), 70s);
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, lets_a_higher_class_go_at_once_before_a_large_call_that_waits) {
    traffic_options options;
    options.tokens_per_minute = 1000;
    traffic_control traffic(get_executor(), options);
    CO_ASSERT_TRUE(co_await call(traffic, 0ms, priority::normal, never, {50, 0}));
    auto large = spawn(get_executor(), call(traffic, 0ms, priority::background, never, {1000, 0}));
    co_await sleep_for(1ms);
    EXPECT_TRUE(co_await call(traffic, 0ms, priority::interactive, never, {10, 0}));
    EXPECT_EQ(test_clock().elapsed(), 1ms);
    EXPECT_TRUE(co_await std::move(large));
    EXPECT_TRUE(is_at_rest(traffic));
}

CHORUS_TEST(traffic_control, may_go_before_its_permits_and_those_who_wait) {
    auto traffic = std::make_unique<traffic_control>(get_executor(), at_most(1));
    auto held = traffic->try_acquire(key, {});
    auto waiting = traffic->acquire(key, {}, priority::normal, never);
    traffic.reset();
    auto task = spawn(get_executor(), std::move(waiting));
    co_await sleep_for(1ms);
    held.finish(outcome_with(kind::answered));
    const auto acquired = co_await std::move(task);
    EXPECT_TRUE(acquired);
}

CHORUS_TEST(traffic_control, survives_frames_destroyed_while_they_wait) {
    traffic_stats left;
    {
        asio::io_context loop;
        auto traffic = std::make_shared<traffic_control>(loop.get_executor(), at_most(1));
        const auto holder = [](std::shared_ptr<traffic_control> shared) -> awaitable<void> {
            const auto outcome = co_await call(*shared, 1h);
            EXPECT_FALSE(outcome);
        };
        for (int i = 0; i < 3; ++i) spawn(loop.get_executor(), holder(traffic)).detach();
        const std::weak_ptr<traffic_control> watched = traffic;
        loop.poll();
        left = traffic->stats(key);
        traffic.reset();
        EXPECT_FALSE(watched.expired());
    }
    EXPECT_EQ(left.waiting, 2u);
    EXPECT_EQ(left.in_flight, 1u);
    co_return;
}

CHORUS_TEST(traffic_control, forgets_keys_that_nobody_uses_any_more) {
    traffic_control traffic(get_executor());
    auto held = traffic.try_acquire({somewhere, 2, "held"}, {});
    CO_ASSERT_TRUE(co_await call(traffic, 0ms));
    co_await sleep_for(2h);
    traffic.try_acquire({somewhere, 3, "new"}, {}).finish(outcome_with(kind::answered));
    EXPECT_EQ(traffic.stats(key).limit, 0u);
    EXPECT_EQ(traffic.stats({somewhere, 2, "held"}).in_flight, 1u);
}

TEST(outcome_of, reads_an_answer) {
    usage counted;
    EXPECT_EQ(outcome_of(counted).what, kind::answered);
    EXPECT_EQ(outcome_of(counted).used, std::nullopt) << "no server says that a call took nothing";
    counted.total_tokens = 30;
    EXPECT_EQ(outcome_of(counted).used, (token_cost{30, 0}));
    counted.prompt_tokens = 20;
    counted.completion_tokens = 10;
    EXPECT_EQ(outcome_of(counted).used, (token_cost{20, 10}));
}

TEST(outcome_of, reads_an_error) {
    struct row {
        errc code;
        phase where;
        int status;
        kind expected;
    };
    for (const row& each :
         {row{errc::rate_limited, phase::status, 429, kind::throttled},
          row{errc::quota_exhausted, phase::status, 429, kind::rejected},
          row{errc::overloaded, phase::status, 529, kind::overloaded},
          row{errc::server_error, phase::status, 500, kind::failed},
          row{errc::first_byte_timed_out, phase::first_byte, 0, kind::failed},
          row{errc::bad_request, phase::status, 400, kind::rejected},
          row{errc::connect_failed, phase::connect, 0, kind::not_sent},
          row{errc::certificate_rejected, phase::tls, 0, kind::not_sent},
          row{errc::pool_timed_out, phase::pool, 0, kind::not_sent},
          row{errc::cancelled, phase::dns, 0, kind::not_sent}, row{errc::cancelled, phase::first_byte, 0, kind::lost},
          row{errc::refused, phase::write, 0, kind::not_sent},
          row{errc::connection_lost, phase::first_byte, 0, kind::lost},
          row{errc::truncated, phase::read, 200, kind::lost},
          row{errc::decode_failed, phase::decode, 200, kind::answered}}) {
        error failed(each.code);
        failed.phase(each.where).http_status(each.status).retry_after(7s);
        const call_outcome outcome = outcome_of(failed);
        EXPECT_EQ(outcome.what, each.expected) << failed.message();
        EXPECT_EQ(outcome.retry_after, 7s);
        EXPECT_FALSE(outcome.slow_down);
    }
    error growing(errc::rate_limited);
    growing.phase(phase::status).provider_code("slow_down");
    EXPECT_TRUE(outcome_of(growing).slow_down);
}

}  // namespace
}  // namespace chorus::traffic_control_tests
