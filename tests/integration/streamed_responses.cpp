// Responses that the real transport opens and a reader takes piece by piece, over real sockets and real TLS.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <support/collecting_sink.hpp>

namespace chorus::net::streamed_responses_tests {
namespace {

using namespace std::chrono_literals;
using testing::mock_options;
using testing::mock_server;
using testing_support::collecting_sink;

using opening = result<std::unique_ptr<incoming_response>>;

// A test that must hold whatever version of HTTP is spoken.
#ifdef CHORUS_WITH_HTTP2
#define STREAM_TEST_OVER_HTTP2(name)                        \
    CHORUS_TEST(streamed_over_http2, name) {                \
        co_await test_##name(*this, http::protocol::http2); \
    }
#else
#define STREAM_TEST_OVER_HTTP2(name)
#endif
#define STREAM_TEST(name)                                                               \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version); \
    CHORUS_TEST(streamed_over_http1, name) {                                            \
        co_await test_##name(*this, http::protocol::http1);                             \
    }                                                                                   \
    STREAM_TEST_OVER_HTTP2(name)                                                        \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version)

mock_options speaking(http::protocol version, mock_options options = {}) {
#ifdef CHORUS_WITH_HTTP2
    options.http2(version == http::protocol::http2);
#endif
    return options;
}

/// Runs what is ready. The clock of the tests moves only when nothing is, so this waits for no packet that was sent.
awaitable<void> settle() {
    return sleep_for(1ms);
}

/// A server, a transport that trusts it, and a request for it.
class world {
 public:
    world(executor ex, mock_options behaviour, policy::pool_options pool = {})
        : server(ex, behaviour),
          client(http_transport::create(ex, pool, tls_options().ca_pem(server.ca_pem())).value()),
          executor_(ex) {
        message.origin = http::url::parse(server.base_url())->origin();
        message.target = "/v1/anything";
        message.body = "question";
    }
    ~world() { client->abort(); }

    awaitable<opening> open() { return client->open(message, caps); }
    task<opening> open_beside() { return spawn(executor_, client->open(message, caps)); }
    awaitable<result<std::string>> read_all(incoming_response& from) {
        collecting_sink sink;
        for (;;) {
            const auto step = co_await from.read(sink, {});
            if (!step) co_return step.error();
            if (!*step) co_return std::move(sink.body);
        }
    }
    /// Opens and reads in one.
    awaitable<result<std::string>> fetch() {
        auto opened = co_await open();
        if (!opened) co_return opened.error();
        co_return co_await read_all(**opened);
    }

    mock_server server;
    std::shared_ptr<http_transport> client;
    http::request message;
    http::limits caps;

 private:
    executor executor_;
};

std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    unsigned state = 1;
    for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
    return bytes;
}

STREAM_TEST(gives_the_same_body_as_a_whole_exchange) {
    world net(test.get_executor(), speaking(version));
    for (const std::size_t size : {0u, 1u, 1000u, 20000u, 3000000u}) {
        for (const std::size_t chunk : {0u, 7u, 5000u}) {
            if (chunk == 7 && size > 20000) continue;
            for (int i = 0; i < 2; ++i) {
                auto& step = net.server.expect().reply(200, noise(size));
                if (chunk > 0) step.chunked(chunk);
            }
            http::response whole;
            const auto sent = co_await net.client->send(net.message, net.caps, whole);
            CO_ASSERT_TRUE(sent);
            const auto read = co_await net.fetch();
            CO_ASSERT_TRUE(read);
            EXPECT_EQ(*read, whole.body);
            EXPECT_EQ(read->size(), size);
        }
    }
    EXPECT_EQ(net.server.counters().connections, 1u);
    EXPECT_EQ(net.server.counters().resets_received, 0u);
}

