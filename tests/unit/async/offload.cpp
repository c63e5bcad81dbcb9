// Work on other threads: results and exceptions come back, cancelled jobs do not begin, and nothing outlives wrongly.
#include <chorus/async/offload.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace offload_tests {

namespace asio = boost::asio;
using chorus::awaitable;
using chorus::offload;

namespace {

// One thread that stands still until it is told to go on.
struct held_pool {
    asio::thread_pool pool{1};
    std::binary_semaphore gate{0};

    held_pool() {
        asio::post(pool, [this] { gate.acquire(); });
    }
    void let_go() { gate.release(); }
};

boost::system::error_code code_of(const std::exception_ptr& failure) {
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& thrown) {
        return thrown.code();
    }
    return {};
}

CHORUS_REAL_TIME_TEST(offload, runs_elsewhere_and_comes_back) {
    const auto here = std::this_thread::get_id();
    const auto there = co_await offload([] { return std::this_thread::get_id(); });
    EXPECT_NE(there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    asio::thread_pool own(1);
    const auto in_own = co_await offload(own, [] { return std::this_thread::get_id(); });
    EXPECT_NE(in_own, here);
    EXPECT_NE(in_own, there);
    EXPECT_EQ(std::this_thread::get_id(), here);
}

CHORUS_REAL_TIME_TEST(offload, brings_back_values_that_only_move_and_void) {
    const auto value = co_await offload([] { return std::make_unique<int>(9); });
    EXPECT_EQ(*value, 9);
    bool called = false;
    co_await offload([&] { called = true; });
    EXPECT_TRUE(called);
}

CHORUS_REAL_TIME_TEST(offload, takes_functions_that_only_move) {
    auto function = [number = std::make_unique<int>(5)]() mutable { return std::move(number); };
    const auto value = co_await offload(std::move(function));
    EXPECT_EQ(*value, 5);
}

CHORUS_REAL_TIME_TEST(offload, brings_exceptions_back) {
    const auto failing = []() -> int { throw std::runtime_error("from the pool"); };
    EXPECT_THROW(co_await offload(failing), std::runtime_error);
    const auto failing_void = [] { throw std::runtime_error("from the pool"); };
    EXPECT_THROW(co_await offload(failing_void), std::runtime_error);
}

CHORUS_REAL_TIME_TEST(offload, starts_only_when_awaited) {
    bool called = false;
    {
        auto never_awaited = offload([&] { called = true; });
    }
    co_await offload([] {});
    EXPECT_FALSE(called);
}

CHORUS_REAL_TIME_TEST(offload, many_at_once_from_strands_of_another_pool) {
    asio::thread_pool callers(4);
    asio::thread_pool workers(3);
    std::atomic<int> sum = 0;
    for (int i = 0; i < 100; ++i) {
        asio::co_spawn(
            asio::make_strand(callers),
            [](asio::thread_pool& pool, std::atomic<int>& total, int number) -> awaitable<void> {
                for (int round = 0; round < 5; ++round) {
                    const auto answer = [number] { return number; };
                    total += co_await offload(pool, answer);
                }
            }(workers, sum, i),
            asio::detached);
    }
    callers.join();
    EXPECT_EQ(sum, 5 * 4950);
    co_return;
}

TEST(offload, drops_a_function_not_begun_when_cancelled) {
    held_pool held;
    auto witness = std::make_shared<int>();
    std::atomic<bool> called = false;
    asio::io_context loop{1};
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    auto function = [witness, &called] { called = true; };
    asio::co_spawn(loop, offload(held.pool, std::move(function)),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    loop.poll();
    EXPECT_EQ(witness.use_count(), 2);
    signal.emit(asio::cancellation_type::terminal);
    loop.run();  // ends although the pool stands still
    EXPECT_EQ(code_of(failure), asio::error::operation_aborted);
    EXPECT_EQ(witness.use_count(), 1);  // and the function is gone already
    held.let_go();
    held.pool.join();
    EXPECT_FALSE(called);
}

TEST(offload, lets_a_running_function_end_alone_when_cancelled) {
    asio::thread_pool pool(1);
    auto witness = std::make_shared<int>();
    std::binary_semaphore begun{0};
    std::binary_semaphore gate{0};
    asio::io_context loop{1};
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    auto function = [witness, &begun, &gate] {
        begun.release();
        gate.acquire();
        return witness;
    };
    const auto body = [&]() -> awaitable<void> { (void)co_await offload(pool, std::move(function)); };
    asio::co_spawn(loop, body(),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { failure = e; }));
    loop.poll();
    begun.acquire();
    signal.emit(asio::cancellation_type::terminal);
    loop.run();
    EXPECT_EQ(code_of(failure), asio::error::operation_aborted);
    EXPECT_GT(witness.use_count(), 1);
    gate.release();
    pool.join();
    EXPECT_EQ(witness.use_count(), 1);  // the discarded result, too
}

TEST(offload, survives_the_end_of_its_loop_in_every_phase) {
    auto witness = std::make_shared<int>();
    std::binary_semaphore begun{0};
    std::binary_semaphore gate{0};
    asio::thread_pool pool(1);
    {
        asio::io_context loop{1};
        auto running = [witness, &begun, &gate] {
            begun.release();
            gate.acquire();
            return witness;
        };
        auto queued = [witness] { return witness; };
        const auto body = [&](auto function) -> awaitable<void> {
            (void)co_await offload(pool, std::move(function));
            ADD_FAILURE() << "resumed";
        };
        asio::co_spawn(loop, body(std::move(running)), asio::detached);
        asio::co_spawn(loop, body(std::move(queued)), asio::detached);
        loop.poll();
        begun.acquire();
    }
    gate.release();
    pool.join();
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(offload, drops_a_completion_that_never_runs) {
    auto witness = std::make_shared<int>();
    asio::thread_pool pool(1);
    {
        asio::io_context loop{1};
        auto function = [witness] { return witness; };
        const auto body = [&]() -> awaitable<void> {
            (void)co_await offload(pool, std::move(function));
            ADD_FAILURE() << "resumed";
        };
        asio::co_spawn(loop, body(), asio::detached);
        loop.poll_one();
        pool.join();  // the completion is queued in the loop
    }
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(offload, is_aborted_by_a_pool_that_goes_away) {
    asio::io_context loop{1};
    std::exception_ptr failure;
    std::atomic<bool> called = false;
    {
        asio::thread_pool pool(1);
        pool.stop();
        asio::co_spawn(loop, offload(pool, [&] { called = true; }), [&](std::exception_ptr e) { failure = e; });
        loop.poll();
    }
    loop.run();
    EXPECT_EQ(code_of(failure), asio::error::operation_aborted);
    EXPECT_FALSE(called);
}

TEST(offload, races_of_cancellation_and_completion_leave_no_doubt) {
    asio::thread_pool pool(2);
    int completed = 0;
    int aborted = 0;
    for (int round = 0; round < 300; ++round) {
        asio::io_context loop{1};
        asio::cancellation_signal signal;
        asio::co_spawn(loop, offload(pool, [] {}),
                       asio::bind_cancellation_slot(
                           signal.slot(), [&](std::exception_ptr e) { ++(code_of(e) ? aborted : completed); }));
        loop.poll();
        asio::post(loop, [&] { signal.emit(asio::cancellation_type::terminal); });
        loop.run();
    }
    EXPECT_EQ(completed + aborted, 300);
}

}  // namespace

}  // namespace offload_tests
