// Contracts of hedged calls: who answers, who is dropped, what is counted, and that nothing outlives the call.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/routing/hedged.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/virtual_clock.hpp>
#include <chorus/traffic/budget.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scripted_server.hpp"

namespace chorus::hedged_tests {
namespace {

using namespace std::chrono_literals;
using sample::client_of;
using sample::fails;
using sample::says;
using sample::server;
using sample::status;

chat_request question() {
    return chat_request("m").user("Why?");
}

policy::hedging_options after(std::chrono::milliseconds delay) {
    policy::hedging_options options;
    options.delay = delay;
    options.max_share = 1;
    return options;
}

policy::hedging_stats counts(std::uint64_t calls, std::uint64_t sent, std::uint64_t won, std::uint64_t lost) {
    policy::hedging_stats made;
    made.calls = calls;
    made.sent = sent;
    made.won = won;
    made.lost = lost;
    return made;
}

CHORUS_TEST(hedged, sends_one_request_where_it_is_answered_in_time) {
    const auto one = server(says("one", 900ms));
    client a = client_of(get_executor(), one);
    hedged llm(a, after(1s));
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.response.text(), "one");
    EXPECT_EQ(reply.route, 0u);
    EXPECT_EQ(one->requests.size(), 1u);
    EXPECT_EQ(llm.stats(), counts(1, 0, 0, 0));
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(hedged, takes_the_answer_of_the_second_and_drops_the_first) {
    const auto one = server(says("one", 1min)), two = server(says("two", 500ms));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    hedged llm(a, route(b).model("other"), after(1s));
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.response.text(), "two");
    EXPECT_EQ(reply.route, 1u);
    EXPECT_EQ(test_clock().elapsed(), 1500ms);
    EXPECT_EQ(one->dropped, 1u);
    EXPECT_EQ(one->open + two->open, 0u);
    EXPECT_NE(two->requests.at(0).find(R"("model":"other")"), std::string::npos);
    EXPECT_EQ(llm.stats(), counts(1, 1, 1, 0));
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(hedged, takes_the_answer_of_the_first_and_drops_the_second) {
    const auto both = server(says("one", 2s), says("two", 1min));
    client a = client_of(get_executor(), both);
    hedged llm(a, after(1s));
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.response.text(), "one");
    EXPECT_EQ(test_clock().elapsed(), 2s);
    EXPECT_EQ(both->dropped, 1u);
    EXPECT_EQ(both->open, 0u);
    EXPECT_EQ(llm.stats(), counts(1, 1, 0, 1));
}

CHORUS_TEST(hedged, waits_for_the_other_request_where_one_of_them_fails) {
    struct row {
        sample::turn first, second;
        std::string text;
    };
    const row rows[] = {
        {status(503, 1500ms), says("two", 1s), "two"},  // the first fails while the second is under way
        {status(400, 1500ms), says("two", 1s), "two"},
        {says("one", 2s), status(503, 500ms), "one"},
        {says("one", 2s), fails(errc::connection_lost, 500ms), "one"},
    };
    for (const row& each : rows) {
        const auto one = server(each.first), two = server(each.second);
        client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
        hedged llm(a, b, after(1s));
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->response.text(), each.text);
        EXPECT_EQ(reply->failures.size(), 1u);
        EXPECT_EQ(one->requests.size() + two->requests.size(), 2u);
        EXPECT_EQ(one->dropped + two->dropped, 0u);
        EXPECT_EQ(test_clock().pending(), 0u);
    }
}

CHORUS_TEST(hedged, gives_the_last_error_with_the_other_where_both_fail) {
    for (const bool first_is_last : {false, true}) {
        const auto one = server(status(503, first_is_last ? 3s : 1200ms)), two = server(status(500, 500ms));
        client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
        hedged llm(a, b, after(1s));
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), first_is_last ? errc::overloaded : errc::server_error);
        EXPECT_EQ(reply.error().history().size(), 2u);
        EXPECT_EQ(llm.stats(), counts(1, 1, 0, 1));
    }
}