STREAM_TEST(holds_a_connection_until_the_reader_goes_and_reuses_it) {
    world net(test.get_executor(), speaking(version));
    net.server.expect().times(2).reply(200, "hello").after(100ms);
    {
        const auto opened = co_await net.open();
        CO_ASSERT_TRUE(opened);
        const http::response head = (*opened)->take_head();
        EXPECT_EQ(head.status, 200);
        EXPECT_EQ(head.body, "");
        EXPECT_FALSE(head.timing.reused);
        EXPECT_GE(head.timing.first_byte, 100ms);
        EXPECT_GE(head.timing.total, head.timing.first_byte);
        EXPECT_EQ(net.client->pool_stats().in_use, 1u);
        const auto body = co_await net.read_all(**opened);
        CO_ASSERT_TRUE(body);
        EXPECT_EQ(*body, "hello");
        EXPECT_TRUE((*opened)->is_complete());
    }
    EXPECT_EQ(net.client->pool_stats().in_use, 0u);
    EXPECT_EQ(net.client->pool_stats().idle, 1u);
    const auto again = co_await net.open();
    CO_ASSERT_TRUE(again);
    EXPECT_TRUE((*again)->take_head().timing.reused);
    EXPECT_EQ(net.server.counters().connections, 1u);
}

STREAM_TEST(drops_the_transfer_at_once_when_the_reader_goes_early) {
    world net(test.get_executor(), speaking(version));
    net.server.expect().reply(200, noise(5000)).stall_after(3000);
    net.server.expect().reply(200, "next");
    auto opened = co_await net.open();
    CO_ASSERT_TRUE(opened);
    collecting_sink sink;
    CO_ASSERT_TRUE(co_await (*opened)->read(sink, {}));
    EXPECT_FALSE((*opened)->is_complete());
    opened->reset();
    EXPECT_EQ(net.client->pool_stats().in_use, 0u);
    co_await settle();
    const bool is_http2 = version == http::protocol::http2;
    EXPECT_EQ(net.client->pool_stats().idle, is_http2 ? 1u : 0u);
    EXPECT_EQ(net.server.counters().open_connections, is_http2 ? 1u : 0u);
    EXPECT_EQ(net.server.counters().resets_received, is_http2 ? 1u : 0u);
    EXPECT_EQ(net.server.counters().resets_after_end, 0u);
    const auto next = co_await net.fetch();
    CO_ASSERT_TRUE(next);
    EXPECT_EQ(*next, "next");
}

STREAM_TEST(gives_an_error_status_as_a_response) {
    world net(test.get_executor(), speaking(version));
    net.server.expect().reply(503, "busy");
    const auto opened = co_await net.open();
    CO_ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->take_head().status, 503);
    const auto body = co_await net.read_all(**opened);
    CO_ASSERT_TRUE(body);
    EXPECT_EQ(*body, "busy");
}

STREAM_TEST(is_never_whole_when_it_is_cut_at_any_byte) {
    world net(test.get_executor(), speaking(version));
    const std::string body = noise(500);
    for (std::size_t cut = 0; cut < body.size(); cut += 7) {
        net.server.expect().reply(200, body).chunked(64).drop_after(cut);
        const auto read = co_await net.fetch();
        CO_ASSERT_FALSE(read);
        EXPECT_TRUE(read.error() == errc::truncated || read.error() == errc::connection_lost) << cut;
        EXPECT_NE(read.error().phase(), phase::none);
        EXPECT_EQ(net.client->pool_stats().in_use, 0u);
    }
}

CHORUS_TEST(streamed_over_http1, is_sent_once_more_when_a_reused_connection_dies_without_an_answer) {
    world net(get_executor(), {});
    net.server.expect().reply(200, "first");
    net.server.expect().drop();
    net.server.expect().reply(200, "second");
    CO_ASSERT_TRUE(co_await net.fetch());
    const auto second = co_await net.fetch();
    CO_ASSERT_TRUE(second);
    EXPECT_EQ(*second, "second");
    EXPECT_EQ(net.server.counters().connections, 2u);
}

STREAM_TEST(is_not_sent_again_once_a_byte_of_the_answer_came) {
    world net(test.get_executor(), speaking(version));
    net.server.script().nothing_else();
    net.server.expect().reply(200, "first");
    net.server.expect().reply(200, noise(1000)).drop_after(900);
    CO_ASSERT_TRUE(co_await net.fetch());
    const auto read = co_await net.fetch();
    CO_ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), errc::truncated);
}

