// A function called at a time that may be moved again and again: the deadline of a connection or a pool.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

namespace chorus {

/// Calls a function once at a given time, through its executor. Setting, moving and clearing allocate nothing and cost
/// tens of nanoseconds, so it suits deadlines that are almost always cleared before they pass.
///
/// Once `clear` or the destructor has returned, the function is not called any more, even if the time has passed
/// already. The function may set or destroy the alarm.
///
/// Lifetimes: an alarm does not outlive the execution context of its executor. While it is set, the context has work.
/// Executor: an alarm is used from one thread at a time, which is its executor's: a loop run by one thread, or a strand.
///
///     chorus::alarm idle(executor);
///     idle.set<&connection::on_idle>(idle.now() + 30s, this);
class alarm {
 public:
    using callback = void (*)(void*);

    explicit alarm(const executor& ex);
    ~alarm();
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;

    /// Calls `function(argument)` at `when`; what was set before is forgotten.
    void set(clock::time_point when, callback function, void* argument);

    /// Calls a member function: `set<&connection::on_idle>(when, this)`.
    template <auto Member, class Object>
    void set(clock::time_point when, Object* object) {
        set(
            when, [](void* target) { (static_cast<Object*>(target)->*Member)(); }, object);
    }

    void clear() noexcept;
    bool is_set() const noexcept;
    /// The time of the loop, without the look-up that `chorus::now(executor)` needs.
    clock::time_point now() const noexcept;

 private:
    class state;
    boost::intrusive_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/alarm.ipp>
#endif
