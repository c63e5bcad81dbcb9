// A clock that stands still until the test moves it: hours of retries in milliseconds.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/config.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>

namespace chorus::testing {

/// Replaces the time of an `io_context` for as long as it lives: `sleep_for`, `with_timeout`, `alarm` and every limit
/// of the library follow it. It starts at the real time, and stands still until it is moved. Sockets, plain Asio
/// timers and other contexts keep real time.
///
/// Lifetimes: ends before the context does. What is still pending then goes on in real time.
/// Executor: used from the thread that runs the context.
///
///     boost::asio::io_context loop;
///     chorus::testing::virtual_clock time(loop);
///     boost::asio::co_spawn(loop, retry_for_an_hour(), boost::asio::detached);
///     time.run();                                     // returns at once
///     EXPECT_GE(time.elapsed(), 1h);
class virtual_clock {
 public:
    explicit virtual_clock(asio::io_context& context);
    ~virtual_clock();
    virtual_clock(const virtual_clock&) = delete;
    virtual_clock& operator=(const virtual_clock&) = delete;

    clock::time_point now() const noexcept;
    /// How far the time was moved since the clock was installed.
    clock::duration elapsed() const noexcept;
    /// How many deadlines wait.
    std::size_t pending() const;

    /// Moves the time on, stopping at every deadline on the way: there, and at the end, all ready handlers run before
    /// the time goes on. Called from inside the loop it runs them nested in the call; a coroutine better awaits
    /// `sleep_for` under `run`.
    void advance(clock::duration length);

    /// Moves the time to the next deadline and makes ready what is due. Returns false if no deadline is pending.
    bool jump();

    /// Runs one ready handler; if there is none, jumps; if no deadline is pending either, waits for real I/O and
    /// other threads, `real_limit` at most. Returns false if nothing happened: the loop has no work left, was stopped,
    /// or the limit passed.
    bool step(clock::duration real_limit);

    /// Runs the loop until it has no work left, jumping to the next deadline whenever nothing is ready.
    void run();

 private:
    asio::io_context& context_;
    timer_service& service_;
    clock::time_point start_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/virtual_clock.ipp>
#endif
