// The loop of one coroutine test, without knowing the test framework.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <string>

namespace chorus::testing {

/// Runs coroutines to their ends, in virtual or in real time, and gives up on one that comes to none.
///
/// What still runs in the loop after that is destroyed with it.
///
///     chorus::testing::test_loop loop;
///     EXPECT_EQ(loop.run_in_virtual_time(retry_for_an_hour()), "");
class test_loop {
 public:
    asio::io_context& context() noexcept { return context_; }
    /// The clock of the coroutine that runs in virtual time.
    virtual_clock& time() noexcept { return *time_; }
    /// How much real time a coroutine may take; 30 s unless set, which it may do itself.
    void wall_limit(clock::duration limit) noexcept { wall_limit_ = limit; }

    /// Runs the coroutine until it ends or the limit has passed. Returns what went wrong: an exception, or that it has
    /// not ended; nothing if all went well.
    std::string run_in_virtual_time(awaitable<void> body);
    std::string run_in_real_time(awaitable<void> body);

 private:
    clock::duration wall_limit_ = std::chrono::seconds(30);
    virtual_clock* time_ = nullptr;
    asio::io_context context_{1};
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/test_loop.ipp>
#endif
