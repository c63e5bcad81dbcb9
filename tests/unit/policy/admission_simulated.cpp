// The promise of traffic control, on a simulated server and a virtual time line: who waits is not refused.
#include <chorus/policy/admission.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <ostream>
#include <random>
#include <vector>

namespace chorus::policy::admission_simulated_tests {
namespace {

using namespace std::chrono_literals;
using time_point = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

const time_point start{std::chrono::hours(1000) + 123ms};

enum class counting { fixed_window, sliding_window, bucket };

/// One limit by the minute, counted in one of the ways that servers have.
class server_limit {
 public:
    server_limit(counting how, std::int64_t limit, milliseconds window_began_before)
        : how_(how), limit_(limit), level_(static_cast<double>(limit)), window_(start - window_began_before) {}

    bool fits(time_point now, std::int64_t amount) {
        settle(now);
        return remaining() >= static_cast<double>(amount);
    }
    void take(time_point now, std::int64_t amount) {
        settle(now);
        if (how_ == counting::sliding_window) {
            taken_.emplace_back(now, amount);
            level_ -= static_cast<double>(amount);
        } else {
            level_ = std::max(level_ - static_cast<double>(amount), 0.0);
        }
    }
    /// When there will be room.
    milliseconds wait(time_point now, std::int64_t amount) {
        milliseconds tried = 0ms;
        for (server_limit later = *this; !later.fits(now + tried, amount); tried += 100ms) {
        }
        return tried;
    }
    rate_limit words(time_point now) {
        settle(now);
        const double used = static_cast<double>(limit_) - remaining();
        nanoseconds reset{};
        if (how_ == counting::fixed_window) reset = window_ + 1min - now;
        if (how_ == counting::sliding_window && !taken_.empty()) reset = taken_.back().first + 1min - now;
        if (how_ == counting::bucket) {
            reset = nanoseconds(static_cast<std::int64_t>(used / static_cast<double>(limit_) * 60e9));
        }
        return {limit_, static_cast<std::int64_t>(remaining()), std::chrono::ceil<milliseconds>(reset)};
    }

 private:
    double remaining() const { return std::max(level_, 0.0); }
    void settle(time_point now) {
        if (how_ == counting::fixed_window && now >= window_ + 1min) {
            while (now >= window_ + 1min) window_ += 1min;
            level_ = static_cast<double>(limit_);
        }
        while (!taken_.empty() && taken_.front().first + 1min <= now) {
            level_ += static_cast<double>(taken_.front().second);
            taken_.pop_front();
        }
        if (how_ == counting::bucket) {
            const double seconds = std::chrono::duration<double>(std::max(now, settled_) - settled_).count();
            level_ = std::min(static_cast<double>(limit_), level_ + static_cast<double>(limit_) / 60 * seconds);
        }
        settled_ = std::max(now, settled_);
    }

    counting how_;
    std::int64_t limit_;
    double level_;
    time_point window_;
    time_point settled_ = start;
    std::deque<std::pair<time_point, std::int64_t>> taken_;
};

struct world {
    counting how = counting::bucket;
    std::int64_t requests_per_minute = 600;
    std::int64_t tokens_per_minute = std::numeric_limits<std::int64_t>::max() / 1'000'000;
    milliseconds window_began_before = 0ms;
    bool has_headers = false;
    bool has_retry_after = false;
    bool counts_refused = false;
    int calls = 1000;
    std::int64_t largest_call = 100;     // in tokens; the server counts what was estimated
    std::int64_t others_per_minute = 0;  // requests that somebody else sends with the same key
    admission_options options;

    friend std::ostream& operator<<(std::ostream& out, const world& one) {
        return out << "counting " << static_cast<int>(one.how) << ", window began " << one.window_began_before.count()
                   << " ms before, headers " << one.has_headers << ", retry-after " << one.has_retry_after
                   << ", refused ones counted " << one.counts_refused << ", configured "
                   << one.options.rate.requests_per_minute.has_value() << ", adaptive "
                   << one.options.concurrency.adaptive;
    }
};

struct report {
    int refused = 0;
    milliseconds last_refusal{};  // when that call was sent
    milliseconds length{};
    std::size_t answered = 0;
    std::vector<int> order;  // of those let through for the first time
    admission::counts rest;
};

/// Sends the calls of a world, all at once, each again until it was answered, as a retry without patience does.
class simulation {
 public:
    explicit simulation(const world& given)
        : world_(given),
          requests_(given.how, given.requests_per_minute, given.window_began_before),
          tokens_(given.how, given.tokens_per_minute, given.window_began_before),
          machine_(given.options) {}

