#pragma once

#include <chorus/policy/header_values.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

namespace chorus::policy {

namespace detail {

using seconds_with_fraction = std::chrono::duration<double>;

/// Takes a plain decimal number (digits, at most one point) from the front.
CHORUS_DECL std::optional<double> take_number(std::string_view& text) noexcept {
    const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + length, number, std::chars_format::fixed);
    if (length == 0 || failure != std::errc() || end != text.data() + length) return std::nullopt;
    text.remove_prefix(length);
    return number;
}

CHORUS_DECL double take_unit_in_seconds(std::string_view& text) noexcept {
    struct unit {
        std::string_view name;
        double seconds;
    };
    // Longer names first: `m` begins `ms`. The micro sign comes as U+00B5 or U+03BC.
    static constexpr std::array<unit, 8> units = {{{"ms", 1e-3},
                                                   {"us", 1e-6},
                                                   {"\u00b5s", 1e-6},
                                                   {"\u03bcs", 1e-6},
                                                   {"ns", 1e-9},
                                                   {"h", 3600},
                                                   {"m", 60},
                                                   {"s", 1}}};
    for (const unit& known : units) {
        if (!text.starts_with(known.name)) continue;
        text.remove_prefix(known.name.size());
        return known.seconds;
    }
    return 0;
}

CHORUS_DECL std::optional<std::chrono::nanoseconds> to_nanoseconds(double seconds) noexcept {
    constexpr double century = 100 * 365.25 * 24 * 3600;
    if (!(seconds >= 0 && seconds <= century)) return std::nullopt;
    // Rounded: 59.56 has no exact double, and a nanosecond less would show.
    return std::chrono::round<std::chrono::nanoseconds>(seconds_with_fraction(seconds));
}

CHORUS_DECL std::chrono::milliseconds until(wall_time then, wall_time now) noexcept {
    return then <= now ? std::chrono::milliseconds(0) : std::chrono::ceil<std::chrono::milliseconds>(then - now);
}

/// Takes `count` digits from the front.
CHORUS_DECL bool take_digits(std::string_view& text, std::size_t count, int& out) noexcept {
    if (text.size() < count) return false;
    const char* const end = text.data() + count;
    const auto [stop, failure] = std::from_chars(text.data(), end, out);
    if (failure != std::errc() || stop != end || out < 0) return false;
    text.remove_prefix(count);
    return true;
}

CHORUS_DECL bool take(std::string_view& text, std::string_view expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

CHORUS_DECL bool take_month(std::string_view& text, int& out) noexcept {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() < 3) return false;
    const std::size_t at = names.find(text.substr(0, 3));
    if (at == names.npos || at % 3 != 0) return false;
    out = static_cast<int>(at / 3) + 1;
    text.remove_prefix(3);
    return true;
}

struct civil_time {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

    bool take_clock(std::string_view& text) noexcept {
        return take_digits(text, 2, hour) && take(text, ":") && take_digits(text, 2, minute) && take(text, ":") &&
               take_digits(text, 2, second);
    }

    std::optional<wall_time> in_utc() const noexcept {
        namespace time = std::chrono;
        const time::year_month_day date(time::year(year), time::month(static_cast<unsigned>(month)),
                                        time::day(static_cast<unsigned>(day)));
        // A second of 60 is a leap second.
        if (!date.ok() || year < 1970 || year > 2200 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
        return time::sys_days(date) + time::hours(hour) + time::minutes(minute) + time::seconds(second);
    }
};

}  // namespace detail

CHORUS_DECL std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
    text = chorus::detail::trimmed(text);
    double total = 0;
    bool first = true;
    do {
        const std::optional<double> number = detail::take_number(text);
        if (!number) return std::nullopt;
        if (first && text.empty()) return detail::to_nanoseconds(*number);
        const double unit = detail::take_unit_in_seconds(text);
        if (unit == 0) return std::nullopt;
        total += *number * unit;
        first = false;
    } while (!text.empty());
    return detail::to_nanoseconds(total);
}

