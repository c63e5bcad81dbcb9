// Lesson 20: the same question to three providers. The request knows none of them; a client is made with one. `race`
// takes the first answer and cancels the other calls, which then cost nothing more; `gather` takes them all.
#include <array>
#include <string_view>
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server slow(lesson::answers_after(150ms)), quick(lesson::answers_after(20ms)),
        other(lesson::answers_after(80ms));
    const auto here = co_await chorus::this_coro::executor;
    // In your program: chorus::openai(), chorus::anthropic(), chorus::ollama().
    chorus::client openai(here, lesson::at(slow), over.options());
    chorus::client anthropic(here, chorus::anthropic().base_url(quick.base_url()).api_key("sk-mock"), over.options());
    chorus::client local(here, chorus::compatible(other.base_url()), over.options());

    const auto question = lesson::question("Which of you is the quickest?").max_tokens(100);
    constexpr std::array<std::string_view, 3> names = {"openai", "anthropic", "local"};

    const lesson::stopwatch watch;
    const auto first =
        co_await chorus::race(openai.complete(question), anthropic.complete(question), local.complete(question));
    std::cout << names[first.index()] << " was the quickest, after " << watch.wall_ms() << " ms\n";

    const auto all = co_await chorus::gather(openai.try_complete(question), anthropic.try_complete(question),
                                             local.try_complete(question));
    const auto& [a, b, c] = all;
    const bool same = a && b && c && a->text() == b->text() && b->text() == c->text();
    std::cout << "all three after " << watch.wall_ms() << " ms: " << (a ? a->text() : a.error().message()) << '\n';

    co_return lesson::verdict(first.index() == 1 && same, "one request, three formats, the same kind of answer");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
