// A count and a line; a permit that comes back is handed to the first in line, never put down in between.
#pragma once

#include <chorus/async/detail/wait_queue.hpp>
#include <chorus/async/semaphore.hpp>

#include <boost/asio/error.hpp>

namespace chorus::detail {

class semaphore_state {
 public:
    using state_ptr = std::shared_ptr<semaphore_state>;

    explicit semaphore_state(std::size_t permits) noexcept : available_(permits) {}

    bool try_take() noexcept {
        if (available_ == 0) return false;
        --available_;
        return true;
    }
    void give_back() {
        if (!queue_.wake_one()) ++available_;
    }
    void close() { queue_.wake_all(asio::error::operation_aborted); }

    std::size_t available() const noexcept { return available_; }
    std::size_t waiting() const noexcept { return queue_.size(); }

    CHORUS_LAZY static awaitable<semaphore::permit> acquire(state_ptr state) {
        if (state->try_take()) co_return semaphore::permit(std::move(state));
        grant next(*state);
        co_await next.place.async_wait(co_await this_coro::executor);
        next.accepted = true;
        co_return semaphore::permit(std::move(state));
    }

 private:
    // Gives the permit on if the coroutine is destroyed after it was woken and before it was resumed.
    struct grant {
        semaphore_state& state;
        wait_queue::place place;
        bool accepted = false;

        explicit grant(semaphore_state& owner) noexcept : state(owner), place(owner.queue_) {}
        ~grant() {
            if (place.woken() && !accepted) state.give_back();
        }
    };

    wait_queue queue_;
    std::size_t available_;
};

}  // namespace chorus::detail

namespace chorus {

CHORUS_DECL semaphore::permit& semaphore::permit::operator=(permit&& other) noexcept {
    if (this != &other) {
        release();
        state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
}
CHORUS_DECL semaphore::permit::~permit() {
    release();
}
CHORUS_DECL void semaphore::permit::release() noexcept {
    if (const auto state = std::exchange(state_, nullptr)) state->give_back();
}

CHORUS_DECL semaphore::semaphore(std::size_t permits) : state_(std::make_shared<detail::semaphore_state>(permits)) {}
CHORUS_DECL semaphore::~semaphore() {
    state_->close();
}
CHORUS_LAZY_DECL awaitable<semaphore::permit> semaphore::acquire() {
    return detail::semaphore_state::acquire(state_);
}
CHORUS_DECL std::optional<semaphore::permit> semaphore::try_acquire() {
    if (!state_->try_take()) return std::nullopt;
    return permit(state_);
}
CHORUS_DECL std::size_t semaphore::available() const noexcept {
    return state_->available();
}
CHORUS_DECL std::size_t semaphore::waiting() const noexcept {
    return state_->waiting();
}

}  // namespace chorus
