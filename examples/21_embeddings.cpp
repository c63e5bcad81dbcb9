// Lesson 21: texts that mean the same lie close together. The embeddings are fetched in batches, some at once; the
// comparison of all with all is work for the CPU and does not belong on the loop.
#include <memory>
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;

constexpr std::size_t copies = 500;

// Each text twice, far apart.
std::vector<std::string> make_texts() {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 2 * copies; ++i) texts.push_back("fact number " + std::to_string(i % copies));
    return texts;
}

// For each text of the first half the one of the second half that is most like it: how often that is its twin.
std::size_t count_twins(const chorus::embedding_response& all) {
    std::size_t twins = 0;
    for (std::size_t i = 0; i < copies; ++i) {
        std::size_t best = copies;
        for (std::size_t j = copies; j < 2 * copies; ++j) {
            if (chorus::cosine_similarity(all[i], all[j]) > chorus::cosine_similarity(all[i], all[best])) best = j;
        }
        twins += best == i + copies;
    }
    return twins;
}

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server server(lesson::answers_after(10ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server), over.options());

    auto request = chorus::embedding_request("text-embedding-3-small").inputs(make_texts()).batch_size(100);
    const auto all = std::make_shared<const chorus::embedding_response>(co_await llm.embed(std::move(request)));
    const auto compare = [all] { return count_twins(*all); };
    const std::size_t twins = co_await chorus::offload(compare);

    const auto requests = server.counters().requests;
    std::cout << all->size() << " embeddings in " << requests << " requests; " << twins << " of " << copies
              << " texts found their twin\n";
    co_return lesson::verdict(twins == copies && requests == 10, "what means the same is found by its direction");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
