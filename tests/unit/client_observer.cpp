// What a client tells of its calls: each step as it comes, each wait, each limit, however it ends.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>
#include <chorus/traffic.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/openai_stream.hpp"

namespace chorus::client_observer_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;
using testing::openai_stream;
using testing::openai_text_event;
using testing::streamed_answer;
using notes = std::vector<std::string>;

openai endpoint() {
    const auto no_environment = [](const char*) -> const char* { return nullptr; };
    return openai(no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

http::response answer(int status) {
    http::response made;
    made.status = status;
    made.body = status == 200 ? R"({"id":"c1","model":"m","choices":[{"index":0,"finish_reason":"stop","message":)"
                                R"({"role":"assistant","content":"Because."}}],"usage":{"prompt_tokens":1,)"
                                R"("completion_tokens":2,"total_tokens":3}})"
                              : "{}";
    return made;
}

streamed_answer pieces(std::vector<std::string> texts) {
    streamed_answer script;
    script.head.status = 200;
    for (auto& text : texts) script.pieces.push_back({std::move(text), 0ms});
    return script;
}

chat_request question() {
    return chat_request("m").user("Why?");
}

std::string ms(std::chrono::nanoseconds length) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(length).count()) + " ms";
}

/// Writes down what it is told.
struct witness final : observer {
    void on_call(const call_info& call) noexcept override { note("call", call); }
    void on_limited(const call_info& call, std::chrono::nanoseconds waited) noexcept override {
        note("limited " + ms(waited), call);
    }
    void on_attempt(const call_info& call, int number) noexcept override {
        note("attempt " + std::to_string(number), call);
    }
    void on_first_byte(const call_info& call, std::chrono::nanoseconds since) noexcept override {
        first_byte = since;
        note("first byte", call);
    }
    void on_first_token(const call_info& call, std::chrono::nanoseconds) noexcept override {
        note("first token", call);
    }
    void on_retry(const call_info& call, const error& why, std::chrono::milliseconds) noexcept override {
        note("retry after " + std::to_string(why.http_status()), call);
    }
    void on_end(const call_info& call, const call_end& end) noexcept override {
        note("end: " + (end.failure != nullptr ? end.failure->code().message() : std::string("good")), call);
        ended = end;
        if (end.tokens != nullptr) tokens = end.tokens->total_tokens.value_or(0);
    }
    void on_server_limit(limit_event what, const limit_info& limit) noexcept override {
        std::string text(to_string(what));
        if (limit.call != nullptr) text += " call " + std::to_string(limit.call->id);
        if (limit.wait > 0ms) text += " " + ms(limit.wait);
        if (limit.concurrency != 0) text += " " + std::to_string(limit.concurrency);
        if (limit.failure != nullptr) text += ": " + limit.failure->code().message();
        seen.push_back(text);
        where = limit.server->host;
    }
    void note(const std::string& what, const call_info& call) {
        seen.push_back(what);
        model = call.model;
        operation = call.operation;
    }

    notes seen;
    std::string model;
    std::string operation;
    std::string where;
    std::chrono::nanoseconds first_byte{};
    std::int64_t tokens = 0;
    call_end ended;  // its times and numbers: the rest is gone
};

/// A client on a network in memory.
struct simulated {
    simulated(executor ex, const client_options& options, http::protocol version = http::protocol::http1,
              const testing::simulated_connection& wire = {}, std::size_t connections = 10)
        : network(std::make_shared<testing::simulated_network>(ex)),
          server(*network, "api.test",
                 testing::mock_options().latency(2s).body_bytes(2000).http2(version == http::protocol::http2)),
          llm(ex, endpoint().base_url(server.base_url()), transport(ex, version, connections), options) {
        network->plan([wire](const http::origin&) { return wire; });
    }
    std::shared_ptr<net::transport> transport(const executor& ex, http::protocol version, std::size_t connections) {
        policy::pool_options pool;
        pool.max_connections_per_origin = connections;
        return net::http_transport::create(ex, pool, {}, version, {}, network).value();
    }

    std::shared_ptr<testing::simulated_network> network;
    testing::simulated_server server;
    client llm;
};

std::shared_ptr<traffic_control> one_at_a_time(const executor& ex) {
    traffic_options options;
    options.max_concurrency = 1;
    options.adaptive = false;
    return std::make_shared<traffic_control>(ex, options);
}

