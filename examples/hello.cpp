// The program of the README: tests/readme compares the two.
#include <chorus/chorus.hpp>

#include <iostream>

chorus::awaitable<void> co_main() {
    chorus::client llm(co_await chorus::this_coro::executor, chorus::openai());   // reads OPENAI_API_KEY
    std::vector<chorus::awaitable<chorus::result<chorus::chat_response>>> calls;  // lazy: nothing has started
    for (int i = 0; i < 100; ++i)
        calls.push_back(llm.try_complete(chorus::chat_request("gpt-4o-mini").user("Question " + std::to_string(i))));
    for (auto& reply : co_await chorus::gather(std::move(calls)))  // all at once, one thread, answers in order
        std::cout << (reply ? reply->text() : reply.error().message()) << '\n';
}

int main() {
    return chorus::run(co_main());
}
