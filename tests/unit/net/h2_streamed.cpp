// Responses of an h2_connection that are read piece by piece.
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
#include <utility>

#include <support/collecting_sink.hpp>
#include <support/h2_peer.hpp>

namespace chorus::net::h2_streamed_tests {
namespace {

using namespace std::chrono_literals;
using testing::test_wire;
using testing_support::collecting_sink;
using testing_support::fields;
using testing_support::h2_peer;

const fields ok{{":status", "200"}, {"x-a", "b"}};
constexpr std::size_t window = 1024 * 1024;

using opening = result<std::unique_ptr<incoming_response>>;

/// A connection over a wire, and the server at its other end.
class conversation {
 public:
    explicit conversation(testing::coroutine_test& test)
        : wire(std::make_shared<test_wire>(test.get_executor())), executor_(test.get_executor()) {}

    awaitable<result<void>> connect() {
        link.emplace(wire->make_stream(), scratch);
        auto preparing = spawn(executor_, link->prepare());
        co_await settle();
        co_return co_await std::move(preparing);
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
    task<opening> open(http::limits caps = {}) {
        prepare_message(caps);
        return spawn(executor_,
                     link->open(messages_.back(), limits_.back(), chorus::now(executor_) + limits_.back().total));
    }
    /// Opens a response that begins with `body`.
    awaitable<std::unique_ptr<incoming_response>> open_answered(std::int32_t stream, std::string body,
                                                                bool ends = false) {
        auto call = open();
        co_await settle();
        server.respond(stream, ok, std::move(body), ends);
        co_await settle();
        auto opened = co_await std::move(call);
        EXPECT_TRUE(opened);
        co_return opened ? std::move(*opened) : nullptr;
    }
    task<result<bool>> read(incoming_response& from, time_limit limit = {}) {
        return spawn(executor_, from.read(sink, limit));
    }
    task<result<http::response>> ask() {
        prepare_message({});
        return spawn(executor_, exchange(messages_.back(), limits_.back()));
    }

    std::shared_ptr<test_wire> wire;
    h2_peer server;
    std::shared_ptr<scratch_buffers> scratch = std::make_shared<scratch_buffers>();
    std::optional<h2_connection> link;
    collecting_sink sink;

 private:
    void prepare_message(const http::limits& caps) {
        messages_.emplace_back();
        messages_.back().origin = {true, "host.example", 443};
        messages_.back().body = "question";
        limits_.push_back(caps);
    }
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

CHORUS_TEST(h2_streamed, opens_at_the_head_and_gives_the_body_as_it_comes) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto call = talk.open();
    co_await talk.settle();
    EXPECT_FALSE(call.done());
    talk.server.interim(1, {{":status", "103"}});
    co_await talk.settle();
    EXPECT_FALSE(call.done()) << "an interim response is none";
    talk.server.respond(1, ok, "", false);
    co_await talk.settle();
    CO_ASSERT_TRUE(call.done());
    auto opened = co_await std::move(call);
    CO_ASSERT_TRUE(opened);
    auto& reader = **opened;
    const http::response head = reader.take_head();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.headers.get("x-a"), "b");
    EXPECT_GT(head.timing.first_byte, 0ns);
    for (const std::string piece : {"one", "three", "seventeen"}) {
        talk.sink.body.clear();
        auto step = talk.read(reader);
        co_await talk.settle();
        CO_ASSERT_FALSE(step.done());
        talk.server.go_on(1, piece);
        co_await talk.settle();
        CO_ASSERT_TRUE(step.done());
        const auto outcome = co_await std::move(step);
        CO_ASSERT_TRUE(outcome && *outcome);
        EXPECT_EQ(talk.sink.body, piece);
        EXPECT_FALSE(reader.is_complete());
    }
    auto last = talk.read(reader);
    talk.server.go_on(1, "", true);
    co_await talk.settle();
    for (int i = 0; i < 2; ++i) {
        const auto outcome = co_await std::move(last);
        CO_ASSERT_TRUE(outcome);
        EXPECT_FALSE(*outcome);
        last = talk.read(reader);
    }
    static_cast<void>(co_await std::move(last));
    EXPECT_TRUE(reader.is_complete());
    EXPECT_EQ(reader.take_head().body, "");
    EXPECT_EQ(test_clock().pending(), 0u);
    EXPECT_FALSE(talk.wire->is_waiting());
}

CHORUS_TEST(h2_streamed, gives_the_same_for_every_size_of_reads_and_writes) {
    for (const std::size_t size : {1u, 2u, 3u, 7u, 64u, 5000u}) {
        conversation talk(*this);
        talk.wire->largest_read = size;
        talk.wire->largest_write = size;
        talk.wire->hesitates = size % 2 == 1;
        CO_ASSERT_TRUE(co_await talk.connect());
        const auto reader = co_await talk.open_answered(1, std::string(300, 'x'), true);
        CO_ASSERT_TRUE(reader != nullptr);
        while (!reader->is_complete()) {
            const auto step = co_await reader->read(talk.sink, {});
            CO_ASSERT_TRUE(step);
        }
        EXPECT_EQ(talk.sink.body, std::string(300, 'x'));
        EXPECT_TRUE(talk.link->is_alive());
    }
}

CHORUS_TEST(h2_streamed, gives_the_window_back_only_for_what_was_taken) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    const auto reader = co_await talk.open_answered(1, std::string(3 * window, 'x'), true);
    CO_ASSERT_TRUE(reader != nullptr);
    EXPECT_EQ(talk.server.unsent(1), 2 * window) << "no more than its window is held for a reader that does not read";
    EXPECT_EQ(talk.server.requests[1].given_back, 0u);
    for (std::size_t rounds = 1; rounds <= 3; ++rounds) {
        EXPECT_FALSE(reader->is_complete());
        const auto step = co_await reader->read(talk.sink, {});
        CO_ASSERT_TRUE(step && *step);
        EXPECT_EQ(talk.sink.body.size(), rounds * window);
        co_await talk.settle();
        EXPECT_EQ(talk.server.unsent(1), rounds < 2 ? window : 0);
    }
    EXPECT_EQ(talk.server.requests[1].given_back, 2 * window) << "after the end there is nothing to give back";
    EXPECT_TRUE(reader->is_complete());
    EXPECT_FALSE(talk.server.requests[1].was_reset);
}

CHORUS_TEST(h2_streamed, stalls_nobody_else_when_its_reader_is_slow) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    // As much in all as the window of the connection, so that it would be empty if it were not given back.
    std::vector<std::unique_ptr<incoming_response>> slow;
    for (std::int32_t i = 0; i < 20; ++i) {
        slow.push_back(co_await talk.open_answered(2 * i + 1, std::string(2 * window, 'x')));
        CO_ASSERT_TRUE(slow.back() != nullptr);
        EXPECT_EQ(talk.server.unsent(2 * i + 1), window);
    }
    auto call = talk.ask();
    co_await talk.settle();
    talk.server.respond(41, ok, std::string(5 * window, 'y'));
    co_await talk.settle();
    CO_ASSERT_TRUE(call.done());
    const auto answer = co_await std::move(call);
    CO_ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body.size(), 5 * window);
}

