// Names go where their coroutine goes, and nowhere else.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task_name.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace task_name_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::awaitable;
using chorus::current_task_name;
using chorus::named;

namespace {

using names = std::vector<std::string>;

CHORUS_TEST(task_name, is_carried_through_every_kind_of_suspension) {
    names seen;
    const auto body = [](names& notes, asio::io_context& loop) -> awaitable<void> {
        notes.push_back(current_task_name());
        co_await chorus::sleep_for(1s);
        notes.push_back(current_task_name());
        co_await asio::post(chorus::use_awaitable);
        notes.push_back(current_task_name());
        asio::steady_timer own(co_await chorus::this_coro::executor, 1ms);  // on the named executor
        co_await own.async_wait(chorus::use_awaitable);
        notes.push_back(current_task_name());
        asio::steady_timer plain(loop, 1ms);
        co_await plain.async_wait(chorus::use_awaitable);
        notes.push_back(current_task_name());
    };
    co_await asio::co_spawn(named(get_executor(), "embed"), body(seen, context()), chorus::use_awaitable);
    CO_ASSERT_EQ(seen, names(5, "embed"));
    co_await chorus::sleep_for(1s);  // its completion may run inside of the named handler; the next one does not
    CO_ASSERT_EQ(current_task_name(), "");
}

CHORUS_TEST(task_name, belongs_to_one_coroutine_and_its_children) {
    names seen;
    const auto child = [](names& notes) -> awaitable<void> {
        co_await chorus::sleep_for(1s);
        notes.push_back(current_task_name());
    };
    const auto parent = [&](names& notes) -> awaitable<void> {
        asio::co_spawn(co_await chorus::this_coro::executor, child(notes), asio::detached);
        co_await chorus::sleep_for(2s);
    };
    asio::co_spawn(named(get_executor(), "a"), parent(seen), asio::detached);
    asio::co_spawn(named(get_executor(), "b"), child(seen), asio::detached);
    asio::co_spawn(context(), child(seen), asio::detached);
    co_await chorus::sleep_for(10s);
    std::sort(seen.begin(), seen.end());
    CO_ASSERT_EQ(seen, (names{"", "a", "b"}));
}

TEST(task_name, of_an_inner_scope_hides_the_outer_one) {
    asio::io_context loop{1};
    names seen;
    asio::post(named(named(loop.get_executor(), "outer"), "inner"), [&] { seen.push_back(current_task_name()); });
    loop.run();
    EXPECT_EQ(seen, names{"inner"});
}

TEST(task_name, is_per_thread) {
    asio::io_context loop{1};
    std::string elsewhere = "unset";
    asio::post(named(loop.get_executor(), "here"),
               [&] { std::thread([&] { elsewhere = current_task_name(); }).join(); });
    loop.run();
    EXPECT_EQ(elsewhere, "");
}

TEST(named_executor, is_the_executor_it_names) {
    asio::io_context loop{1};
    const auto one = named(loop.get_executor(), "one");
    const auto same = one;
    const auto two = named(loop.get_executor(), "one");
    EXPECT_EQ(&asio::query(one, asio::execution::context), &loop);
    EXPECT_TRUE(one == same);
    EXPECT_FALSE(one == two);  // another task of the same name
    EXPECT_FALSE(one == chorus::executor(loop.get_executor()));
}

TEST(named_executor, keeps_the_loop_at_work_while_its_coroutine_lives) {
    asio::io_context loop{1};
    bool ended = false;
    asio::co_spawn(named(loop.get_executor(), "one"), chorus::sleep_for(1ms),
                   [&](std::exception_ptr) { ended = true; });
    loop.run();
    EXPECT_TRUE(ended);
}

}  // namespace

}  // namespace task_name_tests
