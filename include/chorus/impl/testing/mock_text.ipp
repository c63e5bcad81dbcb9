#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_text.hpp>

#include <algorithm>
#include <utility>

namespace chorus::testing {

namespace detail {

/// What `json::writer` makes of one byte of a string.
constexpr std::size_t mock_json_size(char c) noexcept {
    if (c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v')) return 2;
    return static_cast<unsigned char>(c) < 0x20 ? 6 : 1;
}

constexpr bool continues_character(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace detail

CHORUS_DECL mock_text::mock_text(std::string text, mock_portions sizes)
    : text_(std::move(text)), sizes_(sizes), left_(sizes.count) {
    if (sizes.count == 0) return;
    text_.insert(0, 1, ' ');  // between two rounds
    at_ = 1;
    wrap();
}

CHORUS_DECL void mock_text::append_event(std::string& out, std::string_view before, std::string_view after) {
    constexpr std::string_view end = "\n\n";
    const std::size_t start = out.size();
    out.append(before);
    std::string portion;
    if (sizes_.event_bytes == 0) {
        take_word(portion);
    } else {
        const std::size_t frame = before.size() + after.size() + end.size() + std::string_view("\"\"").size();
        take_bytes(portion, sizes_.event_bytes - std::min(frame, sizes_.event_bytes));
    }
    if (left_ > 0) --left_;
    handed_out_ += portion.size();
    json::writer(out).value(portion);
    out.append(after);
    const std::size_t size = out.size() - start + end.size();
    if (size < sizes_.event_bytes) out.append(sizes_.event_bytes - size, ' ');
    out.append(end);
}

CHORUS_DECL void mock_text::take_word(std::string& portion) {
    const std::size_t end = std::min(text_.find(' ', at_ + 1), text_.size());
    portion.append(text_, at_, end - at_);
    at_ = end;
    wrap();
}

CHORUS_DECL void mock_text::take_bytes(std::string& portion, std::size_t json_bytes) {
    for (std::size_t used = 0; at_ < text_.size();) {
        std::size_t end = at_ + 1;
        while (end < text_.size() && detail::continues_character(text_[end])) ++end;
        const std::size_t size = end - at_ > 1 ? end - at_ : detail::mock_json_size(text_[at_]);
        if (used > 0 && used + size > json_bytes) return;
        used += size;
        portion.append(text_, at_, end - at_);
        at_ = end;
        wrap();
    }
}

CHORUS_DECL void mock_text::wrap() noexcept {
    if (sizes_.count > 0 && at_ == text_.size()) at_ = 0;
}

}  // namespace chorus::testing
