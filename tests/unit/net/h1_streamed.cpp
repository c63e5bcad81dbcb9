// Responses of an h1_connection that are read piece by piece.
#include <chorus/async/sleep.hpp>
#include <chorus/net/h1_connection.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/test_stream.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <support/collecting_sink.hpp>

namespace chorus::net::h1_streamed_tests {
namespace {

using namespace std::chrono_literals;
using testing::test_wire;
using testing_support::collecting_sink;

const std::string head_text = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string chunked = head_text + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n";
const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world";
const std::string until_close = "HTTP/1.1 200 OK\r\n\r\nhello world";
const std::string after_interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + chunked;

http::request example() {
    http::request message;
    message.origin = {true, "host.example", 443};
    message.body = "question";
    return message;
}

/// A connection, and one response on it that is opened and read when the test says so.
class conversation {
 public:
    explicit conversation(testing::coroutine_test& test)
        : executor_(test.get_executor()), wire(std::make_shared<test_wire>(executor_)) {}

    awaitable<void> open(http::limits caps = {}) {
        if (!link) link.emplace(wire->make_stream(), scratch);
        reader.reset();
        opened.reset();
        limits = caps;
        asio::co_spawn(executor_, run_open(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
        co_await settle();
    }
    /// Begins to read: until some bytes are there, or until the end of the body.
    awaitable<void> read(time_limit limit = {}, bool to_the_end = false) {
        outcome.reset();
        asio::co_spawn(executor_, run_read(limit, to_the_end),
                       asio::bind_cancellation_slot(signal.slot(), asio::detached));
        co_await settle();
    }
    awaitable<void> read_all() { return read({}, true); }
    /// Lets everything run that is ready: the clock moves only when nothing is.
    awaitable<void> settle() { return sleep_for(1ns); }

    /// What went wrong, in opening or in reading; nothing if it goes on, or went well.
    std::optional<error> failure() const {
        if (opened && !*opened) return opened->error();
        if (outcome && !*outcome) return outcome->error();
        return std::nullopt;
    }

    executor executor_;
    std::shared_ptr<test_wire> wire;
    std::shared_ptr<scratch_buffers> scratch = std::make_shared<scratch_buffers>();
    std::optional<h1_connection> link;
    const http::request message = example();
    http::limits limits;
    asio::cancellation_signal signal;
    std::unique_ptr<incoming_response> reader;
    std::optional<result<void>> opened;
    std::optional<result<bool>> outcome;
    collecting_sink sink;

 private:
    awaitable<void> run_open() {
        auto done = co_await link->open(message, limits, chorus::now(executor_) + limits.total);
        if (done) {
            reader = std::move(*done);
            opened = result<void>();
        } else {
            opened = result<void>(done.error());
        }
    }
    awaitable<void> run_read(time_limit limit, bool to_the_end) {
        for (;;) {
            const auto step = co_await reader->read(sink, limit);
            if (step && *step && to_the_end) continue;
            outcome = step;
            break;
        }
    }
};

CHORUS_TEST(h1_streamed, opens_at_the_head_and_gives_the_body_as_it_comes) {
    conversation talk(*this);
    co_await talk.open();
    CO_ASSERT_FALSE(talk.opened.has_value());
    co_await sleep_for(250ms);
    talk.wire->feed(head_text);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.opened && *talk.opened);
    const http::response head = talk.reader->take_head();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.headers.get("X-A"), "b");
    EXPECT_EQ(head.timing.first_byte, 250ms + 1ns);
    EXPECT_EQ(head.body, "");
    co_await talk.read();
    EXPECT_FALSE(talk.outcome.has_value());
    for (const std::string piece : {"one", "three", "seventeen"}) {
        talk.sink.body.clear();
        talk.wire->feed(std::to_string(piece.size()) + "\r\n" + piece + "\r\n");
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.outcome && *talk.outcome && **talk.outcome);
        EXPECT_EQ(talk.sink.body, piece);
        EXPECT_FALSE(talk.reader->is_complete());
        EXPECT_FALSE(talk.link->is_reusable());
        co_await talk.read();
        EXPECT_FALSE(talk.outcome.has_value());
    }
    talk.wire->feed("0\r\n\r\n");
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    EXPECT_FALSE(**talk.outcome);
    EXPECT_TRUE(talk.reader->is_complete());
    EXPECT_TRUE(talk.link->is_reusable());
    EXPECT_EQ(test_clock().pending(), 0u);
    co_await talk.read();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    EXPECT_FALSE(**talk.outcome) << "and again";
}

CHORUS_TEST(h1_streamed, gives_the_same_as_the_whole_for_every_cut_and_every_size_of_reads) {
    for (const auto& text : {chunked, with_length, after_interim, until_close}) {
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            for (const std::size_t largest : {1u, 3u, 1000u}) {
                conversation talk(*this);
                talk.wire->largest_read = largest;
                talk.wire->hesitates = cut % 2 == 1;
                co_await talk.open();
                talk.wire->feed(text.substr(0, cut));
                co_await talk.settle();
                if (talk.reader) co_await talk.read_all();
                talk.wire->feed(text.substr(cut));
                if (text == until_close) talk.wire->end();
                co_await talk.settle();
                CO_ASSERT_TRUE(talk.opened && *talk.opened);
                if (!talk.outcome) co_await talk.read_all();
                CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
                EXPECT_EQ(talk.sink.body, "hello world");
                EXPECT_TRUE(talk.reader->is_complete());
                EXPECT_EQ(talk.link->is_reusable(), text != until_close);
            }
        }
    }
}

