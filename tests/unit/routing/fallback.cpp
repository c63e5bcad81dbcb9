// Contracts of fallbacks: which route answers, what they hand on to each other, and what the error says at the end.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/routing/fallback.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "scripted_server.hpp"
#include "support/openai_stream.hpp"

namespace chorus::fallback_tests {
namespace {

using namespace std::chrono_literals;
using sample::client_of;
using sample::fails;
using sample::says;
using sample::server;
using sample::status;
using testing::fake_transport;
using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_text_event;
using testing::streamed_answer;

chat_request question() {
    return chat_request("m").user("Why?");
}

bool always(const error&) {
    return true;
}

CHORUS_TEST(fallback, leaves_the_other_routes_alone_where_the_first_answers) {
    const auto one = server(says("one")), two = server(says("two"));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    fallback llm({a, b});
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.response.text(), "one");
    EXPECT_EQ(reply.route, 0u);
    EXPECT_TRUE(reply.failures.empty());
    EXPECT_TRUE(two->requests.empty());
}

CHORUS_TEST(fallback, tells_which_route_answered_and_why_the_others_did_not) {
    const auto one = server(status(503)), two = server(fails(errc::connection_lost)), three = server(says("three"));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two), c = client_of(get_executor(), three);
    fallback llm({a, b, c});
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->response.text(), "three");
    EXPECT_EQ(reply->route, 2u);
    CO_ASSERT_EQ(reply->failures.size(), 2u);
    EXPECT_EQ(reply->failures[0].route, 0u);
    EXPECT_EQ(reply->failures[0].why, errc::overloaded);
    EXPECT_EQ(reply->failures[1].route, 1u);
    EXPECT_EQ(reply->failures[1].why, errc::connection_lost);
}

CHORUS_TEST(fallback, asks_each_route_for_its_own_model) {
    const auto one = server(status(404)), two = server(status(500)), three = server(says("three"));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    fallback llm({a, route(b).model("other"), std::make_shared<client>(client_of(get_executor(), three))});
    const auto reply = co_await llm.complete(question());
    EXPECT_EQ(reply.route, 2u);
    EXPECT_NE(one->requests.at(0).find(R"("model":"m")"), std::string::npos);
    EXPECT_NE(two->requests.at(0).find(R"("model":"other")"), std::string::npos);
    EXPECT_NE(three->requests.at(0).find(R"("model":"m")"), std::string::npos);
}

CHORUS_TEST(fallback, moves_on_after_faults_of_the_route_and_no_others) {
    struct row {
        sample::turn first;
        bool moves_on;
    };
    const row rows[] = {
        {status(400), false},
        {status(401), true},
        {status(403), true},
        {status(404), true},
        {status(413), false},
        {status(422), false},
        {status(429), true},
        {status(429, {}, R"({"error":{"message":"No money.","code":"insufficient_quota"}})"), true},
        {status(500), true},
        {status(200, {}, "no JSON"), true},
        {fails(errc::certificate_rejected), true},
        {fails(errc::budget_exceeded), false},
        {fails(errc::circuit_open), true},
        {fails(errc::client_closed), false},
        {fails(errc::cancelled), false},
    };
    for (const row& each : rows) {
        const auto one = server(each.first), two = server(says("two"));
        client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
        fallback llm({a, b});
        const auto reply = co_await llm.try_complete(question());
        const std::string what = reply ? reply->failures.at(0).why.message() : reply.error().message();
        EXPECT_EQ(reply.has_value(), each.moves_on) << what;
        EXPECT_EQ(two->requests.size(), each.moves_on ? 1u : 0u) << what;
    }
}

CHORUS_TEST(fallback, asks_the_rule_of_the_route_except_for_a_cancellation) {
    const auto one = server(status(400), fails(errc::cancelled)), two = server(says("two"));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    fallback llm({route(a).falls_back_on(&always), b});
    const auto moved = co_await llm.try_complete(question());
    EXPECT_TRUE(moved);
    const auto stayed = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(stayed);
    EXPECT_EQ(stayed.error(), condition::cancelled);
}

CHORUS_TEST(fallback, lists_the_failure_of_every_route_and_no_key) {
    const auto one = server(status(503)), two = server(fails(errc::connection_lost)), three = server(status(401));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two), c = client_of(get_executor(), three);
    fallback llm({route(a).name("home"), route(b).model("other"), c});
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    const error why = reply.error();
    EXPECT_EQ(why, errc::unauthenticated);
    EXPECT_EQ(why.history().size(), 3u);
    EXPECT_EQ(why.attempts(), 3);
    const std::string text = why.message();
    for (const std::string_view part : {"home: ", "route 2 (other): ", "route 3: ", "overloaded", "refused the key"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    }
    EXPECT_EQ(text.find("sk-secret"), std::string::npos) << text;
}

CHORUS_TEST(fallback, gives_the_error_of_a_single_route_as_it_is) {
    client a = client_of(get_executor(), server(status(400)));
    fallback llm({a});
    const auto routed = co_await llm.try_complete(question());
    const auto plain = co_await a.try_complete(question());
    CO_ASSERT_FALSE(routed);
    EXPECT_EQ(routed.error().message(), plain.error().message());
}

