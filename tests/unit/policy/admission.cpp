// Contracts of the queue before the limits.
#include <chorus/policy/admission.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <vector>

namespace chorus::policy::admission_tests {
namespace {

using namespace std::chrono_literals;
using time_point = admission::time_point;
using kind = call_outcome::kind;

constexpr time_point start{1000s};
constexpr time_point never = time_point::max();

call_outcome outcome_of(kind what) {
    call_outcome outcome;
    outcome.what = what;
    return outcome;
}

class admission_test : public testing::Test {
 protected:
    void limit(std::size_t concurrency, std::optional<std::int64_t> tokens = {}) {
        admission_options options;
        options.concurrency.max = concurrency;
        options.concurrency.adaptive = false;
        options.rate.tokens_per_minute = tokens;
        machine = admission(options);
    }
    admission::ticket enqueue(int who, priority how = priority::normal, token_cost cost = {1, 0},
                              time_point deadline = never) {
        return machine.enqueue(&people[static_cast<std::size_t>(who)], cost, how, deadline, now);
    }
    int number(void* waiter) const { return static_cast<int>(static_cast<const char*>(waiter) - people); }
    /// Who may go now.
    std::vector<int> ready() {
        std::vector<int> who;
        for (auto next = machine.take_ready(now); next.waiter != nullptr; next = machine.take_ready(now)) {
            who.push_back(number(next.waiter));
            flying[who.back()] = next.taken;
        }
        return who;
    }
    void finish(int who, const call_outcome& outcome = outcome_of(kind::answered)) {
        machine.finished(flying.at(who), outcome, now);
        flying.erase(who);
    }