CHORUS_TEST(h1_streamed, asks_the_socket_for_nothing_that_nobody_asked_for) {
    conversation talk(*this);
    co_await talk.open();
    talk.wire->feed(head_text);
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.opened && *talk.opened);
    const std::size_t before = talk.wire->steps;
    talk.wire->feed("5\r\nhello\r\n");
    co_await sleep_for(1s);
    EXPECT_EQ(talk.wire->steps, before) << "nobody has asked";
    co_await talk.read();
    EXPECT_EQ(talk.wire->steps - before, 2u) << "one wait, one read";
    co_await talk.read();
    EXPECT_EQ(talk.wire->steps - before, 3u) << "one wait";
    talk.wire->feed("5\r\nworld\r\n0\r\n\r\n");
    co_await talk.settle();
    EXPECT_EQ(talk.wire->steps - before, 4u) << "one read";
    EXPECT_EQ(talk.sink.body, "helloworld");
    EXPECT_TRUE(talk.reader->is_complete()) << "the end came with the last bytes";
}

CHORUS_TEST(h1_streamed, gives_first_what_came_with_the_head_without_asking_the_socket) {
    conversation talk(*this);
    co_await talk.open();
    talk.wire->feed(head_text + "5\r\nhello\r\n");
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.opened && *talk.opened);
    const std::size_t before = talk.wire->steps;
    co_await talk.read();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome && **talk.outcome);
    EXPECT_EQ(talk.sink.body, "hello");
    EXPECT_EQ(talk.wire->steps, before);
}

CHORUS_TEST(h1_streamed, is_complete_at_once_when_there_is_no_body) {
    for (const std::string text : {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
        conversation talk(*this);
        co_await talk.open();
        talk.wire->feed(text);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.opened && *talk.opened);
        EXPECT_TRUE(talk.reader->is_complete());
        EXPECT_TRUE(talk.link->is_reusable());
        EXPECT_EQ(test_clock().pending(), 0u);
    }
}

CHORUS_TEST(h1_streamed, fails_and_is_not_reused_when_any_step_fails) {
    std::size_t steps = 0;
    for (std::size_t failing = 0; failing == 0 || failing <= steps; ++failing) {
        conversation talk(*this);
        talk.wire->largest_read = 7;
        talk.wire->largest_write = 50;
        talk.wire->hesitates = true;
        if (failing > 0) talk.wire->failing_step = failing - 1;
        co_await talk.open();
        talk.wire->feed(chunked);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.opened.has_value());
        if (talk.reader) co_await talk.read_all();
        if (failing == 0) {
            steps = talk.wire->steps;
            CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
            CO_ASSERT_GT(steps, 20u);
            continue;
        }
        CO_ASSERT_TRUE(talk.failure().has_value());
        EXPECT_TRUE(*talk.failure() == errc::connection_lost || *talk.failure() == errc::truncated);
        EXPECT_NE(talk.failure()->phase(), phase::none);
        EXPECT_FALSE(talk.link->is_reusable());
        EXPECT_EQ(test_clock().pending(), 0u);
        if (!talk.reader) continue;
        EXPECT_EQ(talk.failure()->phase(), phase::read);
        co_await talk.read();
        CO_ASSERT_TRUE(talk.outcome && !*talk.outcome);
        EXPECT_EQ(talk.outcome->error(), errc::truncated) << "and not the end";
    }
}

