#pragma once

#include <chorus/json/partial.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>

namespace chorus::json {

namespace detail {

/// The start of the bytes at the end that may become a character with what follows; the size where there are none.
CHORUS_DECL std::size_t find_cut_character(std::string_view text) noexcept {
    const std::size_t nearest = text.size() < 3 ? 0 : text.size() - 3;
    for (std::size_t at = text.size(); at-- > nearest;) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte >= 0x80 && byte <= 0xbf) continue;
        if (byte < 0xc2 || byte > 0xf4) break;
        const std::size_t length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        const std::size_t left = text.size() - at;
        const bool may_go_on = left < length && step_utf8(text.data() + at, text.data() + text.size()).length == left;
        return may_go_on ? at : text.size();
    }
    return text.size();
}

CHORUS_DECL bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace detail

CHORUS_DECL void partial::feed(std::string_view bytes) {
    while (!bytes.empty() && !failed_) {
        const bool is_plain_text = expect_ == expect::in_string && escape_.empty();
        const std::size_t used = is_plain_text ? take_characters(bytes) : take(bytes.front());
        bytes.remove_prefix(used);
        offset_ += used;
    }
}

CHORUS_DECL std::string partial::completed() const {
    if (kept_ == 0) return "null";
    std::string whole;
    whole.reserve(kept_ + 1 + open_brackets_.size());
    whole.append(text_, 0, kept_);
    if (expect_ == expect::in_string && !is_name_) whole += '"';
    whole.append(open_brackets_.rbegin(), open_brackets_.rend());
    return whole;
}

CHORUS_DECL bool partial::is_complete() const noexcept {
    if (failed_) return false;
    return expect_ == expect::nothing || (expect_ == expect::in_number && open_brackets_.empty() && is_number_whole());
}

CHORUS_DECL std::size_t partial::take(char c) {
    switch (expect_) {
        case expect::in_string:
            return take_escape(c);
        case expect::in_number:
            return take_number(c);
        case expect::in_word:
            return take_word(c);
        case expect::byte_order_mark:
            if (c != byte_order_mark[offset_]) return fail("expected a value");
            if (offset_ + 1 == byte_order_mark.size()) expect_ = expect::start;
            return 1;
        case expect::fence_mark:
            if (c != '`') return fail("expected a value");
            if (++fence_marks_ == 3) expect_ = expect::fence_line;
            return 1;
        case expect::fence_line:
            // The language, up to the end of the line; a value may begin right behind it.
            if (c == '{' || c == '[') return take_value(c);
            if (c == '\n') expect_ = expect::value;
            return 1;
        default:
            return take_structure(c);
    }
}

CHORUS_DECL std::size_t partial::take_characters(std::string_view bytes) {
    bool is_ascii = true;
    const char* const stop = detail::find_special(bytes.data(), bytes.data() + bytes.size(), is_ascii);
    const auto length = static_cast<std::size_t>(stop - bytes.data());
    if (is_ascii && cut_character_.empty()) {
        text_.append(bytes.data(), length);
    } else {
        append_characters(bytes.substr(0, length));
    }
    const bool ended = length != bytes.size();
    if (ended) settle_cut_character();
    extend_kept();
    if (!ended) return length;
    if (*stop == '"') {
        end_string();
    } else if (*stop == '\\') {
        escape_ = '\\';
    } else {
        return fail("unescaped control character in a string", length);
    }
    return length + 1;
}

CHORUS_DECL void partial::append_characters(std::string_view bytes) {
    cut_character_.append(bytes);
    const std::size_t cut = detail::find_cut_character(cut_character_);
    append_repaired(text_, std::string_view(cut_character_).substr(0, cut));
    cut_character_.erase(0, cut);
}

CHORUS_DECL void partial::settle_cut_character() {
    if (cut_character_.empty()) return;
    append_repaired(text_, cut_character_);
    cut_character_.clear();
}

CHORUS_DECL void partial::append_lone_surrogate() {
    text_ += "\\ufffd";
    extend_kept();
}

CHORUS_DECL void partial::settle_escape() {
    text_ += escape_;
    escape_.clear();
    extend_kept();
}

// Offsets within the escape: `\` is 0 and `u` 1, four digits follow; the second half of a pair is the same from 6 on.
CHORUS_DECL std::size_t partial::take_escape(char c) {
    constexpr std::string_view simple = "\"\\/bfnrt";
    const std::size_t at = escape_.size();
    if (at == 6 && c != '\\') {  // a high surrogate, and nothing that may be its other half
        append_lone_surrogate();
        escape_.clear();
        return 0;
    }
    if (at == 7 && c != 'u') {
        append_lone_surrogate();
        escape_ = '\\';
        return 0;
    }
    if (at == 1 && c != 'u' && simple.find(c) == simple.npos) return fail("invalid escape in a string");
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (at != 1 && at != 6 && at != 7 && !is_hex) return fail("invalid escape in a string");
    escape_ += c;
    if (at == 1 && c != 'u') {
        settle_escape();
    } else if (at == 5 || at == 11) {
        const char* const end = escape_.data() + escape_.size();
        const std::int32_t unit = detail::read_hex4(end - 4, end);
        if (at == 11 && !detail::is_low_surrogate(unit)) {
            append_lone_surrogate();
            escape_.erase(0, 6);
        }
        if (at == 11 && detail::is_low_surrogate(unit)) {
            settle_escape();
        } else if (detail::is_low_surrogate(unit)) {
            append_lone_surrogate();
            escape_.clear();
        } else if (!detail::is_high_surrogate(unit)) {
            settle_escape();
        }
    }
    return 1;
}

