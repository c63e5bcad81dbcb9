// The whole client against the mock server, over real sockets and real TLS, both in one loop.
#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chorus::client_over_tls_tests {
namespace {

using namespace std::chrono_literals;
using testing::mock_options;
using testing::mock_server;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

/// One attempt a call: what becomes of it is seen.
client connect_to(executor ex, const mock_server& server, client_options options = {}) {
    options.max_attempts(1);
    if (!server.ca_pem().empty()) options.tls(net::tls_options().ca_pem(server.ca_pem()));
    return client(ex, openai(&no_environment).base_url(server.base_url()).api_key("k"), options);
}

chat_request question(int number = 1) {
    return chat_request("m").user("Question " + std::to_string(number));
}

/// The options of a server that speaks one version of HTTP.
mock_options speaking(http::protocol version, mock_options options = {}) {
#ifdef CHORUS_WITH_HTTP2
    options.http2(version == http::protocol::http2);
#endif
    return options;
}

// A test of the client that must hold whatever version of HTTP is spoken below it, on the virtual clock or the real one.
#ifdef CHORUS_WITH_HTTP2
#define CLIENT_TEST_OVER_HTTP2(kind, name)                  \
    kind(client_over_http2, name) {                         \
        co_await test_##name(*this, http::protocol::http2); \
    }
#else
#define CLIENT_TEST_OVER_HTTP2(kind, name)
#endif
#define CLIENT_TEST_OF(kind, name)                                                      \
    awaitable<void> test_##name(testing::coroutine_test& test, http::protocol version); \
    kind(client_over_http1, name) {                                                     \
        co_await test_##name(*this, http::protocol::http1);                             \
    }                                                                                   \
    CLIENT_TEST_OVER_HTTP2(kind, name)                                                  \
    awaitable<void> test_##name([[maybe_unused]] testing::coroutine_test& test, [[maybe_unused]] http::protocol version)
#define CLIENT_TEST(name) CLIENT_TEST_OF(CHORUS_TEST, name)
#define CLIENT_REAL_TIME_TEST(name) CLIENT_TEST_OF(CHORUS_REAL_TIME_TEST, name)

/// Runs what is ready. The clock of the tests moves only when nothing is, so this waits for no packet that was sent.
awaitable<void> settle() {
    return sleep_for(1ms);
}

CLIENT_TEST(asks_and_reuses_the_connection) {
    mock_server server(test.get_executor(), speaking(version));
    client llm = connect_to(test.get_executor(), server);
    const auto first = co_await llm.complete(question(1));
    EXPECT_EQ(first.text(), "echo: Question 1");
    EXPECT_FALSE(first.timing().reused);
    const auto second = co_await llm.complete(question(2));
    EXPECT_EQ(second.text(), "echo: Question 2");
    EXPECT_TRUE(second.timing().reused);
    EXPECT_EQ(server.counters().connections, 1u);
    EXPECT_EQ(llm.pool_stats().reused, 1u);
    EXPECT_EQ(llm.pool_stats().idle, 1u);
}

CLIENT_TEST(tells_an_observer_of_its_connections) {
    struct witness final : observer {
        void on_connection(connection_event what, const connection_info& which) noexcept override {
            seen.emplace_back(to_string(what));
            if (which.failure != nullptr) seen.emplace_back(which.failure->code().message());
        }
        std::vector<std::string> seen;
    };
    const auto seen = std::make_shared<witness>();
    std::string gone;
    {
        mock_server server(test.get_executor(), speaking(version));
        client llm = connect_to(test.get_executor(), server, client_options().observer(seen));
        co_await llm.complete(question());
        co_await llm.complete(question());
        co_await llm.close();
        EXPECT_EQ(seen->seen, (std::vector<std::string>{"opened", "reused", "closed"}));
        gone = server.base_url();
    }
    seen->seen.clear();
    client llm(test.get_executor(), openai(&no_environment).base_url(gone).api_key("k"),
               client_options().observer(seen).max_attempts(1));
    EXPECT_FALSE(co_await llm.try_complete(question()));
    EXPECT_EQ(seen->seen, (std::vector<std::string>{"failed", "could not connect"}));
}

CLIENT_REAL_TIME_TEST(says_where_the_time_of_a_call_went) {
    mock_server server(test.get_executor(), speaking(version, mock_options().latency(5ms)));
    client llm = connect_to(test.get_executor(), server);
    const http::timing fresh = (co_await llm.complete(question())).timing();
    EXPECT_GT(fresh.connect, 0ns);
    EXPECT_GT(fresh.tls, 0ns);
    EXPECT_GE(fresh.first_byte, 5ms);
    EXPECT_GE(fresh.total, fresh.queue + fresh.dns + fresh.connect + fresh.tls + fresh.first_byte);
    const http::timing kept = (co_await llm.complete(question())).timing();
    EXPECT_EQ(kept.dns + kept.connect + kept.tls, 0ns);
    EXPECT_GE(kept.first_byte, 5ms);
}

/// Asks so many different questions at once; each must get its own answer.
awaitable<void> ask_at_once(client& llm, int count) {
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < count; ++i) calls.push_back(llm.try_complete(question(i)));
    const auto replies = co_await gather(std::move(calls));
    for (int i = 0; i < count; ++i) {
        const auto& reply = replies[static_cast<std::size_t>(i)];
        CO_ASSERT_TRUE(reply);
        EXPECT_EQ(reply->text(), "echo: Question " + std::to_string(i));
    }
}