CHORUS_TEST(h1_streamed, is_never_a_success_when_the_body_is_cut_at_any_byte) {
    for (const auto& text : {chunked, with_length}) {
        for (std::size_t size = 0; size < text.size(); ++size) {
            conversation talk(*this);
            co_await talk.open();
            talk.wire->feed(text.substr(0, size));
            talk.wire->end();
            co_await talk.settle();
            CO_ASSERT_TRUE(talk.opened.has_value());
            if (talk.reader) co_await talk.read_all();
            CO_ASSERT_TRUE(talk.failure().has_value());
            EXPECT_EQ(*talk.failure(), size == 0 ? errc::connection_lost : errc::truncated) << size;
            EXPECT_FALSE(talk.link->is_reusable());
            EXPECT_FALSE(talk.reader && talk.reader->is_complete());
        }
    }
}

CHORUS_TEST(h1_streamed, ends_when_cancelled_at_any_point) {
    for (std::size_t size = 0; size < chunked.size(); ++size) {
        conversation talk(*this);
        co_await talk.open();
        talk.wire->feed(chunked.substr(0, size));
        co_await talk.settle();
        if (talk.reader) co_await talk.read_all();
        CO_ASSERT_FALSE(talk.failure().has_value() || talk.outcome);
        talk.signal.emit(asio::cancellation_type::terminal);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.failure().has_value());
        EXPECT_EQ(*talk.failure(), errc::cancelled) << size;
        EXPECT_FALSE(talk.link->is_reusable());
        EXPECT_EQ(test_clock().pending(), 0u) << "the alarm is cleared";
    }
}

CHORUS_TEST(h1_streamed, bounds_the_head_by_the_limits_of_the_call_and_each_read_by_its_own) {
    http::limits caps;
    caps.first_byte = 2s;
    caps.total = 5s;
    conversation silent(*this);
    co_await silent.open(caps);
    co_await sleep_for(2s);
    CO_ASSERT_TRUE(silent.failure().has_value());
    EXPECT_EQ(*silent.failure(), errc::first_byte_timed_out);
    EXPECT_EQ(silent.failure()->phase(), phase::first_byte);

    conversation slow(*this);
    co_await slow.open(caps);
    slow.wire->feed("HTTP/1.1 ");
    co_await sleep_for(5s);
    CO_ASSERT_TRUE(slow.failure().has_value());
    EXPECT_EQ(*slow.failure(), errc::deadline_exceeded);

    caps.idle = 1s;
    conversation stalled(*this);
    co_await stalled.open(caps);
    stalled.wire->feed("HTTP/1.1 ");
    co_await sleep_for(1s);
    co_await stalled.settle();
    CO_ASSERT_TRUE(stalled.failure().has_value());
    EXPECT_EQ(*stalled.failure(), errc::idle_timed_out);
    EXPECT_EQ(stalled.failure()->phase(), phase::read);

    conversation talk(*this);
    co_await talk.open(caps);
    talk.wire->feed(head_text);
    co_await talk.settle();
    co_await sleep_for(1h);
    co_await talk.read({chorus::now(get_executor()) + 3s, errc::idle_timed_out});
    co_await sleep_for(2999ms);
    talk.wire->feed("5\r\nhello\r\n");
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    co_await sleep_for(1h);  // between two reads no limit holds
    co_await talk.read({chorus::now(get_executor()) + 3s, errc::idle_timed_out});
    co_await sleep_for(2999ms);
    talk.wire->feed("5\r\nwo");
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    EXPECT_EQ(talk.sink.body, "hellowo");
    co_await talk.read({chorus::now(get_executor()) + 3s, errc::idle_timed_out});
    co_await sleep_for(2999ms);
    EXPECT_FALSE(talk.outcome.has_value());
    co_await sleep_for(1ms);
    CO_ASSERT_TRUE(talk.failure().has_value());
    EXPECT_EQ(*talk.failure(), errc::idle_timed_out);
    EXPECT_EQ(talk.failure()->phase(), phase::read);
    EXPECT_FALSE(talk.link->is_reusable());
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(h1_streamed, gives_what_is_there_even_when_the_limit_has_passed) {
    conversation talk(*this);
    co_await talk.open();
    talk.wire->feed(head_text + "5\r\nhello\r\n");
    co_await talk.settle();
    co_await talk.read({chorus::now(get_executor()) - 1s, errc::deadline_exceeded});
    CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    co_await talk.read({chorus::now(get_executor()) - 1s, errc::deadline_exceeded});
    CO_ASSERT_TRUE(talk.failure().has_value());
    EXPECT_EQ(*talk.failure(), errc::deadline_exceeded);
}

CHORUS_TEST(h1_streamed, leaves_the_connection_unfit_when_it_goes_before_the_end) {
    for (std::size_t size = head_text.size(); size < chunked.size(); ++size) {
        conversation talk(*this);
        co_await talk.open();
        talk.wire->feed(chunked.substr(0, size));
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.reader != nullptr);
        co_await talk.read();
        if (!talk.outcome) {
            talk.signal.emit(asio::cancellation_type::terminal);
            co_await talk.settle();
        }
        talk.reader.reset();
        EXPECT_FALSE(talk.link->is_reusable()) << size;
        EXPECT_EQ(test_clock().pending(), 0u);
    }
}

