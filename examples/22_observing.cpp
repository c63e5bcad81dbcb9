// Lesson 22: what happens can be seen. A client tells its observers of each step of each call: a log of one line each,
// that holds no prompt and no key; counts for a dashboard; and spans for any collector of OpenTelemetry, sent over HTTP
// as JSON. What is not asked for costs nothing.
#include <chorus/net/http_transport.hpp>
#include <chorus/observe.hpp>

#include <memory>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server server(lesson::answers_after(0ms)), collector(lesson::answers_after(0ms));
    server.with([](auto& mock) {
        mock.expect()
            .reply_error(503, "server_error", "overloaded", "Come back later.")
            .reply_header("retry-after", "0");
    });
    collector.with(
        [](auto& mock) { mock.expect().path("/v1/traces").body_contains("chat gpt-4o-mini").reply(200, "{}"); });
    const auto here = co_await chorus::this_coro::executor;

    // In your program: text_logger::from_environment(&chorus::process_environment, stderr), which asks CHORUS_LOG.
    std::vector<std::string> lines;
    const auto log =
        std::make_shared<chorus::text_logger>([&lines](std::string_view line) { lines.emplace_back(line); });
    const auto counts = std::make_shared<chorus::metrics>();
    chorus::otlp_options to_collector;
    to_collector.endpoint = "http://127.0.0.1:" + std::to_string(collector.port());
    to_collector.resource_attributes = {{"service.name", "lesson"}};
    const auto transport = chorus::net::http_transport::create(here);
    const auto traces = std::make_shared<chorus::otlp_exporter>(*transport, to_collector);
    auto everyone = std::make_shared<chorus::observers>();
    everyone->add(log).add(counts).add(traces);

    chorus::client llm(here, lesson::at(server), over.options().observer(everyone));
    for (int i = 0; i < 3; ++i) co_await llm.complete(lesson::question("Is my secret safe?"));
    const auto flushed = co_await traces->flush();

    for (const auto& line : lines) std::cout << line << '\n';
    const auto now = counts->snapshot();
    std::cout << to_json(now) << '\n';
    const bool counted = now.calls("chat") == 3 && now.attempts == 4 && now.retries == 1 && now.total.count() == 3;
    bool is_discreet = true;
    for (const auto& line : lines) is_discreet = is_discreet && line.find("secret") == line.npos;
    co_return lesson::verdict(flushed && traces->stats().exported == 3 && counted && is_discreet && lines.size() == 4,
                              "three calls, four attempts, three spans, and nothing said that is nobody's business");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