CHORUS_TEST(h2_streamed, hears_for_the_others_while_nobody_reads_it) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    const auto idle = co_await talk.open_answered(1, "first");
    CO_ASSERT_TRUE(idle != nullptr);
    auto call = talk.ask();
    co_await talk.settle();
    talk.server.respond(3, ok, "fine");
    talk.server.go_on(1, ", second", true);
    co_await talk.settle();
    CO_ASSERT_TRUE(call.done());
    CO_ASSERT_TRUE(co_await std::move(call));
    EXPECT_FALSE(idle->is_complete()) << "it has not been read";
    const auto step = co_await idle->read(talk.sink, {});
    CO_ASSERT_TRUE(step && *step);
    EXPECT_EQ(talk.sink.body, "first, second");
    EXPECT_TRUE(idle->is_complete());
}

CHORUS_TEST(h2_streamed, resets_the_stream_when_it_is_left_early_and_not_after_its_end) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto early = co_await talk.open_answered(1, "half");
    auto ended = co_await talk.open_answered(3, "all", true);
    auto reading = co_await talk.open_answered(5, "");
    CO_ASSERT_TRUE(early && ended && reading);
    auto step = talk.read(*reading);
    co_await talk.settle();
    early.reset();
    ended.reset();  // unread, but nothing is left to be sent
    step.cancel();
    co_await talk.settle();
    EXPECT_TRUE(talk.server.requests[1].was_reset);
    EXPECT_EQ(talk.server.requests[1].reset, NGHTTP2_CANCEL);
    EXPECT_FALSE(talk.server.requests[3].was_reset);
    EXPECT_TRUE(talk.server.requests[5].was_reset);
    reading.reset();
    EXPECT_TRUE(talk.link->is_alive());
    EXPECT_TRUE(talk.link->is_reusable());
    EXPECT_FALSE(talk.wire->is_waiting()) << "the wait would keep the loop from ending";
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(h2_streamed, ends_when_cancelled_before_the_head) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto call = talk.open();
    co_await talk.settle();
    call.cancel();
    co_await talk.settle();
    EXPECT_TRUE(call.done());
    EXPECT_TRUE(talk.server.requests[1].was_reset);
    EXPECT_FALSE(talk.wire->is_waiting());
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(h2_streamed, bounds_the_head_by_the_limits_of_the_call_and_each_read_by_its_own) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    http::limits caps;
    caps.first_byte = 2s;
    caps.total = 5s;
    auto silent = talk.open(caps);
    co_await talk.settle();
    co_await sleep_for(2s);
    CO_ASSERT_TRUE(silent.done());
    const auto late = co_await std::move(silent);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::first_byte_timed_out);
    EXPECT_EQ(late.error().phase(), phase::first_byte);

    auto slow = talk.open(caps);
    co_await talk.settle();
    talk.server.interim(3, {{":status", "103"}});
    co_await talk.settle();
    co_await sleep_for(4999ms);
    EXPECT_FALSE(slow.done()) << "the first byte has come";
    co_await sleep_for(1ms);
    CO_ASSERT_TRUE(slow.done());
    const auto later = co_await std::move(slow);
    CO_ASSERT_FALSE(later);
    EXPECT_EQ(later.error(), errc::deadline_exceeded);

    http::limits hasty = caps;
    hasty.idle = 1s;
    auto stalled = talk.open(hasty);
    co_await talk.settle();
    talk.server.interim(5, {{":status", "103"}});
    co_await talk.settle();
    co_await sleep_for(1s);
    CO_ASSERT_TRUE(stalled.done());
    const auto cut = co_await std::move(stalled);
    CO_ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error(), errc::idle_timed_out);
    EXPECT_EQ(cut.error().phase(), phase::read);

    auto call = talk.open(caps);
    co_await talk.settle();
    talk.server.respond(7, ok, "", false);
    co_await talk.settle();
    const auto opened = co_await std::move(call);
    CO_ASSERT_TRUE(opened);
    for (const auto pause : {6s, 25s}) {
        co_await sleep_for(pause);  // between two reads no limit holds
        co_await talk.settle();
        auto step = talk.read(**opened, {chorus::now(get_executor()) + 3s, errc::idle_timed_out});
        co_await sleep_for(2s);
        talk.server.go_on(7, "x");
        co_await talk.settle();
        CO_ASSERT_TRUE(step.done());
        CO_ASSERT_TRUE(co_await std::move(step));
    }
    auto step = talk.read(**opened, {chorus::now(get_executor()) + 3s, errc::idle_timed_out});
    co_await sleep_for(2999ms);
    EXPECT_FALSE(step.done());
    co_await sleep_for(1ms);
    co_await sleep_for(1ns);
    CO_ASSERT_TRUE(step.done());
    const auto outcome = co_await std::move(step);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::idle_timed_out);
    EXPECT_EQ(outcome.error().phase(), phase::read);
    co_await talk.settle();
    EXPECT_TRUE(talk.server.requests[7].was_reset);
    EXPECT_TRUE(talk.link->is_alive());
}

