// What the tests of task, gather and their kin have in common: coroutines that end at a given time in a given way.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace chorus_test {

using namespace std::chrono_literals;

using duration = chorus::clock::duration;

/// Counts what is alive; copies of the count travel in coroutine frames.
class alive {
 public:
    explicit alive(int& count) noexcept : count_(&count) { ++*count_; }
    alive(const alive& other) noexcept : count_(other.count_) { ++*count_; }
    alive& operator=(const alive&) = delete;
    ~alive() { --*count_; }

 private:
    int* count_;
};

/// Can only be made from an int, and only moved.
class awkward {
 public:
    explicit awkward(int value) noexcept : value_(value) {}
    awkward(awkward&&) noexcept = default;
    awkward& operator=(awkward&&) = delete;
    int value() const noexcept { return value_; }

 private:
    const int value_;
};

template <class T>
chorus::awaitable<T> value_after(duration pause, T value) {
    co_await chorus::sleep_for(pause);
    co_return value;
}

template <class T = void>
chorus::awaitable<T> throw_after(duration pause, const char* what) {
    co_await chorus::sleep_for(pause);
    throw std::runtime_error(what);
}

template <class T>
chorus::awaitable<chorus::result<T>> error_after(duration pause, chorus::errc code) {
    co_await chorus::sleep_for(pause);
    co_return chorus::error(code);
}

/// Has work to do after it was cancelled, as one who must say goodbye to a server.
inline chorus::awaitable<void> slow_to_end(duration work, duration cleanup, bool& ended) {
    bool cancelled = false;
    try {
        co_await chorus::sleep_for(work);
    } catch (const boost::system::system_error&) {
        cancelled = true;
    }
    if (cancelled) {
        co_await chorus::this_coro::throw_if_cancelled(false);
        co_await chorus::this_coro::reset_cancellation_state();
        co_await chorus::sleep_for(cleanup);
    }
    ended = true;
    if (cancelled) throw boost::system::system_error(boost::asio::error::operation_aborted);
}

/// Awaits the operation; true if it ended by cancellation, false if in any other way.
template <class T>
chorus::awaitable<bool> was_cancelled(chorus::awaitable<T> operation) {
    try {
        (void)co_await std::move(operation);
    } catch (const boost::system::system_error& thrown) {
        co_return thrown.code() == boost::asio::error::operation_aborted;
    }
    co_return false;
}
inline chorus::awaitable<bool> was_cancelled(chorus::awaitable<void> operation) {
    try {
        co_await std::move(operation);
    } catch (const boost::system::system_error& thrown) {
        co_return thrown.code() == boost::asio::error::operation_aborted;
    }
    co_return false;
}

/// Bytes that malloc has handed out, or 0 where nobody counts them: sanitizers replace malloc.
inline std::size_t allocated_bytes() {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

}  // namespace chorus_test