CLIENT_TEST(multiplexes_many_calls_over_few_connections) {
    // A connection of HTTP/1.1 carries one call at a time, one of HTTP/2 as many as the server says.
    const bool is_shared = version == http::protocol::http2;
    mock_server server(test.get_executor(),
                       speaking(version, mock_options().max_concurrent_streams(50).latency(100ms)));
    client llm = connect_to(test.get_executor(), server, client_options().max_connections(20));
    co_await ask_at_once(llm, 200);
    const std::size_t connections = is_shared ? 4 : 20;
    EXPECT_EQ(server.counters().connections, connections);
    EXPECT_EQ(server.counters().peak_in_flight, is_shared ? 200u : 20u);
    EXPECT_EQ(server.counters().resets_after_end, 0u);
    EXPECT_EQ(llm.pool_stats().opened, connections);
    EXPECT_EQ(llm.pool_stats().reused, 200 - connections);
}

CLIENT_TEST(resumes_the_tls_session_on_a_new_connection) {
    mock_server server(test.get_executor(), speaking(version));
    client llm = connect_to(test.get_executor(), server);
    co_await llm.complete(question());
    server.close_connections();
    co_await settle();
    const auto reply = co_await llm.complete(question());
    EXPECT_FALSE(reply.timing().reused) << "the check at checkout saw that the server had closed";
    EXPECT_TRUE(reply.timing().tls_resumed);
    EXPECT_EQ(llm.pool_stats().resumed, 1u);
    EXPECT_EQ(server.counters().handshakes_resumed, 1u);
}

CLIENT_TEST(sends_once_more_when_a_reused_connection_dies_without_an_answer) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().reply_text("first");
    server.expect().drop();
    server.expect().reply_text("second");
    client llm = connect_to(test.get_executor(), server);
    EXPECT_EQ((co_await llm.complete(question())).text(), "first");
    EXPECT_EQ((co_await llm.complete(question())).text(), "second");
    EXPECT_EQ(server.counters().connections, 2u);
}

CLIENT_TEST(sends_nothing_twice_where_the_replay_level_forbids_it) {
    for (const auto level : {policy::replay_level::never, policy::replay_level::not_sent}) {
        mock_server server(test.get_executor(), speaking(version));
        server.script().nothing_else();
        server.expect().reply_text("first");
        server.expect().drop();
        client llm = connect_to(test.get_executor(), server, client_options().retries({.level = level}));
        EXPECT_EQ((co_await llm.complete(question())).text(), "first");
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::connection_lost);
        EXPECT_EQ(reply.error().attempts(), 1);
        EXPECT_EQ(server.counters().requests, 2u);
    }
}

CLIENT_TEST(does_not_send_again_what_a_fresh_connection_lost) {
    mock_server server(test.get_executor(), speaking(version));
    server.script().nothing_else();
    server.expect().drop();
    client llm = connect_to(test.get_executor(), server);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::connection_lost);
    EXPECT_EQ(reply.error().phase(), version == http::protocol::http2 ? phase::write : phase::first_byte);
    EXPECT_EQ(reply.error().attempts(), 1);
    EXPECT_EQ(reply.error(), condition::retryable);
}

