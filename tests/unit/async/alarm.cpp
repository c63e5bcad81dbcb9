// What an alarm promises: called once, never after clear, and free to be set or destroyed from inside the call.
#include <chorus/async/alarm.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace alarm_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct alarm_test : testing::Test {
    asio::io_context loop{1};
    chorus::testing::virtual_clock time{loop};
    chorus::alarm alarm{loop.get_executor()};
    std::vector<chorus::clock::duration> calls;

    void note() { calls.push_back(time.elapsed()); }
    void again() {
        note();
        if (calls.size() < 3) alarm.set<&alarm_test::again>(alarm.now() + 1s, this);
    }
};

using durations = std::vector<chorus::clock::duration>;

TEST_F(alarm_test, calls_once_at_its_time) {
    EXPECT_FALSE(alarm.is_set());
    alarm.set<&alarm_test::note>(time.now() + 5s, this);
    EXPECT_TRUE(alarm.is_set());
    time.advance(5s - 1ns);
    EXPECT_TRUE(calls.empty());
    time.advance(10s);
    EXPECT_EQ(calls, durations{5s});
    EXPECT_FALSE(alarm.is_set());
}

TEST_F(alarm_test, calls_a_plain_function) {
    int called = 0;
    alarm.set(
        time.now() + 1s, [](void* count) { ++*static_cast<int*>(count); }, &called);
    time.advance(1s);
    EXPECT_EQ(called, 1);
}

TEST_F(alarm_test, is_not_called_after_clear) {
    alarm.set<&alarm_test::note>(time.now() + 1s, this);
    alarm.clear();
    EXPECT_FALSE(alarm.is_set());
    EXPECT_EQ(time.pending(), 0u);
    time.advance(10s);
    EXPECT_TRUE(calls.empty());
}

TEST_F(alarm_test, is_not_called_after_clear_even_if_the_time_has_passed) {
    alarm.set<&alarm_test::note>(time.now() + 1s, this);
    asio::post(loop, [&] {
        time.jump();  // the call is on its way
        alarm.clear();
    });
    time.run();
    EXPECT_TRUE(calls.empty());
}

TEST_F(alarm_test, forgets_an_expiry_on_its_way_when_set_anew) {
    alarm.set<&alarm_test::note>(time.now() + 1s, this);
    asio::post(loop, [&] {
        time.jump();
        alarm.set<&alarm_test::note>(time.now() + 1s, this);
    });
    time.run();
    EXPECT_EQ(calls, durations{2s});
}

TEST_F(alarm_test, may_be_moved_either_way) {
    alarm.set<&alarm_test::note>(time.now() + 5s, this);
    alarm.set<&alarm_test::note>(time.now() + 9s, this);
    alarm.set<&alarm_test::note>(time.now() + 2s, this);
    time.run();
    EXPECT_EQ(calls, durations{2s});
}

TEST_F(alarm_test, may_be_set_from_inside_the_call) {
    alarm.set<&alarm_test::again>(time.now() + 1s, this);
    time.run();
    EXPECT_EQ(calls, (durations{1s, 2s, 3s}));
}

TEST_F(alarm_test, may_be_destroyed_from_inside_the_call) {
    struct owner {
        std::unique_ptr<chorus::alarm> alarm;
        bool called = false;
        void end() {
            alarm.reset();
            called = true;
        }
    } owner;
    owner.alarm = std::make_unique<chorus::alarm>(loop.get_executor());
    owner.alarm->set<&owner::end>(time.now() + 1s, &owner);
    time.run();
    EXPECT_TRUE(owner.called);
}

TEST_F(alarm_test, is_not_called_after_its_destruction) {
    auto second = std::make_unique<chorus::alarm>(loop.get_executor());
    second->set<&alarm_test::note>(time.now() + 1s, this);
    asio::post(loop, [&] {
        time.jump();
        second.reset();
    });
    time.run();
    EXPECT_TRUE(calls.empty());
}

TEST_F(alarm_test, runs_on_its_strand) {
    auto strand = asio::make_strand(loop);
    chorus::alarm on_strand(strand);
    struct watcher {
        asio::strand<asio::io_context::executor_type>& strand;
        bool inside = false;
        void look() { inside = strand.running_in_this_thread(); }
    } watcher{strand};
    on_strand.set<&watcher::look>(time.now() + 1s, &watcher);
    time.run();
    EXPECT_TRUE(watcher.inside);
}

TEST(alarm, dies_quietly_with_a_context_that_goes_away_while_it_is_set) {
    struct holder {
        std::shared_ptr<chorus::alarm> alarm;
        bool called = false;
        void call() { called = true; }
    } holder;
    {
        asio::io_context loop;
        auto alarm = std::make_shared<chorus::alarm>(loop.get_executor());
        alarm->set<&holder::call>(chorus::clock::now() + 1h, &holder);
        asio::post(loop, [alarm] {});  // owned by a handler that is dropped
    }
    EXPECT_FALSE(holder.called);
}

}  // namespace

}  // namespace alarm_tests
