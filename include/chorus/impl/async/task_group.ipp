// Which failure ends a group, and where its tasks are kept.
#pragma once

#include <chorus/async/task_group.hpp>

namespace chorus {

class task_group::receiver {
 public:
    explicit receiver(task_group& group) noexcept : group_(&group) {}
    void value() noexcept {}
    void value(result<void>&& outcome) {
        if (!outcome) group_->fail(detail::failure(std::move(outcome).error()));
    }
    void failure(std::exception_ptr exception) { group_->fail(detail::failure(std::move(exception))); }

 private:
    task_group* group_;
};

CHORUS_DECL void task_group::spawn(awaitable<void> work) {
    if (stopping() || failed_) return;
    start(places_.take(), detail::deliver<detail::beginning::next_turn>(std::move(work), receiver(*this)));
}

CHORUS_DECL void task_group::spawn(awaitable<result<void>> work) {
    if (stopping() || failed_) return;
    start(places_.take(), detail::deliver<detail::beginning::next_turn>(std::move(work), receiver(*this)));
}

CHORUS_DECL void task_group::cancel() {
    stop();
}

CHORUS_DECL std::size_t task_group::size() const noexcept {
    return running() - (body_running_ ? 1 : 0);
}

CHORUS_DECL void task_group::start_body(awaitable<void> body) {
    body_running_ = true;
    start(body_place_, std::move(body));
}

CHORUS_DECL void task_group::fail(detail::failure what) {
    if (!stopping() && !failed_) failed_ = std::move(what);
}

CHORUS_DECL void task_group::rethrow_failure() const {
    if (failed_) failed_.rethrow();
    rethrow_reason();
}

CHORUS_DECL void task_group::ended(detail::child& place) {
    if (&place == &body_place_) {
        body_running_ = false;
    } else {
        places_.give_back(place);
    }
    if (failed_) stop();
}

}  // namespace chorus