CLIENT_TEST(does_not_send_again_once_a_byte_of_the_answer_came) {
    mock_server server(test.get_executor(), speaking(version));
    server.script().nothing_else();
    server.expect().reply_text("first");
    server.expect().reply_text("second").drop_after(20);
    client llm = connect_to(test.get_executor(), server);
    co_await llm.complete(question());
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::truncated);
    EXPECT_EQ(llm.pool_stats().idle, 0u);
}

CLIENT_TEST(never_takes_a_response_cut_at_any_byte_for_a_success) {
    mock_server server(test.get_executor(), speaking(version, mock_options().body_bytes(0)));
    client llm = connect_to(test.get_executor(), server);
    const std::size_t length = 900;
    for (std::size_t cut = 0; cut < length; cut += 7) {
        server.expect()
            .reply_with([&](const testing::mock_request&, testing::mock_reply& reply) {
                reply.body = R"({"id":"c","choices":[{"index":0,"message":{"content":"x"}}],"pad":")" +
                             std::string(length, 'p') + "\"}";
            })
            .drop_after(cut);
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), cut == 0 ? errc::connection_lost : errc::truncated) << cut;
    }
}

CLIENT_TEST(decodes_chunked_responses) {
    mock_server server(test.get_executor(), speaking(version, mock_options().chunk_bytes(13)));
    client llm = connect_to(test.get_executor(), server);
    EXPECT_EQ((co_await llm.complete(question())).text(), "echo: Question 1");
    EXPECT_TRUE((co_await llm.complete(question())).timing().reused);
}

CLIENT_TEST(tells_what_the_server_says_in_an_error) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect()
        .reply_error(429, "requests", "rate_limit_exceeded", "Slow down.")
        .reply_header("x-request-id", "req_9")
        .reply_header("retry-after", "2");
    client llm = connect_to(test.get_executor(), server);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), condition::rate_limited);
    EXPECT_EQ(reply.error().http_status(), 429);
    EXPECT_EQ(reply.error().provider_code(), "rate_limit_exceeded");
    EXPECT_EQ(reply.error().request_id(), "req_9");
    EXPECT_EQ(reply.error().retry_after(), 2s);
    EXPECT_EQ(llm.pool_stats().idle, 1u) << "an error status is no reason to close";
}

CLIENT_TEST(limits_the_wait_for_the_first_byte) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().stall();
    client llm = connect_to(test.get_executor(), server, client_options().first_byte_timeout(3s));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::first_byte_timed_out);
    EXPECT_EQ(reply.error(), condition::timeout);
    // HTTP/1.1 can end an exchange only with its connection; HTTP/2 resets one stream of it.
    EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().idle, version == http::protocol::http2 ? 1u : 0u);
}

CLIENT_TEST(limits_the_silence_within_a_response_and_a_slow_drip_as_a_whole) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().stall_after(30);
    server.expect().reply_sse_pieces(std::vector<std::string>(1000, " ")).every(1s);
    http::limits limits;
    limits.idle = 2s;
    limits.total = 30s;
    client llm = connect_to(test.get_executor(), server, client_options().limits(limits).max_attempts(1));
    for (const errc expected : {errc::idle_timed_out, errc::deadline_exceeded}) {
        const auto start = now(test.get_executor());
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), expected) << reply.error().message();
        EXPECT_EQ(reply.error().phase(), phase::read);
        EXPECT_EQ(std::chrono::round<std::chrono::seconds>(now(test.get_executor()) - start),
                  expected == errc::idle_timed_out ? 2s : 30s);
    }
    EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().idle, version == http::protocol::http2 ? 1u : 0u);
}

CLIENT_TEST(limits_the_whole_call) {
    mock_server server(test.get_executor(), speaking(version));
    server.expect().stall_after(30);
    client llm = connect_to(test.get_executor(), server);
    const auto reply = co_await llm.try_complete(question().timeout(7s));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::deadline_exceeded);
    EXPECT_EQ(reply.error().phase(), phase::read);
}

CLIENT_TEST(limits_the_opening_of_a_connection) {
    mock_server server(test.get_executor(), speaking(version));
    server.stall_connections(1);
    client llm = connect_to(test.get_executor(), server, client_options().tls_timeout(2s));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::tls_timed_out);
    EXPECT_EQ(reply.error().phase(), phase::tls);
    EXPECT_EQ((co_await llm.complete(question())).text(), "echo: Question 1");
}

