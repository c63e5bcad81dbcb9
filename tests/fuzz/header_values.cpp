// Whatever a server writes into its headers about time, what is read is no nonsense: not negative, not beyond reason.
#include <chorus/policy/header_values.hpp>
#include <chorus/policy/rate_limit_headers.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"

namespace {

using namespace std::chrono_literals;
namespace policy = chorus::policy;

template <class Duration>
void check(const std::optional<Duration>& read) {
    // A duration is at most a century, a point in time at most the year 2200.
    constexpr auto reason = std::chrono::hours(24 * 366 * 180);
    if (read) fuzz::require(*read >= Duration::zero() && *read <= reason, "a wait is not negative nor beyond reason");
}

void check(const chorus::rate_limit& bucket) {
    check(bucket.reset);
    if (bucket.limit) fuzz::require(*bucket.limit >= 0, "a limit is not negative");
    if (bucket.remaining) fuzz::require(*bucket.remaining >= 0, "what remains is not negative");
}

void check_value(std::string_view text) {
    const policy::wall_time now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 22h;
    check(policy::parse_duration(text));
    policy::parse_http_date(text);
    policy::parse_rfc3339(text);
    if (!chorus::http::headers::is_valid_value(text)) return;
    for (const char* name : {"Retry-After", "retry-after-ms"}) {
        chorus::http::headers fields;
        fields.add(name, text);
        check(policy::retry_after(fields, now));
    }
    chorus::http::headers fields;
    for (const char* name :
         {"x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests",
          "x-ratelimit-reset-tokens", "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-tokens-reset",
          "anthropic-ratelimit-unified-reset", "x-ratelimit-limit-tokens-minute"}) {
        fields.add(name, text);
    }
    const chorus::rate_limits limits = policy::parse_rate_limits(fields, now);
    for (const auto& bucket : {limits.requests, limits.tokens, limits.unified}) check(bucket);
}

}  // namespace

/// A value a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(bytes), size);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        check_value(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return 0;
}
