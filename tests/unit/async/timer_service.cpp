// The heap of deadlines: order, ownership of completions, work of the context, shutdown, and threads.
#include <chorus/async/alarm.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/testing/virtual_clock.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace timer_service_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::timer_service;

namespace {

// Writes down what happened to it.
class recorder final : public chorus::timer_entry {
 public:
    recorder(std::vector<int>& fired, int name) : fired_(fired), name_(name) {}
    bool dropped = false;
    std::uint64_t ticket = 0;

 private:
    void on_due(std::uint64_t due_ticket) override {
        ticket = due_ticket;
        fired_.push_back(name_);
    }
    void on_shutdown() noexcept override { dropped = true; }

    std::vector<int>& fired_;
    int name_;
};

class timer_service_test : public testing::Test {
 protected:
    asio::io_context loop{1};
    chorus::testing::virtual_clock time{loop};
    timer_service& service = timer_service::of(loop.get_executor());
    std::vector<int> fired;

    boost::intrusive_ptr<recorder> make(int name) { return new recorder(fired, name); }
};

TEST_F(timer_service_test, is_one_per_context) {
    asio::io_context other;
    EXPECT_EQ(&timer_service::of(loop.get_executor()), &service);
    EXPECT_EQ(&timer_service::of(asio::make_strand(loop)), &service);
    EXPECT_NE(&timer_service::of(other.get_executor()), &service);
}

TEST_F(timer_service_test, fires_by_deadline_and_equal_ones_in_the_order_of_scheduling) {
    const auto start = time.now();
    auto a = make(1), b = make(2), c = make(3), d = make(4);
    service.schedule(*a, start + 3s);
    service.schedule(*b, start + 1s);
    service.schedule(*c, start + 3s);
    service.schedule(*d, start + 2s);
    EXPECT_EQ(service.earliest(), start + 1s);
    time.advance(10s);
    EXPECT_EQ(fired, (std::vector{2, 4, 1, 3}));
    EXPECT_EQ(service.size(), 0u);
    EXPECT_EQ(service.earliest(), std::nullopt);
}

TEST_F(timer_service_test, moves_an_entry_that_is_scheduled_already) {
    const auto start = time.now();
    auto a = make(1), b = make(2);
    service.schedule(*a, start + 1s);
    service.schedule(*b, start + 2s);
    const auto ticket = service.schedule(*a, start + 3s);
    time.advance(2s);
    EXPECT_EQ(fired, std::vector{2});
    time.advance(2s);
    EXPECT_EQ(fired, (std::vector{2, 1}));
    EXPECT_EQ(a->ticket, ticket);
}

TEST_F(timer_service_test, an_entry_moved_to_the_same_deadline_goes_behind_its_equals) {
    const auto start = time.now();
    auto a = make(1), b = make(2);
    service.schedule(*a, start + 1s);
    service.schedule(*b, start + 1s);
    service.schedule(*a, start + 1s);
    time.advance(1s);
    EXPECT_EQ(fired, (std::vector{2, 1}));
}

TEST_F(timer_service_test, cancel_says_who_owns_the_completion) {
    const auto start = time.now();
    auto a = make(1);
    EXPECT_FALSE(service.cancel(*a));  // never scheduled
    service.schedule(*a, start + 1s);
    EXPECT_TRUE(service.cancel(*a));
    EXPECT_FALSE(service.cancel(*a));
    service.schedule(*a, start + 1s);
    time.advance(1s);
    EXPECT_FALSE(service.cancel(*a));  // due already
    EXPECT_EQ(fired, std::vector{1});
}

TEST_F(timer_service_test, holds_a_reference_while_scheduled_and_none_after) {
    auto a = make(1);
    EXPECT_EQ(a->use_count(), 1u);
    service.schedule(*a, time.now() + 1s);
    EXPECT_EQ(a->use_count(), 2u);
    service.schedule(*a, time.now() + 2s);
    EXPECT_EQ(a->use_count(), 2u);
    service.cancel(*a);
    EXPECT_EQ(a->use_count(), 1u);
    service.schedule(*a, time.now() + 1s);
    time.advance(1s);
    EXPECT_EQ(a->use_count(), 1u);
}

TEST_F(timer_service_test, keeps_order_under_a_random_load_of_moves_and_cancellations) {
    std::mt19937 random(7);
    std::vector<boost::intrusive_ptr<recorder>> entries;
    struct expected {
        chorus::clock::time_point deadline;
        std::uint64_t ticket;
        int name;
    };
    std::vector<expected> model;
    for (int name = 0; name < 500; ++name) entries.push_back(make(name));
    for (int round = 0; round < 20'000; ++round) {
        const auto name = static_cast<int>(random() % entries.size());
        auto& entry = *entries[static_cast<std::size_t>(name)];
        const auto known = std::find_if(model.begin(), model.end(), [&](auto& e) { return e.name == name; });
        if (random() % 3 == 0) {
            EXPECT_EQ(service.cancel(entry), known != model.end());
            if (known != model.end()) model.erase(known);
            continue;
        }
        const auto deadline = time.now() + std::chrono::milliseconds(1 + random() % 50);
        if (known != model.end()) model.erase(known);
        model.push_back({deadline, service.schedule(entry, deadline), name});
    }
    std::sort(model.begin(), model.end(), [](auto& a, auto& b) {
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.ticket < b.ticket;
    });
    std::vector<int> order;
    for (auto& e : model) order.push_back(e.name);
    ASSERT_EQ(service.size(), model.size());
    time.advance(1s);
    EXPECT_EQ(fired, order);
}

TEST_F(timer_service_test, drops_pending_entries_when_the_context_goes_away) {
    auto context = std::make_unique<asio::io_context>();
    auto a = make(1);
    timer_service::of(context->get_executor()).schedule(*a, chorus::clock::now() + 1h);
    context.reset();
    EXPECT_TRUE(a->dropped);
    EXPECT_TRUE(fired.empty());
    EXPECT_EQ(a->use_count(), 1u);
}

// Real time below: nothing depends on how long anything takes.
class real_timer_service : public testing::Test {
 protected:
    asio::io_context loop{1};
    timer_service& service = timer_service::of(loop.get_executor());
    std::vector<int> fired;
    boost::intrusive_ptr<recorder> make(int name) { return new recorder(fired, name); }
};

TEST_F(real_timer_service, gives_the_context_work_only_while_an_entry_is_pending) {
    EXPECT_EQ(loop.run(), 0u);
    loop.restart();
    auto a = make(1);
    service.schedule(*a, chorus::clock::now() + 24h);
    EXPECT_EQ(loop.poll(), 0u);
    EXPECT_FALSE(loop.stopped());  // there is work
    service.cancel(*a);
    loop.run();  // returns
    EXPECT_TRUE(loop.stopped());
}

TEST_F(real_timer_service, fires_what_is_due_and_lets_run_return) {
    auto a = make(1), b = make(2), c = make(3);
    const auto start = chorus::clock::now();
    service.schedule(*a, start + 3ms);
    service.schedule(*b, start + 1ms);
    service.schedule(*c, start - 1h);
    loop.run();
    EXPECT_EQ(fired, (std::vector{3, 2, 1}));
    EXPECT_GE(chorus::clock::now(), start + 3ms);
}

TEST_F(real_timer_service, wakes_for_a_deadline_earlier_than_the_one_it_was_armed_for) {
    auto late = make(1), early = make(2);
    service.schedule(*late, chorus::clock::now() + 24h);
    loop.poll();
    service.schedule(*early, chorus::clock::now() + 1ms);
    while (fired.empty()) loop.run_one();
    EXPECT_EQ(fired, std::vector{2});
    service.cancel(*late);
    loop.run();
}

TEST_F(real_timer_service, rechecks_when_the_deadline_it_was_armed_for_is_gone) {
    auto first = make(1), second = make(2);
    const auto start = chorus::clock::now();
    service.schedule(*first, start + 1ms);
    service.schedule(*second, start + 5ms);
    service.cancel(*first);
    loop.run();
    EXPECT_EQ(fired, std::vector{2});
}

TEST_F(real_timer_service, fires_more_than_one_batch) {
    std::vector<boost::intrusive_ptr<recorder>> entries;
    for (int i = 0; i < 5000; ++i) {
        entries.push_back(make(i));
        service.schedule(*entries.back(), chorus::clock::now());
    }
    loop.run();
    EXPECT_EQ(fired.size(), 5000u);
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST(timer_service_on_threads, sleeps_and_moves_on_a_thread_pool) {
    asio::thread_pool pool(4);
    std::atomic<int> woken = 0;
    for (int i = 0; i < 200; ++i) {
        auto strand = asio::make_strand(pool);
        asio::co_spawn(
            strand,
            [&woken, i]() -> chorus::awaitable<void> {
                for (int round = 0; round < 10; ++round)
                    co_await chorus::sleep_for(std::chrono::microseconds(50 * (1 + (i + round) % 7)));
                ++woken;
            },
            asio::detached);
    }
    pool.join();
    EXPECT_EQ(woken, 200);
}

TEST(timer_service_on_threads, an_alarm_cleared_on_its_strand_never_fires_after) {
    asio::thread_pool pool(4);
    struct victim {
        asio::strand<asio::thread_pool::executor_type> strand;
        chorus::alarm alarm;
        bool cleared = false;
        std::atomic<int>& wrong;
        std::atomic<int>& rounds;

        victim(asio::thread_pool& p, std::atomic<int>& w, std::atomic<int>& r)
            : strand(asio::make_strand(p)), alarm(strand), wrong(w), rounds(r) {}
        void on_alarm() {
            if (cleared) ++wrong;
            ++rounds;
        }
        void race(int round) {
            cleared = false;
            alarm.set<&victim::on_alarm>(chorus::clock::now(), this);
            asio::post(strand, [this, round] {
                alarm.clear();  // the expiry may be on its way on another thread
                cleared = true;
                if (round > 0) asio::post(strand, [this, round] { race(round - 1); });
            });
        }
    };
    std::atomic<int> wrong = 0;
    std::atomic<int> rounds = 0;
    std::vector<std::unique_ptr<victim>> victims;
    for (int i = 0; i < 8; ++i) {
        victims.push_back(std::make_unique<victim>(pool, wrong, rounds));
        asio::post(victims.back()->strand, [v = victims.back().get()] { v->race(200); });
    }
    pool.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace

}  // namespace timer_service_tests
