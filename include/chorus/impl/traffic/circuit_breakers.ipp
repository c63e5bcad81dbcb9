#pragma once

#include <chorus/observe/observer.hpp>
#include <chorus/traffic/circuit_breakers.hpp>

#include <utility>

namespace chorus {

namespace detail {

/// Tells the observer of a call if the circuit is not what it was.
CHORUS_DECL void tell_change(const policy::circuit_breaker& now, policy::circuit_state before, observer* watcher,
                             const http::origin& where, clock::time_point time) noexcept {
    if (watcher == nullptr || now.state() == before) return;
    switch (now.state()) {
        case policy::circuit_state::open: {
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(now.open_until() - time);
            return watcher->on_server_limit(limit_event::circuit_opened, {.server = &where, .wait = wait});
        }
        case policy::circuit_state::half_open:
            return watcher->on_server_limit(limit_event::circuit_half_opened, {.server = &where});
        case policy::circuit_state::closed:
            return watcher->on_server_limit(limit_event::circuit_closed, {.server = &where});
    }
}

}  // namespace detail

class circuit_breakers::breaker_pass final : public call_gate::pass {
 public:
    breaker_pass(std::shared_ptr<policy::circuit_breaker> owner, policy::circuit_breaker::pass given,
                 timer_service& timers, const gated_call& call)
        : owner_(std::move(owner)), given_(given), timers_(timers), where_(call.origin), watcher_(call.watcher) {}
    ~breaker_pass() override {
        if (owner_) owner_->on_abandoned(given_);
    }

    /// A head is a sign of life. Whether it is a good one, `failed` tells.
    void succeeded(const usage&) noexcept override {
        const auto owner = std::exchange(owner_, nullptr);
        const policy::circuit_state before = owner->state();
        owner->on_success(given_, timers_.now());
        detail::tell_change(*owner, before, watcher_, where_, timers_.now());
    }
    void failed(const error& why) noexcept override {
        const auto owner = std::exchange(owner_, nullptr);
        const policy::circuit_state before = owner->state();
        owner->on_error(given_, why, timers_.now());
        detail::tell_change(*owner, before, watcher_, where_, timers_.now());
    }

 private:
    std::shared_ptr<policy::circuit_breaker> owner_;
    policy::circuit_breaker::pass given_;
    timer_service& timers_;
    const http::origin& where_;  // of the call, as the observer
    observer* watcher_;
};

CHORUS_DECL circuit_breakers::circuit_breakers(const executor& ex, const policy::circuit_breaker_options& options)
    : timers_(timer_service::of(ex)), options_(options) {}

CHORUS_DECL call_gate::entry circuit_breakers::try_enter(const gated_call& call) {
    std::shared_ptr<policy::circuit_breaker>& breaker = breakers_[call.origin];
    if (!breaker) breaker = std::make_shared<policy::circuit_breaker>(options_);
    const policy::circuit_state before = breaker->state();
    const auto allowed = breaker->allow(timers_.now());
    detail::tell_change(*breaker, before, call.watcher, call.origin, timers_.now());
    if (!allowed) {
        error refused = allowed.error();
        return refused.text(call.origin.to_string());
    }
    return std::make_unique<breaker_pass>(breaker, *allowed, timers_, call);
}

CHORUS_DECL policy::circuit_state circuit_breakers::state(const http::origin& where) const {
    const auto found = breakers_.find(where);
    return found == breakers_.end() ? policy::circuit_state::closed : found->second->state();
}

}  // namespace chorus
