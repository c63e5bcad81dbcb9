// Pains 1 to 8: many calls at once, the pool, and connections that are old, idle or dead.
#include <chorus/async/gather.hpp>
#include <chorus/async/task.hpp>
#include <chorus/policy/pool_ledger.hpp>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>

#include "pains.hpp"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace chorus::pains::connections_tests {
namespace {

std::size_t threads_of_this_process() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "Threads:" && status >> word) return std::stoul(word);
    }
    return 0;
}

awaitable<std::vector<result<chat_response>>> ask_at_once(client& llm, int count, gather_options options = {}) {
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < count; ++i) calls.push_back(llm.try_complete(question(i)));
    return gather(std::move(calls), options);
}

// Many calls at once are slow, for the client is busy: openai-python#1596, encode/httpx#3215.
CHORUS_TEST(pain_01, a_thousand_calls_at_once_take_one_thread_and_bounded_connections) {
    mock_server server(get_executor(), mock_options().plain().latency(100ms));
    client llm = connect_to(get_executor(), server, client_options().max_connections(100));
    const std::size_t threads = threads_of_this_process();
    std::size_t most_threads = 0;
    server.on_request([&](const testing::mock_request&) {
        if (server.counters().requests % 50 == 0) most_threads = std::max(most_threads, threads_of_this_process());
    });
    const auto replies = co_await ask_at_once(llm, 1000);
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    EXPECT_GT(threads, 0u);
    EXPECT_EQ(most_threads, threads);
    EXPECT_EQ(server.counters().requests, 1000u);
    EXPECT_EQ(server.counters().connections, 100u);
    EXPECT_EQ(server.counters().peak_in_flight, 100u);
    EXPECT_LE(test_clock().elapsed(), 2s) << "ten rounds of the server's latency, and nothing of the client's own";
}

// The same of streams, which all run at the same time: litellm#21046. `streaming` of benchmarks/ runs a thousand and more.
CHORUS_TEST(pain_01, hundreds_of_streams_at_once_take_one_thread_and_come_to_their_ends) {
    constexpr std::size_t count = 500;
    mock_server server(get_executor(), mock_options().plain().stream_chunks(10).stream_interval(100ms));
    client llm = connect_to(get_executor(), server, client_options().max_connections(count));
    const std::size_t threads = threads_of_this_process();
    std::vector<task<result<chat_response>>> readers;
    for (std::size_t i = 0; i < count; ++i) {
        readers.push_back(spawn(get_executor(), read_stream(llm, static_cast<int>(i))));
    }
    co_await sleep_for(500ms);
    EXPECT_EQ(server.counters().streams_open, count);
    EXPECT_EQ(threads_of_this_process(), threads);
    for (std::size_t i = 0; i < count; ++i) {
        const auto whole = co_await std::move(readers[i]);
        CO_ASSERT_TRUE(whole) << i << ": " << whole.error().message();
        EXPECT_NE(whole->text().find("Question " + std::to_string(i)), std::string::npos) << whole->text();
    }
    EXPECT_EQ(server.counters().requests, count);
    EXPECT_LE(test_clock().elapsed(), 2s) << "as long as one of them alone";
    EXPECT_EQ(llm.pool_stats().idle, count);
}

// Gathering many calls ends in constant timeouts: openai-python#769, #1195.
CHORUS_TEST(pain_02, time_in_the_queue_counts_against_no_limit_but_its_own) {
    mock_server server(get_executor(), mock_options().plain().latency(100ms));
    client llm = connect_to(get_executor(), server,
                            client_options().max_connections(10).connect_timeout(1s).first_byte_timeout(1s));
    const auto replies = co_await ask_at_once(llm, 1000);
    std::chrono::nanoseconds longest{};
    for (const auto& reply : replies) {
        CO_ASSERT_TRUE(reply) << reply.error().message();
        longest = std::max(longest, reply->timing().queue);
        EXPECT_LT(reply->timing().first_byte, 1s);
    }
    EXPECT_GE(longest, 9s) << "the wait is told as what it is";
    EXPECT_EQ(server.counters().requests, 1000u);
}