    report run() {
        calls_.resize(static_cast<std::size_t>(world_.calls));
        for (call& each : calls_) {
            each.number = static_cast<int>(&each - calls_.data());
            each.cost = {draw(1, world_.largest_call), 0};
            wait_in_line(each);
        }
        if (world_.others_per_minute > 0) at(now_, event::others);
        pump();
        while (!events_.empty() && report_.answered < calls_.size()) {
            const auto [when, next] = *events_.begin();
            events_.erase(events_.begin());
            now_ = when;
            happen(next);
            pump();
            if (now_ > start + 24h) break;
        }
        report_.length = std::chrono::duration_cast<milliseconds>(now_ - start);
        report_.rest = machine_.totals();
        return report_;
    }

 private:
    struct call {
        int number = 0;
        token_cost cost;
        admission::reservation taken;
        bool accepted = false;
        bool was_sent = false;
        rate_limits said;
        std::optional<milliseconds> retry_after;
    };
    struct event {
        enum kind { wake, arrival, head, end, others } what;
        call* whose = nullptr;
    };

    std::int64_t draw(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
    }
    milliseconds one_way() { return milliseconds(draw(5, 250)); }
    void at(time_point when, event::kind what, call* whose = nullptr) { events_.emplace(when, event{what, whose}); }
    void wait_in_line(call& one) { machine_.enqueue(&one, one.cost, priority::normal, time_point::max(), now_); }

    void pump() {
        for (auto next = machine_.take_ready(now_); next.waiter != nullptr; next = machine_.take_ready(now_)) {
            auto& one = *static_cast<call*>(next.waiter);
            one.taken = next.taken;
            if (!std::exchange(one.was_sent, true)) report_.order.push_back(one.number);
            at(now_ + one_way(), event::arrival, &one);
        }
        if (const auto next = machine_.next_time(now_); next && (wake_ <= now_ || *next < wake_)) {
            wake_ = *next;
            at(wake_, event::wake);
        }
    }

    void happen(const event& what) {
        switch (what.what) {
            case event::wake:
                break;
            case event::arrival:
                arrive(*what.whose);
                break;
            case event::head:
                machine_.answered(what.whose->taken, what.whose->said, now_);
                break;
            case event::end:
                end(*what.whose);
                break;
            case event::others:
                if (requests_.fits(now_, 1)) requests_.take(now_, 1);
                at(now_ + nanoseconds(1min) / world_.others_per_minute, event::others);
                break;
        }
    }

