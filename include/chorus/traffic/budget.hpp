// Refuses calls that would cost more than may be spent.
#pragma once

#include <chorus/call_gate.hpp>
#include <chorus/config.hpp>
#include <chorus/policy/spending.hpp>

#include <memory>

namespace chorus {

/// Keeps the calls of its clients within limits of tokens and money: a call that would pass them fails with
/// `errc::budget_exceeded`, before it is sent. See `policy::spending`, also for budgets that share a group.
///
/// What a call may use is reserved before it is sent. Then the server's count takes its place; or the estimate, where a
/// call was sent and its answer was lost, for it may have been billed; or nothing, where the server refused it.
///
///     auto mine = std::make_shared<chorus::budget>(chorus::policy::spending_limits{.tokens = 1'000'000});
///     chorus::client llm(executor, chorus::openai(), chorus::client_options().gate(mine));
class budget final : public call_gate {
 public:
    explicit budget(const policy::spending_limits& limits, policy::price_table prices = {});
    /// A budget within a group, whose prices it shares.
    budget(const policy::spending_limits& limits, const std::shared_ptr<budget>& group);

    entry try_enter(const gated_call& call) override;

    /// By all calls that ended, of this budget and of those in it.
    policy::spending_totals spent() const noexcept { return account_->spent(); }
    /// Held for calls under way.
    policy::spending_totals reserved() const noexcept { return account_->reserved(); }
    /// What a further call may use, here and in the groups.
    policy::spending_limits left() const noexcept { return account_->left(); }

 private:
    class budget_pass;

    std::shared_ptr<policy::spending> account_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/traffic/budget.ipp>
#endif