CHORUS_TEST(h1_streamed, serves_the_next_request_after_the_end_and_not_when_more_than_asked_came) {
    conversation talk(*this);
    for (int i = 0; i < 3; ++i) {
        talk.sink.body.clear();
        co_await talk.open();
        talk.wire->feed(i == 2 ? chunked + "HTTP/1.1 " : chunked);
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.reader != nullptr);
        co_await talk.read_all();
        EXPECT_EQ(talk.sink.body, "hello world");
        EXPECT_TRUE(talk.reader->is_complete());
        EXPECT_EQ(talk.link->is_reusable(), i < 2);
    }
}

CHORUS_TEST(h1_streamed, ends_with_the_error_of_a_sink_that_refuses) {
    conversation talk(*this);
    talk.sink.most_bytes = 5;
    co_await talk.open();
    talk.wire->feed(chunked);
    co_await talk.settle();
    co_await talk.read_all();
    CO_ASSERT_TRUE(talk.failure().has_value());
    EXPECT_EQ(*talk.failure(), errc::body_too_large);
    EXPECT_EQ(talk.sink.calls, 2u);
    EXPECT_FALSE(talk.link->is_reusable());
}

CHORUS_TEST(h1_streamed, fails_with_the_reason_of_an_abort_whether_somebody_reads_or_not) {
    for (const bool reads : {true, false}) {
        conversation talk(*this);
        co_await talk.open();
        talk.wire->feed(head_text + (reads ? "" : "5\r\nhello\r\n"));
        co_await talk.settle();
        CO_ASSERT_TRUE(talk.reader != nullptr);
        if (reads) co_await talk.read();
        talk.link->abort(errc::client_closed);
        co_await talk.settle();
        if (!reads) co_await talk.read();
        CO_ASSERT_TRUE(talk.failure().has_value());
        EXPECT_EQ(*talk.failure(), errc::client_closed);
        EXPECT_TRUE(talk.wire->is_closed);
    }
}