CHORUS_TEST(h2_streamed, keeps_to_a_limit_that_is_earlier_than_the_one_before) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    const auto reader = co_await talk.open_answered(1, "");
    CO_ASSERT_TRUE(reader != nullptr);
    auto patient = talk.read(*reader, {chorus::now(get_executor()) + 20s, errc::idle_timed_out});
    co_await talk.settle();
    talk.server.go_on(1, "x");
    co_await talk.settle();
    CO_ASSERT_TRUE(co_await std::move(patient));
    auto hasty = talk.read(*reader, {chorus::now(get_executor()) + 1s, errc::deadline_exceeded});
    co_await sleep_for(1s);
    co_await sleep_for(1ns);
    CO_ASSERT_TRUE(hasty.done());
    EXPECT_EQ((co_await std::move(hasty)).error(), errc::deadline_exceeded);
}

CHORUS_TEST(h2_streamed, tells_a_refusal_before_the_head_from_a_cut_after_it) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto refused = talk.open();
    auto lost = talk.open();
    auto cut = talk.open();
    co_await talk.settle();
    talk.server.reset(1, NGHTTP2_REFUSED_STREAM);
    talk.server.respond(5, ok, "half", false);
    co_await talk.settle();
    EXPECT_EQ((co_await std::move(refused)).error(), errc::refused);
    auto reader = co_await std::move(cut);
    CO_ASSERT_TRUE(reader);
    talk.wire->end();
    EXPECT_EQ((co_await std::move(lost)).error(), errc::connection_lost);
    auto step = co_await (*reader)->read(talk.sink, {});
    CO_ASSERT_TRUE(step && *step) << "what came before the end is given";
    EXPECT_EQ(talk.sink.body, "half");
    EXPECT_FALSE((*reader)->is_complete());
    for (int i = 0; i < 2; ++i) {
        step = co_await (*reader)->read(talk.sink, {});
        CO_ASSERT_FALSE(step);
        EXPECT_EQ(step.error(), errc::truncated);
        EXPECT_EQ(step.error().phase(), phase::read);
    }
    EXPECT_FALSE((*reader)->is_complete());
}

