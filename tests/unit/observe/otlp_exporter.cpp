#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/observe/otlp_exporter.hpp>
#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <set>
#include <string>

namespace chorus::otlp_exporter_tests {
namespace {

using namespace std::chrono_literals;
using testing::fake_transport;

const call_info chat{.id = 1, .operation = "chat", .provider = "openai", .model = "gpt-4o-mini"};

std::chrono::system_clock::time_point fixed_time() {
    return std::chrono::system_clock::time_point(1'700'000'000s);
}

http::response answer(int status, std::string body = "{}") {
    http::response made;
    made.status = status;
    made.body = std::move(body);
    return made;
}

std::shared_ptr<fake_transport> collector(int status, std::string body = "{}") {
    return std::make_shared<fake_transport>(
        [status, body = std::move(body)](const http::request&) { return answer(status, body); });
}

void end_calls(otlp_exporter& exporter, int count) {
    for (int i = 0; i < count; ++i) exporter.on_end(chat, {.total = 1s});
}

std::size_t spans_in(const http::request& message) {
    return nlohmann::json::parse(message.body)["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
}

CHORUS_TEST(otlp_exporter, posts_what_waits_to_the_collector) {
    const auto fake = collector(200);
    otlp_options options;
    options.endpoint = "http://collector.example:4318/base";
    options.headers.add("x-api-key", "secret");
    options.resource_attributes = {{"service.name", "tests"}};
    otlp_exporter exporter(fake, options, &fixed_time);
    end_calls(exporter, 3);
    EXPECT_EQ(exporter.stats().waiting, 3u);
    const auto flushed = co_await exporter.flush();
    CO_ASSERT_TRUE(flushed);
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    const http::request& sent = fake->requests[0];
    EXPECT_EQ(sent.method, "POST");
    EXPECT_EQ(sent.origin.to_string(), "http://collector.example:4318");
    EXPECT_EQ(sent.target, "/base/v1/traces");
    EXPECT_EQ(sent.headers.get("content-type"), "application/json");
    EXPECT_EQ(sent.headers.get("x-api-key"), "secret");
    const auto spans = nlohmann::json::parse(sent.body)["resourceSpans"][0]["scopeSpans"][0]["spans"];
    std::set<std::string> ids;
    for (const auto& one : spans) {
        EXPECT_EQ(one["endTimeUnixNano"], "1700000000000000000");
        EXPECT_EQ(one["startTimeUnixNano"], "1699999999000000000");
        ids.insert(one["traceId"].get<std::string>());
        ids.insert(one["spanId"].get<std::string>());
    }
    EXPECT_EQ(ids.size(), 6u) << "every id is another";
    EXPECT_EQ(exporter.stats().exported, 3u);
    EXPECT_EQ(exporter.stats().waiting, 0u);
}

CHORUS_TEST(otlp_exporter, sends_nothing_when_nothing_waits) {
    const auto fake = collector(200);
    otlp_exporter exporter(fake);
    const auto flushed = co_await exporter.flush();
    EXPECT_TRUE(flushed);
    EXPECT_TRUE(fake->requests.empty());
}

CHORUS_TEST(otlp_exporter, fills_requests_and_drops_what_finds_no_room) {
    const auto fake = collector(200);
    otlp_options options;
    options.most_waiting = 10;
    options.most_in_request = 4;
    otlp_exporter exporter(fake, options);
    end_calls(exporter, 13);
    EXPECT_EQ(exporter.stats().waiting, 10u);
    EXPECT_EQ(exporter.stats().dropped, 3u);
    const auto flushed = co_await exporter.flush();
    EXPECT_TRUE(flushed);
    CO_ASSERT_EQ(fake->requests.size(), 3u);
    EXPECT_EQ(spans_in(fake->requests[0]) + spans_in(fake->requests[1]) + spans_in(fake->requests[2]), 10u);
    EXPECT_EQ(spans_in(fake->requests[2]), 2u);
    EXPECT_EQ(exporter.stats().exported, 10u);
}

CHORUS_TEST(otlp_exporter, keeps_spans_for_the_next_time_where_that_may_help) {
    for (const int status : {429, 502, 503, 504}) {
        int now = status;
        const auto fake = std::make_shared<fake_transport>([&now](const http::request&) { return answer(now); });
        otlp_exporter exporter(fake);
        end_calls(exporter, 2);
        const auto failed = co_await exporter.flush();
        CO_ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error(), errc::unexpected_status);
        EXPECT_EQ(failed.error().http_status(), status);
        EXPECT_EQ(exporter.stats().waiting, 2u);
        now = 200;
        const auto flushed = co_await exporter.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(exporter.stats().exported, 2u);
        EXPECT_EQ(fake->requests[0].body, fake->requests[1].body) << "the same spans in the same order";
    }
}

CHORUS_TEST(otlp_exporter, keeps_spans_when_no_answer_comes) {
    const auto fake =
        std::make_shared<fake_transport>([](const http::request&) { return error(errc::connect_failed); });
    otlp_exporter exporter(fake);
    end_calls(exporter, 2);
    const auto failed = co_await exporter.flush();
    CO_ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), errc::connect_failed);
    EXPECT_EQ(exporter.stats().waiting, 2u);
}

CHORUS_TEST(otlp_exporter, gives_up_what_the_collector_refuses) {
    const auto fake = collector(400, "bad");
    otlp_exporter exporter(fake);
    end_calls(exporter, 2);
    const auto failed = co_await exporter.flush();
    CO_ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().body(), "bad");
    EXPECT_EQ(exporter.stats().rejected, 2u);
    EXPECT_EQ(exporter.stats().exported, 0u);
    EXPECT_EQ(exporter.stats().waiting, 0u);
}