CHORUS_TEST(pain_02, gather_itself_bounds_what_runs_at_once) {
    mock_server server(get_executor(), mock_options().plain().latency(100ms));
    client llm = connect_to(get_executor(), server);
    const auto replies = co_await ask_at_once(llm, 200, {.limit = 20});
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    EXPECT_EQ(server.counters().peak_in_flight, 20u);
    EXPECT_EQ(server.counters().connections, 20u);
}

// "PoolTimeout", and nothing else: openai-python#821, encode/httpx#1171.
CHORUS_TEST(pain_03, a_pool_that_is_exhausted_says_by_how_many) {
    mock_server server(get_executor(), mock_options().plain().latency(10s));
    client llm = connect_to(get_executor(), server, client_options().max_connections(2).pool_timeout(1s));
    const auto replies = co_await ask_at_once(llm, 5);
    for (std::size_t i = 0; i < replies.size(); ++i) {
        CO_ASSERT_EQ(replies[i].has_value(), i < 2) << i;
        if (replies[i]) continue;
        const error& late = replies[i].error();
        EXPECT_EQ(late, errc::pool_timed_out);
        EXPECT_EQ(late.phase(), phase::pool);
        EXPECT_EQ(late.attempts(), 0) << "it was never sent";
        EXPECT_NE(late.message().find("2 connections in use"), std::string::npos) << late.message();
        EXPECT_NE(late.message().find("calls waiting, the oldest for 1000 ms"), std::string::npos) << late.message();
    }
    EXPECT_EQ(server.counters().requests, 2u);
}

// Who has waited longest is not served first, and so times out: openai-python#2539.
CHORUS_TEST(pain_03, those_who_wait_are_served_in_the_order_of_their_asking) {
    mock_server server(get_executor(), mock_options().plain().latency(1s));
    client llm = connect_to(get_executor(), server, client_options().max_connections(1));
    std::vector<std::string> served;
    std::size_t most_waiting = 0;
    server.on_request([&](const testing::mock_request& request) {
        served.push_back(request.prompt);
        most_waiting = std::max(most_waiting, llm.pool_stats().waiting);
    });
    const auto replies = co_await ask_at_once(llm, 10);
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    CO_ASSERT_EQ(served.size(), 10u);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(served[static_cast<std::size_t>(i)], "Question " + std::to_string(i));
    EXPECT_EQ(most_waiting, 9u) << "how many wait is told at any time";
}

// Cancelled requests leak connections until the pool deadlocks: encode/httpcore#1093, #830, encode/httpx#1461.
CHORUS_TEST(pain_04, calls_that_end_at_random_moments_leave_the_pool_whole) {
    mock_server server(get_executor(), mock_options().latency(10ms));
    client llm = connect_to(get_executor(), server, client_options().max_connections(5).max_attempts(1));
    std::mt19937 random(7);
    int unanswered = 0;
    for (int round = 0; round < 20; ++round) {
        std::vector<task<result<chat_response>>> calls;
        for (int i = 0; i < 10; ++i) {
            chat_request request = question(i);
            if (i % 2 == 0) request.timeout(std::chrono::milliseconds(1 + random() % 25));
            calls.push_back(spawn(get_executor(), llm.try_complete(std::move(request))));
        }
        for (std::size_t i = 1; i < calls.size(); i += 2) {
            co_await sleep_for(std::chrono::microseconds(random() % 5000));
            calls[i].cancel();
        }
        for (auto& call : calls) {
            const auto reply = co_await std::move(call);
            if (!reply) ++unanswered;
        }
    }
    EXPECT_GT(unanswered, 50);
    co_await sleep_for(1s);
    const auto left = llm.pool_stats();
    EXPECT_EQ(left.in_use + left.connecting + left.waiting, 0u);
    EXPECT_EQ(left.idle, server.counters().open_connections);
    const auto replies = co_await ask_at_once(llm, 20);
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    EXPECT_EQ(llm.pool_stats().idle, 5u) << "every slot is of use again";
}