    void arrive(call& one) {
        const std::int64_t tokens = one.cost.total();
        one.accepted = requests_.fits(now_, 1) && tokens_.fits(now_, tokens);
        if (one.accepted || world_.counts_refused) requests_.take(now_, 1);
        if (one.accepted) tokens_.take(now_, tokens);
        one.said = {};
        one.retry_after.reset();
        if (world_.has_headers) {
            one.said.requests = requests_.words(now_);
            if (world_.tokens_per_minute < 1'000'000'000) one.said.tokens = tokens_.words(now_);
        }
        if (!one.accepted && world_.has_retry_after) {
            one.retry_after = std::max(requests_.wait(now_, 1), tokens_.wait(now_, tokens));
        }
        const time_point head = now_ + one_way();
        at(head, event::head, &one);
        at(one.accepted ? head + milliseconds(draw(500, 5000)) : head, event::end, &one);
    }

    void end(call& one) {
        call_outcome outcome;
        outcome.what = one.accepted ? call_outcome::kind::answered : call_outcome::kind::throttled;
        outcome.retry_after = one.retry_after;
        if (one.accepted) {
            ++report_.answered;
            outcome.used = one.cost;
        } else {
            ++report_.refused;
            report_.last_refusal =
                std::max(report_.last_refusal, std::chrono::duration_cast<milliseconds>(one.taken.at - start));
        }
        machine_.finished(one.taken, outcome, now_);
        if (!one.accepted) wait_in_line(one);
    }

    world world_;
    server_limit requests_;
    server_limit tokens_;
    admission machine_;
    std::mt19937 random_{7};
    std::vector<call> calls_;
    std::multimap<time_point, event> events_;  // of one time in order of insertion
    time_point now_ = start;
    time_point wake_{};
    report report_;
};

/// All kinds of servers, with the window of the fixed ones beginning now, or half over.
std::vector<world> all_worlds() {
    std::vector<world> all;
    for (const counting how : {counting::fixed_window, counting::sliding_window, counting::bucket}) {
        for (const milliseconds before : {0ms, 30'000ms}) {
            for (unsigned bits = 0; bits < 4; ++bits) {
                if (before > 0ms && how != counting::fixed_window) continue;
                world one;
                one.how = how;
                one.window_began_before = before;
                one.has_headers = (bits & 1) != 0;
                one.has_retry_after = (bits & 2) != 0;
                one.counts_refused = one.has_retry_after;
                all.push_back(one);
            }
        }
    }
    return all;
}

TEST(admission_simulated, a_thousand_calls_at_once_under_a_known_limit_see_no_refusal) {
    for (world one : all_worlds()) {
        for (const bool adaptive : {false, true}) {
            one.options.concurrency.adaptive = adaptive;
            one.options.rate.requests_per_minute = 600;
            SCOPED_TRACE(testing::Message() << one);
            const report seen = simulation(one).run();
            EXPECT_EQ(seen.answered, 1000u);
            EXPECT_EQ(seen.refused, 0);
            EXPECT_LT(seen.length, 110s);
            EXPECT_EQ(seen.rest.in_flight, 0u);
            EXPECT_EQ(seen.rest.waiting, 0u);
            EXPECT_TRUE(std::is_sorted(seen.order.begin(), seen.order.end())) << "in order of arrival";
        }
    }
}

TEST(admission_simulated, a_thousand_calls_at_once_under_an_unknown_limit_see_no_refusal_after_the_first_window) {
    for (world one : all_worlds()) {
        one.options.concurrency.adaptive = false;  // all of them at once
        SCOPED_TRACE(testing::Message() << one);
        const report seen = simulation(one).run();
        EXPECT_EQ(seen.answered, 1000u);
        EXPECT_LE(seen.refused, 400);
        EXPECT_GE(seen.refused, 390) << "a bucket refills by a few while they arrive";
        EXPECT_LT(seen.last_refusal, 1s) << "one burst, and then never again";
        EXPECT_LT(seen.length, 110s);
    }
}

TEST(admission_simulated, with_headers_calls_that_start_slowly_see_no_refusal_at_all_and_lose_little_of_the_limit) {
    for (world one : all_worlds()) {
        if (!one.has_headers) continue;
        one.calls = 2000;
        SCOPED_TRACE(testing::Message() << one);
        const report seen = simulation(one).run();
        EXPECT_EQ(seen.answered, 2000u);
        EXPECT_EQ(seen.refused, 0);
        EXPECT_EQ(seen.rest.requests_per_minute, 600);
        EXPECT_LT(seen.length, 212s) << "200 s is what 600 a minute take";
    }
}

TEST(admission_simulated, without_headers_calls_that_start_slowly_find_the_limit_by_a_few_refusals) {
    for (world one : all_worlds()) {
        if (one.has_headers) continue;
        SCOPED_TRACE(testing::Message() << one);
        const report seen = simulation(one).run();
        EXPECT_EQ(seen.answered, 1000u);
        EXPECT_GT(seen.refused, 0);
        EXPECT_LT(seen.refused, 40);
        EXPECT_LT(seen.last_refusal, 60s);
        EXPECT_LT(seen.length, 110s);
    }
}

TEST(admission_simulated, tokens_a_minute_are_kept_as_requests_are) {
    for (world one : all_worlds()) {
        one.requests_per_minute = 100'000;
        one.tokens_per_minute = 60'000;
        one.calls = 500;
        one.largest_call = 1500;
        for (const bool known : {true, false}) {
            if (!known && !one.has_headers) continue;
            if (known) one.options.rate.tokens_per_minute = 60'000;
            if (!known) one.options.rate.tokens_per_minute.reset();
            SCOPED_TRACE(testing::Message() << one << ", tokens known " << known);
            const report seen = simulation(one).run();
            EXPECT_EQ(seen.answered, 500u);
            EXPECT_LE(seen.refused, known ? 0 : 20) << "the first answers must come before the headers can";
            EXPECT_LT(seen.last_refusal, 5s);
            EXPECT_EQ(seen.rest.tokens_per_minute, 60'000);
            EXPECT_LT(seen.length, 400s) << "some 375,000 tokens";
        }
    }
}

TEST(admission_simulated, a_limit_shared_with_somebody_else_is_followed_by_the_headers) {
    for (world one : all_worlds()) {
        if (!one.has_headers) continue;
        one.others_per_minute = 300;
        SCOPED_TRACE(testing::Message() << one);
        const report seen = simulation(one).run();
        EXPECT_EQ(seen.answered, 1000u);
        EXPECT_LT(seen.refused, 20);
        EXPECT_LT(seen.length, 200s) << "as fast as its half, but for what the buckets have spare";
    }
}

}  // namespace
}  // namespace chorus::policy::admission_simulated_tests
