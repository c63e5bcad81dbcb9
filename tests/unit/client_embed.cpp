// Contracts of asking for embeddings: batches, their order, how many are under way, and what one failure does.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::client_embed_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

/// Answers a call for embeddings: each input is a number, and its vector holds that number.
http::response embedded(const http::request& request) {
    const auto inputs = nlohmann::json::parse(request.body)["input"];
    nlohmann::json answer = {{"model", "m-1"}, {"data", nlohmann::json::array()}};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const double value =
            inputs[i].is_string() ? std::stod(inputs[i].get<std::string>()) : inputs[i][0].get<double>();
        answer["data"].push_back({{"index", i}, {"embedding", {value}}});
    }
    answer["usage"] = {{"prompt_tokens", inputs.size()}, {"total_tokens", inputs.size()}};
    http::response response;
    response.status = 200;
    response.body = answer.dump();
    return response;
}

std::vector<std::string> numbers(std::size_t count) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(std::to_string(i));
    return texts;
}

/// Whether the vector of each input is the one of that input.
bool in_order(const embedding_response& response, std::size_t count) {
    if (response.size() != count) return false;
    for (std::size_t i = 0; i < count; ++i) {
        if (response[i] != std::vector<float>{static_cast<float>(i)}) return false;
    }
    return true;
}

/// Answers after a time that the test gives for each call, and counts what is under way.
class slow_transport final : public net::transport {
 public:
    /// The number of the call, from 0; a negative time fails it after that time.
    using delay = std::function<std::chrono::milliseconds(std::size_t)>;
    explicit slow_transport(delay how_long) : how_long_(std::move(how_long)) {}

    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& answer) override {
        const std::size_t number = sent++;
        totals.push_back(caps.total);
        const counted here(*this);
        const auto wait = how_long_(number);
        co_await sleep_for(std::max(wait, -wait));
        if (wait < 0ms) co_return error(errc::connection_lost);
        answer = embedded(message);
        answer.timing.queue = queue;
        ++answered;
        co_return result<void>();
    }
    awaitable<void> close() override { co_return; }
    void abort() noexcept override {}

    std::size_t sent = 0;
    std::size_t answered = 0;
    std::size_t under_way = 0;
    std::size_t most_under_way = 0;
    std::vector<std::chrono::milliseconds> totals;
    std::chrono::milliseconds queue{};  // what of each call's time is told as a wait for its turn

 private:
    class counted {
     public:
        explicit counted(slow_transport& all) : all_(all) {
            all_.most_under_way = std::max(all_.most_under_way, ++all_.under_way);
        }
        ~counted() { --all_.under_way; }

     private:
        slow_transport& all_;
    };

    delay how_long_;
};

std::shared_ptr<slow_transport> slow(slow_transport::delay how_long) {
    return std::make_shared<slow_transport>(std::move(how_long));
}

CHORUS_TEST(client_embed, sends_one_call_where_one_is_enough) {
    const auto fake = std::make_shared<fake_transport>(embedded);
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(3)).timeout(3s));
    CO_ASSERT_TRUE(reply);
    EXPECT_TRUE(in_order(*reply, 3));
    EXPECT_EQ(reply->model(), "m-1");
    EXPECT_EQ(reply->usage().total_tokens, 3);
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(fake->requests[0].method, "POST");
    EXPECT_EQ(fake->requests[0].target, "/v1/embeddings");
    EXPECT_EQ(fake->requests[0].headers.get("Authorization"), "Bearer sk-test");
    EXPECT_EQ(fake->last_limits.total, 3s);
}

CHORUS_TEST(client_embed, takes_tokens) {
    client llm(get_executor(), endpoint(), std::make_shared<fake_transport>(embedded));
    auto request = embedding_request("m").tokens({0, 7}).tokens({1});
    const auto reply = co_await llm.embed(std::move(request));
    EXPECT_TRUE(in_order(reply, 2));
}

CHORUS_TEST(client_embed, joins_batches_in_the_order_of_the_inputs_whatever_comes_first) {
    const auto transport = slow([](std::size_t number) { return 1000ms - 70ms * static_cast<int>(number); });
    client llm(get_executor(), endpoint(), transport);
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(23)).batch_size(2));
    CO_ASSERT_TRUE(reply);
    EXPECT_TRUE(in_order(*reply, 23));
    EXPECT_EQ(reply->usage().prompt_tokens, 23);
    EXPECT_EQ(transport->sent, 12u);
}

