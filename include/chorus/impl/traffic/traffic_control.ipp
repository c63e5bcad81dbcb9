#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/detail/deadline_list.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/traffic/traffic_control.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace chorus {

/// The calls of one key: carries out what its machine decides.
class traffic_control::lane : public std::enable_shared_from_this<lane> {
 public:
    lane(const executor& ex, const policy::admission_options& options, std::string name)
        : executor_(ex), machine_(options), name_(std::move(name)), deadlines_(ex), wake_(ex) {}

    permit try_acquire(const token_cost& cost) {
        last_used_ = now();
        const auto taken = machine_.try_admit(cost, last_used_);
        return taken ? permit(shared_from_this(), *taken) : permit();
    }

    static awaitable<result<permit>> acquire(std::shared_ptr<lane> self, token_cost cost, priority how,
                                             clock::time_point deadline);

    void sent(policy::admission::reservation& taken) { machine_.sent(taken, now()); }
    void answered(const policy::admission::reservation& taken, const rate_limits& said) {
        machine_.answered(taken, said, now());
        serve();
    }
    void finish(const policy::admission::reservation& taken, const call_outcome& outcome) {
        machine_.finished(taken, outcome, now());
        serve();
    }

    policy::admission::counts totals() const noexcept { return machine_.totals(); }
    clock::time_point now() const noexcept { return wake_.now(); }
    /// Whether nothing would be lost with it but what it has learnt, long ago.
    bool is_forgettable() const noexcept {
        const clock::time_point time = now();
        return machine_.is_idle() && machine_.totals().paused_until < time && time - last_used_ > std::chrono::hours(1);
    }

 private:
    struct waiter;

    void serve();
    void ring() { serve(); }
    error too_late(clock::time_point start, clock::time_point deadline) const;
    error timed_out() const;
    std::string queue_text() const;

    executor executor_;
    policy::admission machine_;
    std::string name_;
    detail::deadline_list deadlines_;
    alarm wake_;
    clock::time_point last_used_{};
};

/// A place in the queue, inside the frame of the call that waits.
struct traffic_control::lane::waiter final : detail::deadline_entry {
    explicit waiter(lane& owner) noexcept : home(owner) {}
    ~waiter() {
        // A permit granted after the call was cancelled gives itself back.
        if (!is_queued) return;
        leave();
        home.machine_.abandon(place);
        home.serve();
    }

    /// The coroutine has suspended.
    void operator()(boost::intrusive_ptr<detail::suspension> suspended) {
        coroutine = std::move(suspended);
        if (!is_queued) coroutine->resume({});
    }
    void grant(permit given) {
        granted = std::move(given);
        finish();
    }
    void refuse(error why) {
        refused = std::move(why);
        finish();
    }
    void on_late() override {
        error late = home.timed_out();
        home.machine_.abandon(place);
        refuse(std::move(late));
        home.serve();
    }
    void finish() {
        leave();
        if (coroutine) coroutine->resume({});
    }
    void leave() noexcept {
        is_queued = false;
        home.deadlines_.remove(*this);
    }

    lane& home;
    policy::admission::ticket place;
    bool is_queued = false;
    permit granted;
    error refused;
    boost::intrusive_ptr<detail::suspension> coroutine;
};

CHORUS_DECL awaitable<result<traffic_control::permit>> traffic_control::lane::acquire(std::shared_ptr<lane> self,
                                                                                      token_cost cost, priority how,
                                                                                      clock::time_point deadline) {
    permit ready = self->try_acquire(cost);
    if (ready) co_return std::move(ready);
    const clock::time_point time = self->now();
    if (deadline <= time) co_return self->timed_out();
    const clock::time_point start = self->machine_.earliest(cost, how, time);
    if (start >= deadline) co_return self->too_late(start, deadline);
    waiter own(*self);
    own.place = self->machine_.enqueue(&own, cost, how, deadline, time);
    own.is_queued = true;
    self->deadlines_.add(own, deadline);
    self->serve();
    try {
        co_await detail::async_suspend(self->executor_, own);
    } catch (const boost::system::system_error&) {
        error cancelled(errc::cancelled);
        co_return cancelled.phase(phase::pool);
    }
    if (!own.granted) co_return std::move(own.refused);
    co_return std::move(own.granted);
}

/// Lets go who may, sends away whose deadline has become hopeless, and sets the alarm for the next one.
CHORUS_DECL void traffic_control::lane::serve() {
    if (machine_.waiting() > 0) {
        const clock::time_point time = now();
        for (auto next = machine_.take_ready(time); next.waiter != nullptr; next = machine_.take_ready(time)) {
            static_cast<waiter*>(next.waiter)->grant(permit(shared_from_this(), next.taken));
        }
        for (void* const unlucky : machine_.take_hopeless()) {
            auto* const one = static_cast<waiter*>(unlucky);
            one->refuse(too_late(machine_.totals().paused_until, one->when()));
        }
        if (const auto next = machine_.next_time(time)) {
            wake_.set<&lane::ring>(*next, this);
            return;
        }
    }
    wake_.clear();
}

