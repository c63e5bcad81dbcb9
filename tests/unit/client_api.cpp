// Contracts of what a client asks besides chat and embeddings: models, moderation, counts of tokens.
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/structured/complete_as.hpp>
#include <chorus/structured/stream_as.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>
#include <chorus/tools/run_tools.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chorus::client_api_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

http::response ok(std::string body) {
    http::response answer;
    answer.status = 200;
    answer.body = std::move(body);
    return answer;
}

/// Answers each request with the next of these bodies, and the last one again.
std::shared_ptr<fake_transport> answering(std::vector<std::string> bodies) {
    return std::make_shared<fake_transport>([bodies = std::move(bodies), next = 0u](const http::request&) mutable {
        const std::string& body = bodies[next];
        if (next + 1 < bodies.size()) ++next;
        return ok(body);
    });
}

CHORUS_TEST(client_models, reads_the_one_page_of_openai) {
    const auto fake = answering({R"({"object":"list","data":[{"id":"a","owned_by":"o"},{"id":"b"}]})"});
    client llm(get_executor(), endpoint(), fake, client_options().timeout(7s));
    const auto models = co_await llm.models();
    CO_ASSERT_EQ(models.size(), 2u);
    EXPECT_EQ(models[0].id, "a");
    EXPECT_EQ(models[1].id, "b");
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(fake->requests[0].method, "GET");
    EXPECT_EQ(fake->requests[0].target, "/v1/models");
    EXPECT_EQ(fake->requests[0].body, "");
    EXPECT_FALSE(fake->requests[0].headers.contains("Content-Type"));
    EXPECT_EQ(fake->requests[0].headers.get("Authorization"), "Bearer sk-test");
    EXPECT_EQ(fake->last_limits.total, 7s);
}

CHORUS_TEST(client_models, reads_page_after_page) {
    const auto fake = answering({R"({"data":[{"id":"a"},{"id":"b/1"}],"has_more":true,"last_id":"b/1"})",
                                 R"({"data":[{"id":"c"}],"has_more":true,"last_id":"c"})",
                                 R"({"data":[],"has_more":false,"last_id":null})"});
    client llm(get_executor(), endpoint(), fake);
    const auto models = co_await llm.try_models();
    CO_ASSERT_TRUE(models);
    CO_ASSERT_EQ(models->size(), 3u);
    EXPECT_EQ((*models)[2].id, "c");
    CO_ASSERT_EQ(fake->requests.size(), 3u);
    EXPECT_EQ(fake->requests[1].target, "/v1/models?after=b%2F1");
    EXPECT_EQ(fake->requests[2].target, "/v1/models?after=c");
}

CHORUS_TEST(client_models, does_not_count_what_its_pages_wait_for_their_turn) {
    const auto fake = std::make_shared<fake_transport>([page = 0](const http::request&) mutable {
        auto answer = ok(R"({"data":[],"has_more":)" + std::string(page < 2 ? "true" : "false") + R"(,"last_id":")" +
                         std::to_string(page) + "\"}");
        ++page;
        answer.timing.queue = 5s;
        return answer;
    });
    client llm(get_executor(), endpoint(), fake, client_options().timeout(7s));
    const auto models = co_await llm.try_models();
    CO_ASSERT_TRUE(models);
    EXPECT_EQ(fake->requests.size(), 3u);
    EXPECT_EQ(fake->last_limits.total, 17s) << "as no time has passed at all";
}

CHORUS_TEST(client_models, takes_the_options_of_the_call_for_each_page) {
    int asked = 0;
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) -> result<http::response> {
        if (++asked == 2) return error(errc::connection_lost);
        return ok(R"({"data":[],"has_more":true,"last_id":"a"})");
    });
    client llm(get_executor(), endpoint(), fake, client_options().timeout(7s));
    call_options options;
    options.limits = http::limits();
    options.limits->total = 5s;
    options.limits->idle = 3s;
    options.max_attempts = 1;
    const auto models = co_await llm.try_models(options);
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error(), errc::connection_lost);
    EXPECT_EQ(fake->requests.size(), 2u) << "one attempt for each of two pages";
    EXPECT_EQ(fake->last_limits.total, 5s);
    EXPECT_EQ(fake->last_limits.idle, 3s);
    options.timeout = 2s;
    static_cast<void>(co_await llm.try_models(options));
    EXPECT_EQ(fake->last_limits.total, 2s);
}

