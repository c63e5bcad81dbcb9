// The label of each thread.
#pragma once

#include <chorus/async/task_name.hpp>
#include <chorus/shared_new.hpp>

namespace chorus {

CHORUS_DECL std::string current_task_name() {
    return detail::thread_label::of_this_thread()->name();
}

}  // namespace chorus

namespace chorus::detail {

CHORUS_DECL const std::shared_ptr<thread_label>& thread_label::of_this_thread() {
    thread_local const auto label = detail::shared_new<thread_label>();
    return label;
}

CHORUS_DECL thread_label::name_ptr thread_label::exchange(name_ptr name) {
    std::lock_guard lock(mutex_);
    return std::exchange(name_, std::move(name));
}

CHORUS_DECL std::string thread_label::name() const {
    std::lock_guard lock(mutex_);
    return name_ ? *name_ : std::string();
}

}  // namespace chorus::detail
