// Budgets of tokens and money: a call that would pass one is refused before it is sent.
#pragma once

#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/policy/money.hpp>
#include <chorus/policy/price_table.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace chorus::policy {

/// What may be spent in all. What is not set is not limited.
struct spending_limits {
    std::optional<std::int64_t> tokens = {};  ///< Input and output together.
    std::optional<money> cost = {};
};

/// Tokens, and what they cost as far as they have a price.
struct spending_totals {
    std::int64_t tokens = 0;
    money cost;

    bool operator==(const spending_totals&) const = default;
};

/// Keeps account of what calls cost, against limits. Before a call is sent its estimate is reserved; after it the
/// server's count takes the place of the estimate. Calls under way together never reserve more than is left.
///
/// A budget may belong to a group, which may belong to another: a call must fit into all of them. Give one group to the
/// budgets of several clients to limit them together. Not for use from several threads at once.
///
///     auto team = std::make_shared<spending>(spending_limits{.cost = money::dollars(50)}, prices);
///     spending mine({.cost = money::dollars(5)}, team);
///     auto held = mine.reserve("gpt-4o", estimate_tokens(request));
///     if (held) mine.settle(std::move(*held), response.usage());
class spending {
 public:
    /// A part of the budget that is kept for one call. Gives it back when it goes without being settled. The budget must
    /// outlive it.
    class reservation {
     public:
        reservation(reservation&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), terms_(other.terms_) {}
        reservation& operator=(reservation&& other) noexcept {
            if (this != &other) {
                release();
                owner_ = std::exchange(other.owner_, nullptr);
                terms_ = other.terms_;
            }
            return *this;
        }
        ~reservation() { release(); }

        /// What is held.
        spending_totals amount() const noexcept { return {terms_.asked.total(), terms_.cost}; }

     private:
        friend class spending;
        struct terms {
            token_estimate asked;
            std::optional<token_prices> prices;
            money cost;
        };
        reservation(spending& owner, const terms& agreed) noexcept : owner_(&owner), terms_(agreed) {}
        void release() noexcept;

        spending* owner_;  // null once given back or settled
        terms terms_;
    };

    /// A budget of its own.
    explicit spending(const spending_limits& limits, price_table prices = {});
    /// A budget within a group, whose prices it shares.
    spending(const spending_limits& limits, std::shared_ptr<spending> group);
    spending(const spending&) = delete;
    spending& operator=(const spending&) = delete;

    /// Keeps what a call may use. Errors: `errc::budget_exceeded` if that is more than is left here or in a group; final,
    /// as only another limit helps. `errc::invalid_argument` for a model without a price, if there is a limit in money.
    result<reservation> reserve(std::string_view model, const token_estimate& asked);
    /// The call was answered: what it used is spent. A count that the server left out is taken from the estimate. May
    /// pass the limit, where the estimate was too low: what is spent is spent.
    void settle(reservation held, const usage& used) noexcept;
    /// The call was not processed: nothing is spent. So does a reservation that is dropped.
    void cancel(reservation) noexcept {}

    /// Settled so far, by all calls of this budget, and of the budgets in it.
    const spending_totals& spent() const noexcept { return spent_; }
    /// Held by calls under way.
    const spending_totals& reserved() const noexcept { return reserved_; }
    /// What a further call may use, here and in the groups; never below zero. Not set: not limited.
    spending_limits left() const noexcept;

 private:
    result<void> check(const spending_totals& asked, bool is_group) const;
    const price_table& prices() const noexcept { return group_ ? group_->prices() : prices_; }

    spending_limits limits_;
    price_table prices_;  // empty in a group
    std::shared_ptr<spending> group_;
    spending_totals spent_;
    spending_totals reserved_;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/spending.ipp>
#endif