CHORUS_TEST(h2_streamed, is_never_a_success_when_the_connection_is_cut_at_any_byte) {
    std::string answer;
    for (std::size_t size = 0; size == 0 || size < answer.size(); ++size) {
        conversation talk(*this);
        CO_ASSERT_TRUE(co_await talk.connect());
        auto call = talk.open();
        co_await talk.settle();
        talk.server.respond(1, {{":status", "200"}, {"content-length", "11"}}, "hello world");
        answer = talk.server.send();
        talk.wire->feed(answer.substr(0, size));
        talk.wire->end();
        co_await sleep_for(1ns);
        CO_ASSERT_TRUE(call.done());
        auto opened = co_await std::move(call);
        if (!opened) {
            EXPECT_TRUE(opened.error() == errc::connection_lost || opened.error() == errc::truncated);
            continue;
        }
        auto step = co_await (*opened)->read(talk.sink, {});
        if (step) step = co_await (*opened)->read(talk.sink, {});
        CO_ASSERT_FALSE(step);
        EXPECT_EQ(step.error(), errc::truncated) << size;
        EXPECT_FALSE((*opened)->is_complete());
    }
    EXPECT_GT(answer.size(), 20u);
}

CHORUS_TEST(h2_streamed, does_not_take_a_body_shorter_than_announced_for_whole) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto call = talk.open();
    co_await talk.settle();
    talk.server.respond(1, {{":status", "200"}, {"content-length", "12"}}, "hello world");
    co_await talk.settle();
    auto opened = co_await std::move(call);
    CO_ASSERT_TRUE(opened);
    auto step = co_await (*opened)->read(talk.sink, {});
    if (step) step = co_await (*opened)->read(talk.sink, {});
    CO_ASSERT_FALSE(step);
    EXPECT_EQ(step.error(), errc::protocol_error);
    EXPECT_FALSE((*opened)->is_complete());
}

