// Permits: never more than there are, never lost, and handed out in the order of coming, whatever is cancelled when.
#include <chorus/async/semaphore.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace semaphore_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus::semaphore;

namespace {

struct semaphore_test : testing::Test {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time{loop};
    std::vector<int> served;
    std::vector<int> cancelled;
    std::deque<asio::cancellation_signal> signals;

    awaitable<void> use(semaphore& permits, int name, chorus::clock::duration length) {
        bool aborted = false;
        try {
            auto permit = co_await permits.acquire();
            served.push_back(name);
            co_await chorus::sleep_for(length);
        } catch (const boost::system::system_error&) {
            aborted = true;
        }
        if (aborted) cancelled.push_back(name);
    }
    asio::cancellation_signal& spawn(semaphore& permits, int name, chorus::clock::duration length = 1s) {
        auto& signal = signals.emplace_back();
        asio::co_spawn(loop, use(permits, name, length), asio::bind_cancellation_slot(signal.slot(), asio::detached));
        loop.restart();
        loop.poll();
        return signal;
    }
};

using names = std::vector<int>;

TEST_F(semaphore_test, gives_no_more_permits_than_it_has) {
    semaphore permits(3);
    for (int i = 0; i < 10; ++i) spawn(permits, i);
    EXPECT_EQ(served.size(), 3u);
    EXPECT_EQ(permits.available(), 0u);
    EXPECT_EQ(permits.waiting(), 7u);
    time.advance(1s);
    EXPECT_EQ(served.size(), 6u);
    time.run();
    EXPECT_EQ(served, (names{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(time.elapsed(), 4s);
    EXPECT_EQ(permits.available(), 3u);
}

TEST_F(semaphore_test, lets_nobody_overtake_a_permit_on_its_way) {
    semaphore permits(1);
    auto first = permits.try_acquire();
    ASSERT_TRUE(first);
    spawn(permits, 1);
    first.reset();  // on its way to 1, which has not been resumed
    EXPECT_EQ(permits.available(), 0u);
    EXPECT_FALSE(permits.try_acquire());
    spawn(permits, 2);
    EXPECT_EQ(served, names{1});
    time.run();
    EXPECT_EQ(served, (names{1, 2}));
}

TEST_F(semaphore_test, forgets_a_waiter_that_is_cancelled) {
    semaphore permits(1);
    spawn(permits, 1);
    auto& second = spawn(permits, 2);
    spawn(permits, 3);
    second.emit(asio::cancellation_type::terminal);
    loop.poll();
    EXPECT_EQ(cancelled, names{2});
    EXPECT_EQ(permits.waiting(), 1u);
    time.run();
    EXPECT_EQ(served, (names{1, 3}));
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, passes_over_a_waiter_cancelled_but_not_yet_resumed) {
    semaphore permits(1);
    auto held = permits.try_acquire();
    auto& first = spawn(permits, 1);
    spawn(permits, 2);
    asio::post(loop, [&] {
        first.emit(asio::cancellation_type::terminal);
        held.reset();
    });
    time.run();
    EXPECT_EQ(cancelled, names{1});
    EXPECT_EQ(served, names{2});
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, loses_no_permit_when_cancelled_between_grant_and_resumption) {
    semaphore permits(1);
    auto held = permits.try_acquire();
    auto& first = spawn(permits, 1);
    spawn(permits, 2);
    asio::post(loop, [&] {
        held.reset();  // granted to 1
        first.emit(asio::cancellation_type::terminal);
    });
    time.run();
    EXPECT_EQ(cancelled, names{1});  // it got the permit, and gave it back at its next await
    EXPECT_EQ(served, (names{1, 2}));
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, gets_a_permit_back_from_a_coroutine_destroyed_before_its_resumption) {
    semaphore permits(1);
    auto held = permits.try_acquire();
    {
        asio::io_context other;
        asio::co_spawn(other, use(permits, 1, 1s), asio::detached);
        other.poll();
        held.reset();
        EXPECT_EQ(permits.available(), 0u);
    }
    EXPECT_TRUE(served.empty());
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, outlives_a_context_with_waiters) {
    semaphore permits(1);
    auto held = permits.try_acquire();
    {
        asio::io_context other;
        asio::co_spawn(other, use(permits, 1, 1s), asio::detached);
        other.poll();
        EXPECT_EQ(permits.waiting(), 1u);
    }
    EXPECT_EQ(permits.waiting(), 0u);
    held.reset();
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, aborts_its_waiters_when_it_is_destroyed) {
    std::optional<semaphore> permits(std::in_place, 1u);
    auto held = permits->try_acquire();
    spawn(*permits, 1);
    permits.reset();
    time.run();
    EXPECT_EQ(cancelled, names{1});
    held.reset();  // a permit may outlive it
}

TEST_F(semaphore_test, permits_move_and_can_be_given_back_early) {
    semaphore permits(2);
    auto one = permits.try_acquire();
    auto two = permits.try_acquire();
    EXPECT_EQ(permits.available(), 0u);
    semaphore::permit moved = std::move(*one);
    one.reset();
    EXPECT_EQ(permits.available(), 0u);
    moved = std::move(*two);  // gives its own back
    EXPECT_EQ(permits.available(), 1u);
    EXPECT_TRUE(moved);
    moved.release();
    moved.release();
    EXPECT_FALSE(moved);
    EXPECT_EQ(permits.available(), 2u);
}

TEST_F(semaphore_test, starts_waiting_only_when_awaited) {
    semaphore permits(1);
    { auto never_awaited = permits.acquire(); }
    EXPECT_EQ(permits.available(), 1u);
}

TEST_F(semaphore_test, of_zero_permits_admits_nobody) {
    semaphore permits(0);
    auto& only = spawn(permits, 1);
    EXPECT_EQ(permits.waiting(), 1u);
    only.emit(asio::cancellation_type::terminal);
    time.run();
    EXPECT_EQ(cancelled, names{1});
}

TEST_F(semaphore_test, adds_up_after_cancellations_at_every_moment) {
    for (int moment = 0; moment < 40; ++moment) {
        semaphore permits(2);
        served.clear();
        cancelled.clear();
        std::vector<asio::cancellation_signal*> mine;
        for (int i = 0; i < 6; ++i) {
            mine.push_back(&signals.emplace_back());
            asio::co_spawn(loop, use(permits, i, 1s),
                           asio::bind_cancellation_slot(mine.back()->slot(), asio::detached));
        }
        loop.restart();
        for (int step = 0; step < moment; ++step) time.step(0s);
        for (std::size_t i = 0; i < mine.size(); i += 2)
            asio::post(loop, [signal = mine[i]] { signal->emit(asio::cancellation_type::terminal); });
        time.run();
        EXPECT_EQ(permits.available(), 2u) << "cancelled after step " << moment;
        EXPECT_EQ(permits.waiting(), 0u);
    }
}

}  // namespace

}  // namespace semaphore_tests
