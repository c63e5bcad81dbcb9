#ifdef CHORUS_WITH_HTTP2
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/net/h2_connection.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/test_stream.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <support/h2_peer.hpp>

namespace chorus::net::h2_connection_tests {
namespace {

using namespace std::chrono_literals;
using testing::test_wire;
using testing_support::fields;
using testing_support::h2_peer;

const fields ok{{":status", "200"}};

/// A connection over a wire, and the server at its other end.
class conversation {
 public:
    explicit conversation(testing::coroutine_test& test, std::uint32_t streams = 100)
        : wire(std::make_shared<test_wire>(test.get_executor())), server(streams), executor_(test.get_executor()) {}

    /// Opens the connection: preface and settings, both ways.
    awaitable<result<void>> open() {
        link.emplace(wire->make_stream(), scratch);
        auto opening = spawn(executor_, link->prepare());
        co_await settle();
        co_return co_await std::move(opening);
    }
    /// Carries bytes both ways until nobody has more to say. The clock moves by nanoseconds.
    awaitable<void> settle() {
        for (;;) {
            co_await sleep_for(1ns);
            const std::string sent = wire->written.substr(seen_);
            seen_ = wire->written.size();
            if (!sent.empty()) server.receive(sent);
            const std::string answer = server.send();
            if (!answer.empty()) wire->feed(answer);
            if (sent.empty() && answer.empty()) break;
        }
    }
    task<result<http::response>> ask(http::limits caps = {}, std::string body = "question") {
        messages_.emplace_back();
        messages_.back().origin = {true, "host.example", 443};
        messages_.back().body = std::move(body);
        limits_.push_back(caps);
        return spawn(executor_, exchange(messages_.back(), limits_.back()));
    }

    std::shared_ptr<test_wire> wire;
    h2_peer server;
    std::shared_ptr<scratch_buffers> scratch = std::make_shared<scratch_buffers>();
    std::optional<h2_connection> link;

 private:
    awaitable<result<http::response>> exchange(const http::request& message, const http::limits& caps) {
        http::response answer;
        const auto done = co_await link->exchange(message, caps, chorus::now(executor_) + caps.total, answer);
        if (!done) co_return done.error();
        co_return answer;
    }

    executor executor_;
    std::deque<http::request> messages_;
    std::deque<http::limits> limits_;
    std::size_t seen_ = 0;
};

CHORUS_TEST(h2_connection, learns_from_the_peers_settings_what_it_can_carry) {
    conversation talk(*this, 7);
    CO_ASSERT_TRUE(co_await talk.open());
    EXPECT_EQ(talk.link->capacity(), 7u);
    EXPECT_TRUE(talk.link->is_reusable());
}

CHORUS_TEST(h2_connection, carries_many_exchanges_at_once_in_any_order) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    std::vector<task<result<http::response>>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(talk.ask());
    co_await talk.settle();
    CO_ASSERT_EQ(talk.server.requests.size(), 50u);
    for (int i = 49; i >= 0; --i) talk.server.respond(2 * i + 1, ok, "answer " + std::to_string(i));
    co_await talk.settle();
    for (int i = 0; i < 50; ++i) {
        const auto answer = co_await std::move(calls[static_cast<std::size_t>(i)]);
        CO_ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "answer " + std::to_string(i));
    }
}

CHORUS_TEST(h2_connection, sends_the_requests_of_one_turn_in_one_write) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    std::vector<task<result<http::response>>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(talk.ask());
    const std::size_t before = talk.wire->steps;
    co_await sleep_for(1ns);
    EXPECT_EQ(talk.wire->steps - before, 2u) << "one wait to read, one write";
    co_await talk.settle();
}

CHORUS_TEST(h2_connection, gathers_no_more_requests_than_fill_a_record) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    std::vector<task<result<http::response>>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(talk.ask({}, std::string(1000, 'q')));
    const std::size_t before = talk.wire->steps;
    co_await sleep_for(1ns);
    EXPECT_EQ(talk.wire->steps - before, 4u) << "17 requests, 17 more, one wait to read, the rest";
    co_await talk.settle();
    EXPECT_EQ(talk.server.requests.size(), 50u);
}