CHORUS_TEST(otlp_exporter, counts_what_is_rejected_in_part) {
    for (const char* const body : {R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}})",
                                   R"({"partialSuccess":{"rejectedSpans":2}})"}) {
        otlp_exporter exporter(collector(200, body));
        end_calls(exporter, 5);
        const auto flushed = co_await exporter.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(exporter.stats().rejected, 2u);
        EXPECT_EQ(exporter.stats().exported, 3u);
    }
    for (const char* const nonsense :
         {"", "not json", R"({"partialSuccess":{"rejectedSpans":"-7"}})", R"({"partialSuccess":7})"}) {
        otlp_exporter exporter(collector(200, nonsense));
        end_calls(exporter, 5);
        const auto flushed = co_await exporter.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(exporter.stats().exported, 5u) << nonsense;
    }
}

CHORUS_TEST(otlp_exporter, a_wrong_endpoint_is_an_error_of_the_flush) {
    otlp_options options;
    options.endpoint = "not a url";
    otlp_exporter exporter(collector(200), options);
    end_calls(exporter, 1);
    const auto failed = co_await exporter.flush();
    CO_ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), errc::invalid_argument);
    EXPECT_EQ(exporter.stats().waiting, 1u);
}

/// Answers after a second of virtual time.
struct slow_collector final : net::transport {
    awaitable<result<void>> send(const http::request&, const http::limits&, http::response& into) override {
        ++started;
        co_await sleep_for(1s);
        into.status = 200;
        co_return result<void>();
    }
    awaitable<void> close() override { co_return; }
    void abort() noexcept override {}
    int started = 0;
};

CHORUS_TEST(otlp_exporter, keeps_what_is_on_its_way_when_it_is_cancelled) {
    const auto slow = std::make_shared<slow_collector>();
    otlp_options options;
    options.most_waiting = 3;
    otlp_exporter exporter(slow, options);
    end_calls(exporter, 2);
    const auto late = co_await with_timeout(500ms, exporter.flush());
    EXPECT_FALSE(late);
    EXPECT_EQ(slow->started, 1);
    EXPECT_EQ(exporter.stats().waiting, 2u);
    end_calls(exporter, 2);
    EXPECT_EQ(exporter.stats().dropped, 1u);
    const auto flushed = co_await exporter.flush();
    EXPECT_TRUE(flushed);
    EXPECT_EQ(exporter.stats().exported, 3u);
}

CHORUS_TEST(otlp_exporter, what_is_awaited_outlasts_it) {
    const auto slow = std::make_shared<slow_collector>();
    auto exporter = std::make_unique<otlp_exporter>(slow);
    end_calls(*exporter, 2);
    auto flushing = co_await spawn(exporter->flush());
    auto exporting = co_await spawn(exporter->export_every(10s));
    co_await sleep_for(1ns);
    EXPECT_EQ(slow->started, 1);
    exporter.reset();
    flushing.cancel();
    const auto flushed = co_await flushing.join();
    CO_ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error(), condition::cancelled);
    co_await sleep_for(11s);
    EXPECT_EQ(slow->started, 2) << "what was on its way is sent again";
}

TEST(otlp_exporter, may_go_before_a_loop_with_a_flush_under_way) {
    const auto slow = std::make_shared<slow_collector>();
    asio::io_context loop;
    auto exporter = std::make_unique<otlp_exporter>(slow);
    end_calls(*exporter, 2);
    asio::co_spawn(loop, exporter->flush(), asio::detached);
    loop.poll();
    EXPECT_EQ(slow->started, 1);
    exporter.reset();
}

CHORUS_TEST(otlp_exporter, exports_again_and_again_until_it_is_cancelled) {
    const auto fake = collector(200);
    otlp_exporter exporter(fake);
    end_calls(exporter, 1);
    bool was_late = false;
    try {
        co_await with_timeout(35s, exporter.export_every(10s));
    } catch (const api_error& late) {
        was_late = late.error() == errc::timed_out;
    }
    EXPECT_TRUE(was_late);
    EXPECT_EQ(fake->requests.size(), 1u) << "an empty queue is not sent";
    EXPECT_EQ(exporter.stats().exported, 1u);
}

}  // namespace
}  // namespace chorus::otlp_exporter_tests
