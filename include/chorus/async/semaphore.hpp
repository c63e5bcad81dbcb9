// At most so many at once, first come, first served.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace chorus {

namespace detail {
class semaphore_state;
}  // namespace detail

/// Lends out a fixed number of permits. Waiters are served strictly in the order they came; nobody overtakes.
///
/// Lifetimes: permits may outlive the semaphore. Its destructor makes those still waiting throw `operation_aborted`.
/// Executor: used from one thread at a time, as are the coroutines that wait: a loop run by one thread, or a strand.
///
///     chorus::semaphore at_most(8);
///     auto permit = co_await at_most.acquire();        // given back when `permit` leaves its scope
class semaphore {
 public:
    /// One permit, given back by its destructor.
    class [[nodiscard]] permit {
     public:
        permit() noexcept = default;
        permit(permit&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
        permit& operator=(permit&& other) noexcept;
        ~permit();
        /// Gives it back early.
        void release() noexcept;
        explicit operator bool() const noexcept { return state_ != nullptr; }

     private:
        friend class semaphore;
        friend class detail::semaphore_state;
        explicit permit(std::shared_ptr<detail::semaphore_state> state) noexcept : state_(std::move(state)) {}
        std::shared_ptr<detail::semaphore_state> state_;
    };

    explicit semaphore(std::size_t permits);
    ~semaphore();
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;

    /// Completes when a permit is free and everybody who came before has been served.
    /// Cancellation: total; throws `operation_aborted`, and a permit that was on its way goes to the next in line.
    CHORUS_LAZY awaitable<permit> acquire();
    /// Takes a permit if one is free and nobody waits.
    std::optional<permit> try_acquire();

    std::size_t available() const noexcept;
    std::size_t waiting() const noexcept;

 private:
    std::shared_ptr<detail::semaphore_state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/semaphore.ipp>
#endif
