// A task keeps itself alive while it runs.
#pragma once

#include <chorus/async/task.hpp>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace chorus::detail {

CHORUS_DECL task_state::task_state(executor where)
    : children(where), work_(asio::prefer(where, asio::execution::outstanding_work.tracked)) {}

CHORUS_DECL void task_state::run(std::shared_ptr<task_state> self, awaitable<void> body) {
    self_ = std::move(self);
    start(place_, std::move(body));
}

CHORUS_DECL void task_state::finished() {
    work_ = {};
    auto last = std::move(self_);
}

}  // namespace chorus::detail