CHORUS_TEST(client_models, takes_the_options_of_the_call_for_one) {
    const auto fake = answering({R"({"id":"m","owned_by":"o"})"});
    client llm(get_executor(), endpoint(), fake, client_options().timeout(7s));
    call_options options;
    options.timeout = 4s;
    static_cast<void>(co_await llm.model("m", options));
    EXPECT_EQ(fake->last_limits.total, 4s);
    static_cast<void>(co_await llm.model("m"));
    EXPECT_EQ(fake->last_limits.total, 7s);
}

/// A server on a network in memory: each page of its list takes two seconds, and there is always another.
struct endless_list {
    explicit endless_list(executor ex)
        : network(std::make_shared<testing::simulated_network>(ex)),
          server(*network, "api.test"),
          llm(ex, endpoint().base_url(server.base_url()),
              net::http_transport::create(ex, {}, {}, http::protocol::http1, {}, network).value()) {
        server.service().script().expect().times(SIZE_MAX).after(2s).reply_with(
            [page = 0](const testing::mock_request&, testing::mock_reply& reply) mutable {
                reply.headers.add("content-type", "application/json");
                reply.body = R"({"id":"m","data":[],"has_more":true,"last_id":")" + std::to_string(++page) + "\"}";
            });
    }

    std::shared_ptr<testing::simulated_network> network;
    testing::simulated_server server;
    client llm;
};

CHORUS_TEST(client_models, the_total_of_the_call_cuts_the_list_off_within_a_page) {
    endless_list world(get_executor());
    call_options options;
    options.timeout = 5s;
    const auto begun = chorus::now(get_executor());
    const auto models = co_await world.llm.try_models(options);
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error(), errc::deadline_exceeded);
    EXPECT_EQ(models.error().phase(), phase::first_byte);
    EXPECT_EQ(chorus::now(get_executor()) - begun, 5s) << "in the middle of the third page";
    EXPECT_EQ(world.llm.pool_stats().in_use, 0u);
}

CHORUS_TEST(client_models, the_limits_of_the_call_each_have_their_own_error) {
    endless_list world(get_executor());
    call_options options;
    options.max_attempts = 1;
    options.limits = http::limits();
    options.limits->first_byte = 1s;
    const auto begun = chorus::now(get_executor());
    const auto models = co_await world.llm.try_models(options);
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error(), errc::first_byte_timed_out);
    EXPECT_EQ(models.error().phase(), phase::first_byte);
    EXPECT_EQ(chorus::now(get_executor()) - begun, 1s);
    const auto model = co_await world.llm.try_model("m", options);
    CO_ASSERT_FALSE(model);
    EXPECT_EQ(model.error(), errc::first_byte_timed_out);
    EXPECT_EQ(chorus::now(get_executor()) - begun, 2s);
    options.limits->first_byte = 1min;
    options.limits->total = 1s;
    const auto late = co_await world.llm.try_model("m", options);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::deadline_exceeded);
    EXPECT_EQ(late.error().phase(), phase::first_byte);
    EXPECT_EQ(chorus::now(get_executor()) - begun, 3s);
}