CHORUS_TEST(h2_connection, fails_the_request_with_which_a_write_breaks_and_those_before_it) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    talk.wire->failing_step = talk.wire->steps;
    std::vector<task<result<http::response>>> calls;
    calls.push_back(talk.ask());
    calls.push_back(talk.ask({}, std::string(20000, 'q')));
    calls.push_back(talk.ask());
    co_await talk.settle();
    for (auto& call : calls) {
        const auto answer = co_await std::move(call);
        CO_ASSERT_FALSE(answer);
        EXPECT_TRUE(answer.error() == errc::connection_lost || answer.error() == errc::refused)
            << answer.error().message();
    }
    EXPECT_FALSE(talk.link->is_reusable());
}

CHORUS_TEST(h2_connection, gives_the_same_for_every_size_of_reads_and_writes) {
    for (const std::size_t size : {1u, 2u, 3u, 7u, 64u}) {
        conversation talk(*this);
        talk.wire->largest_read = size;
        talk.wire->largest_write = size;
        talk.wire->hesitates = size % 2 == 1;
        CO_ASSERT_TRUE(co_await talk.open());
        auto call = talk.ask();
        co_await talk.settle();
        talk.server.respond(1, ok, std::string(300, 'x'));
        co_await talk.settle();
        const auto answer = co_await std::move(call);
        CO_ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, std::string(300, 'x'));
    }
}

CHORUS_TEST(h2_connection, is_no_work_for_the_loop_while_it_is_idle) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto call = talk.ask();
    co_await talk.settle();
    EXPECT_TRUE(talk.wire->is_waiting());
    talk.server.respond(1, ok, "done");
    co_await talk.settle();
    CO_ASSERT_TRUE(co_await std::move(call));
    EXPECT_FALSE(talk.wire->is_waiting());
    EXPECT_EQ(test_clock().pending(), 0u);
    EXPECT_TRUE(talk.link->is_alive());
}

CHORUS_TEST(h2_connection, sees_at_checkout_what_came_while_it_was_idle) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    talk.server.go_away(0);
    talk.wire->feed(talk.server.send());
    EXPECT_FALSE(talk.link->is_alive());
    EXPECT_FALSE(talk.link->is_reusable());

    conversation other(*this);
    CO_ASSERT_TRUE(co_await other.open());
    other.wire->end();
    EXPECT_FALSE(other.link->is_alive());
}

CHORUS_TEST(h2_connection, cancels_one_exchange_without_harm_to_the_others) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto stays = talk.ask();
    auto goes = talk.ask();
    co_await talk.settle();
    goes.cancel();
    co_await talk.settle();
    EXPECT_TRUE(talk.server.requests[3].was_reset);
    talk.server.respond(1, ok, "still here");
    co_await talk.settle();
    CO_ASSERT_TRUE(co_await std::move(stays));
    EXPECT_TRUE(talk.link->is_alive());
}

CHORUS_TEST(h2_connection, stops_listening_when_the_last_call_is_cancelled_and_goes_on_with_the_next) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto goes = talk.ask();
    co_await talk.settle();
    goes.cancel();
    co_await talk.settle();
    EXPECT_FALSE(talk.wire->is_waiting()) << "the wait would keep the loop from ending";
    EXPECT_EQ(test_clock().pending(), 0u);
    auto next = talk.ask();
    co_await talk.settle();
    talk.server.respond(3, ok, "fine");
    co_await talk.settle();
    CO_ASSERT_TRUE(co_await std::move(next));
}

CHORUS_TEST(h2_connection, limits_each_exchange_by_itself) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    http::limits hasty;
    hasty.first_byte = 2s;
    http::limits patient;
    patient.total = 5s;
    auto slow = talk.ask(patient);
    auto late = talk.ask(hasty);
    co_await talk.settle();
    co_await sleep_for(2s);
    EXPECT_TRUE(late.done());
    EXPECT_FALSE(slow.done());
    const auto first = co_await std::move(late);
    CO_ASSERT_FALSE(first);
    EXPECT_EQ(first.error(), errc::first_byte_timed_out);
    talk.server.respond(1, ok, "half", false);
    co_await talk.settle();
    co_await sleep_for(3s);
    const auto second = co_await std::move(slow);
    CO_ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), errc::deadline_exceeded);
    EXPECT_EQ(second.error().phase(), phase::read);
    EXPECT_TRUE(talk.link->is_alive());
}