CHORUS_TEST(h2_streamed, fails_and_does_not_hang_when_any_step_fails) {
    std::size_t steps = 0;
    for (std::size_t failing = 0; failing == 0 || failing <= steps; ++failing) {
        conversation talk(*this);
        talk.wire->largest_read = 20;
        talk.wire->largest_write = 20;
        talk.wire->hesitates = true;
        if (failing > 0) talk.wire->failing_step = failing - 1;
        const auto connected = co_await talk.connect();
        if (connected) {
            auto call = talk.open();
            co_await talk.settle();
            if (talk.server.requests[1].ended) talk.server.respond(1, ok, "hello", false);
            co_await talk.settle();
            CO_ASSERT_TRUE(call.done());
            auto opened = co_await std::move(call);
            EXPECT_TRUE(opened || failing > 0);
            while (opened) {
                auto step = talk.read(**opened);
                co_await talk.settle();
                if (!step.done()) talk.server.go_on(1, ", the rest", true);
                co_await talk.settle();
                CO_ASSERT_TRUE(step.done());
                const auto outcome = co_await std::move(step);
                EXPECT_TRUE(outcome || failing > 0);
                if (!outcome || !*outcome) break;
            }
        }
        if (failing == 0) steps = talk.wire->steps;
        EXPECT_TRUE(failing == 0 || !talk.link->is_alive()) << failing;
    }
    EXPECT_GT(steps, 20u);
}

CHORUS_TEST(h2_streamed, ends_with_the_error_of_a_sink_that_refuses) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    const auto reader = co_await talk.open_answered(1, "hello");
    CO_ASSERT_TRUE(reader != nullptr);
    talk.sink.most_bytes = 3;
    const auto step = co_await reader->read(talk.sink, {});
    CO_ASSERT_FALSE(step);
    EXPECT_EQ(step.error(), errc::body_too_large);
    co_await talk.settle();
    EXPECT_TRUE(talk.server.requests[1].was_reset) << "at once";
    CO_ASSERT_FALSE(co_await reader->read(talk.sink, {}));
}

CHORUS_TEST(h2_streamed, fails_with_the_reason_of_an_abort_whether_somebody_reads_or_not) {
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    const auto idle = co_await talk.open_answered(1, "");
    const auto read = co_await talk.open_answered(3, "");
    auto call = talk.open();
    auto step = talk.read(*read);
    co_await talk.settle();
    talk.link->abort(errc::client_closed);
    EXPECT_EQ((co_await std::move(call)).error(), errc::client_closed);
    EXPECT_EQ((co_await std::move(step)).error(), errc::client_closed);
    const auto later = co_await idle->read(talk.sink, {});
    CO_ASSERT_FALSE(later);
    EXPECT_EQ(later.error(), errc::client_closed);
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(h2_streamed, does_not_limit_the_body) {
    http::limits caps;
    caps.body_bytes = 3;
    conversation talk(*this);
    CO_ASSERT_TRUE(co_await talk.connect());
    auto call = talk.open(caps);
    co_await talk.settle();
    talk.server.respond(1, ok, "hello");
    co_await talk.settle();
    auto opened = co_await std::move(call);
    CO_ASSERT_TRUE(opened);
    CO_ASSERT_TRUE(co_await (*opened)->read(talk.sink, {}));
    EXPECT_EQ(talk.sink.body, "hello");
    EXPECT_TRUE((*opened)->is_complete());
}

}  // namespace
}  // namespace chorus::net::h2_streamed_tests
#endif