CHORUS_DECL error traffic_control::lane::too_late(clock::time_point start, clock::time_point deadline) const {
    const clock::time_point time = now();
    const auto text = [time](clock::time_point when) {
        return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(std::max(when, time) - time).count()) +
               " ms";
    };
    error refused(errc::rate_limited, name_ + ": its limits have room in " + text(start) +
                                          " at the earliest, and the deadline is in " + text(deadline) + "; " +
                                          queue_text());
    refused.retry_after(std::chrono::ceil<std::chrono::milliseconds>(std::max(start, time) - time));
    return refused.phase(phase::pool);
}

CHORUS_DECL error traffic_control::lane::timed_out() const {
    error late(errc::deadline_exceeded, name_ + ": no room within its limits; " + queue_text());
    return late.phase(phase::pool);
}

/// Says how much is under way, because that is what the user has to change.
CHORUS_DECL std::string traffic_control::lane::queue_text() const {
    const auto counts = machine_.totals();
    std::string text = std::to_string(counts.in_flight) + " of " + std::to_string(counts.limit) + " calls in flight, " +
                       std::to_string(counts.waiting) + " waiting";
    if (counts.requests_per_minute) text += ", " + std::to_string(*counts.requests_per_minute) + " requests a minute";
    if (counts.tokens_per_minute) text += ", " + std::to_string(*counts.tokens_per_minute) + " tokens a minute";
    return text;
}

CHORUS_DECL traffic_control::permit::permit(std::shared_ptr<lane> owner,
                                            const policy::admission::reservation& taken) noexcept
    : lane_(std::move(owner)), taken_(taken) {}

CHORUS_DECL traffic_control::permit& traffic_control::permit::operator=(permit&& other) noexcept {
    std::swap(lane_, other.lane_);
    std::swap(taken_, other.taken_);
    std::swap(is_sent_, other.is_sent_);
    return *this;
}

CHORUS_DECL traffic_control::permit::~permit() {
    if (!lane_) return;
    call_outcome abandoned;
    abandoned.what = is_sent_ ? call_outcome::kind::lost : call_outcome::kind::not_sent;
    finish(abandoned);
}

CHORUS_DECL void traffic_control::permit::sent() noexcept {
    if (!lane_ || std::exchange(is_sent_, true)) return;
    lane_->sent(taken_);
}

CHORUS_DECL void traffic_control::permit::answered(const rate_limits& said) noexcept {
    if (lane_) lane_->answered(taken_, said);
}

CHORUS_DECL void traffic_control::permit::finish(const call_outcome& outcome) noexcept {
    if (const auto owner = std::exchange(lane_, nullptr)) owner->finish(taken_, outcome);
}

CHORUS_DECL traffic_control::traffic_control(executor ex, const traffic_options& options)
    : executor_(std::move(ex)), options_(options) {}

CHORUS_DECL traffic_control::~traffic_control() = default;

CHORUS_DECL traffic_control::permit traffic_control::try_acquire(const traffic_key& key, const token_cost& cost) {
    return find(key)->try_acquire(cost);
}

CHORUS_DECL awaitable<result<traffic_control::permit>> traffic_control::acquire(const traffic_key& key,
                                                                                const token_cost& cost, priority how,
                                                                                clock::time_point deadline) {
    return lane::acquire(find(key), cost, how, deadline);
}

/// A permit as a client holds it.
class traffic_control::lane_pass final : public call_gate::pass {
 public:
    lane_pass(permit held, const gated_call& call) noexcept
        : permit_(std::move(held)), where_(call.origin), model_(call.model), watcher_(call.watcher) {}
    void sent() noexcept override { permit_.sent(); }
    void answered(const rate_limits& said, std::chrono::nanoseconds latency) noexcept override {
        permit_.answered(said);
        if (latency > latency.zero()) latency_ = latency;
    }
    void succeeded(const usage& used) noexcept override { finish(outcome_of(used)); }
    void failed(const error& why) noexcept override { finish(outcome_of(why)); }

 private:
    void finish(call_outcome outcome) noexcept {
        outcome.latency = latency_;
        const std::shared_ptr<lane> home = watcher_ != nullptr ? permit_.lane_ : nullptr;
        if (!home) return permit_.finish(outcome);
        const auto before = home->totals();
        permit_.finish(outcome);
        const auto after = home->totals();
        limit_info changed{.server = &where_, .model = model_};
        if (after.paused_until > before.paused_until) {
            changed.wait = std::chrono::ceil<std::chrono::milliseconds>(after.paused_until - home->now());
            watcher_->on_server_limit(limit_event::paused, changed);
            changed.wait = {};
        }
        if (after.limit != before.limit) {
            changed.concurrency = after.limit;
            watcher_->on_server_limit(limit_event::concurrency_changed, changed);
        }
    }