CHORUS_TEST(client_observer, is_told_of_each_step_of_a_call) {
    const auto seen = std::make_shared<witness>();
    int asked = 0;
    const auto fake =
        std::make_shared<fake_transport>([&](const http::request&) { return answer(++asked == 1 ? 503 : 200); });
    client llm(get_executor(), endpoint(), fake, client_options().observer(seen));
    co_await llm.complete(question());
    EXPECT_EQ(seen->seen,
              (notes{"call", "attempt 1", "first byte", "retry after 503", "attempt 2", "first byte", "end: good"}));
    EXPECT_EQ(seen->model, "m");
    EXPECT_EQ(seen->operation, "chat");
    EXPECT_EQ(seen->ended.attempts, 2);
    EXPECT_EQ(seen->tokens, 3);
}

CHORUS_TEST(client_observer, is_told_of_the_first_token_of_a_stream_and_of_its_end) {
    const auto seen = std::make_shared<witness>();
    const auto fake = std::make_shared<fake_transport>([](const http::request&) { return answer(500); });
    const std::string first = openai_text_event("Be"), rest = openai_stream({"cause"});
    fake->answer_in_pieces([&](const http::request&) -> result<streamed_answer> { return pieces({first, rest}); });
    client llm(get_executor(), endpoint(), fake, client_options().observer(seen));
    auto stream = llm.stream(question());
    co_await stream.finish();
    EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "first byte", "first token", "end: good"}));
    EXPECT_EQ(seen->ended.bytes_received, first.size() + rest.size());
}

CHORUS_TEST(client_observer, is_told_once_of_the_end_however_it_comes) {
    const auto seen = std::make_shared<witness>();
    const auto fake = std::make_shared<fake_transport>([](const http::request&) { return answer(500); });
    fake->answer_in_pieces([](const http::request&) -> result<streamed_answer> {
        return pieces({openai_text_event("Be"), openai_stream({"cause"})});
    });
    client llm(get_executor(), endpoint(), fake, client_options().observer(seen));
    const auto refused = co_await llm.try_complete(chat_request("m"));
    EXPECT_FALSE(refused);
    EXPECT_EQ(seen->seen, (notes{"call", "end: invalid argument"}));
    seen->seen.clear();
    {
        auto dropped = llm.stream(question());
        static_cast<void>(co_await dropped.try_next());
    }
    EXPECT_EQ(seen->seen.back(), "end: cancelled");
    EXPECT_EQ(std::count(seen->seen.begin(), seen->seen.end(), "end: cancelled"), 1);
    EXPECT_EQ(seen->ended.bytes_received, openai_text_event("Be").size()) << "what came, and not what might have";
}

CHORUS_TEST(client_observer, is_told_of_the_head_of_a_whole_answer_before_its_body_is_there) {
    std::vector<http::protocol> versions = {http::protocol::http1};
#ifdef CHORUS_WITH_HTTP2
    versions.push_back(http::protocol::http2);
#endif
    for (const auto version : versions) {
        const auto seen = std::make_shared<witness>();
        testing::simulated_connection slow;
        slow.to_client.bytes_per_second = 500;
        slow.to_client.segment_bytes = 100;
        simulated with(get_executor(), client_options().observer(seen), version, slow);
        auto call = spawn(get_executor(), with.llm.try_complete(question()));
        co_await sleep_for(4s);
        EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "first byte"})) << "the body takes four seconds";
        EXPECT_GE(seen->first_byte, 2s);
        EXPECT_LT(seen->first_byte, 3s);
        const auto reply = co_await std::move(call);
        CO_ASSERT_TRUE(reply);
        EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "first byte", "end: good"})) << "and once";
        EXPECT_EQ(reply->timing().first_byte, seen->first_byte);
        EXPECT_GT(reply->timing().total, 6s);
    }
}

