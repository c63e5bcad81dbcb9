// Lesson 17: a streamed answer is read while it is written. `stream` gives an object whose `next()` waits for the next
// event; other calls go on meanwhile. What has come is kept, and at the end it is the whole answer. Leaving the scope
// early drops the transfer, and the server stops writing.
#include <variant>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server server(lesson::answers_after(0ms).stream_interval(20ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server), over.options());

    const lesson::stopwatch watch;
    double first_ms = 0;
    auto answer = llm.stream(lesson::question("Tell me a story of ten words, one at a time."));
    while (const auto event = co_await answer.next()) {
        const auto* piece = std::get_if<chorus::text_event>(&*event);
        if (piece == nullptr) continue;
        if (first_ms == 0) first_ms = watch.wall_ms();
        std::cout << piece->text << std::flush;
    }
    const double whole_ms = watch.wall_ms();
    const chorus::chat_response whole = answer.accumulated();
    std::cout << "\nfirst words after " << first_ms << " ms, all " << whole.usage().completion_tokens.value_or(0)
              << " tokens after " << whole_ms << " ms\n";

    {
        auto abandoned =
            llm.stream(lesson::question("Tell me another one, a very long one, until I have enough of it."));
        co_await abandoned.next();
    }
    co_return lesson::verdict(whole.finish_reason() == "stop" && first_ms < whole_ms / 2,
                              "the first words are there long before the last");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
