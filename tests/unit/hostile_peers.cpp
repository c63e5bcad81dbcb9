// What a client makes of servers that mean no good, and what it never gives away.
#include <chorus/client.hpp>
#include <chorus/http/h1_codec.hpp>
#include <chorus/policy/proxy_settings.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/azure.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace chorus::hostile_peers_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;
using testing::streamed_answer;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

openai endpoint() {
    return openai(&no_environment).base_url("https://llm.example/v1").api_key("sk-test");
}

chat_request question() {
    return chat_request("m").user("Why?");
}

std::shared_ptr<fake_transport> answering(int status, std::string body, http::headers fields = {}) {
    return std::make_shared<fake_transport>([=](const http::request&) {
        http::response answer;
        answer.status = status;
        answer.headers = fields;
        answer.body = body;
        return answer;
    });
}

CHORUS_TEST(redirects, are_never_followed_and_are_no_success) {
    for (const int status : {300, 301, 302, 303, 304, 307, 308}) {
        http::headers fields;
        fields.add("Location", "https://other.example/v1/chat/completions").add("Content-Type", "application/json");
        const auto fake = answering(status, R"({"choices":[]})", fields);
        client llm(get_executor(), endpoint(), fake);
        const auto whole = co_await llm.try_complete(question());
        CO_ASSERT_FALSE(whole);
        EXPECT_EQ(whole.error(), errc::unexpected_status) << status;
        EXPECT_EQ(whole.error().http_status(), status);
        auto stream = llm.stream(question());
        const auto streamed = co_await stream.try_finish();
        CO_ASSERT_FALSE(streamed);
        EXPECT_EQ(streamed.error(), errc::unexpected_status) << status;
        CO_ASSERT_EQ(fake->requests.size(), 2u) << "one each: nothing is sent again";
        for (const http::request& sent : fake->requests) EXPECT_EQ(sent.origin.host, "llm.example");
    }
}

CHORUS_TEST(depth_bombs, are_refused_in_every_place_where_json_is_read) {
    const std::string lists(1'000'000, '[');
    std::string objects;
    for (int i = 0; i < 200'000; ++i) objects += "{\"a\":";
    for (const std::string& bomb : {lists, objects}) {
        for (const std::string& body :
             {bomb, R"({"choices":)" + bomb, R"({"unknown":)" + bomb, R"({"choices":[{"message":{"content":)" + bomb}) {
            client llm(get_executor(), endpoint(), answering(200, body));
            const auto answer = co_await llm.try_complete(question());
            CO_ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error(), errc::decode_failed) << answer.error().text().substr(0, 100);
        }
        for (const std::string& body : {bomb, R"({"error":)" + bomb, R"({"error":{"message":)" + bomb}) {
            client llm(get_executor(), endpoint(), answering(404, body));
            const auto answer = co_await llm.try_complete(question());
            CO_ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error(), errc::not_found);
            EXPECT_LE(answer.error().body().size(), 64u * 1024);
        }
        const auto fake = answering(200, {});
        fake->answer_in_pieces([&](const http::request&) {
            streamed_answer answer;
            answer.head.status = 200;
            answer.head.headers.add("Content-Type", "text/event-stream");
            answer.pieces.push_back({"data: " + bomb + "\n\n", {}});
            return answer;
        });
        client llm(get_executor(), endpoint(), fake, client_options().max_attempts(1));
        auto stream = llm.stream(question());
        const auto streamed = co_await stream.try_finish();
        CO_ASSERT_FALSE(streamed);
        EXPECT_EQ(streamed.error(), errc::decode_failed);
    }
}

CHORUS_TEST(slow_drips, end_with_the_total_limit) {
    const auto fake = answering(200, {});
    fake->answer_in_pieces([](const http::request&) {
        streamed_answer answer;
        answer.head.status = 200;
        answer.head.headers.add("Content-Type", "text/event-stream");
        for (int i = 0; i < 1000; ++i) answer.pieces.push_back({i % 2 == 0 ? ":" : "\n", 1s});
        return answer;
    });
    client llm(get_executor(), endpoint(), fake, client_options().timeout(60s).max_attempts(1));
    auto stream = llm.stream(question());
    const auto streamed = co_await stream.try_finish();
    CO_ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error(), errc::deadline_exceeded);
    EXPECT_EQ(test_clock().elapsed(), 60s);
    EXPECT_EQ(fake->streams().open, 0u);
}