    char people[100]{};
    time_point now = start;
    admission machine;
    std::map<int, admission::reservation> flying;
};

TEST_F(admission_test, lets_calls_go_in_order_of_arrival) {
    limit(2);
    for (int who = 0; who < 5; ++who) enqueue(who);
    EXPECT_EQ(ready(), (std::vector{0, 1}));
    EXPECT_EQ(machine.next_time(now), std::nullopt) << "only the end of a call helps";
    finish(1);
    EXPECT_EQ(ready(), (std::vector{2}));
    finish(0);
    finish(2);
    EXPECT_EQ(ready(), (std::vector{3, 4}));
    EXPECT_EQ(machine.totals().waiting, 0u);
    EXPECT_EQ(machine.totals().in_flight, 2u);
}

TEST_F(admission_test, lets_nobody_overtake_by_the_short_way) {
    limit(2);
    ASSERT_TRUE(machine.try_admit({}, now));
    ASSERT_TRUE(machine.try_admit({}, now));
    EXPECT_FALSE(machine.try_admit({}, now)) << "two are in flight";
    enqueue(0);
    machine.finished({}, outcome_of(kind::lost), now);
    EXPECT_FALSE(machine.try_admit({}, now)) << "somebody waits";
    EXPECT_EQ(ready(), (std::vector{0}));
}

TEST_F(admission_test, does_not_let_small_calls_overtake_a_large_one) {
    limit(100, 10'000);
    enqueue(0, priority::normal, {1000, 0});
    enqueue(1, priority::normal, {5000, 0});
    for (int who = 2; who < 10; ++who) enqueue(who, priority::background, {1, 0});
    EXPECT_EQ(ready(), (std::vector{0}));
    const auto when = machine.next_time(now);
    ASSERT_TRUE(when);
    EXPECT_GT(*when, now);
    now = *when - 1us;
    EXPECT_EQ(ready(), std::vector<int>{});
    now = *when;
    EXPECT_EQ(ready(), (std::vector{1})) << "and the bucket is empty then";
}

TEST_F(admission_test, lets_the_higher_class_go_first) {
    limit(1);
    enqueue(0, priority::background);
    enqueue(1, priority::normal);
    enqueue(2, priority::interactive);
    enqueue(3, priority::normal);
    enqueue(4, priority::interactive);
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) {
        order.push_back(ready().front());
        finish(order.back());
    }
    EXPECT_EQ(order, (std::vector{2, 4, 1, 3, 0}));
}

TEST_F(admission_test, lets_a_background_call_be_overtaken_for_a_minute_and_no_longer) {
    limit(1);
    enqueue(0, priority::background);
    now += 59s;
    enqueue(1, priority::interactive);
    now += 2s;
    enqueue(2, priority::interactive);
    EXPECT_EQ(ready(), (std::vector{1}));
    finish(1);
    EXPECT_EQ(ready(), (std::vector{0}));
    finish(0);
    EXPECT_EQ(ready(), (std::vector{2}));
}

TEST_F(admission_test, forgets_who_has_left) {
    limit(1);
    enqueue(0);
    const auto middle = enqueue(1);
    const auto first_in_class = enqueue(2, priority::interactive);
    enqueue(3);
    machine.abandon(middle);
    machine.abandon(first_in_class);
    EXPECT_EQ(machine.waiting(), 2u);
    EXPECT_EQ(ready(), (std::vector{0}));
    finish(0);
    EXPECT_EQ(ready(), (std::vector{3}));
    finish(3);
    EXPECT_TRUE(machine.is_idle());
    EXPECT_EQ(machine.next_time(now), std::nullopt);
}

TEST_F(admission_test, names_those_whose_deadline_lies_in_a_pause) {
    limit(1);
    enqueue(0);
    enqueue(1, priority::normal, {}, now + 10s);
    enqueue(2, priority::background, {}, now + 10s + 1ms);
    enqueue(3, priority::interactive, {}, now + 11s);
    EXPECT_EQ(ready(), (std::vector{3}));
    EXPECT_TRUE(machine.take_hopeless().empty());
    call_outcome refused = outcome_of(kind::throttled);
    refused.retry_after = 10s;
    finish(3, refused);
    const auto hopeless = machine.take_hopeless();
    ASSERT_EQ(hopeless.size(), 1u);
    EXPECT_EQ(number(hopeless.front()), 1);
    EXPECT_TRUE(machine.take_hopeless().empty()) << "each is named once";
    EXPECT_EQ(machine.waiting(), 2u);
    EXPECT_EQ(machine.next_time(now), now + 10s);
    EXPECT_EQ(machine.totals().paused_until, now + 10s);
    now += 10s;
    EXPECT_EQ(ready(), (std::vector{0}));
}

TEST_F(admission_test, forecasts_by_the_queue_of_the_same_and_higher_classes) {
    limit(100, 60'000);
    for (int who = 0; who < 10; ++who) enqueue(who, priority::normal, {2000, 0});
    EXPECT_EQ(machine.earliest({2000, 0}, priority::interactive, now), now);
    EXPECT_EQ(machine.earliest({2000, 0}, priority::normal, now), now + 16s) << "22,000 tokens, of which 6,000 at once";
    EXPECT_EQ(machine.earliest({2000, 0}, priority::background, now), now + 16s);
}

TEST_F(admission_test, gives_back_what_was_not_sent_and_keeps_what_may_have_been) {
    for (const kind what : {kind::not_sent, kind::lost, kind::failed, kind::rejected}) {
        limit(100, 1000);
        enqueue(0, priority::normal, {1000, 0});
        ASSERT_EQ(ready(), (std::vector{0}));
        finish(0, outcome_of(what));
        EXPECT_EQ(machine.earliest({900, 0}, priority::normal, now) == now, what == kind::not_sent);
    }
}

TEST_F(admission_test, lowers_the_concurrency_for_an_overloaded_server_and_pauses_only_if_asked_to) {
    for (const kind what :
         {kind::throttled, kind::overloaded, kind::failed, kind::rejected, kind::lost, kind::not_sent}) {
        admission_options options;
        options.concurrency.initial = 10;
        machine = admission(options);
        enqueue(0);
        ready();
        finish(0, outcome_of(what));
        const bool lowers = what == kind::throttled || what == kind::overloaded || what == kind::failed;
        EXPECT_EQ(machine.totals().limit, lowers ? 7u : 10u);
        EXPECT_EQ(machine.totals().paused_until > now, what == kind::throttled);
    }
    machine = admission();
    enqueue(0);
    ready();
    call_outcome overloaded = outcome_of(kind::overloaded);
    overloaded.retry_after = 3s;
    finish(0, overloaded);
    EXPECT_EQ(machine.totals().paused_until, now + 3s);
}

TEST_F(admission_test, keeps_its_counts_over_any_history) {
    std::mt19937 random(11);
    const auto below = [&random](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
    admission_options options;
    options.concurrency.initial = 4;
    options.rate.requests_per_minute = 500;
    machine = admission(options);
    std::map<int, admission::ticket> waiting;
    for (int step = 0; step < 20'000; ++step) {
        now += std::chrono::milliseconds(below(300));
        const int who = below(100);
        if (!waiting.contains(who) && !flying.contains(who)) {
            const time_point deadline = below(4) == 0 ? now + 2s : never;
            waiting[who] = enqueue(who, static_cast<priority>(below(3)), {below(50), below(50)}, deadline);
        } else if (waiting.contains(who) && below(3) == 0) {
            machine.abandon(waiting.extract(who).mapped());
        } else if (flying.contains(who)) {
            call_outcome outcome = outcome_of(static_cast<kind>(below(7)));
            if (below(2) == 0) outcome.used = token_cost{below(100), below(100)};
            if (below(2) == 0) outcome.retry_after = std::chrono::milliseconds(below(5000));
            if (below(8) != 0) outcome.what = kind::answered;
            finish(who, outcome);
        }
        for (const int gone : ready()) ASSERT_EQ(waiting.erase(gone), 1u);
        for (void* const gone : machine.take_hopeless()) ASSERT_EQ(waiting.erase(number(gone)), 1u);
        ASSERT_EQ(machine.totals().waiting, waiting.size());
        ASSERT_EQ(machine.totals().in_flight, flying.size());
        const auto next = machine.next_time(now);
        if (next) {
            ASSERT_GT(*next, now);
        } else if (!waiting.empty()) {
            ASSERT_GE(flying.size(), machine.totals().limit);
        }
    }
    while (!flying.empty()) finish(flying.begin()->first);
    for (const auto& [who, place] : waiting) machine.abandon(place);
    EXPECT_TRUE(machine.is_idle());
}

}  // namespace
}  // namespace chorus::policy::admission_tests
