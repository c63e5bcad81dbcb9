// Coroutines in line: first come, first woken; each place is kept in the frame of its coroutine.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/config.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>

namespace chorus::detail {

/// The line. It outlives the places in it, and is used from one thread at a time, as they are.
class wait_queue {
 public:
    class place;

    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;

    /// Wakes the first coroutine in line; false if nobody waits.
    bool wake_one(boost::system::error_code error = {});
    void wake_all(boost::system::error_code error = {});
    std::size_t size() const noexcept { return size_; }

 private:
    void append(place& last) noexcept;
    void remove(place& one) noexcept;

    place* first_ = nullptr;
    place* last_ = nullptr;
    std::size_t size_ = 0;
};

/// A local variable of the coroutine that waits; leaves the line when it goes.
class wait_queue::place {
 public:
    explicit place(wait_queue& queue) noexcept : queue_(queue) {}
    ~place();
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    /// Awaitable operation: joins the line, completes when woken. Once.
    auto async_wait(const executor& ex) { return async_suspend(ex, *this); }
    /// Whether it was woken without an error. It may still not have been resumed.
    bool woken() const noexcept { return woken_; }

    void operator()(boost::intrusive_ptr<suspension> coroutine) noexcept;  // called by async_suspend

 private:
    friend class wait_queue;

    wait_queue& queue_;
    boost::intrusive_ptr<suspension> coroutine_;
    place* previous_ = nullptr;
    place* next_ = nullptr;
    bool in_line_ = false;
    bool woken_ = false;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/wait_queue.ipp>
#endif
