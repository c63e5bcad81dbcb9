#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/net/opening_progress.hpp>
#include <chorus/net/pool.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace chorus::net::pool_tests {
namespace {

using namespace std::chrono_literals;

const http::origin somewhere{true, "host.example", 443};
const http::origin elsewhere{true, "other.example", 443};

/// What the test knows of the connections that the pool has opened.
struct world {
    std::vector<phase> stages{phase::connect};
    std::chrono::milliseconds opening_takes{10};  // each stage
    int failing_openings = 0;
    int opened = 0;
    int open_now = 0;
    bool peer_closes = false;
};

/// A connection whose exchange takes as long as the request's body says, in milliseconds.
class mock_connection final : public connection {
 public:
    explicit mock_connection(std::shared_ptr<world> owner) : world_(std::move(owner)) {
        ++world_->opened;
        ++world_->open_now;
    }
    ~mock_connection() override { --world_->open_now; }

    std::size_t capacity() const noexcept override { return 1; }
    awaitable<result<void>> exchange(const http::request& message, const http::limits&, clock::time_point,
                                     http::response&) override {
        reusable_ = false;
        co_await sleep_for(std::chrono::milliseconds(std::stoi(message.body)));
        if (aborted_ != errc{}) co_return error(aborted_);
        reusable_ = true;
        co_return result<void>();
    }
    awaitable<result<std::unique_ptr<incoming_response>>> open(const http::request& message, const http::limits& caps,
                                                               clock::time_point deadline) override {
        http::response answer;
        const auto done = co_await exchange(message, caps, deadline, answer);
        if (!done) co_return done.error();
        std::unique_ptr<incoming_response> whole = std::make_unique<whole_response>(std::move(answer));
        co_return whole;
    }
    void abort(errc reason) noexcept override {
        aborted_ = reason;
        reusable_ = false;
    }
    bool is_reusable() const noexcept override { return reusable_; }
    bool is_alive() noexcept override { return reusable_ = reusable_ && !world_->peer_closes; }

 private:
    std::shared_ptr<world> world_;
    bool reusable_ = true;
    errc aborted_{};
};

class pool_fixture {
 public:
    pool_fixture(executor ex, std::size_t connections) {
        policy::pool_options options;
        options.max_connections = connections;
        options.max_connections_per_origin = connections;
        shared = std::make_shared<pool>(
            ex, options, [all = peers_](http::origin, opening_progress& progress) { return open(all, progress); });
    }

    /// One call: a lease, an exchange of `length`, and the lease given back.
    awaitable<result<void>> call(std::chrono::milliseconds length, http::limits caps = {},
                                 http::origin where = somewhere) {
        const auto keep = shared;
        lease link = shared->try_acquire(where);
        http::request message;
        message.origin = where;
        message.body = std::to_string(length.count());
        if (!link) {
            auto acquired =
                co_await shared->acquire(message, caps, chorus::now(co_await this_coro::executor) + caps.total);
            if (!acquired) co_return acquired.error();
            link = std::move(*acquired);
        }
        http::response answer;
        co_return co_await link->exchange(message, caps, clock::time_point::max(), answer);
    }

    bool is_at_rest() const {
        const pool_stats counts = shared->stats();
        return counts.in_use == 0 && counts.waiting == 0 && counts.connecting == 0 &&
               counts.idle == static_cast<std::size_t>(peers.open_now);
    }

 private:
    static awaitable<result<std::unique_ptr<connection>>> open(std::shared_ptr<world> all, opening_progress& progress) {
        for (const phase stage : all->stages) {
            progress.begins(stage);
            co_await sleep_for(all->opening_takes);
        }
        if (all->failing_openings > 0) {
            --all->failing_openings;
            co_return error(errc::connect_failed, "nobody listens");
        }
        std::unique_ptr<connection> link = std::make_unique<mock_connection>(all);
        co_return link;
    }

    std::shared_ptr<world> peers_ = std::make_shared<world>();