CHORUS_TEST(client_observer, is_told_that_a_call_waits_when_it_begins_to) {
    const auto seen = std::make_shared<witness>();
    simulated with(get_executor(), client_options().observer(seen).gate(one_at_a_time(get_executor())));
    auto first = spawn(get_executor(), with.llm.try_complete(question()));
    co_await sleep_for(500ms);
    // It takes two seconds, and its turn comes after one and a half, which is none of its time.
    auto second = spawn(get_executor(), with.llm.try_complete(question().timeout(3s)));
    co_await sleep_for(1ms);
    EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "call", "held call 2"}));
    EXPECT_EQ(seen->where, "api.test");
    EXPECT_TRUE(co_await std::move(first));
    const auto reply = co_await std::move(second);
    EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "call", "held call 2", "first byte", "end: good",
                                 "limited 1500 ms", "attempt 1", "first byte", "end: good"}));
    EXPECT_EQ(seen->ended.queued, 1500ms);
    CO_ASSERT_TRUE(reply);
    EXPECT_EQ(reply->timing().queue, 1500ms);
    EXPECT_EQ(reply->timing().total, 3500ms) << "with the wait, and with the two seconds of the server";
    EXPECT_EQ(reply->timing().total, seen->ended.total);
}

enum class ending { late, cancelled, dropped };

CHORUS_TEST(client_observer, is_told_how_long_a_call_waited_in_vain) {
    http::limits short_wait;
    short_wait.pool_wait = 1s;
    for (const auto& [how, limited_by_gate] : std::vector<std::pair<ending, bool>>{{ending::late, true},
                                                                                   {ending::late, false},
                                                                                   {ending::cancelled, true},
                                                                                   {ending::cancelled, false},
                                                                                   {ending::dropped, true},
                                                                                   {ending::dropped, false}}) {
        const auto seen = std::make_shared<witness>();
        client_options options = client_options().observer(seen);
        if (limited_by_gate) options.gate(one_at_a_time(get_executor()));
        simulated with(get_executor(), options, http::protocol::http1, {}, 1);
        auto busy = spawn(get_executor(), with.llm.try_complete(question()));
        co_await sleep_for(1ms);
        seen->seen.clear();
        std::optional<task<result<chat_response>>> waits =
            spawn(get_executor(),
                  with.llm.try_complete(question().limits(how == ending::late ? short_wait : http::limits())));
        std::optional<error> failure;
        if (how != ending::late) co_await sleep_for(1s);
        if (how == ending::cancelled) waits->cancel();
        if (how == ending::dropped) {
            waits.reset();
            co_await sleep_for(1ms);
        } else {
            const auto reply = co_await std::move(*waits);
            CO_ASSERT_FALSE(reply);
            failure = reply.error();
        }
        const std::string name = std::to_string(static_cast<int>(how)) + (limited_by_gate ? " gate" : " pool");
        EXPECT_EQ(seen->ended.queued, 1s) << name;
        EXPECT_EQ(seen->ended.total, 1s) << name;
        if (failure) {
            EXPECT_EQ(failure->queued(), 1s) << name;
        }
        const std::string late = "timed out waiting for its turn";
        notes wanted = {"call"};
        if (limited_by_gate) wanted.push_back("held call 2");
        if (!limited_by_gate) {
            wanted.push_back("attempt 1");
            wanted.push_back("queued call 2");
        }
        if (how == ending::late) {
            wanted.push_back((limited_by_gate ? "refused call 2: " : "pool timed out call 2: ") + late);
        }
        wanted.push_back("end: " + (how == ending::late ? late : std::string("cancelled")));
        EXPECT_EQ(seen->seen, wanted) << name;
        EXPECT_TRUE(co_await std::move(busy));
    }
}

CHORUS_TEST(client_observer, an_opening_behind_the_queue_is_none_of_it_for_a_call_that_is_dropped) {
    const auto seen = std::make_shared<witness>();
    testing::simulated_connection wire;
    wire.opens_after = 500ms;
    simulated with(get_executor(), client_options().observer(seen), http::protocol::http1, wire, 1);
    auto busy = spawn(get_executor(), with.llm.try_complete(question()));
    co_await sleep_for(1s);
    std::optional<task<result<chat_response>>> waits = spawn(get_executor(), with.llm.try_complete(question()));
    co_await sleep_for(1s);
    busy.cancel();  // its connection goes with it, and another is opened
    static_cast<void>(co_await std::move(busy));
    co_await sleep_for(300ms);
    waits.reset();
    co_await sleep_for(1ms);
    EXPECT_EQ(seen->seen,
              (notes{"call", "attempt 1", "call", "attempt 1", "queued call 2", "end: cancelled", "end: cancelled"}));
    EXPECT_EQ(seen->ended.queued, 1s);
    EXPECT_EQ(seen->ended.total, 1300ms);
}

