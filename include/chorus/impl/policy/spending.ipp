// One account in each budget from the call's own up to the last group.
#pragma once

#include <chorus/policy/spending.hpp>

#include <algorithm>
#include <limits>
#include <string>

namespace chorus::policy {

namespace detail {

CHORUS_DECL void add_spending(spending_totals& sum, const spending_totals& amount) noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    sum.tokens = sum.tokens > most - amount.tokens ? most : sum.tokens + amount.tokens;
    sum.cost += amount.cost;
}

CHORUS_DECL error over_budget(std::string_view what, bool is_group, const std::string& limit, const std::string& spent,
                              const std::string& reserved, const std::string& asked) {
    std::string text(is_group ? "the group's limit of " : "the limit of ");
    text.append(limit).append(what == "tokens" ? " tokens" : "").append("; spent ").append(spent);
    text.append(", reserved ").append(reserved).append(", asked ").append(asked);
    error refused(errc::budget_exceeded, std::move(text));
    return refused.phase(phase::input).param(std::string(what));
}

}  // namespace detail

CHORUS_DECL spending::spending(const spending_limits& limits, price_table prices)
    : limits_(limits), prices_(std::move(prices)) {}

CHORUS_DECL spending::spending(const spending_limits& limits, std::shared_ptr<spending> group)
    : limits_(limits), group_(std::move(group)) {}

CHORUS_DECL result<void> spending::check(const spending_totals& asked, bool is_group) const {
    const spending_limits free = [this] {
        spending_limits rest;
        if (limits_.tokens) rest.tokens = *limits_.tokens - spent_.tokens - reserved_.tokens;
        if (limits_.cost) rest.cost = *limits_.cost - spent_.cost - reserved_.cost;
        return rest;
    }();
    if (free.tokens && asked.tokens > *free.tokens) {
        return detail::over_budget("tokens", is_group, std::to_string(*limits_.tokens), std::to_string(spent_.tokens),
                                   std::to_string(reserved_.tokens), std::to_string(asked.tokens));
    }
    if (free.cost && asked.cost > *free.cost) {
        return detail::over_budget("cost", is_group, to_string(*limits_.cost), to_string(spent_.cost),
                                   to_string(reserved_.cost), to_string(asked.cost));
    }
    return {};
}

CHORUS_DECL result<spending::reservation> spending::reserve(std::string_view model, const token_estimate& asked) {
    // So large that no budget has it, and so small that sums of it do not overflow.
    constexpr std::int64_t most_tokens = 1'000'000'000'000;
    reservation::terms terms;
    terms.asked = {std::clamp<std::int64_t>(asked.input, 0, most_tokens),
                   std::clamp<std::int64_t>(asked.output, 0, most_tokens)};
    if (const token_prices* const found = prices().find(model)) {
        usage expected;
        expected.prompt_tokens = terms.asked.input;
        expected.completion_tokens = terms.asked.output;
        terms.prices = *found;
        terms.cost = cost_of(expected, *found);
    }
    const spending_totals amount{terms.asked.total(), terms.cost};
    for (const spending* each = this; each != nullptr; each = each->group_.get()) {
        if (each->limits_.cost && !terms.prices) {
            error unknown(errc::invalid_argument,
                          "no price is known for " + std::string(model) + ", and the budget is in money");
            return unknown.phase(phase::input).param("model");
        }
        if (const auto fits = each->check(amount, each != this); !fits) return fits.error();
    }
    for (spending* each = this; each != nullptr; each = each->group_.get()) {
        detail::add_spending(each->reserved_, amount);
    }
    return reservation(*this, terms);
}

CHORUS_DECL void spending::reservation::release() noexcept {
    for (spending* each = std::exchange(owner_, nullptr); each != nullptr; each = each->group_.get()) {
        each->reserved_.tokens -= terms_.asked.total();
        each->reserved_.cost -= terms_.cost;
    }
}

CHORUS_DECL void spending::settle(reservation held, const usage& used) noexcept {
    const reservation::terms& terms = held.terms_;
    usage counted = used;
    counted.prompt_tokens = std::max<std::int64_t>(used.prompt_tokens.value_or(terms.asked.input), 0);
    counted.completion_tokens = std::max<std::int64_t>(used.completion_tokens.value_or(terms.asked.output), 0);
    const spending_totals amount{*counted.prompt_tokens + *counted.completion_tokens,
                                 terms.prices ? cost_of(counted, *terms.prices) : money()};
    for (spending* each = held.owner_; each != nullptr; each = each->group_.get()) {
        detail::add_spending(each->spent_, amount);
    }
}

CHORUS_DECL spending_limits spending::left() const noexcept {
    spending_limits rest = group_ ? group_->left() : spending_limits{};
    if (limits_.tokens) {
        const std::int64_t own = std::max<std::int64_t>(*limits_.tokens - spent_.tokens - reserved_.tokens, 0);
        rest.tokens = std::min(rest.tokens.value_or(own), own);
    }
    if (limits_.cost) {
        const money own = std::max(*limits_.cost - spent_.cost - reserved_.cost, money());
        rest.cost = std::min(rest.cost.value_or(own), own);
    }
    return rest;
}

}  // namespace chorus::policy