 public:
    world& peers = *peers_;
    std::shared_ptr<pool> shared;
};

CHORUS_TEST(pool, serves_more_calls_than_connections_and_counts_right) {
    pool_fixture pool(get_executor(), 4);
    std::vector<awaitable<result<void>>> calls;
    for (int i = 0; i < 20; ++i) calls.push_back(pool.call(100ms));
    const auto outcomes = co_await gather(std::move(calls));
    for (const auto& outcome : outcomes) EXPECT_TRUE(outcome);
    EXPECT_EQ(test_clock().elapsed(), 520ms) << "one opening alone, then three, then five rounds of calls";
    const pool_stats counts = pool.shared->stats();
    EXPECT_EQ(counts.opened, 4u);
    EXPECT_EQ(counts.reused, 16u);
    EXPECT_EQ(counts.idle, 4u);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, gives_a_waiter_what_is_free_first) {
    pool_fixture pool(get_executor(), 2);
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    pool.peers.opening_takes = 1h;
    auto first = spawn(get_executor(), pool.call(50ms));
    co_await sleep_for(1ms);
    const auto start = test_clock().now();
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    EXPECT_EQ(test_clock().now() - start, 50ms) << "it did not wait for the connection being opened";
    static_cast<void>(co_await std::move(first));
}

CHORUS_TEST(pool, limits_the_wait_and_says_how_full_it_is) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(10s));
    co_await sleep_for(20ms);
    http::limits caps;
    caps.pool_wait = 2s;
    const auto start = test_clock().now();
    const auto outcome = co_await pool.call(1ms, caps);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::pool_timed_out);
    EXPECT_EQ(outcome.error().phase(), phase::pool);
    EXPECT_EQ(outcome.error().text(),
              "1 connections in use, 0 being opened, 1 calls waiting, the oldest for 2000 ms, at most 1 connections an "
              "origin and 1 in all");
    EXPECT_EQ(test_clock().now() - start, 2s);

    auto patient = spawn(get_executor(), pool.call(1ms));
    co_await sleep_for(500ms);
    caps.pool_wait = 1s;
    const auto late = co_await pool.call(1ms, caps);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::pool_timed_out);
    EXPECT_EQ(late.error().queued(), 1s);
    EXPECT_NE(late.error().text().find("2 calls waiting, the oldest for 1500 ms"), std::string::npos)
        << late.error().text();
    CO_ASSERT_TRUE(co_await std::move(busy));
    CO_ASSERT_TRUE(co_await std::move(patient));
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, does_not_count_the_wait_for_a_turn_against_the_call) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(10s));
    co_await sleep_for(20ms);
    http::limits caps;
    caps.total = 1s;
    const auto start = test_clock().now();
    CO_ASSERT_TRUE(co_await pool.call(1ms, caps));
    EXPECT_GT(test_clock().now() - start, 9s);
    CO_ASSERT_TRUE(co_await std::move(busy));
}

CHORUS_TEST(pool, counts_the_opening_of_a_connection_for_a_call_against_it) {
    pool_fixture pool(get_executor(), 1);
    pool.peers.opening_takes = 3s;
    http::limits caps;
    caps.total = 1s;
    const auto start = test_clock().now();
    const auto late = co_await pool.call(1ms, caps);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::deadline_exceeded);
    EXPECT_EQ(late.error().queued(), 0s);
    EXPECT_EQ(test_clock().now() - start, 1s);
}

CHORUS_TEST(pool, does_not_count_the_opening_of_a_connection_for_a_call_as_a_wait_for_its_turn) {
    pool_fixture pool(get_executor(), 1);
    pool.peers.opening_takes = 3s;
    http::limits caps;
    caps.pool_wait = 1s;
    CO_ASSERT_TRUE(co_await pool.call(1ms, caps));
    EXPECT_EQ(test_clock().elapsed(), 3001ms);
}

CHORUS_TEST(pool, counts_the_opening_behind_the_wait_for_a_turn_from_where_it_begins) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(10s));
    co_await sleep_for(20ms);
    http::limits caps;
    caps.total = 2s;
    // The connection that it waits for goes to another origin, and makes room for one of its own.
    auto waiting = spawn(get_executor(), pool.call(1ms, caps, elsewhere));
    co_await sleep_for(1s);
    const auto came = test_clock().now() - 1s;
    pool.peers.opening_takes = 5s;
    CO_ASSERT_TRUE(co_await std::move(busy));
    const auto turn = test_clock().now();
    const auto late = co_await std::move(waiting);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::deadline_exceeded);
    EXPECT_EQ(late.error().queued(), turn - came);
    EXPECT_EQ(test_clock().now() - turn, 2s);
}

CHORUS_TEST(pool, counts_no_earlier_opening_as_a_wait_after_a_connection_that_was_of_no_use) {
    pool_fixture pool(get_executor(), 2);
    auto busy = spawn(get_executor(), pool.call(1s));
    co_await sleep_for(20ms);
    pool.peers.opening_takes = 3s;
    http::limits caps;
    caps.pool_wait = 500ms;
    // A connection is opened for it at once. The other one comes back before, which its peer has closed.
    auto waiting = spawn(get_executor(), pool.call(1ms, caps));
    co_await sleep_for(1ms);
    pool.peers.peer_closes = true;
    CO_ASSERT_TRUE(co_await std::move(busy));
    const auto begun = test_clock().now();
    const auto late = co_await std::move(waiting);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::pool_timed_out);
    EXPECT_EQ(late.error().queued(), 500ms);
    EXPECT_EQ(test_clock().now() - begun, 500ms);
}