// A request that is cancelled while it waits for a connection is given one all the same, and nobody gives it back:
// encode/httpcore#830. In simulation/cancelled_everywhere.cpp every public operation is cancelled at each of its steps,
// in each way that users have; these are the places of which the reports tell.
CHORUS_TEST(pain_04, a_call_that_is_cancelled_wherever_it_waits_takes_nothing_with_it) {
    struct {
        const char* where;
        bool is_streamed;
        bool waits_for_another;  // whose connection is the only one
        std::size_t stalled_connections;
        void (*reply)(testing::mock_step&);
        bool is_whole = false;
    } const rows[] = {
        {"in the queue", false, true, 0, nullptr},
        {"in the queue, streamed", true, true, 0, nullptr},
        {"in the handshake", false, false, 1, nullptr},
        {"before the head", false, false, 0, [](auto& step) { step.stall(); }},
        {"before the head, streamed", true, false, 0, [](auto& step) { step.stall(); }},
        {"in the head", true, false, 0, [](auto& step) { step.stall_after(10); }},
        {"in the body", false, false, 0, [](auto& step) { step.stall_after(400); }},
        {"between events", true, false, 0, [](auto& step) { step.reply_stream("one two three").every(10s); }},
        {"behind the end", true, false, 0,
         [](auto& step) {
             step.reply_sse_pieces({openai_stream({"a"}), ": more\n\n"}).every(10s);
         },
         true},
        {"before the next attempt", false, false, 0,
         [](auto& step) { step.reply(503, "{}").reply_header("retry-after", "60"); }},
    };
    for (const auto& row : rows) {
        mock_server server(get_executor());
        server.stall_connections(row.stalled_connections);
        client llm = connect_to(get_executor(), server, client_options().max_connections(1));
        std::vector<task<result<chat_response>>> others;
        if (row.waits_for_another) {
            server.expect().after(10s);
            others.push_back(spawn(get_executor(), llm.try_complete(question(0))));
            co_await sleep_for(50ms);
        }
        if (row.reply != nullptr) row.reply(server.expect());
        auto call = spawn(get_executor(), row.is_streamed ? read_stream(llm) : llm.try_complete(question()));
        co_await sleep_for(100ms);
        call.cancel();
        const auto cut = co_await std::move(call);
        // Behind the end the answer is whole: only its connection is lost.
        EXPECT_EQ(cut ? errc{} : cut.error().code(), row.is_whole ? errc{} : errc::cancelled) << row.where;
        for (auto& other : others) EXPECT_TRUE(co_await std::move(other)) << row.where;
        const auto next = co_await llm.try_complete(question(2));
        CO_ASSERT_TRUE(next) << row.where << ": " << next.error().message();
        const auto left = llm.pool_stats();
        EXPECT_EQ(left.in_use + left.connecting + left.waiting, 0u) << row.where;
        EXPECT_EQ(left.idle, 1u) << row.where;
        EXPECT_EQ(server.counters().requests, server.counters().replies + server.counters().abandoned) << row.where;
    }
}

// Works for hours, then every request times out until a restart: openai-python#2688, #971.
CHORUS_TEST(pain_05, no_connection_is_used_for_longer_than_its_age) {
    mock_server server(get_executor());
    client llm = connect_to(get_executor(), server);
    for (int call = 0; call < 240; ++call) {  // two hours of a call each half minute
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << reply.error().message();
        co_await sleep_for(30s);
    }
    EXPECT_GE(server.counters().connections, 11u) << "each serves for ten minutes";
    EXPECT_LE(server.counters().connections, 13u);
    EXPECT_LE(server.counters().peak_connections, 2u);
}

CHORUS_TEST(pain_05, a_connection_that_went_silent_is_not_used_again) {
    mock_server server(get_executor());
    server.expect().reply_text("first");
    server.expect().stall();
    server.expect().reply_text("third");
    client llm = connect_to(get_executor(), server, client_options().first_byte_timeout(3s).max_attempts(1));
    EXPECT_EQ((co_await llm.complete(question())).text(), "first");
    const auto late = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::first_byte_timed_out);
    EXPECT_EQ((co_await llm.complete(question())).text(), "third");
    EXPECT_EQ(server.counters().connections, 2u);
}

