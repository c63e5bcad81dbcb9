// Lesson 18: a model that may call tools. `run_tools` sends the question, runs what the model asks for, sends the
// results, and goes on until there is an answer. The calls of one round run at once: a coroutine that waits, and a
// computation on the thread pool. The arguments are checked against the struct before a tool sees them.
#include <chorus/tools.hpp>

#include <boost/describe.hpp>

#include "lesson.hpp"

using namespace std::chrono_literals;

struct place {
    std::string city;
};
BOOST_DESCRIBE_STRUCT(place, (), (city))

struct range {
    int below;
};
BOOST_DESCRIBE_STRUCT(range, (), (below))

// Stands for a call to another service.
chorus::awaitable<std::string> weather(place where) {
    co_await chorus::sleep_for(50ms);
    co_return "It is 21 degrees in " + where.city + ".";
}

int count_primes(range numbers) {
    int count = 0;
    for (int n = 2, divisor = 2; n < numbers.below; ++n, divisor = 2) {
        while (divisor * divisor <= n && n % divisor != 0) ++divisor;
        count += divisor * divisor > n;
    }
    return count;
}

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server server(lesson::answers_after(10ms));
    // What a model would say: two calls first, then an answer made of what came back.
    server.with([](auto& model) {
        model.expect().reply_with(
            lesson::calls({{"weather", R"({"city":"Ulm"})"}, {"count_primes", R"({"below":100000})"}}));
        model.expect().body_contains("21 degrees in Ulm").body_contains("9592").reply_text("21 degrees, 9592 primes.");
    });
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server), over.options());

    chorus::tool_set tools;
    tools.add<place>("weather", "Tells the weather of a city.", &weather);
    tools.add<range>("count_primes", "Counts the primes below a number.", chorus::offloaded(&count_primes));

    const auto run = co_await chorus::run_tools(llm, lesson::question("How warm is Ulm, how many primes?"), tools);
    for (const chorus::message& next : run.messages())
        std::cout << next.role() << ": " << *next.content().as_text() << '\n';
    co_return lesson::verdict(run.rounds == 2 && run.response.text() == "21 degrees, 9592 primes.",
                              "the model had its tools run, and answered with what they found");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
