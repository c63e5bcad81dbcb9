// The forms in which servers write times and durations into headers. Time is an argument.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/headers.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace chorus::policy {

/// A point in time as servers mean it: UTC, without leap seconds.
using wall_time = std::chrono::system_clock::time_point;

/// Reads a duration: one or more numbers with a unit (h, m, s, ms, us, µs, ns; `6m0s`, `2m59.56s`), or a bare number
/// of seconds. Nothing negative, and nothing beyond 100 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept;

/// Reads an HTTP date in any of the three forms of RFC 9110 section 5.6.7.
std::optional<wall_time> parse_http_date(std::string_view text) noexcept;

/// Reads a time as RFC 3339 writes it: `2026-01-31T12:00:00.5Z`, `2026-01-31T12:00:00+01:00`.
std::optional<wall_time> parse_rfc3339(std::string_view text) noexcept;

/// Reads when a limit resets: a duration, seconds since 1970 (a number above 10^9), or a time as RFC 3339 writes it.
/// What has passed is zero.
std::optional<std::chrono::milliseconds> parse_reset(std::string_view text, wall_time now) noexcept;

/// How long the server asks to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date. Fractions are
/// rounded up, so that nobody comes back too early.
std::optional<std::chrono::milliseconds> retry_after(const http::headers& headers, wall_time now) noexcept;

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/header_values.ipp>
#endif
