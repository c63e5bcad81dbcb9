// The bookkeeping of running children: a ring to cancel them through, a count to know when the last has ended.
#pragma once

#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/post.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

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

/// Tells the parent of the end of a child, once: when it is called, or that the child was abandoned, when its frame goes
/// without having come to its end.
class child_end {
 public:
    child_end(children& parent, child& place) noexcept : parent_(&parent), place_(&place) {}
    child_end(child_end&& other) noexcept : parent_(std::exchange(other.parent_, nullptr)), place_(other.place_) {}
    ~child_end() {
        if (parent_) parent_->end(*place_, true);
    }

    /// A child cancelled before it could begin does not begin.
    bool begin() noexcept {
        place_->begun_ = true;
        return !place_->cancelled_before_;
    }
    void operator()() {
        if (place_->starting_) {
            // Ten thousand children that end at once would otherwise start one another on one stack.
            const executor where = parent_->get_executor();
            detail::post(where, std::move(*this));
        } else {
            std::exchange(parent_, nullptr)->end(*place_, false);
        }
    }

 private:
    children* parent_;
    child* place_;
};

// The bottom frame of a child, where `asio::co_spawn` has one with two work guards and two awaits of its own: 270 bytes
// a coroutine more, and thousands of instructions. What is used of Asio's details here is the same from 1.81 on.
using bottom_frame = asio::awaitable<asio::detail::awaitable_thread_entry_point, executor>;

CHORUS_DECL bottom_frame make_bottom_frame(child_end end, awaitable<void> body) {
    if (end.begin()) co_await std::move(body);
    end();
}

CHORUS_DECL children::children(executor where) : executor_(std::move(where)) {}

CHORUS_DECL void children::start(child& place, awaitable<void> body) {
    place.link_before(running_list_);
    place.begun_ = place.cancelled_before_ = false;
    ++running_;
    ++holds_;
    const bool abandoned_before = abandoned_;
    try {
        auto first_run = [this, &place,
                          bottom = make_bottom_frame(child_end(*this, place), std::move(body))]() mutable {
            const asio::cancellation_slot slot = place.signal_.slot();
            const asio::cancellation_state state(slot);
            asio::detail::awaitable_thread<executor>(std::move(bottom), executor_, slot, state).launch();
        };
        place.starting_ = true;
        asio::dispatch(executor_, std::move(first_run));
        place.starting_ = false;
    } catch (...) {
        place.starting_ = false;
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