CHORUS_TEST(client_models, refuses_bad_options_before_anything_is_sent) {
    const auto fake = answering({R"({"id":"m","data":[]})"});
    client llm(get_executor(), endpoint(), fake);
    for (const auto timeout : {0ms, -1ms}) {
        call_options options;
        options.timeout = timeout;
        const auto models = co_await llm.try_models(options);
        CO_ASSERT_FALSE(models);
        EXPECT_EQ(models.error(), errc::invalid_argument);
        EXPECT_EQ(models.error().phase(), phase::input);
        EXPECT_EQ(models.error().param(), "timeout");
        const auto model = co_await llm.try_model("m", options);
        CO_ASSERT_FALSE(model);
        EXPECT_EQ(model.error(), errc::invalid_argument);
        EXPECT_EQ(model.error().phase(), phase::input);
        EXPECT_EQ(model.error().param(), "timeout");
    }
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(client_models, refuses_a_model_without_an_id_whatever_the_api) {
    const auto fake = answering({R"({"id":"m","data":[]})"});
    client llm(get_executor(), anthropic(&no_environment).base_url("https://llm.example").api_key("sk-test"), fake);
    const auto none = co_await llm.try_model("");
    CO_ASSERT_FALSE(none);
    EXPECT_EQ(none.error(), errc::invalid_argument);
    EXPECT_EQ(none.error().param(), "model");
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(client_models, gives_up_on_a_list_that_does_not_get_on) {
    const auto fake = answering({R"({"data":[{"id":"a"}],"has_more":true,"last_id":"a"})"});
    client llm(get_executor(), endpoint(), fake);
    const auto models = co_await llm.try_models();
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error(), errc::decode_failed);
    EXPECT_EQ(fake->requests.size(), 2u);
}

CHORUS_TEST(client_models, gives_up_on_a_list_without_an_end) {
    const auto fake = std::make_shared<fake_transport>([page = 0](const http::request&) mutable {
        return ok(R"({"data":[],"has_more":true,"last_id":")" + std::to_string(++page) + "\"}");
    });
    client llm(get_executor(), endpoint(), fake);
    const auto models = co_await llm.try_models();
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error(), errc::decode_failed);
    EXPECT_EQ(fake->requests.size(), 100u);
}

CHORUS_TEST(client_models, fails_with_the_page_that_fails) {
    const auto fake = answering({R"({"data":[{"id":"a"}],"has_more":true,"last_id":"a"})", "broken"});
    client llm(get_executor(), endpoint(), fake);
    const auto models = co_await llm.try_models();
    CO_ASSERT_FALSE(models);
    EXPECT_EQ(models.error().body(), "broken");
}

CHORUS_TEST(client_models, asks_for_one_by_its_id) {
    const auto fake = answering({R"({"id":"org/m 1","owned_by":"o"})"});
    client llm(get_executor(), endpoint(), fake);
    const auto model = co_await llm.model("org/m 1");
    EXPECT_EQ(model.owned_by, "o");
    EXPECT_EQ(fake->requests[0].method, "GET");
    EXPECT_EQ(fake->requests[0].target, "/v1/models/org%2Fm%201");
    const auto none = co_await llm.try_model("");
    CO_ASSERT_FALSE(none);
    EXPECT_EQ(none.error().param(), "model");
    EXPECT_EQ(fake->requests.size(), 1u);
}

CHORUS_TEST(client_moderate, asks_and_reads) {
    const auto fake = answering({R"({"id":"modr-1","results":[{"flagged":true,"categories":{"hate":true}}]})"});
    client llm(get_executor(), endpoint(), fake);
    auto request = moderation_request("m").text("a").timeout(2s);
    const auto judged = co_await llm.moderate(std::move(request));
    EXPECT_TRUE(judged.is_flagged());
    EXPECT_TRUE(judged.results()[0].is("hate"));
    EXPECT_EQ(fake->requests[0].target, "/v1/moderations");
    EXPECT_EQ(fake->requests[0].body, R"({"model":"m","input":["a"]})");
    EXPECT_EQ(fake->last_limits.total, 2s);
    const auto refused = co_await llm.try_moderate(moderation_request("m"));
    CO_ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param(), "input");
    EXPECT_EQ(fake->requests.size(), 1u);
}

CHORUS_TEST(client_count_tokens, is_refused_where_the_api_has_it_not) {
    const auto fake = answering({"{}"});
    client llm(get_executor(), endpoint(), fake);
    const auto refused = co_await llm.try_count_tokens(chat_request("m").user("hi"));
    CO_ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_EQ(refused.error().text(), "openai has no counting of tokens");
    EXPECT_TRUE(fake->requests.empty());
    bool thrown = false;
    try {
        co_await llm.count_tokens(chat_request("m").user("hi"));
    } catch (const api_error&) {
        thrown = true;
    }
    EXPECT_TRUE(thrown);
}

CHORUS_TEST(client_count_tokens, asks_an_api_that_counts) {
    const auto fake = answering({R"({"input_tokens":42})"});
    client llm(get_executor(), anthropic(&no_environment).base_url("https://llm.example").api_key("sk-test"), fake);
    EXPECT_EQ(co_await llm.count_tokens(chat_request("m").user("hi")), 42);
    EXPECT_EQ(fake->requests[0].target, "/v1/messages/count_tokens");
}