CHORUS_DECL bool partial::advance_number(char c) noexcept {
    using part = number_part;
    const bool is_whole = is_number_whole();
    if (c >= '0' && c <= '9') {
        if (number_ == part::zero) return false;
        if (number_ == part::minus) {
            number_ = c == '0' ? part::zero : part::integer;
        } else if (number_ == part::point) {
            number_ = part::fraction;
        } else if (number_ == part::mark || number_ == part::sign) {
            number_ = part::exponent;
        }
        return true;
    }
    if (c == '.' && (number_ == part::zero || number_ == part::integer)) {
        number_ = part::point;
        return true;
    }
    if ((c == 'e' || c == 'E') && is_whole && number_ != part::exponent) {
        number_ = part::mark;
        return true;
    }
    if ((c == '+' || c == '-') && number_ == part::mark) {
        number_ = part::sign;
        return true;
    }
    return false;
}

CHORUS_DECL bool partial::is_number_whole() const noexcept {
    return number_ == number_part::zero || number_ == number_part::integer || number_ == number_part::fraction ||
           number_ == number_part::exponent;
}

CHORUS_DECL std::size_t partial::take_number(char c) {
    if (advance_number(c)) {
        text_ += c;
        if (is_number_whole()) kept_ = text_.size();
        return 1;
    }
    if (!is_number_whole()) return fail("invalid number");
    end_value();
    return 0;
}

CHORUS_DECL std::size_t partial::take_word(char c) {
    if (c != word_.front()) return fail("expected a value");
    text_ += c;
    word_.remove_prefix(1);
    if (word_.empty()) end_value();
    return 1;
}

CHORUS_DECL std::size_t partial::take_structure(char c) {
    if (detail::is_space(c)) {
        const bool follows_what_stands = kept_ != 0 && kept_ == text_.size();
        text_ += c;
        if (follows_what_stands) kept_ = text_.size();
        return 1;
    }
    switch (expect_) {
        case expect::start:
            if (offset_ == 0 && c == byte_order_mark.front()) {
                expect_ = expect::byte_order_mark;
                return 1;
            }
            if (c != '`' || !is_fence_allowed_) return take_value(c);
            fence_marks_ = 1;
            expect_ = expect::fence_mark;
            return 1;
        case expect::element_or_end:
            return c == ']' ? close(c) : take_value(c);
        case expect::member_or_end:
            if (c == '}') return close(c);
            [[fallthrough]];
        case expect::member:
            return c == '"' ? begin_string(true) : fail("expected a member name");
        case expect::colon:
            if (c != ':') return fail("expected ':'");
            text_ += c;
            expect_ = expect::value;
            return 1;
        case expect::comma_or_end:
            if (c == open_brackets_.back()) return close(c);
            if (c != ',') return fail("expected ',' or a closing bracket");
            text_ += c;
            expect_ = open_brackets_.back() == '}' ? expect::member : expect::value;
            return 1;
        case expect::nothing:
            // Three marks opened the fence, and three close it.
            if (c != '`' || fence_marks_ < 3 || fence_marks_ == 6) return fail("unexpected text after the value");
            ++fence_marks_;
            return 1;
        default:
            return take_value(c);
    }
}

CHORUS_DECL std::size_t partial::take_value(char c) {
    switch (c) {
        case '{':
        case '[':
            return open(c);
        case '"':
            return begin_string(false);
        case 't':
            return begin_word("true");
        case 'f':
            return begin_word("false");
        case 'n':
            return begin_word("null");
        default:
            number_ = number_part::minus;
            if (c != '-' && !advance_number(c)) return fail("expected a value");
            expect_ = expect::in_number;
            text_ += c;
            if (is_number_whole()) kept_ = text_.size();
            return 1;
    }
}

CHORUS_DECL std::size_t partial::open(char bracket) {
    if (open_brackets_.size() == reader::max_depth) return fail("nested too deeply");
    const bool is_object = bracket == '{';
    text_ += bracket;
    kept_ = text_.size();
    open_brackets_ += is_object ? '}' : ']';
    expect_ = is_object ? expect::member_or_end : expect::element_or_end;
    return 1;
}

CHORUS_DECL std::size_t partial::close(char bracket) {
    text_ += bracket;
    open_brackets_.pop_back();
    end_value();
    return 1;
}

CHORUS_DECL std::size_t partial::begin_word(std::string_view word) {
    text_ += word.front();
    word_ = word.substr(1);
    expect_ = expect::in_word;
    return 1;
}

CHORUS_DECL std::size_t partial::begin_string(bool is_name) {
    text_ += '"';
    is_name_ = is_name;
    expect_ = expect::in_string;
    extend_kept();
    return 1;
}

CHORUS_DECL void partial::end_string() {
    text_ += '"';
    if (is_name_) {
        expect_ = expect::colon;
    } else {
        end_value();
    }
}

CHORUS_DECL void partial::end_value() {
    kept_ = text_.size();
    expect_ = open_brackets_.empty() ? expect::nothing : expect::comma_or_end;
}

CHORUS_DECL void partial::extend_kept() noexcept {
    if (!is_name_) kept_ = text_.size();
}

CHORUS_DECL std::size_t partial::fail(const char* problem, std::size_t ahead) {
    failed_ = true;
    failure_ = error(errc::decode_failed, "invalid JSON at byte " + std::to_string(offset_ + ahead) + ": " + problem);
    failure_.phase(phase::decode);
    return ahead;
}

}  // namespace chorus::json