CLIENT_TEST(refuses_a_server_that_it_cannot_verify) {
    mock_server server(test.get_executor(), speaking(version));
    client llm(test.get_executor(), openai(&no_environment).base_url(server.base_url()).api_key("k"));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::certificate_rejected);
    EXPECT_EQ(reply.error().phase(), phase::tls);
    EXPECT_NE(reply.error().message().find("127.0.0.1"), std::string::npos) << reply.error().message();
    EXPECT_EQ(server.counters().requests, 0u);
}

CLIENT_TEST(can_be_told_not_to_verify_by_a_name_that_warns) {
    mock_server server(test.get_executor(), speaking(version));
    client llm(test.get_executor(), openai(&no_environment).base_url(server.base_url()).api_key("k"),
               client_options().tls(net::tls_options().dangerously_disable_verification()));
    EXPECT_EQ((co_await llm.complete(question())).text(), "echo: Question 1");
}

CLIENT_TEST(speaks_plain_http_to_local_servers) {
    mock_server server(test.get_executor(), speaking(version, mock_options().plain()));
    client llm = connect_to(test.get_executor(), server, client_options().protocol(version));
    EXPECT_EQ((co_await llm.complete(question())).text(), "echo: Question 1");
    EXPECT_TRUE((co_await llm.complete(question())).timing().reused);
}

CLIENT_TEST(names_the_address_that_refuses_the_connection) {
    std::string gone;
    {
        mock_server server(test.get_executor(), speaking(version, mock_options().plain()));
        gone = server.base_url();
    }
    client llm(test.get_executor(), openai(&no_environment).base_url(gone).api_key("k"),
               client_options().protocol(version));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::connect_failed);
    EXPECT_NE(reply.error().message().find("127.0.0.1"), std::string::npos) << reply.error().message();
}

CHORUS_TEST(client_over_http1, obeys_what_the_server_says_of_keep_alive) {
    mock_server server(get_executor(), mock_options().idle_close(5s).keep_alive_header());
    client llm = connect_to(get_executor(), server);
    co_await llm.complete(question());
    co_await sleep_for(3s);
    EXPECT_TRUE((co_await llm.complete(question())).timing().reused);
    co_await sleep_for(4500ms);
    EXPECT_FALSE((co_await llm.complete(question())).timing().reused);
}

CLIENT_TEST(follows_a_server_that_ends_connections_after_some_requests) {
    mock_server server(test.get_executor(), speaking(version, mock_options().max_requests_per_connection(3)));
    client llm = connect_to(test.get_executor(), server);
    for (int i = 0; i < 10; ++i) co_await llm.complete(question(i));
    EXPECT_EQ(server.counters().connections, 4u);
    EXPECT_EQ(server.counters().requests, 10u);
}

CLIENT_TEST(keeps_its_ledger_when_cancelled_at_any_moment) {
    mock_server server(test.get_executor(), speaking(version, mock_options().latency(10ms)));
    client llm = connect_to(test.get_executor(), server, client_options().max_connections(2));
    for (std::chrono::microseconds moment{0}; moment < 40ms; moment += 500us) {
        auto first = spawn(test.get_executor(), llm.try_complete(question(1)));
        auto second = spawn(test.get_executor(), llm.try_complete(question(2)));
        auto third = spawn(test.get_executor(), llm.try_complete(question(3)));
        co_await sleep_for(moment);
        second.cancel();
        EXPECT_TRUE(co_await std::move(first));
        EXPECT_TRUE(co_await std::move(third));
        co_await sleep_for(1s);
        const auto counts = llm.pool_stats();
        EXPECT_EQ(counts.in_use + counts.waiting + counts.connecting, 0u) << moment.count();
        EXPECT_LE(counts.idle, 2u);
    }
}

