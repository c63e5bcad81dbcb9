#pragma once

#include <chorus/policy/money.hpp>

namespace chorus::policy {

CHORUS_DECL std::string to_string(money amount) {
    constexpr std::uint64_t dollar = 1'000'000'000;
    const bool is_negative = amount.count() < 0;
    const auto bits = static_cast<std::uint64_t>(amount.count());
    const std::uint64_t count = is_negative ? 0 - bits : bits;
    std::string text = is_negative ? "-$" : "$";
    text.append(std::to_string(count / dollar)).append(".");
    const std::size_t cents = text.size() + 2;
    text.append(std::to_string(dollar + count % dollar), 1);  // with its leading zeros
    while (text.size() > cents && text.back() == '0') text.pop_back();
    return text;
}

}  // namespace chorus::policy
