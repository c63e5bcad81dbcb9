// A task keeps itself alive while it runs.
#pragma once

#include <chorus/async/task.hpp>

namespace chorus::detail {

CHORUS_DECL void task_state::run(std::shared_ptr<task_state> self, awaitable<void> body) {
    self_ = std::move(self);
    start(place_, std::move(body));
}

CHORUS_DECL void task_state::finished() {
    auto last = std::move(self_);
}

}  // namespace chorus::detail
