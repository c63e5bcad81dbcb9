#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace chorus::client_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

http::response completion(std::string_view text) {
    http::response answer;
    answer.status = 200;
    answer.body = R"({"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
                  R"("finish_reason":"stop","message":{"role":"assistant","content":")" +
                  std::string(text) + R"("}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})";
    return answer;
}

std::shared_ptr<fake_transport> answering(std::string_view text) {
    return std::make_shared<fake_transport>([text](const http::request&) { return completion(text); });
}

chat_request question() {
    return chat_request("m").user("Why?");
}

/// Holds every request until it is told to fail.
class silent_transport final : public net::transport {
 public:
    awaitable<result<void>> send(const http::request&, const http::limits&, http::response&) override {
        co_await sleep_for(24h);
        co_return error(errc::deadline_exceeded);
    }
    awaitable<void> close() override { co_return; }
    void abort() noexcept override { aborted = true; }
    bool aborted = false;
};

CHORUS_TEST(client, sends_what_the_provider_encodes_and_returns_what_it_decodes) {
    const auto fake = answering("Because.");
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply);
    EXPECT_EQ(reply->text(), "Because.");
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(fake->requests[0].origin, (http::origin{true, "llm.example", 443}));
    EXPECT_EQ(fake->requests[0].target, "/v1/chat/completions");
    EXPECT_EQ(fake->requests[0].headers.get("Authorization"), "Bearer sk-test");
    EXPECT_NE(fake->requests[0].body.find("Why?"), std::string::npos);
}

CHORUS_TEST(client, hides_the_key_of_one_request_in_its_error) {
    const auto fake = std::make_shared<fake_transport>([](const http::request& received) {
        http::response answer;
        answer.status = 401;
        answer.body =
            R"({"error":{"message":"bad key: )" + std::string(received.headers.get("Authorization")) + R"("}})";
        return answer;
    });
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(question().header("authorization", "Bearer sk-of-this-request"));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().text(), "bad key: Bearer ***");
    EXPECT_EQ(reply.error().body().find("sk-of-this-request"), std::string_view::npos);
}

CHORUS_TEST(client, complete_throws_what_try_complete_returns) {
    const auto fake = std::make_shared<fake_transport>([](const http::request&) {
        http::response answer;
        answer.status = 404;
        answer.body =
            R"({"error":{"message":"No such model.","type":"invalid_request_error","code":"model_not_found"}})";
        return answer;
    });
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::not_found);
    try {
        co_await llm.complete(question());
        ADD_FAILURE() << "did not throw";
    } catch (const api_error& thrown) {
        EXPECT_EQ(thrown.error().message(), reply.error().message());
        EXPECT_EQ(thrown.error().provider_code(), "model_not_found");
    }
}

CHORUS_TEST(client, refuses_bad_input_before_anything_is_sent) {
    const auto fake = answering("");
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_complete(chat_request("m"));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::invalid_argument);
    EXPECT_EQ(reply.error().param(), "messages");
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(client, tells_of_a_bad_option_at_each_call) {
    client llm(get_executor(), endpoint(), client_options().tls(net::tls_options().ca_file("no-such-file.pem")));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::invalid_argument);
    EXPECT_NE(reply.error().message().find("no-such-file.pem"), std::string::npos) << reply.error().message();
}

CHORUS_TEST(client, refuses_a_pool_that_can_hold_nothing) {
    client llm(get_executor(), endpoint(), client_options().max_connections(0));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::invalid_argument);
    EXPECT_EQ(reply.error().param(), "max_connections");
}

CHORUS_TEST(client, the_limit_of_a_request_goes_before_that_of_the_client) {
    const auto fake = answering("");
    client llm(get_executor(), endpoint(), fake, client_options().timeout(20s));
    co_await llm.complete(question());
    EXPECT_EQ(fake->last_limits.total, 20s);
    co_await llm.complete(question().timeout(3s));
    EXPECT_EQ(fake->last_limits.total, 3s);
}