#ifdef CHORUS_WITH_HTTP2
CHORUS_TEST(streamed_over_http2, is_sent_again_when_the_server_refuses_it) {
    world net(get_executor(), mock_options().http2());
    net.server.expect().refuse();
    net.server.expect().go_away();
    net.server.expect().reply(200, "at last");
    const auto read = co_await net.fetch();
    CO_ASSERT_TRUE(read);
    EXPECT_EQ(*read, "at last");
    EXPECT_EQ(net.server.counters().requests, 3u);
}

CHORUS_TEST(streamed_over_http2, stalls_nobody_else_when_its_reader_is_slow) {
    world net(get_executor(), mock_options().http2());
    std::vector<std::unique_ptr<incoming_response>> slow;
    for (int i = 0; i < 20; ++i) {
        net.server.expect().reply(200, std::string(3'000'000, 'x'));
        auto opened = co_await net.open();
        CO_ASSERT_TRUE(opened);
        slow.push_back(std::move(*opened));
    }
    net.server.expect().reply(200, std::string(3'000'000, 'y'));
    http::response whole;
    CO_ASSERT_TRUE(co_await net.client->send(net.message, net.caps, whole));
    EXPECT_EQ(whole.body.size(), 3'000'000u);
    EXPECT_EQ(net.server.counters().connections, 1u);
    EXPECT_EQ(net.server.counters().in_flight, 20u) << "their windows are full";
    for (auto& reader : slow) {
        const auto body = co_await net.read_all(*reader);
        CO_ASSERT_TRUE(body);
        EXPECT_EQ(body->size(), 3'000'000u);
    }
}
#endif

STREAM_TEST(is_under_way_for_close_and_fails_by_an_abort) {
    world net(test.get_executor(), speaking(version));
    net.server.expect().reply(200, "hello");
    auto opened = co_await net.open();
    CO_ASSERT_TRUE(opened);
    auto closing = spawn(test.get_executor(), net.client->close());
    co_await settle();
    EXPECT_FALSE(closing.done());
    const auto body = co_await net.read_all(**opened);
    CO_ASSERT_TRUE(body);
    EXPECT_EQ(*body, "hello");
    opened->reset();
    co_await settle();
    EXPECT_TRUE(closing.done());

    for (const bool reads : {true, false}) {
        world other(test.get_executor(), speaking(version));
        other.server.expect().reply(200, noise(1000)).stall_after(500);
        auto begun = co_await other.open();
        CO_ASSERT_TRUE(begun);
        collecting_sink sink;
        std::optional<task<result<std::string>>> reading;
        if (reads) reading = spawn(test.get_executor(), other.read_all(**begun));
        co_await settle();
        other.client->abort();
        if (!reads) reading = spawn(test.get_executor(), other.read_all(**begun));
        const auto ended = co_await std::move(*reading);
        CO_ASSERT_FALSE(ended);
        EXPECT_EQ(ended.error(), errc::client_closed);
    }
}

STREAM_TEST(lets_the_transport_go_before_its_reader) {
    world net(test.get_executor(), speaking(version));
    net.server.expect().reply(200, "hello");
    auto opened = co_await net.open();
    CO_ASSERT_TRUE(opened);
    auto kept = net.client;
    net.client = http_transport::create(test.get_executor()).value();
    kept.reset();
    const auto body = co_await net.read_all(**opened);
    CO_ASSERT_TRUE(body);
    EXPECT_EQ(*body, "hello");
    opened->reset();
    co_await settle();
    EXPECT_EQ(net.server.counters().open_connections, 0u) << "the last one closes";
}

STREAM_TEST(keeps_the_ledger_when_cancelled_at_any_moment) {
    policy::pool_options pool;
    pool.max_connections = 2;
    world net(test.get_executor(), speaking(version, mock_options().latency(5ms)), pool);
    for (std::chrono::microseconds moment{0}; moment < 20ms; moment += 500us) {
        auto goes = spawn(test.get_executor(), net.fetch());
        auto stays = spawn(test.get_executor(), net.fetch());
        co_await sleep_for(moment);
        goes.cancel();
        EXPECT_TRUE(co_await std::move(stays));
        co_await sleep_for(1s);
        EXPECT_TRUE(goes.done());
        const auto counts = net.client->pool_stats();
        EXPECT_EQ(counts.in_use + counts.waiting + counts.connecting, 0u) << moment.count();
    }
}

}  // namespace
}  // namespace chorus::net::streamed_responses_tests
