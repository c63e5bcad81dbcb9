// The figures of a benchmark, as a table for people or as one JSON object for programs.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// Collects figures in order. Names are plain words with underscores and carry their unit.
class report {
 public:
    template <std::integral Count>
    report& add(std::string_view name, Count value) {
        rows_.emplace_back(name, std::to_string(value));
        return *this;
    }
    report& add(std::string_view name, double value) {
        char text[64];
        const auto [end, failure] = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 3);
        rows_.emplace_back(name, failure == std::errc() ? std::string(text, end) : "0");
        return *this;
    }

    void print(std::ostream& out, bool json) const {
        if (json) {
            const char* before = "{\"";
            for (const auto& [name, value] : rows_) out << std::exchange(before, ",\"") << name << "\":" << value;
            out << "}\n";
            return;
        }
        std::size_t name_width = 0;
        std::size_t value_width = 0;
        for (const auto& [name, value] : rows_) {
            name_width = std::max(name_width, name.size());
            value_width = std::max(value_width, value.size());
        }
        for (const auto& [name, value] : rows_) {
            out << name << std::string(name_width - name.size() + value_width - value.size() + 2, ' ') << value << '\n';
        }
    }

 private:
    std::vector<std::pair<std::string_view, std::string>> rows_;
};

}  // namespace bench