CHORUS_TEST(h1_streamed, does_not_limit_the_body_and_keeps_none_of_it) {
    http::limits caps;
    caps.body_bytes = 3;
    conversation talk(*this);
    co_await talk.open(caps);
    talk.wire->feed("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    co_await talk.settle();
    CO_ASSERT_TRUE(talk.reader != nullptr);
    for (int i = 0; i < 1000; ++i) {
        talk.wire->feed(std::string(1000, 'x'));
        co_await talk.read();
        CO_ASSERT_TRUE(talk.outcome && *talk.outcome);
    }
    EXPECT_EQ(talk.sink.body.size(), 1'000'000u);
    EXPECT_TRUE(talk.reader->is_complete());
    EXPECT_EQ(talk.reader->take_head().body.capacity(), std::string().capacity());
}

CHORUS_TEST(h1_streamed, refuses_a_line_between_chunks_that_does_not_end) {
    http::limits caps;
    caps.head_bytes = 1000;
    conversation talk(*this);
    co_await talk.open(caps);
    talk.wire->feed(head_text + "5;" + std::string(999, 'x'));
    co_await talk.settle();
    co_await talk.read();
    CO_ASSERT_TRUE(talk.failure().has_value());
    EXPECT_EQ(*talk.failure(), errc::protocol_error);
}

/// Holds records as TLS does: one a step, and those behind it are known to be there.
class record_stream final : public net::stream {
 public:
    explicit record_stream(executor ex) : executor_(std::move(ex)) {}

    io_result read_some(std::span<char> buffer) noexcept override {
        ++reads;
        if (records.empty()) return {io_status::want_read};
        const std::size_t size = records.front().copy(buffer.data(), buffer.size());
        records.front().erase(0, size);
        if (records.front().empty()) records.pop_front();
        return {io_status::done, size};
    }
    io_result write_some(std::span<const char> bytes) noexcept override { return {io_status::done, bytes.size()}; }
    void async_wait_ready(readiness, ready_handler handler) override {
        ++waits;
        asio::post(executor_, [held = std::move(handler)]() mutable { std::move(held)({}); });
    }
    bool has_buffered() const noexcept override { return !records.empty(); }
    void cancel() noexcept override {}
    void close() noexcept override {}
    bool is_idle_and_open() noexcept override { return true; }
    executor get_executor() noexcept override { return executor_; }

    std::deque<std::string> records;
    int reads = 0;
    int waits = 0;

 private:
    executor executor_;
};

CHORUS_TEST(h1_streamed, gives_all_records_that_are_there_in_one_turn) {
    auto stream = std::make_unique<record_stream>(get_executor());
    record_stream& tls = *stream;
    auto scratch = std::make_shared<scratch_buffers>();
    h1_connection link(std::move(stream), scratch);
    tls.records = {head_text, "5\r\nhello\r\n", "1\r\n \r\n", "5\r\nworld\r\n"};
    const http::request message = example();
    const http::limits caps;
    auto opened = co_await link.open(message, caps, clock::time_point::max());
    CO_ASSERT_TRUE(opened);
    EXPECT_EQ(tls.records.size(), 3u) << "the body is for who asks for it";
    collecting_sink sink;
    auto step = co_await (*opened)->read(sink, {});
    CO_ASSERT_TRUE(step && *step);
    EXPECT_EQ(sink.body, "hello world");
    EXPECT_EQ(tls.reads, 4);
    EXPECT_EQ(tls.waits, 0);
    tls.records = {"1\r\n!\r\n", "0\r\n\r\n"};
    step = co_await (*opened)->read(sink, {});
    CO_ASSERT_TRUE(step && *step);
    EXPECT_EQ(sink.body, "hello world!");
    EXPECT_TRUE((*opened)->is_complete());

    // More than the shared buffer holds comes in as many turns as it takes.
    auto large = std::make_unique<record_stream>(get_executor());
    large->records = {"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n"};
    for (int i = 0; i < 10; ++i) large->records.push_back(std::string(15000, 'x'));
    h1_connection other(std::move(large), scratch);
    auto again = co_await other.open(message, caps, clock::time_point::max());
    CO_ASSERT_TRUE(again);
    collecting_sink all;
    int turns = 0;
    while (!(*again)->is_complete()) {
        step = co_await (*again)->read(all, {});
        CO_ASSERT_TRUE(step && *step);
        ++turns;
    }
    EXPECT_EQ(all.body, std::string(150000, 'x'));
    EXPECT_EQ(turns, 3);
}

}  // namespace
}  // namespace chorus::net::h1_streamed_tests
