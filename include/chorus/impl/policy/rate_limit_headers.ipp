#pragma once

#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/text.hpp>

#include <array>
#include <charconv>
#include <system_error>
#include <utility>

namespace chorus::policy {

namespace detail {

struct named_bucket {
    std::string_view name;
    rate_limit rate_limits::*bucket;
};

CHORUS_DECL rate_limit rate_limits::*find_bucket(std::string_view name) noexcept {
    static constexpr std::array<named_bucket, 9> buckets = {{
        {"requests", &rate_limits::requests},
        {"tokens", &rate_limits::tokens},
        {"req-minute", &rate_limits::requests},
        {"tokens-minute", &rate_limits::tokens},
        {"project-tokens", &rate_limits::project_tokens},
        {"input-tokens", &rate_limits::input_tokens},
        {"output-tokens", &rate_limits::output_tokens},
        {"cache-creation-input-tokens", &rate_limits::cache_creation_input_tokens},
        {"unified", &rate_limits::unified},
    }};
    for (const named_bucket& known : buckets) {
        if (http::equal_names(known.name, name)) return known.bucket;
    }
    return nullptr;
}

CHORUS_DECL bool take_prefix(std::string_view& name, std::string_view prefix) noexcept {
    if (!http::equal_names(name.substr(0, prefix.size()), prefix)) return false;
    name.remove_prefix(prefix.size());
    return true;
}

CHORUS_DECL bool take_suffix(std::string_view& name, std::string_view suffix) noexcept {
    if (name.size() < suffix.size()) return false;
    if (!http::equal_names(name.substr(name.size() - suffix.size()), suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
}

enum class limit_field { limit, remaining, reset };

CHORUS_DECL void read_limit(rate_limit& bucket, limit_field field, std::string_view value, wall_time now) noexcept {
    if (field == limit_field::reset) {
        bucket.reset = parse_reset(value, now);
        return;
    }
    value = chorus::detail::trimmed(value);
    std::int64_t count = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), count);
    // Some servers write -1 where there is no limit.
    if (failure != std::errc() || end != value.data() + value.size() || count < 0) return;
    (field == limit_field::limit ? bucket.limit : bucket.remaining) = count;
}

}  // namespace detail

CHORUS_DECL chorus::rate_limits parse_rate_limits(const http::headers& headers, wall_time now) noexcept {
    using detail::limit_field;
    constexpr std::array<std::pair<std::string_view, limit_field>, 3> fields = {
        {{"limit", limit_field::limit}, {"remaining", limit_field::remaining}, {"reset", limit_field::reset}}};
    chorus::rate_limits limits;
    for (const http::header header : headers) {
        std::string_view name = header.name;
        if (detail::take_prefix(name, "x-ratelimit-")) {
            for (const auto& [word, field] : fields) {
                if (!detail::take_prefix(name, word)) continue;
                if (!name.starts_with('-')) break;
                const auto bucket = detail::find_bucket(name.substr(1));
                if (bucket) detail::read_limit(limits.*bucket, field, header.value, now);
                break;
            }
            continue;
        }
        const bool priority = detail::take_prefix(name, "anthropic-priority-");
        if (!priority && !detail::take_prefix(name, "anthropic-ratelimit-")) continue;
        for (const auto& [word, field] : fields) {
            if (!detail::take_suffix(name, word)) continue;
            if (!name.ends_with('-')) break;
            auto bucket = detail::find_bucket(name.substr(0, name.size() - 1));
            if (priority) {
                bucket = bucket == &rate_limits::input_tokens    ? &rate_limits::priority_input_tokens
                         : bucket == &rate_limits::output_tokens ? &rate_limits::priority_output_tokens
                                                                 : nullptr;
            }
            if (bucket) detail::read_limit(limits.*bucket, field, header.value, now);
            break;
        }
    }
    return limits;
}

}  // namespace chorus::policy
