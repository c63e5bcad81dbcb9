// An event wakes everybody, once or again, and forgets who does not wait any more.
#include <chorus/async/event.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace event_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;

namespace {

awaitable<void> count_wake(chorus::event& event, int& woken) {
    co_await event.wait();
    ++woken;
}

CHORUS_TEST(event, wakes_everybody_who_waits) {
    chorus::event event;
    int woken = 0;
    for (int i = 0; i < 3; ++i) asio::co_spawn(context(), count_wake(event, woken), asio::detached);
    co_await chorus::sleep_for(1s);
    CO_ASSERT_EQ(event.waiting(), 3u);
    CO_ASSERT_EQ(woken, 0);
    event.set();
    CO_ASSERT_EQ(woken, 0);  // never from inside set
    co_await chorus::sleep_for(1s);
    CO_ASSERT_EQ(woken, 3);
}

CHORUS_TEST(event, lets_pass_those_who_come_while_it_is_set) {
    chorus::event event;
    event.set();
    CO_ASSERT_TRUE(event.is_set());
    co_await event.wait();
    event.reset();
    CO_ASSERT_FALSE(event.is_set());
    EXPECT_THROW(co_await chorus::with_timeout(1s, event.wait()), chorus::api_error);
    CO_ASSERT_EQ(event.waiting(), 0u);
}

CHORUS_TEST(event, that_is_reset_at_once_still_wakes_those_who_waited) {
    chorus::event event;
    int woken = 0;
    asio::co_spawn(context(), count_wake(event, woken), asio::detached);
    co_await chorus::sleep_for(1s);
    event.set();
    event.reset();
    co_await chorus::sleep_for(1s);
    CO_ASSERT_EQ(woken, 1);
}

CHORUS_TEST(event, aborts_its_waiters_when_it_is_destroyed) {
    std::optional<chorus::event> event(std::in_place);
    bool aborted = false;
    const auto waiter = [](chorus::event& one, bool& told) -> awaitable<void> {
        try {
            co_await one.wait();
        } catch (const boost::system::system_error& thrown) {
            told = thrown.code() == asio::error::operation_aborted;
        }
    };
    asio::co_spawn(context(), waiter(*event, aborted), asio::detached);
    co_await chorus::sleep_for(1s);
    event.reset();
    co_await chorus::sleep_for(1s);
    CO_ASSERT_TRUE(aborted);
}

TEST(event_life, outlives_a_context_with_waiters) {
    chorus::event event;
    int woken = 0;
    {
        asio::io_context loop;
        asio::co_spawn(loop, count_wake(event, woken), asio::detached);
        loop.poll();
        EXPECT_EQ(event.waiting(), 1u);
    }
    EXPECT_EQ(event.waiting(), 0u);
    event.set();
    EXPECT_EQ(woken, 0);
}

}  // namespace

}  // namespace event_tests