CHORUS_TEST(pool, lets_nobody_wait_who_has_no_time_left) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(10s));
    co_await sleep_for(20ms);
    http::limits caps;
    caps.total = 0s;
    const auto start = test_clock().now();
    const auto late = co_await pool.call(1ms, caps);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::deadline_exceeded);
    EXPECT_EQ(test_clock().now(), start);
    CO_ASSERT_TRUE(co_await std::move(busy));
}

CHORUS_TEST(pool, limits_the_opening_apart_from_the_wait) {
    pool_fixture pool(get_executor(), 1);
    pool.peers.opening_takes = 1h;
    const auto outcome = co_await pool.call(1ms);
    CO_ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), errc::connect_timed_out);
    EXPECT_NE(outcome.error().message().find("https://host.example"), std::string::npos);
    EXPECT_EQ(test_clock().elapsed(), 5s);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, limits_each_stage_of_the_opening_by_itself) {
    const struct {
        std::vector<phase> stages;
        std::chrono::milliseconds each_takes;
        errc failure;  // or none
        phase cut;
        std::chrono::milliseconds takes;
    } rows[] = {
        {{phase::connect}, 1h, errc::connect_timed_out, phase::connect, 5s},
        {{phase::tls}, 1h, errc::tls_timed_out, phase::tls, 10s},
        {{phase::connect, phase::connect, phase::tls}, 4s, errc{}, phase::none, 12s},
        {{phase::tls, phase::connect}, 9s, errc::connect_timed_out, phase::connect, 14s},
    };
    for (const auto& row : rows) {
        pool_fixture pool(get_executor(), 1);
        pool.peers.stages = row.stages;
        pool.peers.opening_takes = row.each_takes;
        const auto started = test_clock().elapsed();
        const auto outcome = co_await pool.call(0ms);
        EXPECT_EQ(test_clock().elapsed() - started, row.takes);
        EXPECT_TRUE(pool.is_at_rest());
        CO_ASSERT_EQ(outcome.has_value(), row.failure == errc{});
        if (outcome) continue;
        EXPECT_EQ(outcome.error(), row.failure);
        EXPECT_EQ(outcome.error().phase(), row.cut);
    }
}

CHORUS_TEST(pool, waits_and_opens_without_end_if_told_so) {
    pool_fixture pool(get_executor(), 1);
    pool.peers.opening_takes = 5min;
    http::limits caps;
    caps.pool_wait = caps.connect = std::chrono::milliseconds::max();
    EXPECT_TRUE(co_await pool.call(1ms, caps));
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, tells_one_waiter_of_one_failed_opening_and_tries_again_for_the_others) {
    pool_fixture pool(get_executor(), 1);
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    co_await sleep_for(61s);  // what it opened is over; what it learnt of the origin stays
    pool.peers.failing_openings = 2;
    std::vector<awaitable<result<void>>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(pool.call(1ms));
    const auto outcomes = co_await gather(std::move(calls));
    EXPECT_EQ(outcomes[0].error(), errc::connect_failed);
    EXPECT_EQ(outcomes[1].error(), errc::connect_failed);
    EXPECT_TRUE(outcomes[2]);
    EXPECT_TRUE(outcomes[3]);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, tells_all_waiters_when_the_first_opening_of_an_origin_fails) {
    pool_fixture pool(get_executor(), 4);
    pool.peers.failing_openings = 1;
    std::vector<awaitable<result<void>>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(pool.call(1ms));
    const auto outcomes = co_await gather(std::move(calls));
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome.error(), errc::connect_failed);
    EXPECT_TRUE(co_await pool.call(1ms));
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, checks_that_an_idle_connection_is_still_open) {
    pool_fixture pool(get_executor(), 3);
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    pool.peers.peer_closes = true;
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    EXPECT_EQ(pool.peers.opened, 2);
    EXPECT_EQ(pool.peers.open_now, 1);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, forgets_connections_that_were_idle_too_long) {
    pool_fixture pool(get_executor(), 3);
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    co_await sleep_for(61s);
    CO_ASSERT_TRUE(co_await pool.call(1ms, {}, elsewhere));
    EXPECT_EQ(pool.peers.opened, 2);
    EXPECT_EQ(pool.peers.open_now, 1);
}

