#pragma once

#include <chorus/async/detail/deadline_list.hpp>

namespace chorus::detail {

CHORUS_DECL void deadline_list::add(deadline_entry& one, clock::time_point when) {
    deadline_entry* before = last_;
    while (before != nullptr && before->when_ > when) before = before->earlier_;
    one.when_ = when;
    one.earlier_ = before;
    one.later_ = before != nullptr ? before->later_ : first_;
    (before != nullptr ? before->later_ : first_) = &one;
    (one.later_ != nullptr ? one.later_->earlier_ : last_) = &one;
    one.is_listed_ = true;
    if (first_ == &one) alarm_.set<&deadline_list::ring>(when, this);
}

CHORUS_DECL void deadline_list::remove(deadline_entry& one) noexcept {
    if (!one.is_listed_) return;
    one.is_listed_ = false;
    (one.earlier_ != nullptr ? one.earlier_->later_ : first_) = one.later_;
    (one.later_ != nullptr ? one.later_->earlier_ : last_) = one.earlier_;
    one.earlier_ = one.later_ = nullptr;
    // An alarm set too early does no harm: it looks again.
    if (first_ == nullptr) alarm_.clear();
}

CHORUS_DECL void deadline_list::ring() {
    const clock::time_point time = alarm_.now();
    while (first_ != nullptr && first_->when_ <= time) {
        deadline_entry& late = *first_;
        remove(late);
        late.on_late();
    }
    if (first_ != nullptr) alarm_.set<&deadline_list::ring>(first_->when_, this);
}

}  // namespace chorus::detail