CHORUS_TEST(client_models, reads_the_pages_of_anthropic) {
    const auto fake = answering({R"({"data":[{"id":"a","display_name":"A"}],"has_more":true,"last_id":"a"})",
                                 R"({"data":[{"id":"b"}],"has_more":false,"last_id":"b"})"});
    client llm(get_executor(), anthropic(&no_environment).base_url("https://llm.example").api_key("sk-test"), fake);
    const auto models = co_await llm.models();
    CO_ASSERT_EQ(models.size(), 2u);
    EXPECT_EQ(models[0].display_name, "A");
    EXPECT_NE(fake->requests[1].target.find("after_id=a"), std::string::npos) << fake->requests[1].target;
}

template <class Request>
Request limited(Request request) {
    http::limits limits;
    limits.total = 5s;
    limits.idle = 3s;
    limits.body_bytes = 4321;
    request.limits(limits);
    return request;
}

/// Asks for something. What comes back does not count here, only what was sent.
using operation = std::function<awaitable<void>(client&)>;

CHORUS_TEST(client_operations, each_keep_the_limits_of_their_request) {
    const std::shared_ptr<const provider> open_api = endpoint().make();
    const auto counting = anthropic(&no_environment).base_url("https://llm.example").api_key("sk-test").make();
    const tool_set no_tools;
    struct row {
        std::string name;
        std::shared_ptr<const provider> api;
        operation ask;
    };
    const std::vector<row> rows = {
        {"complete", open_api,
         [](client& llm) -> awaitable<void> {
             static_cast<void>(co_await llm.try_complete(limited(chat_request("m").user("hi"))));
         }},
        {"stream", open_api,
         [](client& llm) -> awaitable<void> {
             auto answer = llm.stream(limited(chat_request("m").user("hi")));
             static_cast<void>(co_await answer.try_finish());
         }},
        {"complete_as", open_api,
         [](client& llm) -> awaitable<void> {
             static_cast<void>(co_await try_complete_as<nlohmann::json>(llm, limited(chat_request("m").user("hi"))));
         }},
        {"stream_as", open_api,
         [](client& llm) -> awaitable<void> {
             auto values = stream_as<nlohmann::json>(llm, limited(chat_request("m").user("hi")));
             static_cast<void>(co_await values.try_next());
         }},
        {"run_tools", open_api,
         [&no_tools](client& llm) -> awaitable<void> {
             static_cast<void>(co_await try_run_tools(llm, limited(chat_request("m").user("hi")), no_tools));
         }},
        {"embed", open_api,
         [](client& llm) -> awaitable<void> {
             static_cast<void>(co_await llm.try_embed(limited(embedding_request("m").input("a"))));
         }},
        {"moderate", open_api,
         [](client& llm) -> awaitable<void> {
             static_cast<void>(co_await llm.try_moderate(limited(moderation_request("m").text("a"))));
         }},
        {"count_tokens", counting,
         [](client& llm) -> awaitable<void> {
             static_cast<void>(co_await llm.try_count_tokens(limited(chat_request("m").user("hi"))));
         }},
    };
    for (const auto& [name, api, ask] : rows) {
        const auto fake = answering({"{}"});
        client llm(get_executor(), api, fake, client_options().timeout(7s));
        co_await ask(llm);
        EXPECT_EQ(fake->requests.size(), 1u) << name;
        EXPECT_EQ(fake->last_limits.total, 5s) << name;
        EXPECT_EQ(fake->last_limits.idle, 3s) << name;
        EXPECT_EQ(fake->last_limits.body_bytes, 4321u) << name;
    }
}

CHORUS_TEST(client_close, ends_every_kind_of_call) {
    client llm(get_executor(), endpoint(), answering({"{}"}));
    co_await llm.close();
    EXPECT_EQ((co_await llm.try_embed(embedding_request("m").input("a"))).error(), errc::client_closed);
    EXPECT_EQ((co_await llm.try_models()).error(), errc::client_closed);
    EXPECT_EQ((co_await llm.try_model("m")).error(), errc::client_closed);
    EXPECT_EQ((co_await llm.try_moderate(moderation_request("m").text("a"))).error(), errc::client_closed);
}

}  // namespace
}  // namespace chorus::client_api_tests
