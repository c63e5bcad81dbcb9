#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace chorus::json {

namespace detail {

CHORUS_DECL bool is_digit(const char* at, const char* end) noexcept {
    return at != end && *at >= '0' && *at <= '9';
}

template <class Number>
bool parse_number(std::string_view text, Number& out) noexcept {
    const char* const end = text.data() + text.size();
    Number number{};
    const auto [stop, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc() || stop != end) return false;
    out = number;
    return true;
}

/// Tells of a number that no double holds whether it lies too near to zero: else it is too large.
CHORUS_DECL bool is_tiny(std::string_view number) noexcept {
    const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
    const std::string_view digits = number.substr(0, mark);
    std::string_view power = number.substr(std::min(mark + 1, number.size()));
    if (power.starts_with('+')) power.remove_prefix(1);
    std::int64_t exponent = 0;
    const auto [end, failure] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (failure == std::errc::result_out_of_range) return power.starts_with('-');
    const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
    const auto first = static_cast<std::int64_t>(std::min(digits.find_first_of("123456789"), digits.size()));
    return exponent < first - point;
}

CHORUS_DECL char unescaped(char c) noexcept {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return c;
    }
}

}  // namespace detail

CHORUS_DECL reader::reader(std::string_view text) noexcept
    : begin_(text.data()), next_(begin_), end_(begin_ + text.size()) {
    if (text.starts_with(byte_order_mark)) next_ += byte_order_mark.size();
}

CHORUS_DECL void reader::fail(const char* problem) noexcept {
    if (failed()) return;
    problem_ = problem;
    problem_offset_ = static_cast<std::size_t>(next_ - begin_);
    next_ = end_;
}

CHORUS_DECL void reader::skip_space() noexcept {
    while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\r' || *next_ == '\t')) ++next_;
}

CHORUS_DECL kind reader::peek() noexcept {
    skip_space();
    if (next_ == end_) return kind::none;
    switch (*next_) {
        case '{':
            return kind::object;
        case '[':
            return kind::array;
        case '"':
            return kind::string;
        case 't':
        case 'f':
            return kind::boolean;
        case 'n':
            return kind::null;
        default:
            return *next_ == '-' || detail::is_digit(next_, end_) ? kind::number : kind::none;
    }
}

CHORUS_DECL bool reader::enter(char bracket) {
    skip_space();
    if (next_ == end_ || *next_ != bracket) {
        skip();
        return false;
    }
    if (depth_ == max_depth) {
        fail("nested too deeply");
        return false;
    }
    ++depth_;
    ++next_;
    return true;
}

CHORUS_DECL bool reader::next_item(bool first, char bracket) noexcept {
    skip_space();
    if (next_ == end_) {
        fail("the text ends inside an object or array");
        return false;
    }
    if (*next_ == bracket) {
        ++next_;
        --depth_;
        return false;
    }
    if (first) return true;
    if (*next_ != ',') {
        fail("expected ',' or a closing bracket");
        return false;
    }
    ++next_;
    skip_space();
    return true;
}

CHORUS_DECL bool reader::next_element(bool first) noexcept {
    return next_item(first, ']');
}

CHORUS_DECL bool reader::next_member(bool first, std::string_view& key) {
    if (!next_item(first, '}')) return false;
    string_token token;
    if (next_ == end_ || *next_ != '"') {
        fail("expected a member name");
        return false;
    }
    if (!scan_string(token)) return false;
    skip_space();
    if (next_ == end_ || *next_ != ':') {
        fail("expected ':'");
        return false;
    }
    ++next_;
    skip_space();
    key = view_of(token);
    return true;
}

CHORUS_DECL bool reader::scan_string(string_token& token) noexcept {
    const char* const start = next_ + 1;
    const char* at = start;
    while (true) {
        at = detail::find_special(at, end_, token.ascii);
        if (at == end_) {
            fail("the text ends inside a string");
            return false;
        }
        if (*at == '"') break;
        if (*at != '\\') {
            next_ = at;
            fail("unescaped control character in a string");
            return false;
        }
        token.escaped = true;
        if (!scan_escape(at)) return false;
    }
    token.text = std::string_view(start, static_cast<std::size_t>(at - start));
    next_ = at + 1;
    return true;
}

CHORUS_DECL bool reader::scan_escape(const char*& at) noexcept {
    constexpr std::string_view simple = "\"\\/bfnrt";
    const char* const name = at + 1;
    if (name != end_ && simple.find(*name) != simple.npos) {
        at += 2;
        return true;
    }
    if (name != end_ && *name == 'u' && detail::read_hex4(name + 1, end_) >= 0) {
        at += 6;
        return true;
    }
    next_ = at;
    fail("invalid escape in a string");
    return false;
}

CHORUS_DECL bool reader::scan_number(std::string_view& token) noexcept {
    const char* at = next_;
    const auto digits = [&] {
        const char* const start = at;
        while (detail::is_digit(at, end_)) ++at;
        return at != start;
    };
    if (*at == '-') ++at;
    bool good = true;
    if (at != end_ && *at == '0') {
        ++at;
    } else {
        good = digits();
    }
    if (good && at != end_ && *at == '.') {
        ++at;
        good = digits();
    }
    if (good && at != end_ && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at != end_ && (*at == '+' || *at == '-')) ++at;
        good = digits();
    }
    if (!good) {
        fail("invalid number");
        return false;
    }
    token = std::string_view(next_, static_cast<std::size_t>(at - next_));
    next_ = at;
    return true;
}

