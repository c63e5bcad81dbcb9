// The bookkeeping of running children: a ring to cancel them through, a count to know when the last has ended.
#pragma once

#include <chorus/async/detail/children.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace chorus::detail {

CHORUS_DECL void child::link_before(child& position) noexcept {
    previous_ = position.previous_;
    next_ = &position;
    previous_->next_ = this;
    position.previous_ = this;
}

CHORUS_DECL void child::unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
}

CHORUS_DECL awaitable<void> nothing() {
    co_return;
}

/// What `co_spawn` calls to begin. A child cancelled before it had a chance to does not begin: Asio would throw out of
/// the loop (see `children::start`).
class child_body {
 public:
    child_body(child& place, awaitable<void> body) noexcept : place_(&place), body_(std::move(body)) {}

    awaitable<void> operator()() {
        place_->begun_ = true;
        return place_->cancelled_before_ ? nothing() : std::move(body_);
    }

 private:
    child* place_;
    awaitable<void> body_;
};

/// Completion handler of a child: tells its parent, also when the child is destroyed without having completed. It names
/// no executor, so Asio calls it where the child runs and passes cancellation on without a detour.
class child_handler {
 public:
    using cancellation_slot_type = asio::cancellation_slot;

    child_handler(children& parent, child& place) noexcept : parent_(&parent), place_(&place) {}
    child_handler(child_handler&& other) noexcept
        : parent_(std::exchange(other.parent_, nullptr)), place_(other.place_) {}
    ~child_handler() {
        if (parent_) parent_->end(*place_, true);
    }

    cancellation_slot_type get_cancellation_slot() const noexcept { return place_->signal_.slot(); }
    void operator()(std::exception_ptr) { std::exchange(parent_, nullptr)->end(*place_, false); }

 private:
    children* parent_;
    child* place_;
};

CHORUS_DECL children::children(executor where) : executor_(std::move(where)) {}

CHORUS_DECL void children::start(child& place, awaitable<void> body) {
    place.link_before(running_list_);
    place.begun_ = place.cancelled_before_ = false;
    ++running_;
    ++holds_;
    const bool abandoned_before = abandoned_;
    try {
        asio::co_spawn(executor_, child_body(place, std::move(body)), child_handler(*this, place));
    } catch (...) {
        abandoned_ = abandoned_before;
        stop(std::current_exception());
    }
    --holds_;
    settle();
}

CHORUS_DECL void children::launch() {
    ++holds_;
    try {
        begin();
    } catch (...) {
        stop(std::current_exception());
    }
    --holds_;
    settle();
}

CHORUS_DECL void children::stop(std::exception_ptr reason) {
    if (stopping_) return;
    stopping_ = true;
    reason_ = std::move(reason);
    cancel();
}

CHORUS_DECL void children::cancel() {
    // A child may end while it is told, and take others with it: never hold on to a place across the signal.
    child told;
    while (running_list_.next_ != &running_list_) {
        child& next = *running_list_.next_;
        next.unlink();
        next.link_before(told);
        if (next.begun_) {
            next.signal_.emit(asio::cancellation_type::terminal);
        } else {
            next.cancelled_before_ = true;
        }
    }
    while (told.next_ != &told) {
        child& next = *told.next_;
        next.unlink();
        next.link_before(running_list_);
    }
}

CHORUS_DECL void children::on_cancellation(asio::cancellation_type_t type) {
    if (type != asio::cancellation_type::none) stop(operation_aborted());
}

CHORUS_DECL void children::end(child& place, bool abandoned) {
    place.unlink();
    --running_;
    if (abandoned) {
        abandoned_ = true;
    } else {
        ++holds_;
        ended(place);
        --holds_;
    }
    settle();
}

CHORUS_DECL void children::settle() {
    if (running_ > 0 || holds_ > 0) return;
    const auto parent = std::move(waiter_);
    if (parent && !abandoned_) {
        slot_.clear();  // what comes later is not ours; after an abandonment the slot may be gone
        parent->resume();
    }
    finished();
}

CHORUS_DECL std::exception_ptr operation_aborted() {
    return std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
}

}  // namespace chorus::detail