CHORUS_TEST(pool, keeps_its_ledger_exact_when_a_call_is_cancelled_at_any_moment) {
    for (std::chrono::milliseconds moment{0}; moment < 60ms; ++moment) {
        pool_fixture pool(get_executor(), 1);
        auto before = spawn(get_executor(), pool.call(20ms));
        auto cancelled = spawn(get_executor(), pool.call(20ms));
        auto behind = spawn(get_executor(), pool.call(5ms));
        co_await sleep_for(moment);
        cancelled.cancel();
        co_await sleep_for(1ns);
        EXPECT_TRUE(co_await std::move(before));
        EXPECT_TRUE(co_await std::move(behind));
        co_await sleep_for(1s);
        EXPECT_TRUE(pool.is_at_rest()) << moment.count();
    }
}

CHORUS_TEST(pool, does_not_waste_a_connection_whose_cause_was_cancelled) {
    pool_fixture pool(get_executor(), 2);
    auto gone = spawn(get_executor(), pool.call(1ms));
    co_await sleep_for(5ms);
    gone.cancel();
    co_await sleep_for(10ms);
    EXPECT_EQ(pool.shared->stats().idle, 1u);
    CO_ASSERT_TRUE(co_await pool.call(1ms));
    EXPECT_EQ(pool.peers.opened, 1);
}

CHORUS_TEST(pool, close_waits_for_calls_under_way_and_refuses_others) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(100ms));
    auto waiting = spawn(get_executor(), pool.call(100ms));
    co_await sleep_for(50ms);
    co_await pool.shared->close();
    EXPECT_EQ(test_clock().elapsed(), 110ms);
    EXPECT_TRUE(co_await std::move(busy));
    EXPECT_EQ((co_await std::move(waiting)).error(), errc::client_closed);
    EXPECT_EQ((co_await pool.call(1ms)).error(), errc::client_closed);
    EXPECT_EQ(pool.peers.open_now, 0);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, close_gives_up_what_is_being_opened) {
    pool_fixture pool(get_executor(), 1);
    pool.peers.opening_takes = 4s;
    auto waiting = spawn(get_executor(), pool.call(1ms));
    co_await sleep_for(1s);
    co_await pool.shared->close();
    EXPECT_EQ(test_clock().elapsed(), 1s);
    EXPECT_EQ((co_await std::move(waiting)).error(), errc::client_closed);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, close_ends_at_any_turn_of_the_loop) {
    for (int turns = 0; turns < 12; ++turns) {
        pool_fixture pool(get_executor(), 1);
        auto waiting = spawn(get_executor(), pool.call(1ms));
        for (int i = 0; i < turns; ++i) co_await asio::post(get_executor(), use_awaitable);
        co_await pool.shared->close();
        const auto outcome = co_await std::move(waiting);
        CO_ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error(), errc::client_closed) << turns;
        EXPECT_TRUE(pool.is_at_rest()) << turns;
    }
}

CHORUS_TEST(pool, checks_a_connection_that_it_hands_to_a_waiter) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(50ms));
    auto waiting = spawn(get_executor(), pool.call(1ms));
    co_await sleep_for(20ms);
    pool.peers.peer_closes = true;
    EXPECT_TRUE(co_await std::move(busy));
    EXPECT_TRUE(co_await std::move(waiting));
    EXPECT_EQ(pool.peers.opened, 2) << "the first one was closed by the peer";
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, abort_fails_everything_at_once) {
    pool_fixture pool(get_executor(), 1);
    auto busy = spawn(get_executor(), pool.call(100ms));
    auto waiting = spawn(get_executor(), pool.call(100ms));
    co_await sleep_for(50ms);
    pool.shared->abort();
    EXPECT_EQ((co_await std::move(waiting)).error(), errc::client_closed);
    EXPECT_EQ((co_await std::move(busy)).error(), errc::client_closed);
    co_await sleep_for(1s);
    EXPECT_EQ(pool.peers.open_now, 0);
    EXPECT_TRUE(pool.is_at_rest());
}

CHORUS_TEST(pool, survives_frames_destroyed_while_they_wait) {
    std::weak_ptr<net::pool> left;
    {
        asio::io_context loop;
        pool_fixture pool(loop.get_executor(), 1);
        left = pool.shared;
        spawn(loop.get_executor(), pool.call(1ms)).detach();
        spawn(loop.get_executor(), pool.call(1ms)).detach();
        loop.poll();
        EXPECT_EQ(pool.shared->stats().waiting, 2u);
    }
    EXPECT_TRUE(left.expired()) << "something still holds the pool";
    co_return;
}

}  // namespace
}  // namespace chorus::net::pool_tests