CHORUS_TEST(client_embed, has_at_most_four_calls_under_way) {
    const auto transport = slow([](std::size_t number) { return std::chrono::milliseconds(100 + 10 * (number % 3)); });
    client llm(get_executor(), endpoint(), transport);
    CO_ASSERT_TRUE(co_await llm.try_embed(embedding_request("m").inputs(numbers(40)).batch_size(1)));
    EXPECT_EQ(transport->sent, 40u);
    EXPECT_EQ(transport->most_under_way, 4u);
    EXPECT_LT(test_clock().elapsed(), 1500ms);
}

CHORUS_TEST(client_embed, makes_no_more_calls_than_it_has_batches) {
    const auto transport = slow([](std::size_t) { return 1ms; });
    client llm(get_executor(), endpoint(), transport);
    CO_ASSERT_TRUE(co_await llm.try_embed(embedding_request("m").inputs(numbers(5)).batch_size(3)));
    EXPECT_EQ(transport->sent, 2u);
}

CHORUS_TEST(client_embed, cancels_the_rest_when_one_call_fails) {
    const auto transport = slow([](std::size_t number) { return number == 2 ? -10ms : 1000ms; });
    client llm(get_executor(), endpoint(), transport, client_options().max_attempts(1));
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(40)).batch_size(1));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::connection_lost);
    EXPECT_EQ(test_clock().elapsed(), 10ms);
    EXPECT_EQ(transport->sent, 4u);
    EXPECT_EQ(transport->under_way, 0u);
    EXPECT_EQ(transport->answered, 0u);
}

CHORUS_TEST(client_embed, fails_with_any_call_that_fails) {
    for (std::size_t failing = 0; failing < 6; ++failing) {
        const auto transport = slow([=](std::size_t number) { return number == failing ? -5ms : 5ms; });
        client llm(get_executor(), endpoint(), transport, client_options().max_attempts(1));
        const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(6)).batch_size(1));
        EXPECT_FALSE(reply) << failing;
        EXPECT_EQ(transport->under_way, 0u);
    }
}

CHORUS_TEST(client_embed, can_be_cancelled_at_any_time) {
    for (const auto when : {0ms, 3ms, 12ms, 29ms}) {
        const auto transport = slow([](std::size_t) { return 10ms; });
        client llm(get_executor(), endpoint(), transport);
        auto call = spawn(get_executor(), llm.try_embed(embedding_request("m").inputs(numbers(12)).batch_size(1)));
        co_await sleep_for(when);
        call.cancel();
        bool cancelled = false;
        try {
            const auto outcome = co_await std::move(call);
            cancelled = !outcome && outcome.error() == condition::cancelled;
        } catch (const boost::system::system_error& thrown) {
            cancelled = thrown.code() == asio::error::operation_aborted;
        }
        EXPECT_TRUE(cancelled) << when.count();
        EXPECT_EQ(transport->under_way, 0u);
        EXPECT_LE(transport->answered, 8u);
    }
}

CHORUS_TEST(client_embed, has_one_limit_of_time_for_all_calls) {
    const auto transport = slow([](std::size_t) { return 400ms; });
    client llm(get_executor(), endpoint(), transport);
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(40)).batch_size(1).timeout(1000ms));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::deadline_exceeded);
    // The calls of one second; what each was given is what was left.
    EXPECT_EQ(transport->sent, 12u);
    EXPECT_EQ(transport->totals[0], 1000ms);
    EXPECT_EQ(transport->totals[4], 600ms);
    EXPECT_EQ(transport->totals[8], 200ms);
}

CHORUS_TEST(client_embed, takes_that_limit_from_the_limits_of_the_request_too) {
    const auto transport = slow([](std::size_t) { return 400ms; });
    client llm(get_executor(), endpoint(), transport);
    http::limits limits;
    limits.total = 1000ms;
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(40)).batch_size(1).limits(limits));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::deadline_exceeded);
    EXPECT_EQ(transport->totals[8], 200ms);
}

CHORUS_TEST(client_embed, does_not_count_what_its_calls_wait_for_their_turn) {
    const auto transport = slow([](std::size_t) { return 400ms; });
    transport->queue = 300ms;
    client llm(get_executor(), endpoint(), transport);
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(40)).batch_size(1).timeout(1000ms));
    CO_ASSERT_TRUE(reply) << "ten calls in each of four lines, which take 100 ms of it each";
    EXPECT_EQ(transport->totals[4], 900ms);
    EXPECT_EQ(transport->totals[39], 100ms);
}