CHORUS_TEST(fallback, needs_a_route) {
    fallback llm({});
    const auto reply = co_await llm.try_complete(question());
    EXPECT_EQ(reply.error(), errc::invalid_argument);
    const auto streamed = co_await llm.try_stream(question());
    EXPECT_EQ(streamed.error(), errc::invalid_argument);
}

CHORUS_TEST(fallback, gives_what_is_left_of_one_deadline_to_each_route) {
    const auto one = server(status(503, 4s)), two = server(status(503, 5s)), three = server(says("three", 2s));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two), c = client_of(get_executor(), three);
    fallback llm({a, b, c}, {.timeout = 1h});
    const auto reply = co_await llm.try_complete(question().timeout(10s));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::deadline_exceeded);
    EXPECT_EQ(test_clock().elapsed(), 10s);
    EXPECT_EQ(one->limits, std::vector<std::chrono::milliseconds>{10s});
    EXPECT_EQ(two->limits, std::vector<std::chrono::milliseconds>{6s});
    EXPECT_EQ(three->limits, std::vector<std::chrono::milliseconds>{1s});
    const auto limited = co_await llm.try_complete(question());
    EXPECT_TRUE(limited);
    EXPECT_EQ(one->limits.back(), 1h);
}

CHORUS_TEST(fallback, does_not_count_what_a_route_waited_for_its_turn) {
    error queued(errc::connection_lost);
    queued.queued(4s);
    const auto one = server(sample::turn{queued});
    const auto two = server(says("two", 8s));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    fallback llm({a, b});
    const auto reply = co_await llm.try_complete(question().timeout(5s));
    CO_ASSERT_TRUE(reply);
    EXPECT_EQ(two->limits, std::vector<std::chrono::milliseconds>{9s});
}

CHORUS_TEST(fallback, moves_on_where_the_limit_of_a_route_passes_and_not_where_that_of_the_call_does) {
    const auto one = server(says("one", 1min)), two = server(says("two", 1s));
    client a = client_of(get_executor(), one), b = client_of(get_executor(), two);
    fallback llm({route(a).timeout(5s), b});
    const auto moved = co_await llm.try_complete(question().timeout(20s));
    CO_ASSERT_TRUE(moved);
    EXPECT_EQ(moved->response.text(), "two");
    EXPECT_EQ(test_clock().elapsed(), 6s);
    const auto late = co_await llm.try_complete(question().timeout(3s));
    EXPECT_EQ(late.error(), errc::deadline_exceeded);
    EXPECT_EQ(two->requests.size(), 1u);
}

// Routes of 2, 2 and 2 ms: cancelled before, in and after each of them.
CHORUS_TEST(fallback, can_be_cancelled_at_every_step) {
    for (int step = 0; step < 14; ++step) {
        const auto one = server(status(503, 2ms)), two = server(status(503, 2ms)), three = server(says("three", 2ms));
        client a = client_of(get_executor(), one), b = client_of(get_executor(), two),
               c = client_of(get_executor(), three);
        fallback llm({a, b, c});
        std::optional<result<routed_response>> reply;
        const auto ask = [&]() -> awaitable<void> { reply = co_await llm.try_complete(question()); };
        task<void> work = spawn(get_executor(), ask());
        co_await sleep_for(step * 500us);
        work.cancel();
        try {
            co_await std::move(work);
        } catch (const boost::system::system_error& thrown) {
            EXPECT_EQ(thrown.code(), asio::error::operation_aborted) << step;
        }
        if (reply && !*reply) {
            EXPECT_EQ(reply->error(), condition::cancelled) << step;
        }
        if (step >= 13) {
            EXPECT_TRUE(reply && *reply) << step;
        }
        if (step < 4) {
            EXPECT_TRUE(two->requests.empty()) << step;
        }
        EXPECT_EQ(one->open + two->open + three->open, 0u) << step;
    }
    EXPECT_EQ(test_clock().pending(), 0u);
}

/// A server whose streams have these pieces, and end with an error if there is one.
std::shared_ptr<fake_transport> streaming(std::vector<std::string> pieces, error ending = {},
                                          std::chrono::milliseconds after = {}) {
    auto made = std::make_shared<fake_transport>([](const http::request&) { return http::response(); });
    made->answer_in_pieces(
        [pieces = std::move(pieces), ending, after](const http::request&) -> result<streamed_answer> {
            streamed_answer script;
            script.head.status = 200;
            script.head.headers.add("content-type", "text/event-stream");
            for (const std::string& piece : pieces) script.pieces.push_back({piece, after});
            script.ending = ending;
            return script;
        });
    return made;
}

