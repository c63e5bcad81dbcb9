// The clock that a test moves: order, nesting, real I/O beside it, and going back to real time.
#include <chorus/async/sleep.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace virtual_clock_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus::sleep_for;

namespace {

using durations = std::vector<chorus::clock::duration>;

class virtual_clock : public testing::Test {
 protected:
    asio::io_context loop{1};
    chorus::testing::virtual_clock time{loop};
    durations woken;

    awaitable<void> ticks(chorus::clock::duration period, int count) {
        for (int i = 0; i < count; ++i) {
            co_await sleep_for(period);
            woken.push_back(time.elapsed());
        }
    }
};

TEST_F(virtual_clock, stands_still_until_moved) {
    const auto start = time.now();
    EXPECT_EQ(time.elapsed(), 0s);
    time.advance(90s);
    EXPECT_EQ(time.now(), start + 90s);
    EXPECT_EQ(time.elapsed(), 90s);
}

TEST_F(virtual_clock, advance_stops_at_every_deadline_even_at_new_ones) {
    asio::co_spawn(loop, ticks(2s, 10), asio::detached);
    asio::co_spawn(loop, ticks(3s, 10), asio::detached);
    time.advance(7s);
    EXPECT_EQ(woken, (durations{2s, 3s, 4s, 6s, 6s}));
    EXPECT_EQ(time.elapsed(), 7s);
    EXPECT_EQ(time.pending(), 2u);
}

TEST_F(virtual_clock, advance_by_less_than_a_deadline_wakes_nobody) {
    asio::co_spawn(loop, ticks(1s, 1), asio::detached);
    time.advance(1s - 1ns);
    EXPECT_TRUE(woken.empty());
    time.advance(1ns);
    EXPECT_EQ(woken, durations{1s});
}

TEST_F(virtual_clock, jump_goes_to_the_next_deadline_and_says_if_there_was_none) {
    EXPECT_FALSE(time.jump());
    asio::co_spawn(loop, ticks(10min, 2), asio::detached);
    loop.poll();
    EXPECT_TRUE(time.jump());
    EXPECT_EQ(time.elapsed(), 10min);
    EXPECT_TRUE(woken.empty());  // ready, and not run yet
    loop.poll();
    EXPECT_EQ(woken, durations{10min});
}

TEST_F(virtual_clock, run_ends_when_the_loop_has_no_work_left) {
    asio::co_spawn(loop, ticks(1h, 1000), asio::detached);
    time.run();
    EXPECT_EQ(woken.size(), 1000u);
    EXPECT_EQ(time.elapsed(), 1000h);
    asio::co_spawn(loop, ticks(1h, 1), asio::detached);
    time.run();  // and can be called again
    EXPECT_EQ(woken.size(), 1001u);
}

TEST_F(virtual_clock, run_ends_when_the_loop_is_stopped) {
    asio::co_spawn(loop, ticks(1h, 1000), asio::detached);
    const auto stopper = [](asio::io_context& context) -> awaitable<void> {
        co_await sleep_for(90min);
        context.stop();
    };
    asio::co_spawn(loop, stopper(loop), asio::detached);
    time.run();
    EXPECT_EQ(woken, durations{1h});
}

TEST_F(virtual_clock, lets_an_exception_of_a_handler_out) {
    asio::post(loop, [] { throw std::runtime_error("handler"); });
    EXPECT_THROW(time.run(), std::runtime_error);
}

TEST_F(virtual_clock, step_waits_for_no_longer_than_its_limit) {
    auto work = asio::make_work_guard(loop);  // as an operation that never completes would be
    EXPECT_FALSE(time.step(1ms));
    EXPECT_FALSE(loop.stopped() && time.step(1ms));
}

TEST_F(virtual_clock, works_beside_real_sockets) {
    asio::ip::tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
    const auto server = [](asio::ip::tcp::acceptor& listener) -> awaitable<void> {
        auto socket = co_await listener.async_accept(chorus::use_awaitable);
        char byte = 0;
        co_await asio::async_read(socket, asio::buffer(&byte, 1), chorus::use_awaitable);
        co_await sleep_for(1h);  // a slow server
        co_await asio::async_write(socket, asio::buffer(&byte, 1), chorus::use_awaitable);
    };
    char answer = 0;
    const auto client = [](asio::ip::tcp::endpoint server_address, char& byte) -> awaitable<void> {
        asio::ip::tcp::socket socket(co_await chorus::this_coro::executor);
        co_await socket.async_connect(server_address, chorus::use_awaitable);
        const char question = 'x';
        co_await asio::async_write(socket, asio::buffer(&question, 1), chorus::use_awaitable);
        co_await asio::async_read(socket, asio::buffer(&byte, 1), chorus::use_awaitable);
    };
    asio::co_spawn(loop, server(acceptor), asio::detached);
    asio::co_spawn(loop, client(acceptor.local_endpoint(), answer), asio::detached);
    time.run();
    EXPECT_EQ(answer, 'x');
    EXPECT_EQ(time.elapsed(), 1h);
}

TEST_F(virtual_clock, advance_works_from_inside_the_loop) {
    asio::co_spawn(loop, ticks(1s, 3), asio::detached);
    durations seen;
    asio::post(loop, [&] {
        time.advance(2s);
        seen = woken;
    });
    loop.poll();
    EXPECT_EQ(seen, (durations{1s, 2s}));
}

TEST_F(virtual_clock, refuses_a_second_one_on_the_same_context) {
    EXPECT_THROW(chorus::testing::virtual_clock{loop}, std::logic_error);
}

TEST(virtual_clock_life, hands_pending_deadlines_back_to_real_time) {
    asio::io_context loop{1};
    bool woke = false;
    {
        chorus::testing::virtual_clock time(loop);
        asio::co_spawn(loop, sleep_for(1ms), [&](std::exception_ptr) { woke = true; });
        loop.poll();
        EXPECT_FALSE(woke);
    }
    loop.run();
    EXPECT_TRUE(woke);
}

}  // namespace

}  // namespace virtual_clock_tests