CHORUS_TEST(client_embed, refuses_a_limit_that_lets_nothing_happen) {
    const auto fake = std::make_shared<fake_transport>(embedded);
    client llm(get_executor(), endpoint(), fake);
    const auto reply = co_await llm.try_embed(embedding_request("m").inputs(numbers(3)).timeout(0ms));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::invalid_argument);
    EXPECT_EQ(reply.error().phase(), phase::input);
    EXPECT_EQ(reply.error().param(), "timeout");
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(client_embed, refuses_bad_input_before_anything_is_sent) {
    const auto fake = std::make_shared<fake_transport>(embedded);
    client llm(get_executor(), endpoint(), fake);
    const auto refused = [&](embedding_request request) -> awaitable<std::string> {
        const auto reply = co_await llm.try_embed(std::move(request));
        co_return reply ? "" : std::string(reply.error().param());
    };
    EXPECT_EQ(co_await refused(embedding_request("m")), "input");
    EXPECT_EQ(co_await refused(embedding_request().input("1")), "model");
    EXPECT_EQ(co_await refused(embedding_request("m").inputs(numbers(5000)).input("")), "input[5000]");
    EXPECT_TRUE(fake->requests.empty());
}

/// What the requests to a server say in a header, in the order in which they were sent.
std::vector<std::string> said_in(std::string_view header, const fake_transport& by) {
    std::vector<std::string> values;
    for (const auto& sent : by.requests) values.emplace_back(sent.headers.get(header));
    return values;
}

CHORUS_TEST(client_embed, names_each_batch_apart_where_the_user_names_the_request) {
    for (const char* name : {"Idempotency-Key", "x-client-request-id"}) {
        const auto fake = std::make_shared<fake_transport>(embedded);
        client llm(get_executor(), endpoint(), fake);
        const auto request = embedding_request("m").inputs(numbers(5)).batch_size(2).header(name, "mine");
        CO_ASSERT_TRUE(co_await llm.try_embed(request));
        EXPECT_EQ(said_in(name, *fake), (std::vector<std::string>{"mine-1", "mine-2", "mine-3"}));
    }
}

CHORUS_TEST(client_embed, keeps_the_name_of_a_request_that_is_one_batch) {
    const auto fake = std::make_shared<fake_transport>(embedded);
    client llm(get_executor(), endpoint(), fake);
    const auto request = embedding_request("m").inputs(numbers(2)).batch_size(2).header("Idempotency-Key", "mine");
    CO_ASSERT_TRUE(co_await llm.try_embed(request));
    EXPECT_EQ(said_in("Idempotency-Key", *fake), std::vector<std::string>{"mine"});
}

CHORUS_TEST(client_embed, keeps_the_name_of_a_batch_that_is_tried_again) {
    int calls = 0;
    const auto fake = std::make_shared<fake_transport>([&](const http::request& request) {
        if (++calls > 2) return embedded(request);
        http::response busy;
        busy.status = 503;
        return busy;
    });
    client llm(get_executor(), endpoint(), fake);
    const auto request = embedding_request("m").inputs(numbers(2)).batch_size(1).header("Idempotency-Key", "mine");
    CO_ASSERT_TRUE(co_await llm.try_embed(request));
    auto names = said_in("Idempotency-Key", *fake);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"mine-1", "mine-1", "mine-2", "mine-2"}));
}

CHORUS_TEST(client_embed, embed_throws_what_try_embed_returns) {
    const auto fake = std::make_shared<fake_transport>([](const http::request&) {
        http::response answer;
        answer.status = 404;
        answer.body = R"({"error":{"message":"No such model."}})";
        return answer;
    });
    client llm(get_executor(), endpoint(), fake);
    std::string said;
    try {
        co_await llm.embed(embedding_request("m").input("1"));
    } catch (const api_error& thrown) {
        said = thrown.error().text();
    }
    EXPECT_EQ(said, "No such model.");
}

CHORUS_TEST(client_embed, does_nothing_until_it_is_awaited) {
    const auto fake = std::make_shared<fake_transport>(embedded);
    client llm(get_executor(), endpoint(), fake);
    { auto never_awaited = llm.try_embed(embedding_request("m").input("1")); }
    co_await sleep_for(1s);
    EXPECT_TRUE(fake->requests.empty());
}

}  // namespace
}  // namespace chorus::client_embed_tests