    permit permit_;
    const http::origin& where_;  // of the call, as the model and the observer
    std::string_view model_;
    observer* watcher_;
    std::optional<std::chrono::nanoseconds> latency_;
};

CHORUS_DECL call_gate::entry traffic_control::try_enter(const gated_call& call) {
    auto permit = try_acquire({call.origin, call.key_fingerprint, call.model}, {call.tokens.input, call.tokens.output});
    if (!permit) return entry(nullptr);
    return std::make_unique<lane_pass>(std::move(permit), call);
}

CHORUS_DECL awaitable<call_gate::entry> traffic_control::enter(const gated_call& call, clock::time_point deadline) {
    const traffic_key key{call.origin, call.key_fingerprint, call.model};
    const token_cost cost{call.tokens.input, call.tokens.output};
    auto acquired = co_await acquire(key, cost, call.priority, deadline);
    if (!acquired) co_return acquired.error();
    co_return std::make_unique<lane_pass>(std::move(*acquired), call);
}

CHORUS_DECL traffic_stats traffic_control::stats(const traffic_key& key) const {
    traffic_stats counted;
    const auto found = lanes_.find(key);
    if (found == lanes_.end()) return counted;
    const auto totals = found->second->totals();
    counted.waiting = totals.waiting;
    counted.in_flight = totals.in_flight;
    counted.limit = totals.limit;
    if (totals.paused_until > found->second->now()) counted.paused_until = totals.paused_until;
    counted.requests_per_minute = totals.requests_per_minute;
    counted.tokens_per_minute = totals.tokens_per_minute;
    return counted;
}

CHORUS_DECL const std::shared_ptr<traffic_control::lane>& traffic_control::find(const traffic_key& key) {
    const auto found = lanes_.find(key);
    if (found != lanes_.end()) return found->second;
    // A program that changes its keys leaves lanes behind.
    std::erase_if(lanes_,
                  [](const auto& each) { return each.second.use_count() == 1 && each.second->is_forgettable(); });
    policy::admission_options settings;
    settings.rate.requests_per_minute = options_.requests_per_minute;
    settings.rate.tokens_per_minute = options_.tokens_per_minute;
    settings.concurrency.max = options_.max_concurrency;
    settings.concurrency.adaptive = options_.adaptive;
    settings.concurrency.latency_factor = options_.latency_factor;
    settings.head_start = options_.head_start;
    std::string name = key.origin.to_string();
    if (!key.model.empty()) name.append(", ").append(key.model);
    stored_key stored{key.origin, key.key_fingerprint, std::string(key.model)};
    auto fresh = std::make_shared<lane>(executor_, settings, std::move(name));
    return lanes_.emplace(std::move(stored), std::move(fresh)).first->second;
}

CHORUS_DECL bool traffic_control::key_order::precedes(const traffic_key& left, const traffic_key& right) noexcept {
    if (left.key_fingerprint != right.key_fingerprint) return left.key_fingerprint < right.key_fingerprint;
    if (const int order = left.model.compare(right.model); order != 0) return order < 0;
    return left.origin < right.origin;
}

CHORUS_DECL call_outcome outcome_of(const usage& counted) noexcept {
    call_outcome outcome;
    outcome.what = call_outcome::kind::answered;
    if (counted.prompt_tokens || counted.completion_tokens) {
        outcome.used = token_cost{counted.prompt_tokens.value_or(0), counted.completion_tokens.value_or(0)};
    } else if (counted.total_tokens) {
        outcome.used = token_cost{*counted.total_tokens, 0};
    }
    return outcome;
}

CHORUS_DECL call_outcome outcome_of(const error& failed) noexcept {
    using kind = call_outcome::kind;
    call_outcome outcome;
    outcome.retry_after = failed.retry_after();
    outcome.slow_down = failed.provider_code() == "slow_down" || failed.type() == "slow_down";
    switch (failed.phase()) {
        case phase::input:
        case phase::pool:
        case phase::dns:
        case phase::connect:
        case phase::proxy:
        case phase::tls:
            outcome.what = kind::not_sent;
            return outcome;
        default:
            break;
    }
    if (failed == errc::refused) {
        outcome.what = kind::not_sent;
    } else if (failed == errc::rate_limited) {
        outcome.what = kind::throttled;
    } else if (failed == errc::overloaded) {
        outcome.what = kind::overloaded;
    } else if (failed == condition::server_error || failed == errc::first_byte_timed_out) {
        outcome.what = kind::failed;
    } else if (failed.phase() == phase::decode) {
        outcome.what = kind::answered;
    } else if (failed.http_status() >= 300) {
        outcome.what = kind::rejected;
    }
    return outcome;
}

}  // namespace chorus
