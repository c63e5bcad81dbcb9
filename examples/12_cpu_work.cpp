// Lesson 12: work for the CPU goes to a thread pool. `offload` calls a function there; the coroutine waits for it on
// its own loop, where the streams of answers go on meanwhile. The function shares what it reads: it may outlive a
// coroutine that is cancelled.
#include <cstddef>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;
using embedding = std::vector<float>;
using library = std::shared_ptr<const std::vector<embedding>>;

library make_library() {
    std::vector<embedding> documents(20'000, embedding(256));
    std::minstd_rand random;
    for (embedding& document : documents)
        for (float& value : document) value = random() % 2 == 0 ? 1.0f : -1.0f;
    return std::make_shared<const std::vector<embedding>>(std::move(documents));
}

// The document most similar to the query, and the thread that found it.
std::pair<std::size_t, std::thread::id> find_nearest(const std::vector<embedding>& documents, const embedding& query) {
    std::size_t best = 0;
    float best_score = 0;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const float score = std::inner_product(query.begin(), query.end(), documents[i].begin(), 0.0f);
        if (score > best_score) best = i, best_score = score;
    }
    return {best, std::this_thread::get_id()};
}

chorus::awaitable<int> co_main() {
    lesson::server server(lesson::answers_after(10ms));
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));
    const library documents = make_library();

    const auto work = [documents] { return find_nearest(*documents, documents->at(12'345)); };
    auto search = co_await chorus::spawn(chorus::offload(work));
    int pieces = 0;
    while (pieces == 0 || !search.done()) {
        auto answer = llm.stream(lesson::question("Tell me a story."));
        while (const auto event = co_await answer.next()) ++pieces;
    }
    const auto [nearest, worker] = co_await std::move(search);

    const auto loop_thread = std::this_thread::get_id();
    std::cout << "thread " << worker << " found document " << nearest << " while thread " << loop_thread << " took "
              << pieces << " events of streams\n";
    co_return lesson::verdict(nearest == 12'345 && worker != loop_thread,
                              "the work was done elsewhere, and its result came back to the loop");
}

int main() {
    return chorus::run(co_main());
}
