// Leaves servers alone that keep failing: one circuit breaker for each origin.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/call_gate.hpp>
#include <chorus/config.hpp>
#include <chorus/http/url.hpp>
#include <chorus/policy/circuit_breaker.hpp>

#include <map>
#include <memory>

namespace chorus {

/// Fails calls at once, with `errc::circuit_open`, while their server is down: see `policy::circuit_breaker`. Several
/// clients of one loop may share it.
///
/// Lifetimes: may go before the calls that it let through; must not outlive the execution context.
///
///     auto options = chorus::client_options().gate(std::make_shared<chorus::circuit_breakers>(executor));
class circuit_breakers final : public call_gate {
 public:
    explicit circuit_breakers(const executor& ex, const policy::circuit_breaker_options& options = {});

    entry try_enter(const gated_call& call) override;

    /// As of the last call to this origin.
    policy::circuit_state state(const http::origin& where) const;

 private:
    class breaker_pass;

    timer_service& timers_;
    policy::circuit_breaker_options options_;
    std::map<http::origin, std::shared_ptr<policy::circuit_breaker>> breakers_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/traffic/circuit_breakers.ipp>
#endif
