// Lines first, then fields, then events: each level knows nothing of the cuts that the one below it has mended.
#pragma once

#include <chorus/json/text.hpp>
#include <chorus/sse/decoder.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

namespace chorus::sse {

namespace detail {

/// The first such byte, or the end.
CHORUS_DECL const char* find_byte(const char* first, const char* last, char wanted) noexcept {
    if (first == last) return last;
    const void* const found = std::memchr(first, wanted, static_cast<std::size_t>(last - first));
    return found != nullptr ? static_cast<const char*>(found) : last;
}

}  // namespace detail

CHORUS_DECL void decoder::feed(std::string_view bytes) noexcept {
    next_ = bytes.data();
    end_ = next_ + bytes.size();
    next_lf_ = next_cr_ = nullptr;
}

CHORUS_DECL step decoder::next(event& out) {
    if (failure_.code()) return step::failed;
    forget_dispatched();
    std::string_view line;
    while (take_line(line)) {
        if (line.empty()) {
            if (dispatch(out)) return step::event;
        } else if (line.front() == ':') {
            line.remove_prefix(1);
            if (line.starts_with(' ')) line.remove_prefix(1);
            out = {{}, repaired(line)};
            return step::comment;
        } else {
            take_field(line);
        }
        if (failure_.code()) return step::failed;
    }
    if (failure_.code()) return step::failed;
    settle_data();  // the bytes that it lies in may go now
    return step::more;
}

CHORUS_DECL bool decoder::finish(event& out) {
    if (failure_.code()) return false;
    forget_dispatched();
    if (!is_line_kept_ && !line_.empty()) {
        is_line_kept_ = true;
        const std::string_view last = without_mark(line_);
        if (!last.empty() && last.front() != ':') take_field(last);
    }
    return !failure_.code() && dispatch(out);
}

CHORUS_DECL void decoder::forget_dispatched() noexcept {
    if (!std::exchange(is_dispatched_, false)) return;
    type_.clear();
    has_data_ = is_data_own_ = false;
}

/// The first line of a stream may begin with a byte order mark.
CHORUS_DECL std::string_view decoder::without_mark(std::string_view line) noexcept {
    if (std::exchange(is_first_line_, false) && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    return line;
}

/// Whether a line of this length would pass the limit, beside the data before it.
CHORUS_DECL bool decoder::is_too_large(std::size_t line) noexcept {
    const std::size_t held = has_data_ ? (is_data_own_ ? data_.size() : data_view_.size()) : 0;
    if (held + line <= limit_) return false;
    failure_ = error(errc::body_too_large, "an event of the stream exceeds " + std::to_string(limit_) + " bytes");
    failure_.phase(phase::read);
    return true;
}

/// The end of the line that begins at `next_`, or `end_`. Both kinds are looked for once in all bytes between.
CHORUS_DECL const char* decoder::find_line_end() noexcept {
    if (next_lf_ == nullptr || next_lf_ < next_) next_lf_ = detail::find_byte(next_, end_, '\n');
    if (next_cr_ == nullptr || next_cr_ < next_) next_cr_ = detail::find_byte(next_, end_, '\r');
    return std::min(next_lf_, next_cr_);
}

/// The next whole line, without its end. Without one, what there is of it is kept.
CHORUS_DECL bool decoder::take_line(std::string_view& line) {
    if (std::exchange(is_line_kept_, false)) line_.clear();
    if (next_ == end_) return false;
    if (std::exchange(skips_lf_, false) && *next_ == '\n') {
        if (++next_ == end_) return false;
    }
    const char* const stop = find_line_end();
    const std::string_view piece(next_, static_cast<std::size_t>(stop - next_));
    // Before it is known what the line is, so that all lines are measured alike, whole ones and those that are cut.
    if (!piece.empty() && is_too_large(line_.size() + piece.size())) return false;
    if (stop == end_) {
        next_ = end_;
        line_.append(piece);
        return false;
    }
    skips_lf_ = *stop == '\r';
    next_ = stop + 1;
    if (line_.empty()) {
        line = piece;
    } else {
        line = line_.append(piece);
        is_line_kept_ = true;
    }
    line = without_mark(line);
    return true;
}

CHORUS_DECL void decoder::take_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "data") {
        add_data(value);
    } else if (name == "event") {
        type_ = repaired(value);
    } else if (name == "id") {
        if (value.find('\0') == value.npos) last_id_ = repaired(value);
    } else if (name == "retry") {
        std::int64_t milliseconds = 0;
        const auto [stop, bad] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
        const bool is_number = bad == std::errc() && stop == value.data() + value.size() && value.front() != '-';
        if (is_number) retry_ = std::chrono::milliseconds(milliseconds);
    }
}

CHORUS_DECL void decoder::add_data(std::string_view value) {
    // A line of data is longer than what it adds, and has been measured.
    if (!has_data_) {
        has_data_ = true;
        data_view_ = value;
        is_data_own_ = false;
        // A line of our own goes with the next one.
        if (is_line_kept_) settle_data();
        return;
    }
    settle_data();
    data_.append(1, '\n').append(value);
}

CHORUS_DECL void decoder::settle_data() {
    if (!has_data_ || is_data_own_) return;
    data_.assign(data_view_);
    is_data_own_ = true;
}

/// Without data there is no event, whatever else was said.
CHORUS_DECL bool decoder::dispatch(event& out) {
    if (!has_data_) {
        type_.clear();
        return false;
    }
    out = {type_, repaired(is_data_own_ ? std::string_view(data_) : data_view_)};
    is_dispatched_ = true;
    return true;
}

/// The text itself where it is UTF-8, as nearly always.
CHORUS_DECL std::string_view decoder::repaired(std::string_view text) {
    if (json::is_valid_utf8(text)) return text;
    repaired_.clear();
    json::append_repaired(repaired_, text);
    return repaired_;
}

}  // namespace chorus::sse
