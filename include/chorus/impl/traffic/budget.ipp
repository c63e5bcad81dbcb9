#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/policy/retry.hpp>
#include <chorus/traffic/budget.hpp>

#include <optional>
#include <utility>

namespace chorus {

class budget::budget_pass final : public call_gate::pass {
 public:
    budget_pass(std::shared_ptr<policy::spending> account, policy::spending::reservation held)
        : account_(std::move(account)), held_(std::move(held)) {}
    /// One that was cancelled under way may be billed.
    ~budget_pass() override {
        if (held_ && is_sent_) settle({});
    }

    void sent() noexcept override { is_sent_ = true; }
    void succeeded(const usage& used) noexcept override { settle(used); }
    void failed(const error& why) noexcept override {
        const bool is_refused = why.http_status() >= 400;
        if (!is_sent_ || is_refused || policy::needed_level(why) <= policy::replay_level::not_sent) {
            held_.reset();
        } else {
            settle(why.partial() != nullptr ? why.partial()->usage() : usage());
        }
    }

 private:
    void settle(const usage& used) noexcept {
        account_->settle(std::move(*held_), used);
        held_.reset();
    }

    std::shared_ptr<policy::spending> account_;
    std::optional<policy::spending::reservation> held_;  // of the account, which outlives it
    bool is_sent_ = false;
};

CHORUS_DECL budget::budget(const policy::spending_limits& limits, policy::price_table prices)
    : account_(std::make_shared<policy::spending>(limits, std::move(prices))) {}

CHORUS_DECL budget::budget(const policy::spending_limits& limits, const std::shared_ptr<budget>& group)
    : account_(std::make_shared<policy::spending>(limits, group->account_)) {}

CHORUS_DECL call_gate::entry budget::try_enter(const gated_call& call) {
    auto held = account_->reserve(call.model, call.tokens);
    if (!held) return held.error();
    return std::make_unique<budget_pass>(account_, std::move(*held));
}

}  // namespace chorus