// So that a pool which loses count is seen where it happens, and not hours later; see policy/pool_ledger.cpp, too.
#ifndef NDEBUG
TEST(pain_05, a_ledger_that_does_not_add_up_ends_a_debug_build_at_once) {
    const http::origin origin{true, "llm.example", 443};
    policy::pool_ledger ledger;
    int waiter = 0;
    EXPECT_EQ(ledger.acquire(origin, {}), policy::pool_ledger::no_connection);
    ledger.enqueue(origin, &waiter);
    const auto connection = ledger.take_actions().at(0).connection;
    ledger.opened(connection, 1, {});
    ledger.release(connection, true, std::nullopt, {});
    EXPECT_TRUE(ledger.adds_up());
    EXPECT_DEATH(ledger.release(connection, true, std::nullopt, {}), "leases > 0") << "it would be used by two";
}
#endif

// The connection is dropped after every stream, so each pays for TLS anew: openai-python#3440, #763.
CHORUS_TEST(pain_06, streams_that_were_read_share_one_connection) {
    mock_server server(get_executor(), mock_options().stream_interval(5ms).stream_chunks(5));
    client llm = connect_to(get_executor(), server);
    for (int i = 0; i < 20; ++i) {
        auto stream = llm.stream(question(i));
        const auto whole = co_await stream.try_finish();
        CO_ASSERT_TRUE(whole) << whole.error().message();
        EXPECT_EQ(whole->timing().reused, i > 0);
    }
    EXPECT_EQ(server.counters().connections, 1u);
    EXPECT_EQ(server.counters().handshakes_full, 1u);
    EXPECT_EQ(llm.pool_stats().reused, 19u);
}