CHORUS_TEST(endless_events, end_with_the_limit_of_an_event) {
    const auto fake = answering(200, {});
    fake->answer_in_pieces([](const http::request&) {
        streamed_answer answer;
        answer.head.status = 200;
        answer.head.headers.add("Content-Type", "text/event-stream");
        answer.pieces.push_back({"data: ", {}});
        for (int i = 0; i < 40; ++i) answer.pieces.push_back({std::string(1024 * 1024, 'x'), {}});
        return answer;
    });
    client llm(get_executor(), endpoint(), fake, client_options().max_attempts(1));
    auto stream = llm.stream(question());
    const auto streamed = co_await stream.try_finish();
    CO_ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error(), errc::body_too_large);
    EXPECT_LT(fake->streams().reads, 25u) << "it stops reading";
}

CHORUS_TEST(endless_streams, end_with_the_limit_of_a_stream) {
    const auto fake = answering(200, {});
    const std::string_view event = R"(data: {"choices":[{"index":0,"delta":{"content":"and on "}}]})";
    fake->answer_in_pieces([&](const http::request&) {
        streamed_answer answer;
        answer.head.status = 200;
        for (int i = 0; i < 1000; ++i) answer.pieces.push_back({std::string(event) + "\n\n", {}});
        return answer;
    });
    http::limits limits;
    limits.stream_bytes = 500 * (event.size() + 2);
    client llm(get_executor(), endpoint(), fake, client_options().limits(limits));
    auto stream = llm.stream(question());
    const auto streamed = co_await stream.try_finish();
    CO_ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error(), errc::body_too_large);
    CO_ASSERT_NE(streamed.error().partial(), nullptr) << "what had come is not lost";
    EXPECT_EQ(streamed.error().partial()->text().size(), 500 * std::string_view("and on ").size());
    EXPECT_LE(fake->streams().reads, 501u);
    EXPECT_EQ(fake->requests.size(), 1u);
}

CHORUS_TEST(requests, hold_nothing_that_ends_a_line) {
    using namespace std::string_literals;
    for (const std::string& bad : {"a\r\nX-Injected: 1"s, "a\nb"s, "a\rb"s, "a\0b"s}) {
        const auto fake = answering(200, {});
        for (const openai& broken :
             {endpoint().api_key(bad), endpoint().header("X-Thing", bad), endpoint().header(bad, "x"),
              endpoint().organization(bad), endpoint().base_url("https://llm.example/" + bad)}) {
            client llm(get_executor(), broken, fake);
            const auto answer = co_await llm.try_complete(question());
            CO_ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error(), errc::invalid_argument);
            EXPECT_EQ(answer.error().message().find("Injected"), std::string::npos) << "it quotes what may be a key";
        }
        EXPECT_TRUE(fake->requests.empty());
    }
}

CHORUS_TEST(requests, ask_for_no_content_coding) {
    const auto fake = answering(200, {});
    client llm(get_executor(), endpoint(), fake);
    const auto ignored = co_await llm.try_complete(question());
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    EXPECT_FALSE(ignored);
    EXPECT_FALSE(fake->requests[0].headers.contains("Accept-Encoding"));
}

template <class Value>
concept printable = requires(std::ostream& out, const Value& value) { out << value; };

/// What holds a key prints it never: as `***`, or not at all.
TEST(secrets, are_not_printed_by_what_holds_them) {
    static_assert(printable<secret>);
    static_assert(!printable<openai> && !printable<anthropic> && !printable<azure> && !printable<compatible>);
    static_assert(!printable<client_options> && !printable<net::tls_options>);
    static_assert(!printable<policy::proxy> && !printable<policy::proxy_settings>);
    static_assert(!printable<http::request> && !printable<http::headers> && !printable<http::forwarding>);
    const auto proxy = policy::proxy::parse("http://user:sk-secret@proxy.example:3128");
    ASSERT_TRUE(proxy);
    EXPECT_EQ(proxy->to_string(), "proxy.example:3128");
    EXPECT_EQ(::testing::PrintToString(proxy->password), "***");
}

}  // namespace
}  // namespace chorus::hostile_peers_tests