CLIENT_TEST(returns_the_error_of_a_cancellation_at_any_turn_of_the_loop) {
    mock_server server(test.get_executor(), speaking(version));
    client llm = connect_to(test.get_executor(), server);
    int cancelled = 0;
    for (int turns = 0; turns < 150; ++turns) {
        asio::cancellation_signal stop;
        std::optional<result<chat_response>> outcome;
        auto handler = [&](result<chat_response> reply) { outcome = std::move(reply); };
        llm.async_complete(question(), asio::bind_cancellation_slot(stop.slot(), handler));
        co_await asio::post(test.get_executor(), use_awaitable);  // it has begun
        for (int i = 0; i < turns; ++i) co_await asio::post(test.get_executor(), use_awaitable);
        stop.emit(asio::cancellation_type::terminal);
        co_await sleep_for(1s);
        CO_ASSERT_TRUE(outcome.has_value());
        if (*outcome) continue;
        EXPECT_EQ(outcome->error(), errc::cancelled) << outcome->error().message();
        ++cancelled;
    }
    EXPECT_GT(cancelled, 0);
    EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().connecting + llm.pool_stats().waiting, 0u);
}

CLIENT_TEST(fails_calls_under_way_when_it_goes) {
    mock_server server(test.get_executor(), speaking(version, mock_options().latency(10s)));
    auto llm = std::make_optional(connect_to(test.get_executor(), server, client_options().max_connections(2)));
    std::vector<task<result<chat_response>>> calls;
    for (int i = 0; i < 5; ++i) calls.push_back(spawn(test.get_executor(), llm->try_complete(question(i))));
    co_await sleep_for(1s);
    EXPECT_EQ(server.counters().in_flight, version == http::protocol::http2 ? 5u : 2u);
    llm.reset();
    for (auto& call : calls) {
        const auto reply = co_await std::move(call);
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::client_closed) << reply.error().message();
    }
}

CLIENT_TEST(close_lets_calls_under_way_end) {
    mock_server server(test.get_executor(), speaking(version, mock_options().latency(200ms)));
    client llm = connect_to(test.get_executor(), server);
    auto call = spawn(test.get_executor(), llm.try_complete(question()));
    co_await sleep_for(100ms);
    co_await llm.close();
    EXPECT_TRUE(call.done());
    EXPECT_TRUE(co_await std::move(call));
    EXPECT_EQ(llm.pool_stats().idle, 0u);
}

#ifdef CHORUS_WITH_HTTP2
CHORUS_TEST(client_over_http2, sends_again_what_the_server_did_not_process) {
    mock_server server(get_executor(), mock_options().http2());
    server.expect().refuse();
    server.expect().go_away();
    server.expect().reply_text("third time");
    client llm = connect_to(get_executor(), server);
    EXPECT_EQ((co_await llm.complete(question())).text(), "third time");
    EXPECT_EQ(server.counters().connections, 2u) << "a refused stream leaves the connection, a GOAWAY does not";
}

CHORUS_TEST(client_over_http2, resets_only_the_stream_of_a_cancelled_call) {
    mock_server server(get_executor(), mock_options().http2().latency(100ms));
    client llm = connect_to(get_executor(), server);
    auto stays = spawn(get_executor(), llm.try_complete(question(1)));
    auto goes = spawn(get_executor(), llm.try_complete(question(2)));
    co_await sleep_for(50ms);
    goes.cancel();
    EXPECT_TRUE(co_await std::move(stays));
    EXPECT_EQ(server.counters().resets_received, 1u);
    EXPECT_EQ(llm.pool_stats().opened, 1u);
}

CHORUS_TEST(client_over_http2, names_a_server_that_does_not_speak_it) {
    mock_server server(get_executor());
    client llm = connect_to(get_executor(), server, client_options().protocol(http::protocol::http2));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_TRUE(reply.error() == errc::protocol_error || reply.error() == errc::tls_failed) << reply.error().message();
}

CHORUS_TEST(client_over_http2, is_not_spoken_when_switched_off) {
    mock_server server(get_executor(), mock_options().http2());
    client llm = connect_to(get_executor(), server, client_options().protocol(http::protocol::http1));
    EXPECT_EQ((co_await llm.complete(question(1))).text(), "echo: Question 1");
    auto second = spawn(get_executor(), llm.try_complete(question(2)));
    auto third = spawn(get_executor(), llm.try_complete(question(3)));
    EXPECT_TRUE(co_await std::move(second));
    EXPECT_TRUE(co_await std::move(third));
    EXPECT_EQ(llm.pool_stats().opened, 2u);
}
#endif

}  // namespace
}  // namespace chorus::client_over_tls_tests