// What comes behind the mark of the end is not read, and met by the next request: openai-python#3580.
CHORUS_TEST(pain_06, what_comes_behind_the_end_is_read_within_bounds_and_means_nothing) {
    const std::string all = openai_stream({"Hi."});
    const std::string more = openai_text_event(" More.");
    struct {
        const char* what;
        std::vector<std::string> pieces;
        std::chrono::milliseconds every;
        bool is_closed_after;
        std::uint64_t connections;  // for two streams: whether the first one's serves the second
    } const rows[] = {
        {"the end of the body, a moment later", {all}, 0ms, false, 1},
        {"a comment, with it", {all + ": bye\n\n"}, 0ms, false, 1},
        {"a comment, a moment later", {all, ": bye\n\n"}, 100ms, false, 1},
        {"another event", {all, more + std::string(openai_end)}, 100ms, false, 1},
        {"an error", {all, "data: {\"error\":{\"message\":\"Late.\"}}\n\n"}, 100ms, false, 1},
        {"what is no event", {all + "\xff\r{\"", "\n]"}, 100ms, false, 1},
        {"a comment, too late", {all, ": bye\n\n"}, 2s, false, 2},
        {"too many comments", std::vector<std::string>(20, ": bye\n\n"), 100ms, false, 2},
        {"too much", {all, std::string(100'000, '\n'), more}, 1ms, false, 2},
        {"the end of the connection", {all}, 0ms, true, 2},
    };
    for (const auto& row : rows) {
        mock_server server(get_executor());
        auto pieces = row.pieces;
        if (pieces.size() == 20) pieces.insert(pieces.begin(), all);
        auto& step = server.expect().reply_sse_pieces(std::move(pieces)).every(row.every);
        if (row.is_closed_after) step.close_after();
        client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
        const auto first = co_await read_stream(llm);
        CO_ASSERT_TRUE(first) << row.what << ": " << first.error().message();
        EXPECT_EQ(first->text(), "Hi.") << row.what;
        EXPECT_LE(test_clock().elapsed(), 10s) << row.what;
        const auto second = co_await read_stream(llm, 2);
        CO_ASSERT_TRUE(second) << row.what << ": " << second.error().message();
        EXPECT_NE(second->text().find("Question 2"), std::string::npos) << second->text();
        EXPECT_EQ(server.counters().connections, row.connections) << row.what;
    }
}

// The first request after a pause fails: openai-python#371, NVIDIA-NeMo/Gym PR#1555.
CHORUS_TEST(pain_07, a_server_that_closes_idle_connections_is_not_noticed) {
    // uvicorn closes after 5 s; every pause ends just before it, in the middle of it, or after it.
    mock_server server(get_executor(), mock_options().plain().idle_close(5s));
    client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
    std::uint64_t asked = 0;
    for (const auto pause : {3999ms, 4001ms, 4999ms, 5000ms, 5001ms, 60000ms}) {
        co_await llm.complete(question());
        co_await sleep_for(pause);
        const auto reply = co_await llm.try_complete(question());
        asked += 2;
        CO_ASSERT_TRUE(reply) << pause.count() << ": " << reply.error().message();
    }
    EXPECT_EQ(server.counters().requests, asked) << "each was seen once";
}

CHORUS_TEST(pain_07, a_server_that_says_how_long_it_waits_is_believed) {
    const std::pair<const char*, std::pair<std::chrono::milliseconds, std::uint64_t>> rows[] = {
        {"timeout=10, max=100", {8900ms, 1}},  // a second is kept in hand
        {"timeout=10, max=100", {9100ms, 2}},
        {"timeout=10", {59s, 2}},
        {"max=100", {59s, 1}},
        {"timeout=600", {61s, 2}},  // the own limit is shorter
        {"timeout=0", {0ms, 2}},
    };
    for (const auto& [said, expected] : rows) {
        const auto& [pause, connections] = expected;
        mock_server server(get_executor());
        server.expect().reply_text("first").reply_header("Keep-Alive", said);
        client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
        co_await llm.complete(question());
        co_await sleep_for(pause);
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << said << ": " << reply.error().message();
        EXPECT_EQ(server.counters().connections, connections) << said << ' ' << pause.count();
    }
}

CHORUS_TEST(pain_07, a_connection_that_was_closed_while_idle_is_not_written_to) {
    for (const bool plain : {true, false}) {
        mock_server server(get_executor(), mock_options().plain(plain));
        // Nothing is sent a second time here, so it is seen before the first.
        client llm = connect_to(get_executor(), server,
                                client_options().retries({.max_attempts = 1, .level = policy::replay_level::never}));
        for (int i = 0; i < 3; ++i) {
            const auto reply = co_await llm.try_complete(question(i));
            CO_ASSERT_TRUE(reply) << reply.error().message();
            server.close_connections();
            co_await sleep_for(10ms);
        }
        EXPECT_EQ(server.counters().requests, 3u);
        EXPECT_EQ(server.counters().connections, 3u);
    }
}

CHORUS_TEST(pain_07, a_request_that_crosses_the_close_of_its_connection_is_sent_once_more) {
    mock_server server(get_executor());
    server.script().nothing_else();
    server.expect().prompt("Question 1").reply_text("first");
    server.expect().prompt("Question 2").drop();
    server.expect().prompt("Question 2").reply_text("second");
    client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
    EXPECT_EQ((co_await llm.complete(question(1))).text(), "first");
    EXPECT_EQ((co_await llm.complete(question(2))).text(), "second");
    EXPECT_EQ(server.counters().replies, 2u);
}

// Long quiet requests are dropped by the NAT: openai-python#3269, googleapis/python-genai#2705.
CHORUS_TEST(pain_08, each_socket_probes_a_peer_that_is_silent) {
    for (const bool plain : {true, false}) {
        mock_server server(get_executor(), mock_options().plain(plain).latency(1s));
        client llm = connect_to(get_executor(), server);
        auto call = spawn(get_executor(), llm.try_complete(question()));
        co_await sleep_for(500ms);
        int seen = 0;
        for (int descriptor = 0; descriptor < 1024; ++descriptor) {
            sockaddr_in peer{};
            socklen_t length = sizeof peer;
            if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
            if (peer.sin_family != AF_INET || ntohs(peer.sin_port) != server.port()) continue;
            ++seen;
            const auto option = [descriptor](int level, int name) {
                int value = 0;
                socklen_t size = sizeof value;
                ::getsockopt(descriptor, level, name, &value, &size);
                return value;
            };
            EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
            EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
            EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 60);
            EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 5);
            EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 360'000);
        }
        EXPECT_EQ(seen, 1);
        EXPECT_TRUE(co_await std::move(call));
    }
}

}  // namespace
}  // namespace chorus::pains::connections_tests
