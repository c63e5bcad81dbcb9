// Gates as a client uses them: each attempt passes all of them, in order, and each hears of its end once.
#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>
#include <chorus/traffic.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chorus::gates_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;

openai endpoint() {
    const auto no_environment = [](const char*) -> const char* { return nullptr; };
    return openai(no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

http::response answer(int status) {
    http::response made;
    made.status = status;
    made.body = status == 200 ? R"({"id":"c1","model":"m","choices":[{"index":0,"finish_reason":"stop","message":)"
                                R"({"role":"assistant","content":"Hi."}}],"usage":{"prompt_tokens":30,)"
                                R"("completion_tokens":20,"total_tokens":50}})"
                              : "{}";
    return made;
}

std::shared_ptr<fake_transport> always(int status) {
    return std::make_shared<fake_transport>([status](const http::request&) { return answer(status); });
}

chat_request question() {
    return chat_request("m").user("Why?").max_tokens(40);
}

/// Writes down what it is told.
struct recording_gate final : call_gate {
    struct recorded final : pass {
        explicit recorded(recording_gate& gate) : owner(gate) {}
        ~recorded() override { owner.log += ")"; }
        void sent() noexcept override { owner.log += " sent"; }
        void answered(const rate_limits&, std::chrono::nanoseconds) noexcept override { owner.log += " answered"; }
        void succeeded(const usage&) noexcept override { owner.log += " succeeded"; }
        void failed(const error&) noexcept override { owner.log += " failed"; }
        recording_gate& owner;
    };
    entry try_enter(const gated_call& call) override {
        model = call.model;
        asked = call.tokens;
        how = call.priority;
        if (refuse) return error(errc::circuit_open);
        if (hold) return entry(nullptr);
        log += "(";
        return std::make_unique<recorded>(*this);
    }
    awaitable<entry> enter(const gated_call& call, clock::time_point) override {
        co_await sleep_for(3s);
        hold = false;
        co_return try_enter(call);
    }

    std::string log;
    std::string model;
    policy::token_estimate asked;
    priority how{};
    bool refuse = false;
    bool hold = false;
};

CHORUS_TEST(gates, are_told_of_each_attempt_and_of_how_it_ended) {
    int asked = 0;
    const auto fake =
        std::make_shared<fake_transport>([&](const http::request&) { return answer(++asked == 1 ? 500 : 200); });
    const auto gate = std::make_shared<recording_gate>();
    client llm(get_executor(), endpoint(), fake, client_options().gate(gate));
    co_await llm.complete(question().priority(priority::background));
    EXPECT_EQ(gate->log, "( sent answered failed)( sent answered succeeded)");
    EXPECT_EQ(gate->model, "m");
    EXPECT_EQ(gate->asked.output, 40);
    EXPECT_GT(gate->asked.input, 0);
    EXPECT_EQ(gate->how, priority::background);
}

CHORUS_TEST(gates, give_back_what_others_refuse) {
    const auto fake = always(200);
    const auto first = std::make_shared<recording_gate>();
    const auto second = std::make_shared<recording_gate>();
    second->refuse = true;
    client llm(get_executor(), endpoint(), fake, client_options().gate(first).gate(second));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::circuit_open);
    EXPECT_EQ(first->log, "()");
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(gates, hold_calls_back_one_after_the_other) {
    const auto fake = always(200);
    const auto first = std::make_shared<recording_gate>();
    const auto second = std::make_shared<recording_gate>();
    first->hold = second->hold = true;
    client llm(get_executor(), endpoint(), fake, client_options().gate(first).gate(second));
    const auto began = now(get_executor());
    co_await llm.complete(question());
    EXPECT_EQ(now(get_executor()) - began, 6s);
    EXPECT_EQ(first->log, "( sent answered succeeded)");
    EXPECT_EQ(second->log, "( sent answered succeeded)");
}

CHORUS_TEST(gates, are_left_when_the_call_is_cancelled_while_it_waits) {
    const auto fake = always(200);
    const auto first = std::make_shared<recording_gate>();
    const auto second = std::make_shared<recording_gate>();
    second->hold = true;
    client llm(get_executor(), endpoint(), fake, client_options().gate(first).gate(second));
    auto call = spawn(get_executor(), llm.try_complete(question()));
    co_await sleep_for(1s);
    call.cancel();
    const auto reply = co_await std::move(call);
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::cancelled);
    EXPECT_EQ(first->log, "()");
    EXPECT_EQ(test_clock().pending(), 0u);
}

CHORUS_TEST(circuit_breakers, leave_a_server_alone_that_keeps_failing) {
    const auto fake = always(500);
    const auto breakers = std::make_shared<circuit_breakers>(get_executor());
    client llm(get_executor(), endpoint(), fake, client_options().gate(breakers).max_attempts(1));
    const http::origin where{true, "llm.example", 443};
    for (int i = 0; i < 20; ++i) static_cast<void>(co_await llm.try_complete(question()));
    EXPECT_EQ(breakers->state(where), policy::circuit_state::open);
    const auto refused = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_NE(refused.error().message().find("llm.example"), std::string::npos);
    EXPECT_EQ(fake->requests.size(), 20u);
    co_await sleep_for(5s);
    static_cast<void>(co_await llm.try_complete(question()));  // the probe, which fails
    EXPECT_EQ(fake->requests.size(), 21u);
    const auto again = co_await llm.try_complete(question());
    EXPECT_EQ(again.error(), errc::circuit_open);
}

CHORUS_TEST(budget, refuses_the_call_that_would_pass_it) {
    const auto fake = always(200);
    const auto mine = std::make_shared<budget>(policy::spending_limits{.tokens = 120});
    client llm(get_executor(), endpoint(), fake, client_options().gate(mine));
    co_await llm.complete(question());
    EXPECT_EQ(mine->spent().tokens, 50);
    co_await llm.complete(question());
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::budget_exceeded);
    EXPECT_EQ(fake->requests.size(), 2u);
    EXPECT_EQ(mine->spent().tokens, 100);
    EXPECT_EQ(mine->reserved().tokens, 0);
}