CHORUS_TEST(client, does_nothing_until_the_call_is_awaited) {
    const auto fake = answering("");
    client llm(get_executor(), endpoint(), fake);
    { auto never_awaited = llm.try_complete(question()); }
    auto later = llm.try_complete(question());
    co_await sleep_for(1s);
    EXPECT_TRUE(fake->requests.empty());
    EXPECT_TRUE(co_await std::move(later));
    EXPECT_EQ(fake->requests.size(), 1u);
}

CHORUS_TEST(client, async_complete_calls_a_handler) {
    client llm(get_executor(), endpoint(), answering("Hi"));
    std::optional<result<chat_response>> outcome;
    llm.async_complete(question(), [&](result<chat_response> reply) { outcome = std::move(reply); });
    EXPECT_FALSE(outcome.has_value()) << "never from inside the initiating function";
    co_await sleep_for(1ns);
    CO_ASSERT_TRUE(outcome && *outcome);
    EXPECT_EQ((*outcome)->text(), "Hi");
}

CHORUS_TEST(client, async_complete_can_be_cancelled) {
    client llm(get_executor(), endpoint(), std::make_shared<silent_transport>());
    asio::cancellation_signal stop;
    std::optional<result<chat_response>> outcome;
    auto handler = [&](result<chat_response> reply) { outcome = std::move(reply); };
    llm.async_complete(question(), asio::bind_cancellation_slot(stop.slot(), handler));
    co_await sleep_for(1s);
    stop.emit(asio::cancellation_type::terminal);
    co_await sleep_for(1ns);
    CO_ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), condition::cancelled);
}

// Between two turns of the loop, when nothing runs; the handler takes the signal with it.
TEST(client, async_complete_can_be_cancelled_from_outside_of_the_loop) {
    for (int turns = 0; turns < 12; ++turns) {
        asio::io_context loop;
        client llm(loop.get_executor(), endpoint(), answering("Hi"));
        auto stop = std::make_unique<asio::cancellation_signal>();
        int ends = 0;
        auto handler = [&](const result<chat_response>& reply) {
            EXPECT_TRUE(reply || reply.error() == errc::cancelled);
            stop.reset();
            ++ends;
        };
        llm.async_complete(question(), asio::bind_cancellation_slot(stop->slot(), handler));
        for (int i = 0; i < turns; ++i) loop.poll_one();
        if (stop) stop->emit(asio::cancellation_type::terminal);
        loop.run();
        EXPECT_EQ(ends, 1) << turns;
    }
}

CHORUS_TEST(client, closes_its_transport_when_it_goes) {
    const auto silent = std::make_shared<silent_transport>();
    auto llm = std::make_optional<client>(get_executor(), endpoint(), silent);
    auto call = spawn(get_executor(), llm->try_complete(question()));
    co_await sleep_for(1s);
    llm.reset();
    EXPECT_TRUE(silent->aborted);
}

CHORUS_TEST(client, refuses_calls_after_close) {
    client llm(get_executor(), endpoint(), answering(""));
    co_await llm.close();
    EXPECT_EQ((co_await llm.try_complete(question())).error(), errc::client_closed);
}

// A future from a thread that runs no loop, as a program without coroutines would use it.
TEST(client_thread, async_complete_gives_a_future_to_another_thread) {
    asio::io_context loop;
    auto work = asio::make_work_guard(loop);
    client llm(loop.get_executor(), endpoint(), answering("From afar"));
    std::thread runner([&] { loop.run(); });
    std::future<result<chat_response>> reply = llm.async_complete(question(), asio::use_future);
    const auto outcome = reply.get();
    work.reset();
    runner.join();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->text(), "From afar");
}

CHORUS_TEST(client, refuses_a_call_from_the_thread_of_another_loop) {
    client llm(get_executor(), endpoint(), answering(""));
    std::optional<result<chat_response>> outcome;
    std::thread other([&] {
        asio::io_context loop;
        auto call = [&]() -> awaitable<void> { outcome = co_await llm.try_complete(question()); };
        asio::co_spawn(loop, call, asio::detached);
        loop.run();
    });
    other.join();
    CO_ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), errc::wrong_thread);
    co_return;
}

}  // namespace
}  // namespace chorus::client_tests