CHORUS_DECL bool reader::scan_word(std::string_view word) noexcept {
    if (!std::string_view(next_, static_cast<std::size_t>(end_ - next_)).starts_with(word)) {
        fail("expected a value");
        return false;
    }
    next_ += word.size();
    return true;
}

CHORUS_DECL void reader::append(std::string& out, const string_token& token) {
    const auto append_run = [&](std::string_view run) {
        if (token.ascii) {
            out.append(run);
        } else {
            append_repaired(out, run);
        }
    };
    std::string_view rest = token.text;
    const char* const end = rest.data() + rest.size();
    while (token.escaped) {
        const std::size_t backslash = rest.find('\\');
        if (backslash == rest.npos) break;
        append_run(rest.substr(0, backslash));
        const char name = rest[backslash + 1];
        rest.remove_prefix(backslash + 2);
        if (name != 'u') {
            out += detail::unescaped(name);
            continue;
        }
        const std::int32_t unit = detail::read_hex4(rest.data(), end);
        rest.remove_prefix(4);
        const std::int32_t next = rest.starts_with("\\u") ? detail::read_hex4(rest.data() + 2, end) : -1;
        if (detail::is_high_surrogate(unit) && detail::is_low_surrogate(next)) {
            rest.remove_prefix(6);
            append_code_point(out, static_cast<std::uint32_t>(0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00)));
        } else {
            append_code_point(out, static_cast<std::uint32_t>(unit));
        }
    }
    append_run(rest);
}

CHORUS_DECL std::string_view reader::view_of(const string_token& token) {
    if (!token.escaped && (token.ascii || is_valid_utf8(token.text))) return token.text;
    scratch_.clear();
    append(scratch_, token);
    return scratch_;
}

CHORUS_DECL bool reader::read_view(std::string_view& out) {
    string_token token;
    if (peek() != kind::string) {
        skip();
        return false;
    }
    if (!scan_string(token)) return false;
    out = view_of(token);
    return true;
}

CHORUS_DECL bool reader::read(std::string& out) {
    switch (peek()) {
        case kind::string: {
            string_token token;
            if (!scan_string(token)) return false;
            out.clear();
            append(out, token);
            return true;
        }
        case kind::number:
        case kind::boolean:
            out = raw();
            return !failed();
        default:
            skip();
            return false;
    }
}

CHORUS_DECL bool reader::number_text(std::string_view& token) {
    switch (peek()) {
        case kind::number:
            return scan_number(token);
        case kind::string:
            return read_view(token);
        default:
            skip();
            return false;
    }
}

CHORUS_DECL bool reader::read(std::int64_t& out) {
    std::string_view token;
    if (!number_text(token)) return false;
    if (detail::parse_number(token, out)) return true;
    constexpr double limit = 9223372036854775808.0;  // 2^63: the first double that does not fit
    double number = 0;
    if (!detail::parse_number(token, number) || !(number >= -limit && number < limit)) return false;
    out = static_cast<std::int64_t>(number);
    return true;
}

CHORUS_DECL bool reader::read(int& out) {
    std::int64_t wide = 0;
    if (!read(wide) || wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) return false;
    out = static_cast<int>(wide);
    return true;
}

CHORUS_DECL bool reader::read(double& out) {
    std::string_view token;
    double number = 0;
    if (!number_text(token)) return false;
    const auto [end, failure] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (end != token.data() + token.size()) return false;
    if (failure == std::errc::result_out_of_range && detail::is_tiny(token)) {
        out = token.starts_with('-') ? -0.0 : 0.0;
        return true;
    }
    // from_chars knows words such as "nan", which a string may hold.
    if (failure != std::errc() || !std::isfinite(number)) return false;
    out = number;
    return true;
}

CHORUS_DECL bool reader::read(bool& out) {
    if (peek() != kind::boolean) {
        skip();
        return false;
    }
    const bool value = *next_ == 't';
    if (!scan_word(value ? "true" : "false")) return false;
    out = value;
    return true;
}

CHORUS_DECL std::string_view reader::raw() {
    skip_space();
    const char* const start = next_;
    skip();
    return failed() ? std::string_view() : std::string_view(start, static_cast<std::size_t>(next_ - start));
}

CHORUS_DECL void reader::skip() {
    switch (peek()) {
        case kind::object:
            object([](std::string_view) {});
            break;
        case kind::array:
            array([] {});
            break;
        case kind::string: {
            string_token token;
            scan_string(token);
            break;
        }
        case kind::number: {
            std::string_view token;
            scan_number(token);
            break;
        }
        case kind::boolean:
            scan_word(*next_ == 't' ? "true" : "false");
            break;
        case kind::null:
            scan_word("null");
            break;
        case kind::none:
            fail(next_ == end_ ? "the text ends where a value is expected" : "expected a value");
    }
}

CHORUS_DECL result<void> reader::finish() {
    skip_space();
    if (!failed() && next_ != end_) fail("unexpected text after the value");
    if (!failed()) return {};
    error failure(errc::decode_failed, "invalid JSON at byte " + std::to_string(problem_offset_) + ": " + problem_);
    return failure.phase(phase::decode);
}

CHORUS_DECL bool is_complete(std::string_view text) noexcept {
    reader in(text);
    in.skip();
    return in.finish().has_value();
}

}  // namespace chorus::json
