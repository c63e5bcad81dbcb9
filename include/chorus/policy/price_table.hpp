// What the tokens of which model cost.
#pragma once

#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/policy/money.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::policy {

/// The prices of one million tokens each, as providers list them.
struct token_prices {
    money input = {};
    std::optional<money> cached_input = {};  ///< Read from the provider's cache; like `input` where not set.
    std::optional<money> cache_write = {};   ///< Written to it (Anthropic); like `input` where not set.
    money output = {};
};

/// What these tokens cost: exact, then rounded up to a billionth of a dollar once. Counts that are missing cost nothing.
money cost_of(const usage& used, const token_prices& prices) noexcept;

/// Prices by the name of the model. The library knows none: they change, and they differ from contract to contract.
///
///     auto prices = price_table().set("gpt-4o", {.input = money::dollars(2.50), .output = money::dollars(10)});
class price_table {
 public:
    /// A price that is set again takes the place of the first. Prices below zero count as zero.
    price_table& set(std::string model, token_prices prices) &;
    price_table&& set(std::string model, token_prices prices) && { return std::move(set(std::move(model), prices)); }

    /// The prices of a model, or null: those of exactly this name, else of the longest name that stands before a `-` in
    /// it. `gpt-4o` serves `gpt-4o-2024-08-06`, and also `gpt-4o-mini` unless that has its own.
    const token_prices* find(std::string_view model) const noexcept;

 private:
    std::map<std::string, token_prices, std::less<>> prices_;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/price_table.ipp>
#endif