CHORUS_TEST(client_observer, counts_the_waits_of_all_attempts_and_no_opening_of_a_connection) {
    const auto seen = std::make_shared<witness>();
    http::limits limits;
    limits.pool_wait = 1s;
    testing::simulated_connection wire;
    wire.opens_after = 300ms;
    simulated with(get_executor(), client_options().observer(seen).limits(limits).random_seed(1), http::protocol::http1,
                   wire, 1);
    auto busy = spawn(get_executor(), with.llm.try_complete(question()));
    co_await sleep_for(1ms);
    const auto reply = co_await with.llm.try_complete(question());
    const auto pool_timeouts =
        std::count(seen->seen.begin(), seen->seen.end(), "pool timed out call 2: timed out waiting for its turn");
    EXPECT_GE(pool_timeouts, 1);
    if (reply) {
        EXPECT_GE(reply->timing().queue, 1s);
        EXPECT_LE(reply->timing().queue + reply->timing().first_byte, reply->timing().total);
    } else {
        EXPECT_EQ(reply.error().queued(), pool_timeouts * 1s);
    }
    EXPECT_EQ(seen->ended.queued, reply ? reply->timing().queue : reply.error().queued());
    const auto first = co_await std::move(busy);
    CO_ASSERT_TRUE(first);
    EXPECT_EQ(first->timing().connect, 300ms);
    EXPECT_EQ(first->timing().queue, 0s);
}

CHORUS_TEST(client_observer, an_opening_that_fails_is_no_queue) {
    const auto seen = std::make_shared<witness>();
    testing::simulated_connection refused;
    refused.opening = testing::simulated_opening::refused;
    refused.opens_after = 700ms;
    simulated with(get_executor(), client_options().observer(seen).max_attempts(1), http::protocol::http1, refused);
    const auto reply = co_await with.llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::connect_failed);
    EXPECT_EQ(reply.error().queued(), 0s);
    EXPECT_EQ(seen->ended.queued, 0s);
    EXPECT_EQ(seen->ended.total, 700ms);
}

CHORUS_TEST(client_observer, is_told_of_pauses_and_of_the_concurrency_that_follows) {
    const auto seen = std::make_shared<witness>();
    int asked = 0;
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) {
        auto reply = answer(++asked == 1 ? 429 : 200);
        if (asked == 1) reply.headers.add("retry-after", "7");
        return reply;
    });
    const auto limits = std::make_shared<traffic_control>(get_executor());
    client llm(get_executor(), endpoint(), fake, client_options().observer(seen).gate(limits));
    co_await llm.complete(question());
    EXPECT_EQ(seen->seen, (notes{"call", "attempt 1", "first byte", "paused 7000 ms", "concurrency changed 44",
                                 "retry after 429", "attempt 2", "first byte", "end: good"}));
    EXPECT_EQ(seen->where, "llm.example");
    EXPECT_EQ(seen->ended.queued, 0s) << "the wait before a retry is none in a queue";
}

CHORUS_TEST(client_observer, is_told_of_circuits_and_of_what_they_refuse) {
    const auto seen = std::make_shared<witness>();
    int status = 500;
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) { return answer(status); });
    policy::circuit_breaker_options options;
    options.min_calls = 1;
    const auto breakers = std::make_shared<circuit_breakers>(get_executor(), options);
    client llm(get_executor(), endpoint(), fake, client_options().observer(seen).gate(breakers).max_attempts(1));
    EXPECT_FALSE(co_await llm.try_complete(question()));
    EXPECT_FALSE(co_await llm.try_complete(question()));
    co_await sleep_for(5s);
    status = 200;
    EXPECT_TRUE(co_await llm.try_complete(question()));
    EXPECT_EQ(seen->seen,
              (notes{"call", "attempt 1", "first byte", "circuit opened 5000 ms", "end: server error", "call",
                     "refused call 2: calls to this server are suspended", "end: calls to this server are suspended",
                     "call", "circuit half opened", "attempt 1", "first byte", "circuit closed", "end: good"}));
}

}  // namespace
}  // namespace chorus::client_observer_tests
