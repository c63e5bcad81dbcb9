// The job: all prompts, so many at once, each answer passed on as it comes.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/for_each_completed.hpp>
#include <chorus/client.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "progress.hpp"
#include "prompts.hpp"

namespace batch {

using reply = chorus::result<chorus::chat_response>;

inline chorus::awaitable<reply> ask(chorus::client& llm, const prompt& question, const std::string& model,
                                    progress& seen) {
    const progress::in_flight counted(seen);
    auto request = to_request(question, model);
    if (!request) co_return request.error();
    co_return co_await llm.try_complete(std::move(*request));
}

/// Asks every question and hands each outcome to `write(question, reply)`, before it is counted.
/// Cancellation: what is under way is given up, and not written.
/// Errors: what `write` throws, after the same.
template <class Write>
chorus::awaitable<void> ask_all(chorus::client& llm, const std::vector<prompt>& questions, const std::string& model,
                                std::size_t concurrency, progress& seen, Write& write) {
    const auto ask_one = [&](const prompt& question) { return ask(llm, question, model, seen); };
    const auto take = [&](std::size_t index, const reply& outcome) {
        write(questions[index], outcome);
        seen.count(questions[index].line, outcome);
    };
    co_await chorus::for_each_completed(questions, ask_one, {.limit = concurrency}, take);
}

}  // namespace batch
