// Something that happens once, or again after a reset, and everybody who waits for it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <cstddef>
#include <memory>

namespace chorus {

/// A flag that coroutines can wait for.
///
/// Lifetimes: its destructor makes those still waiting throw `operation_aborted`.
/// Executor: used from one thread at a time, as are the coroutines that wait: a loop run by one thread, or a strand.
///
///     chorus::event ready;
///     co_await ready.wait();                           // another coroutine calls ready.set()
class event {
 public:
    event();
    ~event();
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    /// Wakes everybody who waits, and lets those who come later pass, until `reset`.
    void set();
    void reset() noexcept;
    bool is_set() const noexcept;

    /// Completes when the event is set; those woken by a `set` pass even if it is reset before they are resumed.
    /// Cancellation: total; throws `operation_aborted`.
    CHORUS_LAZY awaitable<void> wait();
    std::size_t waiting() const noexcept;

 private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/event.ipp>
#endif