CHORUS_TEST(hedged, follows_a_failure_that_may_pass_at_once_and_no_other) {
    const auto one = server(status(503, 100ms), status(400, 100ms)), two = server(says("two", 100ms));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    hedged llm(a, b, after(1s));
    const auto mended = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(mended);
    EXPECT_EQ(mended->route, 1u);
    EXPECT_EQ(test_clock().elapsed(), 200ms);
    const auto refused = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::bad_request);
    EXPECT_EQ(test_clock().elapsed(), 300ms) << "a failure does not wait for the delay";
    EXPECT_EQ(two->requests.size(), 1u);
    EXPECT_EQ(llm.stats(), counts(2, 1, 1, 0));
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(hedged, gives_both_errors_where_the_one_that_follows_fails_too) {
    const auto both = server(fails(errc::connection_lost, 1ms), fails(errc::truncated, 1ms));
    client a = client_of(get_executor(), both);
    hedged llm(a, after(1h));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::truncated);
    EXPECT_EQ(reply.error().history().size(), 2u);
    EXPECT_EQ(test_clock().elapsed(), 2ms);
    EXPECT_EQ(llm.stats(), counts(1, 1, 0, 1));
}

CHORUS_TEST(hedged, sends_the_second_request_once) {
    const auto one = server(says("one", 1min)), two = server(status(503));
    client a = client_of(get_executor(), one);
    client retrying(get_executor(), openai(&sample::no_environment).base_url("https://llm.example/v1").api_key("sk"),
                    two);
    hedged llm(a, retrying, after(1s));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply);
    EXPECT_EQ(two->requests.size(), 1u);
}

CHORUS_TEST(hedged, keeps_to_its_share) {
    const auto slow = server(says("one", 2s));
    client a = client_of(get_executor(), slow);
    auto options = after(1s);
    options.max_share = 0.1;
    hedged llm(a, options);
    for (int i = 0; i < 20; ++i) co_await llm.complete(question());
    EXPECT_EQ(slow->requests.size(), 22u);
    EXPECT_EQ(llm.stats().sent, 2u);
    EXPECT_EQ(llm.stats().denied, 18u);
}

CHORUS_TEST(hedged, leaves_large_requests_alone_even_where_they_fail) {
    const auto one = server(says("one", 2s), status(500, 2s));
    client a = client_of(get_executor(), one);
    auto options = after(1s);
    options.max_tokens = 1000;
    hedged llm(a, options);
    co_await llm.complete(question().max_tokens(1000));
    const auto failed = co_await llm.try_complete(question().max_tokens(1000));
    EXPECT_EQ(failed.error(), errc::server_error);
    EXPECT_EQ(one->requests.size(), 2u);
    EXPECT_EQ(llm.stats(), counts(2, 0, 0, 0));
}

CHORUS_TEST(hedged, sends_no_second_request_that_its_budget_refuses) {
    const auto one = server(says("one", 2s));
    // Room for one call of 16 and 500 tokens, and not for two.
    const auto mine = std::make_shared<budget>(policy::spending_limits{.tokens = 600, .cost = {}});
    client a = client_of(get_executor(), one, client_options().gate(mine));
    hedged llm(a, after(1s));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(one->requests.size(), 1u);
    auto expected = counts(1, 0, 0, 0);
    expected.refused = 1;
    EXPECT_EQ(llm.stats(), expected);
}

CHORUS_TEST(hedged, gives_the_error_of_the_first_where_a_gate_refused_the_second) {
    const auto one = server(status(400, 2s));
    const auto empty = std::make_shared<budget>(policy::spending_limits{.tokens = 0, .cost = {}});
    client a = client_of(get_executor(), one);
    client b = client_of(get_executor(), one, client_options().gate(empty));
    hedged llm(a, b, after(1s));
    const auto reply = co_await llm.try_complete(question());
    EXPECT_EQ(reply.error(), errc::bad_request);
    EXPECT_TRUE(reply.error().cause().empty()) << reply.error().cause();
}

