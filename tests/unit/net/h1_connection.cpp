#include <chorus/async/sleep.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/net/h1_connection.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/test_stream.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace chorus::net::h1_connection_tests {
namespace {

using namespace std::chrono_literals;
using testing::test_wire;

const std::string response_text =
    "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

http::request example(std::size_t body_size = 10) {
    http::request message;
    message.origin = {true, "host.example", 443};
    message.headers.add("X-Key", "value");
    message.body.assign(body_size, 'b');
    return message;
}

std::string encoded(const http::request& message) {
    std::string text;
    http::encode_h1(message, text);
    return text;
}

/// A connection over a wire of the test, one exchange on it, and the outcome.
class conversation {
 public:
    explicit conversation(testing::coroutine_test& test)
        : executor_(test.get_executor()), wire(std::make_shared<test_wire>(executor_)) {}

    awaitable<void> begin(http::request message = example(), http::limits caps = {}) {
        if (!link) link.emplace(wire->make_stream(), scratch);
        outcome.reset();
        asio::co_spawn(executor_, run(std::move(message), caps),
                       asio::bind_cancellation_slot(signal.slot(), asio::detached));
        co_await settle();
    }
    /// Lets everything run that is ready: the clock moves only when nothing is.
    awaitable<void> settle() { return sleep_for(1ns); }

    test_wire& peer() { return *wire; }

    executor executor_;
    std::shared_ptr<test_wire> wire;
    std::shared_ptr<scratch_buffers> scratch = std::make_shared<scratch_buffers>();
    std::optional<h1_connection> link;
    asio::cancellation_signal signal;
    std::optional<result<http::response>> outcome;

 private:
    awaitable<void> run(http::request message, http::limits caps) {
        http::response answer;
        const auto done = co_await link->exchange(message, caps, chorus::now(executor_) + caps.total, answer);
        outcome = done ? result<http::response>(std::move(answer)) : result<http::response>(done.error());
    }
};

CHORUS_TEST(h1_connection, sends_the_request_and_returns_the_response) {
    conversation talk(*this);
    co_await talk.begin();
    EXPECT_EQ(talk.peer().written, encoded(example()));
    CO_ASSERT_FALSE(talk.outcome.has_value());
    co_await sleep_for(250ms);
    talk.peer().feed(response_text);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    EXPECT_EQ((*talk.outcome)->status, 200);
    EXPECT_EQ((*talk.outcome)->body, "hello");
    EXPECT_EQ((*talk.outcome)->timing.first_byte, 250ms + 1ns);
    EXPECT_TRUE(talk.link->is_reusable());
    EXPECT_TRUE(talk.link->is_alive());
}

CHORUS_TEST(h1_connection, gives_the_same_for_every_size_of_reads_and_writes) {
    for (std::size_t size = 1; size <= response_text.size(); ++size) {
        conversation talk(*this);
        talk.peer().largest_read = size;
        talk.peer().largest_write = size;
        talk.peer().hesitates = size % 2 == 1;
        co_await talk.begin();
        EXPECT_EQ(talk.peer().written, encoded(example())) << size;
        talk.peer().feed(response_text);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
        EXPECT_EQ((*talk.outcome)->body, "hello");
        EXPECT_TRUE(talk.link->is_reusable());
    }
}

CHORUS_TEST(h1_connection, asks_the_socket_for_nothing_that_cannot_be_there) {
    conversation talk(*this);
    co_await talk.begin();
    talk.peer().feed(response_text);
    co_await talk.settle();
    EXPECT_EQ(talk.peer().steps, 3u) << "one write, one wait, one read";
}

CHORUS_TEST(h1_connection, fails_and_is_not_reused_when_any_step_fails) {
    std::size_t steps = 0;
    for (std::size_t failing = 0; failing == 0 || failing < steps; ++failing) {
        conversation talk(*this);
        talk.peer().largest_read = 7;
        talk.peer().largest_write = 50;
        talk.peer().hesitates = true;
        if (failing > 0) talk.peer().failing_step = failing - 1;
        co_await talk.begin();
        talk.peer().feed(response_text);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome.has_value());
        if (failing == 0) {
            steps = talk.peer().steps;
            CO_ASSERT_TRUE(talk.outcome->has_value());
            CO_ASSERT_GT(steps, 20u);
            continue;
        }
        CO_ASSERT_FALSE(talk.outcome->has_value());
        const error& failed = talk.outcome->error();
        EXPECT_TRUE(failed == errc::connection_lost || failed == errc::truncated) << failed.message();
        EXPECT_NE(failed.phase(), phase::none);
        EXPECT_FALSE(talk.link->is_reusable());
    }
}