CHORUS_TEST(h2_connection, limits_how_long_the_peer_takes_nothing_of_a_request) {
    http::limits caps;
    caps.write = 2s;
    caps.first_byte = 1s;
    for (const bool is_socket_full : {true, false}) {
        conversation talk(*this);
        CO_ASSERT_TRUE(co_await talk.open());
        auto earlier = talk.ask();
        co_await talk.settle();
        // The socket takes no byte; or it takes what the first window of a stream allows, and no further one comes.
        if (is_socket_full) talk.wire->takes_writes_up_to = talk.wire->written.size();
        auto stuck = talk.ask(caps, is_socket_full ? "question" : std::string(100'000, 'x'));
        co_await sleep_for(2s - 1ns);
        EXPECT_FALSE(stuck.done()) << "the limit on the answer counts from the end of the request";
        co_await sleep_for(2ns);
        CO_ASSERT_TRUE(stuck.done());
        const auto outcome = co_await std::move(stuck);
        CO_ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error(), errc::write_timed_out);
        EXPECT_EQ(outcome.error().phase(), phase::write);
        EXPECT_FALSE(talk.link->is_reusable()) << "the next request would fare no better";
        EXPECT_FALSE(talk.link->is_alive());

        EXPECT_FALSE(earlier.done());
        talk.server.respond(1, ok, "still here");
        talk.wire->feed(talk.server.send());
        const auto answer = co_await std::move(earlier);
        CO_ASSERT_TRUE(answer) << "what had been sent before is answered";
        talk.link.reset();
        co_await sleep_for(1ns);
        EXPECT_FALSE(talk.wire->is_waiting());
        EXPECT_EQ(test_clock().pending(), 0u);
    }
}

CHORUS_TEST(h2_connection, counts_both_limits_anew_when_the_peer_takes_some_of_a_request) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    http::limits caps;
    caps.write = 2s;
    caps.first_byte = 3s;
    auto call = talk.ask(caps, std::string(100'000, 'x'));
    co_await sleep_for(1500ms);
    co_await talk.settle();  // the peer takes it all, at last
    co_await sleep_for(2900ms);
    EXPECT_FALSE(call.done());
    co_await sleep_for(101ms);
    CO_ASSERT_TRUE(call.done());
    const auto outcome = co_await std::move(call);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::first_byte_timed_out);
    EXPECT_EQ(outcome.error().phase(), phase::first_byte);
    EXPECT_TRUE(talk.link->is_reusable());
}

CHORUS_TEST(h2_connection, limits_the_silence_within_a_response_apart_from_that_before_it) {
    http::limits caps;
    caps.first_byte = 10s;
    caps.idle = 2s;
    for (const char* body : {"", "half"}) {
        conversation talk(*this);
        CO_ASSERT_TRUE(co_await talk.open());
        auto stalls = talk.ask(caps);
        auto lively = talk.ask();
        co_await talk.settle();
        co_await sleep_for(9s);
        talk.server.respond(1, ok, body, false);
        talk.server.respond(3, ok, "a", false);
        co_await talk.settle();
        for (int i = 0; i < 4; ++i) {
            EXPECT_FALSE(stalls.done()) << i;
            co_await sleep_for(500ms);
            talk.server.go_on(3, "b");
            co_await talk.settle();
        }
        CO_ASSERT_TRUE(stalls.done());
        const auto outcome = co_await std::move(stalls);
        CO_ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error(), errc::idle_timed_out) << "what others receive is no sign of life";
        EXPECT_EQ(outcome.error().phase(), phase::read);
        EXPECT_TRUE(talk.server.requests[1].was_reset);
        talk.server.go_on(3, "c", true);
        co_await talk.settle();
        CO_ASSERT_TRUE(co_await std::move(lively));
        EXPECT_TRUE(talk.link->is_alive());
        EXPECT_EQ(test_clock().pending(), 0u);
    }
}

CHORUS_TEST(h2_connection, takes_every_byte_of_a_response_for_a_sign_of_life) {
    for (const auto total : {10min, 1min}) {
        conversation talk(*this);
        CO_ASSERT_TRUE(co_await talk.open());
        http::limits caps;
        caps.idle = 2s;
        caps.total = total;
        const clock::time_point start = test_clock().now();
        auto call = talk.ask(caps);
        co_await talk.settle();
        talk.server.respond(1, ok, "", false);
        for (int i = 1; i <= 100 && !call.done(); ++i) {
            co_await talk.settle();
            co_await sleep_for(1s);
            talk.server.go_on(1, "x", i == 100);
        }
        co_await talk.settle();
        CO_ASSERT_TRUE(call.done());
        const auto outcome = co_await std::move(call);
        EXPECT_EQ(outcome.has_value(), total == 10min);
        if (outcome) continue;
        EXPECT_EQ(outcome.error(), errc::deadline_exceeded) << "a slow drip is alive, and ends all the same";
        EXPECT_EQ(outcome.error().phase(), phase::read);
        EXPECT_LT(test_clock().now() - start, 1min + 2s);
    }
}

