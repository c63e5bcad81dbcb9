#pragma once

#include <chorus/traffic/circuit_breakers.hpp>

#include <utility>

namespace chorus {

class circuit_breakers::breaker_pass final : public call_gate::pass {
 public:
    breaker_pass(std::shared_ptr<policy::circuit_breaker> owner, policy::circuit_breaker::pass given,
                 timer_service& timers)
        : owner_(std::move(owner)), given_(given), timers_(timers) {}
    ~breaker_pass() override {
        if (owner_) owner_->on_abandoned(given_);
    }

    /// A head is a sign of life. Whether it is a good one, `failed` tells.
    void succeeded(const usage&) noexcept override {
        std::exchange(owner_, nullptr)->on_success(given_, timers_.now());
    }
    void failed(const error& why) noexcept override {
        std::exchange(owner_, nullptr)->on_error(given_, why, timers_.now());
    }

 private:
    std::shared_ptr<policy::circuit_breaker> owner_;
    policy::circuit_breaker::pass given_;
    timer_service& timers_;
};

CHORUS_DECL circuit_breakers::circuit_breakers(const executor& ex, const policy::circuit_breaker_options& options)
    : timers_(timer_service::of(ex)), options_(options) {}

CHORUS_DECL call_gate::entry circuit_breakers::try_enter(const gated_call& call) {
    std::shared_ptr<policy::circuit_breaker>& breaker = breakers_[call.origin];
    if (!breaker) breaker = std::make_shared<policy::circuit_breaker>(options_);
    const auto allowed = breaker->allow(timers_.now());
    if (!allowed) {
        error refused = allowed.error();
        return refused.text(call.origin.to_string());
    }
    return std::make_unique<breaker_pass>(breaker, *allowed, timers_);
}

CHORUS_DECL policy::circuit_state circuit_breakers::state(const http::origin& where) const {
    const auto found = breakers_.find(where);
    return found == breakers_.end() ? policy::circuit_state::closed : found->second->state();
}

}  // namespace chorus
