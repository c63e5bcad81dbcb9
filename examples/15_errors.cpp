// Lesson 15: errors in both styles. `try_complete` returns a result, which costs no throw; `complete` throws the same
// error. Codes tell exactly what happened; conditions group them, so that one comparison covers what is alike.
#include <string_view>

#include "lesson.hpp"

using namespace std::chrono_literals;

std::string_view advice(const chorus::error& failure) {
    if (failure == chorus::condition::authentication) return "check the key";
    if (failure == chorus::condition::quota_exhausted) return "check the bill";
    if (failure == chorus::condition::retryable) return "try again later";
    if (failure == chorus::condition::client_error) return "change the request";
    return "read the message";
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(0ms));
    server.with([](chorus::testing::mock_server& mock) {
        mock.expect().reply_error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided");
        mock.expect().reply_error(429, "requests", "rate_limit_exceeded", "Slow down").reply_header("retry-after", "2");
        mock.expect().reply(200, "<html>not what you expected</html>");
        mock.expect().reply_error(404, "invalid_request_error", "model_not_found", "No such model");
    });
    // Tried once: lesson 23 is about trying again.
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server),
                       chorus::client_options().max_attempts(1));

    std::string advised;
    for (int i = 0; i < 3; ++i) {
        const auto reply = co_await llm.try_complete(lesson::question("Hello?"));
        if (reply) co_return lesson::verdict(false, "the server's errors arrive");
        std::cout << reply.error().message() << "\n  -> " << advice(reply.error());
        if (const auto wait = reply.error().retry_after()) std::cout << ", in " << wait->count() << " ms";
        std::cout << '\n';
        advised += std::string(advice(reply.error())) + "; ";
    }
    try {
        co_await llm.complete(lesson::question("Hello?"));
    } catch (const chorus::api_error& problem) {
        std::cout << "thrown: " << problem.what() << "\n  -> " << advice(problem.error()) << '\n';
        advised += advice(problem.error());
    }
    const auto refused = co_await llm.try_complete(chorus::chat_request("gpt-4o-mini"));  // without a message
    std::cout << "never sent: " << refused.error().message() << "\n  -> " << advice(refused.error()) << '\n';

    const bool held = advised == "check the key; try again later; read the message; change the request" &&
                      refused.error() == chorus::errc::invalid_argument && server.counters().requests == 4;
    co_return lesson::verdict(held, "an error says what happened, where, and what to do about it");
}

int main() {
    return chorus::run(co_main());
}