CHORUS_TEST(h2_connection, asks_a_silent_peer_for_a_sign_of_life) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto call = talk.ask();
    co_await talk.settle();
    for (int i = 0; i < 5; ++i) {
        co_await sleep_for(31s);
        co_await talk.settle();  // the PING goes out, its answer comes in
        EXPECT_FALSE(call.done());
    }
    co_await sleep_for(30s);
    co_await sleep_for(10s);  // nobody carries the last PING to the peer
    const auto outcome = co_await std::move(call);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::connection_lost);
    EXPECT_FALSE(talk.link->is_alive());
}

CHORUS_TEST(h2_connection, fails_all_exchanges_when_the_stream_breaks) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto waiting = talk.ask();
    auto begun = talk.ask();
    co_await talk.settle();
    talk.server.respond(3, ok, "half", false);
    co_await talk.settle();
    talk.wire->end();
    EXPECT_EQ((co_await std::move(waiting)).error(), errc::connection_lost);
    EXPECT_EQ((co_await std::move(begun)).error(), errc::truncated);
    EXPECT_FALSE(talk.link->is_reusable());
}

CHORUS_TEST(h2_connection, fails_and_does_not_hang_when_any_step_fails) {
    std::size_t steps = 0;
    for (std::size_t failing = 0; failing == 0 || failing <= steps; ++failing) {
        conversation talk(*this);
        talk.wire->largest_read = 20;
        talk.wire->largest_write = 20;
        talk.wire->hesitates = true;
        if (failing > 0) talk.wire->failing_step = failing - 1;
        const auto opened = co_await talk.open();
        if (opened) {
            auto call = talk.ask();
            co_await talk.settle();
            if (talk.server.requests[1].ended) talk.server.respond(1, ok, "done");
            co_await talk.settle();
            EXPECT_TRUE(call.done()) << failing;
            CO_ASSERT_TRUE(call.done());
            const auto answer = co_await std::move(call);
            EXPECT_TRUE(answer || failing > 0);
        }
        if (failing == 0) steps = talk.wire->steps;
        EXPECT_TRUE(failing == 0 || !talk.link->is_alive()) << failing;
    }
    EXPECT_GT(steps, 10u);
}

CHORUS_TEST(h2_connection, ends_an_exchange_that_it_resets_itself) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    http::limits caps;
    caps.body_bytes = 3;
    auto large = talk.ask(caps);
    auto shorter = talk.ask();
    co_await talk.settle();
    talk.server.respond(1, ok, "more than three");
    co_await talk.settle();
    CO_ASSERT_TRUE(large.done());
    EXPECT_EQ((co_await std::move(large)).error(), errc::body_too_large);
    EXPECT_TRUE(talk.link->is_alive()) << "a limit of ours is no fault of the peer";
    talk.server.respond(3, {{":status", "200"}, {"content-length", "12"}}, "hello world");
    co_await talk.settle();
    CO_ASSERT_TRUE(shorter.done());
    EXPECT_EQ((co_await std::move(shorter)).error(), errc::protocol_error);
    EXPECT_FALSE(talk.link->is_alive()) << "a wrong length is";
}

CHORUS_TEST(h2_connection, fails_with_the_reason_of_an_abort) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    auto call = talk.ask();
    co_await talk.settle();
    talk.link->abort(errc::client_closed);
    EXPECT_EQ((co_await std::move(call)).error(), errc::client_closed);
    EXPECT_TRUE(talk.wire->is_closed);
}

CHORUS_TEST(h2_connection, says_goodbye_when_it_goes) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.open());
    talk.link.reset();
    co_await talk.settle();
    EXPECT_EQ(talk.server.goodbye, NGHTTP2_NO_ERROR);
    EXPECT_TRUE(talk.wire->is_closed);
}

}  // namespace
}  // namespace chorus::net::h2_connection_tests
#endif
