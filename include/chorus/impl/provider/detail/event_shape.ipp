#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/provider/detail/event_shape.hpp>

namespace chorus::detail {

/// How many closing brackets the text is, but for blanks; -1 if it is anything else.
CHORUS_DECL int count_end_brackets(std::string_view text) noexcept {
    int count = 0;
    for (const char c : text) {
        if (c == '}') {
            ++count;
        } else if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return -1;
        }
    }
    return count;
}

CHORUS_DECL std::size_t count_digits(std::string_view text) noexcept {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    return count;
}

CHORUS_DECL void event_shape::keep(std::string_view event, const values& changing) {
    count_ = 0;
    std::size_t count = 0;
    std::array<std::size_t, most_values> order{};  // of the values, as they stand in the event
    for (std::size_t number = 0; number < most_values; ++number) {
        const std::string_view value = changing[number];
        if (value.empty()) continue;
        if (value.front() != '"' && count_digits(value) != value.size()) return;
        std::size_t at = count++;
        for (; at > 0 && changing[order[at - 1]].data() > value.data(); --at) order[at] = order[at - 1];
        order[at] = number;
    }
    std::size_t end = 0;
    for (std::size_t i = 0; i < count; ++i) {
        slot& next = slots_[i];
        const std::string_view value = changing[order[i]];
        const auto begin = static_cast<std::size_t>(value.data() - event.data());
        next.number = order[i];
        next.is_string = value.front() == '"';
        next.before = event.substr(end, begin + (next.is_string ? 1 : 0) - end);
        end = begin + value.size();
    }
    end_ = event.substr(end);
    end_brackets_ = count_end_brackets(end_);
    count_ = count;
}

CHORUS_DECL bool event_shape::match(std::string_view event, values& found) const {
    if (count_ == 0) return false;
    for (std::size_t i = 0; i < count_; ++i) {
        const slot& next = slots_[i];
        if (!event.starts_with(next.before)) return false;
        event.remove_prefix(next.before.size() - (next.is_string ? 1 : 0));
        const std::string_view value =
            next.is_string ? json::reader(event).raw() : event.substr(0, count_digits(event));
        if (value.empty()) return false;
        found[next.number] = value;
        event.remove_prefix(value.size());
    }
    return event == end_ || (end_brackets_ >= 0 && count_end_brackets(event) == end_brackets_);
}

}  // namespace chorus::detail