CHORUS_DECL std::optional<wall_time> parse_http_date(std::string_view text) noexcept {
    text = chorus::detail::trimmed(text);
    detail::civil_time time;
    const std::size_t comma = text.find(',');
    bool good = false;
    if (comma == text.npos) {
        // asctime: Sun Nov  6 08:49:37 1994
        if (text.size() < 4) return std::nullopt;
        text.remove_prefix(4);
        good = detail::take_month(text, time.month) && detail::take(text, " ") &&
               detail::take_digits(text, detail::take(text, " ") ? 1 : 2, time.day) && detail::take(text, " ") &&
               time.take_clock(text) && detail::take(text, " ") && detail::take_digits(text, 4, time.year);
    } else {
        text.remove_prefix(comma + 1);
        if (!detail::take(text, " ") || !detail::take_digits(text, 2, time.day)) return std::nullopt;
        if (detail::take(text, "-")) {
            // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
            good = detail::take_month(text, time.month) && detail::take(text, "-") &&
                   detail::take_digits(text, 2, time.year);
            time.year += time.year < 70 ? 2000 : 1900;
        } else {
            // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
            good = detail::take(text, " ") && detail::take_month(text, time.month) && detail::take(text, " ") &&
                   detail::take_digits(text, 4, time.year);
        }
        good = good && detail::take(text, " ") && time.take_clock(text) && detail::take(text, " GMT");
    }
    return good && text.empty() ? time.in_utc() : std::nullopt;
}

CHORUS_DECL std::optional<wall_time> parse_rfc3339(std::string_view text) noexcept {
    text = chorus::detail::trimmed(text);
    detail::civil_time time;
    const bool date = detail::take_digits(text, 4, time.year) && detail::take(text, "-") &&
                      detail::take_digits(text, 2, time.month) && detail::take(text, "-") &&
                      detail::take_digits(text, 2, time.day);
    if (!date || !(detail::take(text, "T") || detail::take(text, "t") || detail::take(text, " "))) return std::nullopt;
    if (!time.take_clock(text)) return std::nullopt;
    std::chrono::nanoseconds fraction{};
    if (text.starts_with('.')) {
        const std::optional<double> number = detail::take_number(text);
        if (!number || *number >= 1) return std::nullopt;
        fraction = *detail::to_nanoseconds(*number);
    }
    std::chrono::minutes offset{};
    if (!detail::take(text, "Z") && !detail::take(text, "z")) {
        const int sign = detail::take(text, "-") ? -1 : detail::take(text, "+") ? 1 : 0;
        int hours = 0;
        int minutes = 0;
        if (sign == 0 || !detail::take_digits(text, 2, hours) || !detail::take(text, ":") ||
            !detail::take_digits(text, 2, minutes)) {
            return std::nullopt;
        }
        offset = sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
    }
    const std::optional<wall_time> utc = time.in_utc();
    if (!text.empty() || !utc) return std::nullopt;
    return *utc + std::chrono::duration_cast<wall_time::duration>(fraction) - offset;
}

CHORUS_DECL std::optional<std::chrono::milliseconds> parse_reset(std::string_view text, wall_time now) noexcept {
    using std::chrono::milliseconds;
    text = chorus::detail::trimmed(text);
    if (text.find_first_not_of("0123456789.") == text.npos) {
        const std::optional<double> number = detail::take_number(text);
        if (number && *number > 1e9) {
            const std::optional<std::chrono::nanoseconds> since_epoch = detail::to_nanoseconds(*number);
            if (!since_epoch) return std::nullopt;
            return detail::until(wall_time(std::chrono::duration_cast<wall_time::duration>(*since_epoch)), now);
        }
        const auto duration = number ? detail::to_nanoseconds(*number) : std::nullopt;
        return duration ? std::optional(std::chrono::ceil<milliseconds>(*duration)) : std::nullopt;
    }
    if (const auto duration = parse_duration(text)) return std::chrono::ceil<milliseconds>(*duration);
    if (const auto time = parse_rfc3339(text)) return detail::until(*time, now);
    return std::nullopt;
}

CHORUS_DECL std::optional<std::chrono::milliseconds> retry_after(const http::headers& headers, wall_time now) noexcept {
    using std::chrono::milliseconds;
    if (std::string_view text = chorus::detail::trimmed(headers.get("retry-after-ms")); !text.empty()) {
        const std::optional<double> number = detail::take_number(text);
        const auto duration = number && text.empty() ? detail::to_nanoseconds(*number / 1000) : std::nullopt;
        if (duration) return std::chrono::ceil<milliseconds>(*duration);
    }
    const std::string_view text = headers.get("retry-after");
    if (const auto duration = parse_duration(text)) return std::chrono::ceil<milliseconds>(*duration);
    if (const auto date = parse_http_date(text)) return detail::until(*date, now);
    return std::nullopt;
}

}  // namespace chorus::policy