CHORUS_TEST(budget, charges_what_may_have_been_billed_and_nothing_that_was_refused) {
    error lost(errc::connection_lost);
    lost.phase(phase::first_byte).attempts(1);
    const auto losing =
        std::make_shared<fake_transport>([lost](const http::request&) -> result<http::response> { return lost; });
    const auto group = std::make_shared<budget>(policy::spending_limits{.tokens = 1000});
    const auto first = std::make_shared<budget>(policy::spending_limits{}, group);
    const auto second = std::make_shared<budget>(policy::spending_limits{}, group);
    client losing_client(get_executor(), endpoint(), losing, client_options().gate(first).max_attempts(1));
    client refused_client(get_executor(), endpoint(), always(429), client_options().gate(second).max_attempts(1));
    static_cast<void>(co_await losing_client.try_complete(question()));
    static_cast<void>(co_await refused_client.try_complete(question()));
    EXPECT_GE(first->spent().tokens, 40);
    EXPECT_EQ(second->spent().tokens, 0);
    EXPECT_EQ(group->spent().tokens, first->spent().tokens);
    EXPECT_EQ(group->reserved().tokens, 0);
}

CHORUS_TEST(traffic_control, keeps_the_calls_of_a_client_within_the_limits_of_its_server) {
    // 600 requests a minute, in windows of a minute.
    struct {
        clock::time_point window{};
        int count = 0;
        int refused = 0;
    } server;
    const executor ex = get_executor();
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) {
        const auto time = now(ex);
        if (time >= server.window + 60s) {
            server.window = time;
            server.count = 0;
        }
        if (++server.count <= 600) return answer(200);
        ++server.refused;
        return answer(429);
    });
    const auto limits = std::make_shared<traffic_control>(ex, traffic_options{.requests_per_minute = 600});
    client llm(ex, endpoint(), fake, client_options().gate(limits).max_attempts(1));
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(llm.try_complete(question()));
    const auto replies = co_await gather(std::move(calls));
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    EXPECT_EQ(server.refused, 0);
    EXPECT_EQ(test_clock().pending(), 0u);
}

awaitable<bool> ask(client& llm, bool is_streamed) {
    chat_request asked(is_streamed ? "streamed" : "whole");
    asked.user("Why?");
    if (!is_streamed) {
        const auto reply = co_await llm.try_complete(asked);
        co_return bool(reply);
    }
    auto stream = llm.stream(asked);
    const auto reply = co_await stream.try_finish();
    co_return bool(reply);
}

CHORUS_TEST(traffic_control, lowers_its_concurrency_when_first_bytes_come_late_and_for_no_other_wait) {
    const executor ex = get_executor();
    const auto network = std::make_shared<testing::simulated_network>(ex);
    network->plan([](const http::origin&) {
        testing::simulated_connection slow;
        slow.opens_after = 3s;
        return slow;
    });
    testing::simulated_server server(*network, "api.test", testing::mock_options().latency(100ms));
    policy::pool_options pool;
    pool.max_connections_per_origin = 1;
    const auto transport = net::http_transport::create(ex, pool, {}, http::protocol::http1, {}, network).value();
    const auto limits = std::make_shared<traffic_control>(ex, traffic_options{.latency_factor = 4});
    client llm(ex, endpoint().base_url(server.base_url()), transport, client_options().gate(limits));
    for (const bool is_streamed : {false, true}) {
        const traffic_key key{server.where(), std::hash<std::string_view>()("Bearer sk-test"),
                              is_streamed ? "streamed" : "whole"};
        std::vector<awaitable<bool>> calls;
        for (int i = 0; i < 10; ++i) calls.push_back(ask(llm, is_streamed));
        for (const auto& answered : co_await gather(std::move(calls))) EXPECT_TRUE(answered);
        EXPECT_EQ(limits->stats(key).limit, 64u) << "they waited for a connection, and one behind the other";
        server.service().latency(testing::mock_latency::fixed(390ms));
        EXPECT_TRUE(co_await ask(llm, is_streamed));
        EXPECT_EQ(limits->stats(key).limit, 64u);
        server.service().latency(testing::mock_latency::fixed(450ms));
        EXPECT_TRUE(co_await ask(llm, is_streamed));
        EXPECT_EQ(limits->stats(key).limit, 44u) << is_streamed;
        co_await sleep_for(1ms);
        EXPECT_TRUE(co_await ask(llm, is_streamed));
        EXPECT_EQ(limits->stats(key).limit, 31u) << "and again, as long as it lasts";
        server.service().latency(testing::mock_latency::fixed(100ms));
        EXPECT_TRUE(co_await ask(llm, is_streamed));
        EXPECT_EQ(limits->stats(key).limit, 31u);
    }
}

}  // namespace
}  // namespace chorus::gates_tests
