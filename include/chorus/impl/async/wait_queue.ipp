// The linked list of waiting coroutines.
#pragma once

#include <chorus/async/detail/wait_queue.hpp>

#include <utility>

namespace chorus::detail {

CHORUS_DECL bool wait_queue::wake_one(boost::system::error_code error) {
    while (first_) {
        place& next = *first_;
        remove(next);
        // One that was cancelled a moment ago is about to throw: it is passed over.
        if (!next.coroutine_->resume(error)) continue;
        next.woken_ = !error;
        return true;
    }
    return false;
}

CHORUS_DECL void wait_queue::wake_all(boost::system::error_code error) {
    while (wake_one(error)) {
    }
}

CHORUS_DECL void wait_queue::append(place& last) noexcept {
    last.in_line_ = true;
    last.previous_ = last_;
    (last_ ? last_->next_ : first_) = &last;
    last_ = &last;
    ++size_;
}

CHORUS_DECL void wait_queue::remove(place& one) noexcept {
    one.in_line_ = false;
    (one.previous_ ? one.previous_->next_ : first_) = one.next_;
    (one.next_ ? one.next_->previous_ : last_) = one.previous_;
    one.previous_ = one.next_ = nullptr;
    --size_;
}

CHORUS_DECL wait_queue::place::~place() {
    if (in_line_) queue_.remove(*this);
}

CHORUS_DECL void wait_queue::place::operator()(boost::intrusive_ptr<suspension> coroutine) noexcept {
    coroutine_ = std::move(coroutine);
    queue_.append(*this);
}

}  // namespace chorus::detail
