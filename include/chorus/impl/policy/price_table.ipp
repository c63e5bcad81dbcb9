#pragma once

#include <chorus/policy/price_table.hpp>

#include <algorithm>

namespace chorus::policy {

namespace detail {

/// Tokens times their price a million, as whole billionths and millionths of one.
class exact_cost {
 public:
    void add(std::int64_t tokens, money price_per_million) noexcept {
        constexpr std::int64_t million = 1'000'000;
        const std::int64_t price = price_per_million.count();
        if (tokens <= 0 || price <= 0) return;
        const std::int64_t millions = tokens / million;
        const std::int64_t price_of_one = price / million;
        // tokens * price / million = millions * price + rest * price_of_one + rest * rest_of_price / million
        const std::int64_t rest = tokens % million;
        whole_ += product(millions, price) + product(rest, price_of_one);
        millionths_ += rest * (price % million);
    }
    money rounded_up() const noexcept { return whole_ + money::nano_dollars((millionths_ + 999'999) / 1'000'000); }

 private:
    static money product(std::int64_t left, std::int64_t right) noexcept {
        if (right != 0 && left > money::most().count() / right) return money::most();
        return money::nano_dollars(left * right);
    }

    money whole_;
    std::int64_t millionths_ = 0;  // each addition is below 10^12
};

}  // namespace detail

CHORUS_DECL money cost_of(const usage& used, const token_prices& prices) noexcept {
    const auto count = [](token_count tokens) { return std::max<std::int64_t>(tokens.value_or(0), 0); };
    const std::int64_t input = count(used.prompt_tokens);
    const std::int64_t cached = std::min(count(used.prompt.cached_tokens), input);
    const std::int64_t written = std::min(count(used.prompt.cache_write_tokens), input - cached);
    detail::exact_cost sum;
    sum.add(input - cached - written, prices.input);
    sum.add(cached, prices.cached_input.value_or(prices.input));
    sum.add(written, prices.cache_write.value_or(prices.input));
    sum.add(count(used.completion_tokens), prices.output);
    return sum.rounded_up();
}

CHORUS_DECL price_table& price_table::set(std::string model, token_prices prices) & {
    prices.input = std::max(prices.input, money());
    prices.output = std::max(prices.output, money());
    if (prices.cached_input) prices.cached_input = std::max(*prices.cached_input, money());
    if (prices.cache_write) prices.cache_write = std::max(*prices.cache_write, money());
    prices_.insert_or_assign(std::move(model), prices);
    return *this;
}

CHORUS_DECL const token_prices* price_table::find(std::string_view model) const noexcept {
    for (;;) {
        if (const auto found = prices_.find(model); found != prices_.end()) return &found->second;
        const std::size_t dash = model.rfind('-');
        if (dash == model.npos) return nullptr;
        model = model.substr(0, dash);
    }
}

}  // namespace chorus::policy
