// One child and one alarm.
#pragma once

#include <chorus/async/timeout.hpp>

#include <chrono>
#include <string>

namespace chorus::detail {

CHORUS_DECL time_limit::time_limit(executor where, clock::duration limit)
    : children(where), alarm_(where), limit_(limit) {}

CHORUS_DECL void time_limit::run(awaitable<void> work) {
    alarm_.set<&time_limit::on_limit>(saturating_add(alarm_.now(), limit_), this);
    start(place_, std::move(work));
}

CHORUS_DECL void time_limit::on_limit() {
    if (stopping()) return;  // cancelled from outside before: that is what it ends with
    passed_ = true;
    stop();
}

CHORUS_DECL bool time_limit::is_cancellation(std::exception_ptr failure) const noexcept {
    return error::from_exception(std::move(failure)) == condition::cancelled;
}

CHORUS_DECL error time_limit::timed_out() const {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count();
    return error(errc::timed_out, "the limit of " + std::to_string(milliseconds) + " ms passed");
}

}  // namespace chorus::detail
