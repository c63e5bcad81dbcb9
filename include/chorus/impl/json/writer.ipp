#pragma once

#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>

#include <charconv>
#include <cmath>

namespace chorus::json {

namespace detail {

CHORUS_DECL void append_escape(std::string& out, char c) {
    constexpr char hex[] = "0123456789abcdef";
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        default:
            out += "\\u00";
            out += hex[static_cast<unsigned char>(c) >> 4];
            out += hex[static_cast<unsigned char>(c) & 15];
    }
}

}  // namespace detail

// The last byte tells whether a comma is due: strings end in a quote, so these three can only be structure.
CHORUS_DECL void writer::separate() {
    if (out_.size() == start_) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':') out_ += ',';
}

CHORUS_DECL void writer::quoted(std::string_view text) {
    const char* next = text.data();
    const char* const end = next + text.size();
    bool is_ascii = true;
    out_ += '"';
    while (true) {
        const char* const special = detail::find_special(next, end, is_ascii);
        out_.append(next, special);
        if (special == end) break;
        detail::append_escape(out_, *special);
        next = special + 1;
    }
    out_ += '"';
}

CHORUS_DECL writer& writer::open(char bracket) {
    separate();
    out_ += bracket;
    return *this;
}

CHORUS_DECL writer& writer::close(char bracket) {
    out_ += bracket;
    return *this;
}

CHORUS_DECL writer& writer::key(std::string_view name) {
    separate();
    quoted(name);
    out_ += ':';
    return *this;
}

CHORUS_DECL writer& writer::value(std::string_view text) {
    separate();
    quoted(text);
    return *this;
}

CHORUS_DECL writer& writer::value(bool flag) {
    return raw(flag ? "true" : "false");
}

CHORUS_DECL writer& writer::value(double number) {
    if (!std::isfinite(number)) {
        ok_ = false;
        return null();
    }
    char digits[32];
    const auto written = std::to_chars(digits, digits + sizeof digits, number);
    return raw({digits, written.ptr});
}

CHORUS_DECL writer& writer::integer(std::int64_t number) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof digits, number);
    return raw({digits, written.ptr});
}

CHORUS_DECL writer& writer::raw(std::string_view json) {
    separate();
    out_.append(json);
    return *this;
}

}  // namespace chorus::json