CHORUS_TEST(hedged, learns_its_delay_from_first_requests_the_overtaken_ones_included) {
    std::deque<sample::turn> turns(50, says("one", 100ms));
    turns.push_back(says("slow", 1min));
    turns.push_back(says("two", 100ms));
    const auto one = std::make_shared<sample::scripted_server>(std::move(turns));
    client a = client_of(get_executor(), one);
    policy::hedging_options options;
    options.max_share = 1;
    options.quantile = 1;
    hedged llm(a, options);
    for (int i = 0; i < 50; ++i) co_await llm.complete(question());
    EXPECT_EQ(llm.stats(), counts(50, 0, 0, 0));
    const auto begun = test_clock().elapsed();
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.route, 1u);
    EXPECT_EQ(test_clock().elapsed() - begun, 200ms) << "the quantile is 100 ms, the second answer takes as long";
}

CHORUS_TEST(hedged, has_one_deadline_for_both_requests) {
    const auto one = server(says("one", 1min)), two = server(says("two", 1min));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    hedged llm(a, b, after(1s));
    const auto reply = co_await llm.try_complete(question().timeout(3s));
    EXPECT_EQ(reply.error(), errc::deadline_exceeded);
    EXPECT_EQ(test_clock().elapsed(), 3s);
    EXPECT_EQ(one->limits.at(0), 3s);
    EXPECT_EQ(two->limits.at(0), 2s);
}

// The second is sent after 2 ms; what comes first differs: it answers at 4 ms, both have failed at 6 ms, or it follows
// a failure at 1 ms and answers at 3 ms.
CHORUS_TEST(hedged, can_be_cancelled_at_every_step) {
    const std::vector<sample::turn> scripts[] = {
        {says("one", 9ms), says("two", 2ms)},
        {fails(errc::connection_lost, 4ms), fails(errc::truncated, 4ms)},
        {fails(errc::connection_lost, 1ms), says("two", 2ms)},
    };
    for (const auto& script : scripts) {
        for (int step = 0; step < 14; ++step) {
            const auto both = server(script[0], script[1]);
            client a = client_of(get_executor(), both);
            hedged llm(a, after(2ms));
            std::optional<result<routed_response>> reply;
            const auto ask = [&]() -> awaitable<void> { reply = co_await llm.try_complete(question()); };
            task<void> work = spawn(get_executor(), ask());
            co_await sleep_for(step * 500us);
            work.cancel();
            try {
                co_await std::move(work);
            } catch (const boost::system::system_error& thrown) {
                EXPECT_EQ(thrown.code(), asio::error::operation_aborted) << step;
            }
            if (step < 6 && reply) {
                CO_ASSERT_FALSE(*reply) << step;
                EXPECT_EQ(reply->error(), condition::cancelled) << step;
            }
            if (step == 13) {
                CO_ASSERT_TRUE(reply.has_value());
                if (!*reply) {
                    EXPECT_EQ(reply->error(), errc::truncated);
                }
            }
            EXPECT_EQ(both->open, 0u) << step;
            const auto seen = llm.stats();
            EXPECT_EQ(seen.sent, seen.won + seen.lost) << step;
        }
    }
    EXPECT_EQ(test_clock().pending(), 0u);
}

TEST(hedged, leaves_nothing_behind_when_its_loop_goes_away) {
    const auto both = server(says("one", 1h));
    {
        asio::io_context loop(1);
        testing::virtual_clock time(loop);
        const auto llm = std::make_shared<client>(client_of(loop.get_executor(), both));
        hedged calls(llm, after(1s));
        asio::co_spawn(loop, calls.try_complete(question()), asio::detached);
        time.advance(2s);
        EXPECT_EQ(both->open, 2u);
    }
    EXPECT_EQ(both->open, 0u);
}

}  // namespace
}  // namespace chorus::hedged_tests
