#pragma once

#include <chorus/policy/admission.hpp>

#include <algorithm>

namespace chorus::policy {

CHORUS_DECL admission::admission(const admission_options& options)
    : options_(options), limiter_(options.rate), concurrency_(options.concurrency) {
    constexpr std::chrono::hours longest{24};
    options_.head_start = std::clamp<std::chrono::milliseconds>(options_.head_start, std::chrono::hours(0), longest);
}

CHORUS_DECL std::optional<admission::reservation> admission::try_admit(const token_cost& cost, time_point now) {
    if (waiting_ > 0 || in_flight_ >= concurrency_.limit() || limiter_.earliest(cost, now) > now) return std::nullopt;
    ++in_flight_;
    return limiter_.reserve(cost, now);
}

CHORUS_DECL admission::time_point admission::earliest(const token_cost& cost, priority how, time_point now) {
    rate_amounts ahead;
    for (std::size_t each = 0; each <= static_cast<std::size_t>(how); ++each) ahead += lines_[each].wanted;
    return limiter_.earliest(cost, now, ahead);
}

CHORUS_DECL admission::ticket admission::enqueue(void* waiter, const token_cost& cost, priority how,
                                                 time_point deadline, time_point now) {
    line& own = lines_[static_cast<std::size_t>(how)];
    own.queue.push_back({++last_number_, waiter, cost, now + handicap(how), deadline});
    own.wanted += rate_amounts{1, cost};
    ++waiting_;
    return {last_number_, how};
}

CHORUS_DECL void admission::abandon(const ticket& place) {
    line& own = lines_[static_cast<std::size_t>(place.priority)];
    const auto found =
        std::lower_bound(own.queue.begin(), own.queue.end(), place.number,
                         [](const waiting_one& one, std::uint64_t wanted) { return one.number < wanted; });
    leave(own, *found);
    front(own);  // drops abandoned places, so that the queue cannot grow by them alone
}

CHORUS_DECL admission::grant admission::take_ready(time_point now) {
    line* const next = in_flight_ < concurrency_.limit() ? next_line() : nullptr;
    if (next == nullptr) return {};
    waiting_one& first = next->queue.front();
    if (limiter_.earliest(first.cost, now) > now) return {};
    grant given{first.waiter, limiter_.reserve(first.cost, now)};
    leave(*next, first);
    next->queue.pop_front();
    ++in_flight_;
    return given;
}

CHORUS_DECL std::vector<void*> admission::take_hopeless() {
    std::vector<void*> hopeless;
    const time_point until = limiter_.paused_until();
    if (until <= swept_until_) return hopeless;
    swept_until_ = until;
    for (line& each : lines_) {
        for (waiting_one& one : each.queue) {
            if (one.waiter == nullptr || one.deadline > until) continue;
            hopeless.push_back(one.waiter);
            leave(each, one);
        }
        front(each);
    }
    return hopeless;
}

CHORUS_DECL std::optional<admission::time_point> admission::next_time(time_point now) {
    line* const next = in_flight_ < concurrency_.limit() ? next_line() : nullptr;
    if (next == nullptr) return std::nullopt;
    return limiter_.earliest(next->queue.front().cost, now);
}

CHORUS_DECL void admission::finished(const reservation& one, const call_outcome& outcome, time_point now) {
    using kind = call_outcome::kind;
    switch (outcome.what) {
        case kind::not_sent:
            limiter_.give_back(one, now);
            break;
        case kind::answered:
            limiter_.succeeded(one);
            if (outcome.used) limiter_.spent(one, *outcome.used, now);
            concurrency_.succeeded(one.at, outcome.latency, in_flight_, now);
            break;
        case kind::throttled:
            limiter_.refused(one, outcome.retry_after, outcome.slow_down, now);
            concurrency_.overloaded(one.at, now);
            break;
        case kind::overloaded:
            // A time to come back holds for all calls; without one each looks after itself.
            if (outcome.retry_after || outcome.slow_down)
                limiter_.hold(one, outcome.retry_after, outcome.slow_down, now);
            concurrency_.overloaded(one.at, now);
            break;
        case kind::failed:
            concurrency_.overloaded(one.at, now);
            break;
        case kind::rejected:
        case kind::lost:
            break;
    }
    --in_flight_;
}

CHORUS_DECL admission::counts admission::totals() const noexcept {
    return {waiting_,
            in_flight_,
            concurrency_.limit(),
            limiter_.paused_until(),
            limiter_.requests_per_minute(),
            limiter_.tokens_per_minute()};
}

/// The first one in line, or null. Drops abandoned places before it.
CHORUS_DECL admission::waiting_one* admission::front(line& one) noexcept {
    while (!one.queue.empty() && one.queue.front().waiter == nullptr) one.queue.pop_front();
    return one.queue.empty() ? nullptr : &one.queue.front();
}

/// The line whose first one goes before those of the others.
CHORUS_DECL admission::line* admission::next_line() noexcept {
    if (waiting_ == 0) return nullptr;
    line* next = nullptr;
    for (line& each : lines_) {
        const waiting_one* const candidate = front(each);
        if (candidate != nullptr && (next == nullptr || candidate->due < next->queue.front().due)) next = &each;
    }
    return next;
}

CHORUS_DECL void admission::leave(line& from, waiting_one& one) noexcept {
    from.wanted -= rate_amounts{1, one.cost};
    one.waiter = nullptr;
    --waiting_;
}

CHORUS_DECL std::chrono::milliseconds admission::handicap(priority how) const noexcept {
    return options_.head_start * static_cast<int>(how);
}

}  // namespace chorus::policy
