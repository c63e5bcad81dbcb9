// Lesson 23: bad days. What may pass with time is tried again, a little later each time, within limits of number, time and
// budget. Gates hold calls back, or refuse them, before they are sent: the limits of a server, a breaker, a budget.
#include <chorus/traffic.hpp>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main(lesson::wire wire) {
    const auto executor = co_await chorus::this_coro::executor;
    lesson::server server(lesson::answers_after(20ms));
    server.with([](chorus::testing::mock_server& mock) {
        mock.expect().times(2).reply_error(503, "server_error", "", "Busy").reply_header("retry-after-ms", "50");
        mock.expect().reply_text("Here I am.");
        mock.expect().times(3).reply_error(500, "server_error", "", "Broken");
    });
    chorus::client patient(executor, lesson::at(server), wire.options().retries({.first_delay = 10ms}));

    const auto reply = co_await patient.complete(lesson::question("Are you there?"));
    std::cout << "answered by attempt " << server.counters().requests << ": " << reply.text() << '\n';
    const bool was_tried_again = server.counters().requests == 3;

    const auto failed = co_await patient.try_complete(lesson::question("And now?"));
    if (failed) co_return lesson::verdict(false, "the third failure is the last");
    std::cout << "gave up: " << failed.error().message() << '\n';
    for (const chorus::attempt& each : failed.error().history()) {
        std::cout << "  " << each.http_status << ", then waited " << each.waited.count() << " ms\n";
    }

    // Never more than five at once, whoever calls; and no token more than the budget has.
    const auto limits = std::make_shared<chorus::traffic_control>(
        executor, chorus::traffic_options{.max_concurrency = 5, .adaptive = false});
    const auto budget = std::make_shared<chorus::budget>(chorus::policy::spending_limits{.tokens = 3'500});
    chorus::client careful(executor, lesson::at(server), wire.options().gate(limits).gate(budget));
    std::vector<chorus::awaitable<chorus::result<chorus::chat_response>>> calls;
    for (int i = 0; i < 50; ++i)
        calls.push_back(careful.try_complete(lesson::question("One of fifty").max_tokens(1000)));
    int answered = 0, refused = 0;
    for (const auto& each : co_await chorus::gather(std::move(calls))) {
        answered += each.has_value();
        refused += !each && each.error() == chorus::errc::budget_exceeded;
    }
    std::cout << answered << " answered, " << refused << " refused by the budget; at most "
              << server.counters().peak_in_flight << " in flight; " << budget->spent().tokens << " tokens spent\n";

    const bool was_careful =
        answered + refused == 50 && answered >= 3 && refused > 0 && server.counters().peak_in_flight <= 5;
    co_return lesson::verdict(was_tried_again && failed.error().attempts() == 3 && was_careful,
                              "failures are retried within limits, and limits are kept before anything is sent");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
