// What a list of deadlines promises: each entry is told once, in order of time, and never after it was removed.
#include <chorus/async/detail/deadline_list.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace deadline_list_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct deadline_list_test : testing::Test {
    struct entry final : chorus::detail::deadline_entry {
        entry(deadline_list_test& owner, int number) : home(owner), name(number) {}
        ~entry() { home.list.remove(*this); }
        void on_late() override {
            home.told.emplace_back(name, home.time.elapsed());
            if (then) then();
        }

        deadline_list_test& home;
        int name;
        std::function<void()> then;
    };
    using calls = std::vector<std::pair<int, chorus::clock::duration>>;

    void add(entry& one, chorus::clock::duration after) { list.add(one, list.now() + after); }

    asio::io_context loop{1};
    chorus::testing::virtual_clock time{loop};
    chorus::detail::deadline_list list{loop.get_executor()};
    calls told;
    entry a{*this, 1};
    entry b{*this, 2};
    entry c{*this, 3};
};

TEST_F(deadline_list_test, tells_each_at_its_time_whatever_the_order_they_were_added_in) {
    add(b, 2s);
    add(c, 3s);
    add(a, 1s);
    EXPECT_EQ(list.first(), &a);
    time.advance(10s);
    EXPECT_EQ(told, (calls{{1, 1s}, {2, 2s}, {3, 3s}}));
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(time.pending(), 0u);
}

TEST_F(deadline_list_test, tells_those_of_the_same_time_in_the_order_they_were_added_in) {
    add(c, 1s);
    add(a, 1s);
    add(b, 1s);
    time.advance(1s);
    EXPECT_EQ(told, (calls{{3, 1s}, {1, 1s}, {2, 1s}}));
}

TEST_F(deadline_list_test, tells_nobody_who_was_removed) {
    add(a, 1s);
    add(b, 2s);
    add(c, 3s);
    list.remove(b);
    list.remove(b);
    list.remove(a);
    time.advance(10s);
    EXPECT_EQ(told, (calls{{3, 3s}}));
}

TEST_F(deadline_list_test, is_no_work_for_the_loop_when_empty) {
    add(a, 1s);
    list.remove(a);
    EXPECT_EQ(time.pending(), 0u);
}

TEST_F(deadline_list_test, lets_an_entry_add_itself_again_and_remove_others) {
    add(a, 1s);
    add(b, 1s);
    a.then = [&] {
        list.remove(b);
        if (told.size() < 3) add(a, 1s);
    };
    time.advance(10s);
    EXPECT_EQ(told, (calls{{1, 1s}, {1, 2s}, {1, 3s}}));
}

TEST_F(deadline_list_test, lets_an_entry_go_while_others_wait) {
    auto gone = std::make_unique<entry>(*this, 4);
    add(*gone, 1s);
    add(a, 2s);
    gone.reset();
    time.advance(10s);
    EXPECT_EQ(told, (calls{{1, 2s}}));
}

}  // namespace

}  // namespace deadline_list_tests