CHORUS_TEST(h1_connection, tells_a_loss_before_the_first_byte_from_a_cut_after_it) {
    for (std::size_t size = 0; size < response_text.size(); ++size) {
        conversation talk(*this);
        co_await talk.begin();
        talk.peer().feed(response_text.substr(0, size));
        talk.peer().end();
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
        EXPECT_EQ(talk.outcome->error(), size == 0 ? errc::connection_lost : errc::truncated) << size;
        EXPECT_EQ(talk.outcome->error().phase(), size == 0 ? phase::first_byte : phase::read);
        EXPECT_FALSE(talk.link->is_reusable());
    }
}

CHORUS_TEST(h1_connection, ends_when_cancelled_at_any_point) {
    for (std::size_t size = 0; size < response_text.size(); ++size) {
        conversation talk(*this);
        co_await talk.begin();
        talk.peer().feed(response_text.substr(0, size));
        co_await talk.settle();
        talk.signal.emit(asio::cancellation_type::terminal);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
        EXPECT_EQ(talk.outcome->error(), errc::cancelled);
        EXPECT_FALSE(talk.link->is_reusable());
        EXPECT_EQ(test_clock().pending(), 0u) << "the alarm is cleared";
    }
}

CHORUS_TEST(h1_connection, limits_the_wait_for_the_first_byte_apart_from_the_whole) {
    http::limits caps;
    caps.first_byte = 2s;
    caps.total = 5s;
    conversation silent(*this);
    co_await silent.begin(example(), caps);
    co_await sleep_for(1999ms);
    EXPECT_FALSE(silent.outcome.has_value());
    co_await sleep_for(1ms);
    CO_ASSERT_TRUE(silent.outcome && !*silent.outcome);
    EXPECT_EQ(silent.outcome->error(), errc::first_byte_timed_out);

    conversation slow(*this);
    co_await slow.begin(example(), caps);
    co_await sleep_for(1s);
    slow.peer().feed(response_text.substr(0, 30));
    co_await sleep_for(3999ms);
    EXPECT_FALSE(slow.outcome.has_value());
    co_await sleep_for(1ms);
    CO_ASSERT_TRUE(slow.outcome && !*slow.outcome);
    EXPECT_EQ(slow.outcome->error(), errc::deadline_exceeded);
    EXPECT_EQ(slow.outcome->error().phase(), phase::read);
}

/// Under which a response may pause for two seconds, but not before it.
http::limits impatient() {
    http::limits caps;
    caps.first_byte = 10s;
    caps.idle = 2s;
    return caps;
}

CHORUS_TEST(h1_connection, limits_the_silence_within_a_response_apart_from_that_before_it) {
    for (std::size_t size = 1; size < response_text.size(); ++size) {
        conversation talk(*this);
        co_await talk.begin(example(), impatient());
        co_await sleep_for(9s);
        talk.peer().feed(response_text.substr(0, size));
        co_await sleep_for(1999ms);
        EXPECT_FALSE(talk.outcome.has_value()) << size;
        co_await sleep_for(1ms);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
        EXPECT_EQ(talk.outcome->error(), errc::idle_timed_out) << size;
        EXPECT_EQ(talk.outcome->error().phase(), phase::read);
        EXPECT_FALSE(talk.link->is_reusable());
        EXPECT_EQ(test_clock().pending(), 0u) << "the alarm is cleared";
    }
}

CHORUS_TEST(h1_connection, takes_every_byte_of_a_response_for_a_sign_of_life) {
    for (const auto total : {10min, 1min}) {
        conversation talk(*this);
        http::limits caps = impatient();
        caps.total = total;
        const clock::time_point start = test_clock().now();
        co_await talk.begin(example(), caps);
        for (std::size_t i = 0; i < response_text.size() && !talk.outcome; ++i) {
            co_await sleep_for(1s);
            talk.peer().feed(response_text.substr(i, 1));
        }
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome.has_value());
        EXPECT_EQ(talk.outcome->has_value(), total == 10min);
        if (*talk.outcome) continue;
        EXPECT_EQ(talk.outcome->error(), errc::deadline_exceeded) << "a slow drip is alive, and ends all the same";
        EXPECT_EQ(talk.outcome->error().phase(), phase::read);
        EXPECT_LT(test_clock().now() - start, 1min + 1s);
    }
}

