// A flag and a line.
#pragma once

#include <chorus/async/detail/wait_queue.hpp>
#include <chorus/async/event.hpp>

#include <boost/asio/error.hpp>

namespace chorus {

struct event::state {
    detail::wait_queue queue;
    bool is_set = false;

    CHORUS_LAZY static awaitable<void> wait(std::shared_ptr<state> self) {
        if (self->is_set) co_return;
        detail::wait_queue::place place(self->queue);
        co_await place.async_wait(co_await this_coro::executor);
    }
};

CHORUS_DECL event::event() : state_(std::make_shared<state>()) {}
CHORUS_DECL event::~event() {
    state_->queue.wake_all(asio::error::operation_aborted);
}
CHORUS_DECL void event::set() {
    state_->is_set = true;
    state_->queue.wake_all();
}
CHORUS_DECL void event::reset() noexcept {
    state_->is_set = false;
}
CHORUS_DECL bool event::is_set() const noexcept {
    return state_->is_set;
}
CHORUS_LAZY_DECL awaitable<void> event::wait() {
    return state::wait(state_);
}
CHORUS_DECL std::size_t event::waiting() const noexcept {
    return state_->queue.size();
}

}  // namespace chorus
