// Which call may go next: a queue with priorities before the limits of rate and concurrency.
#pragma once

#include <chorus/chat/priority.hpp>
#include <chorus/chat/rate_limits.hpp>
#include <chorus/config.hpp>
#include <chorus/policy/concurrency_limit.hpp>
#include <chorus/policy/rate_limiter.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace chorus::policy {

using chorus::priority;

struct admission_options {
    rate_limiter_options rate;
    concurrency_options concurrency;
    /// How much later a call may come than one of the next lower class and still go before it. So a background call is
    /// overtaken by those that come within twice this time after it, and by no later one. A day at most.
    std::chrono::milliseconds head_start = std::chrono::seconds(30);
};

/// What became of a call that was let through.
struct call_outcome {
    enum class kind {
        answered,    ///< The server did the work.
        throttled,   ///< A 429 that passes.
        overloaded,  ///< 503, 529: the server asks for patience.
        failed,      ///< Another 5xx, or no answer in time.
        rejected,    ///< Another error status, which says nothing about the server's load.
        lost,        ///< Sent, and nobody knows what became of it: broken or cancelled.
        not_sent,
    };
    kind what = kind::lost;
    std::optional<token_cost> used;  ///< as the server counted
    std::optional<std::chrono::milliseconds> retry_after;
    bool slow_down = false;                           ///< The server says that the traffic grew too fast.
    std::optional<std::chrono::nanoseconds> latency;  ///< until the first byte
};

/// Lets calls to one bucket group of a server go when its rate and its concurrency allow. A pure machine.
///
/// Calls of one class go strictly in order of arrival: a large call at the head is not overtaken by small ones. Between
/// classes the higher one goes first, within the head start.
class admission {
 public:
    using time_point = std::chrono::steady_clock::time_point;
    using reservation = rate_limiter::reservation;

    struct ticket {
        std::uint64_t number = 0;
        chorus::priority priority{};
    };
    struct grant {
        void* waiter = nullptr;  ///< null: nobody may go now
        reservation taken;
    };
    struct counts {
        std::size_t waiting = 0;
        std::size_t in_flight = 0;
        std::size_t limit = 0;      ///< of calls in flight, at the moment
        time_point paused_until{};  ///< in the past where nobody pauses
        std::optional<std::int64_t> requests_per_minute;
        std::optional<std::int64_t> tokens_per_minute;
    };

    explicit admission(const admission_options& options = {});

    /// Lets a call go now, if nobody waits and there is room.
    std::optional<reservation> try_admit(const token_cost& cost, time_point now);
    /// The earliest time at which a call that comes now could go, as far as the rate and the queue before it tell; how
    /// long the calls in flight last nobody knows.
    time_point earliest(const token_cost& cost, priority how, time_point now);
    /// Joins the queue: `waiter`, never null, comes back from `take_ready` or `take_hopeless`.
    ticket enqueue(void* waiter, const token_cost& cost, priority how, time_point deadline, time_point now);
    /// Leaves the queue. The waiter must not have come back before.
    void abandon(const ticket& place);
    /// Who may go now. Asked until it says nobody.
    grant take_ready(time_point now);
    /// Those whose deadline does not lie beyond a pause that has begun or grown since the last time.
    std::vector<void*> take_hopeless();
    /// When somebody may go at the earliest if nothing else happens; nothing if only the end of a call helps.
    std::optional<time_point> next_time(time_point now);

    /// The request is being sent: until then `call_outcome::kind::not_sent` takes everything back.
    void sent(reservation& one, time_point now) { limiter_.sent(one, now); }
    /// The head of the answer came.
    void answered(const reservation& one, const rate_limits& said, time_point now) { limiter_.learn(one, said, now); }
    /// The call is over.
    void finished(const reservation& one, const call_outcome& outcome, time_point now);

    counts totals() const noexcept;
    std::size_t waiting() const noexcept { return waiting_; }
    bool is_idle() const noexcept { return waiting_ == 0 && in_flight_ == 0; }

 private:
    static constexpr std::size_t classes = 3;

    struct waiting_one {
        std::uint64_t number;
        void* waiter;  // null once abandoned
        token_cost cost;
        time_point due;  // its place among the classes: when it came, later for a lower class
        time_point deadline;
    };
    struct line {
        std::deque<waiting_one> queue;
        rate_amounts wanted;  // by those not abandoned
    };

    static waiting_one* front(line& one) noexcept;
    line* next_line() noexcept;
    void leave(line& from, waiting_one& one) noexcept;
    std::chrono::milliseconds handicap(priority how) const noexcept;

    admission_options options_;
    rate_limiter limiter_;
    concurrency_limit concurrency_;
    std::array<line, classes> lines_;
    std::uint64_t last_number_ = 0;
    std::size_t waiting_ = 0;
    std::size_t in_flight_ = 0;
    time_point swept_until_{};  // the end of the pause that take_hopeless knew
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/admission.ipp>
#endif