/// Tells how often something was scheduled in the loop so far.
std::uint64_t schedulings(const executor& ex) {
    struct probe final : timer_entry {
        void on_due(std::uint64_t) override {}
        void on_shutdown() noexcept override {}
    };
    const boost::intrusive_ptr<probe> one(new probe);
    auto& timers = timer_service::of(ex);
    const std::uint64_t ticket = timers.schedule(*one, clock::time_point::max());
    timers.cancel(*one);
    return ticket - 1;
}

CHORUS_TEST(h1_connection, leaves_its_alarm_alone_while_bytes_come) {
    conversation talk(*this);
    co_await talk.begin();
    const std::uint64_t before = schedulings(get_executor());
    for (const char byte : response_text) {
        talk.peer().feed(std::string(1, byte));
        co_await talk.settle();
    }
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    const std::uint64_t own = schedulings(get_executor()) - before - 1 - response_text.size();
    EXPECT_LE(own, 1u) << "beside the probe, and a sleep a byte";
}

CHORUS_TEST(h1_connection, waits_without_end_for_the_first_byte_if_told_so) {
    http::limits caps;
    caps.first_byte = std::chrono::milliseconds::max();
    conversation talk(*this);
    co_await talk.begin(example(), caps);
    co_await sleep_for(9min);
    EXPECT_FALSE(talk.outcome.has_value());
    talk.peer().feed(response_text);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome.has_value());
    EXPECT_TRUE(talk.outcome->has_value());
}

CHORUS_TEST(h1_connection, limits_a_request_that_the_peer_does_not_take) {
    http::limits caps;
    caps.total = 5s;
    conversation talk(*this);
    talk.peer().takes_writes_up_to = 20;
    co_await talk.begin(example(), caps);
    co_await sleep_for(4999ms);
    EXPECT_FALSE(talk.outcome.has_value());
    co_await sleep_for(1ms);
    CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
    EXPECT_EQ(talk.outcome->error(), errc::deadline_exceeded);
    EXPECT_EQ(talk.outcome->error().phase(), phase::write);
}

CHORUS_TEST(h1_connection, reads_the_answer_of_a_server_that_does_not_take_the_whole_request) {
    conversation talk(*this);
    talk.peer().largest_write = 100;
    talk.peer().feed("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    talk.peer().breaks_writes_after = 300;
    co_await talk.begin(example(5000));
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    EXPECT_EQ((*talk.outcome)->status, 413);
    EXPECT_FALSE(talk.link->is_reusable());
}

CHORUS_TEST(h1_connection, is_not_reused_when_the_server_says_so_or_somebody_may_read_its_answer_otherwise) {
    struct row {
        std::string answer;
        bool is_taken;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    for (const auto& [answer, is_taken] : {
             row{ok + "Connection: close\r\nContent-Length: 0\r\n\r\n", true},
             row{response_text + ok, true},
             row{response_text + ok + "Content-Length: 0\r\n\r\n", true},
             row{ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", true},
             row{ok + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", true},
             row{ok + "Content-Length: 0\r\nContent-Length: 9\r\n\r\n", false},
             row{ok + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
             row{ok + "X: a\nContent-Length: 0\r\n\r\n", false},
         }) {
        conversation talk(*this);
        co_await talk.begin();
        talk.peer().feed(answer);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome) << answer;
        EXPECT_EQ(talk.outcome->has_value(), is_taken) << answer;
        EXPECT_FALSE(talk.link->is_reusable()) << answer;
        EXPECT_FALSE(talk.link->is_alive()) << answer;
    }
}

CHORUS_TEST(h1_connection, serves_one_request_after_the_other) {
    conversation talk(*this);
    for (int i = 1; i <= 3; ++i) {
        co_await talk.begin();
        talk.peer().feed(response_text);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
        CO_ASSERT_TRUE(talk.link->is_reusable() && talk.link->is_alive());
    }
    talk.peer().end();
    EXPECT_FALSE(talk.link->is_alive());
}

CHORUS_TEST(h1_connection, fails_with_the_reason_of_an_abort) {
    conversation talk(*this);
    co_await talk.begin();
    talk.link->abort(errc::client_closed);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
    EXPECT_EQ(talk.outcome->error(), errc::client_closed);
    EXPECT_TRUE(talk.peer().is_closed);
}

CHORUS_TEST(h1_connection, names_the_limit_that_the_response_breaks) {
    http::limits caps;
    caps.body_bytes = 3;
    conversation talk(*this);
    co_await talk.begin(example(), caps);
    talk.peer().feed(response_text);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
    EXPECT_EQ(talk.outcome->error(), errc::body_too_large);
    EXPECT_EQ(talk.outcome->error().phase(), phase::read);
}

}  // namespace
}  // namespace chorus::net::h1_connection_tests