CHORUS_TEST(fallback, streams_from_the_first_route_that_brings_content) {
    const auto dead = streaming({": ping\n\n"}, error(errc::truncated));
    const auto alive = streaming({": ping\n\n", openai_text_event("Be"),
                                  openai_text_event("cause.") + openai_finish_event() + std::string(openai_end)});
    client a = client_of(get_executor(), dead), b = client_of(get_executor(), alive);
    fallback llm({a, b});
    stream_options options;
    options.heartbeats = true;
    auto answer = co_await llm.try_stream(question(), options);
    CO_ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->route(), 1u);
    EXPECT_EQ(answer->failures().size(), 1u);
    EXPECT_EQ(alive->streams().reads, 2u) << "it reads no further than to the first content";
    routed_stream moved = std::move(*answer);
    std::string text;
    while (auto event = co_await moved.next()) {
        if (const auto* piece = std::get_if<text_event>(&*event)) text += piece->text;
    }
    EXPECT_EQ(text, "Because.");
    EXPECT_EQ(moved.accumulated().text(), "Because.");
    EXPECT_EQ(dead->streams().open + alive->streams().open, 0u);
}

CHORUS_TEST(fallback, hands_out_what_a_content_filter_found_before_the_first_content) {
    const auto filtered = [](std::string_view finding) {
        return R"(data: {"choices":[],"prompt_filter_results":)" + std::string(finding) + "}\n\n";
    };
    const auto dead = streaming({filtered("[0]")}, error(errc::truncated));
    // Some with the content in one piece, some before it.
    const auto alive =
        streaming({filtered("[1]"), filtered("[2]") + ": ping\n\n",
                   R"(data: {"choices":[{"index":0,"delta":{},"content_filter_results":{"hate":3}}]})"
                   "\n\n" +
                       openai_text_event("Be"),
                   openai_text_event("cause.") + filtered("[4]") + openai_finish_event() + std::string(openai_end)});
    client a = client_of(get_executor(), dead), b = client_of(get_executor(), alive);
    fallback llm({a, b});
    stream_options options;
    options.heartbeats = true;
    options.content_filters = true;
    for (const bool is_polled : {false, true}) {
        auto answer = co_await llm.try_stream(question(), options);
        CO_ASSERT_TRUE(answer) << answer.error().message();
        routed_stream moved = std::move(*answer);
        std::vector<std::string> told;
        const auto note = [&](const chat_event& event) {
            if (const auto* piece = std::get_if<text_event>(&event)) told.emplace_back(piece->text);
            if (const auto* found = std::get_if<content_filter_event>(&event)) {
                told.push_back(std::string(found->results) + (found->choice ? " of a choice" : ""));
            }
        };
        for (chat_event event; is_polled && moved.poll(event);) note(event);
        while (auto event = co_await moved.next()) note(*event);
        EXPECT_EQ(told, (std::vector<std::string>{"[1]", "[2]", "{\"hate\":3} of a choice", "Be", "cause.", "[4]"}));
        EXPECT_EQ(moved.accumulated().text(), "Because.");
    }
}

CHORUS_TEST(fallback, does_not_leave_a_stream_that_has_brought_content) {
    const auto broken = streaming({openai_text_event("Be")}, error(errc::truncated));
    const auto other = streaming({openai_text_event("No")});
    client a = client_of(get_executor(), broken), b = client_of(get_executor(), other);
    fallback llm({a, b});
    auto answer = co_await llm.stream(question());
    chat_event event;
    EXPECT_TRUE(answer.poll(event));
    EXPECT_EQ(std::get<text_event>(event).text, "Be");
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::truncated);
    EXPECT_TRUE(other->requests.empty());
}

CHORUS_TEST(fallback, lists_the_failures_of_streams) {
    const auto dead = streaming({}, error(errc::truncated));
    client a = client_of(get_executor(), dead), b = client_of(get_executor(), dead);
    fallback llm({a, b});
    const auto none = co_await llm.try_stream(question());
    CO_ASSERT_FALSE(none);
    EXPECT_EQ(none.error(), errc::truncated);
    EXPECT_EQ(none.error().history().size(), 2u);
}

CHORUS_TEST(fallback, drops_a_stream_that_is_cancelled_before_its_first_content) {
    const auto silent = streaming({": ping\n\n", openai_text_event("late")}, {}, 3min), other = streaming({});
    client a = client_of(get_executor(), silent), b = client_of(get_executor(), other);
    fallback llm({a, b});
    std::optional<error> failed;
    const auto ask = [&]() -> awaitable<void> {
        const auto answer = co_await llm.try_stream(question());
        failed = answer.error();
    };
    task<void> work = spawn(get_executor(), ask());
    co_await sleep_for(4min);
    EXPECT_EQ(silent->streams().open, 1u);
    work.cancel();
    try {
        co_await std::move(work);
    } catch (const boost::system::system_error& thrown) {
        EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
    }
    if (failed) {
        EXPECT_EQ(*failed, condition::cancelled);
    }
    EXPECT_EQ(silent->streams().open, 0u);
    EXPECT_EQ(silent->streams().dropped, 1u);
    EXPECT_TRUE(other->requests.empty());
}

}  // namespace
}  // namespace chorus::fallback_tests
