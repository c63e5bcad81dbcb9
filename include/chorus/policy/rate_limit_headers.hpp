// Reads the rate-limit headers of all known families into one form.
#pragma once

#include <chorus/chat/rate_limits.hpp>
#include <chorus/config.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/policy/header_values.hpp>

namespace chorus::policy {

/// Reads `x-ratelimit-*` (OpenAI, Groq, Mistral) and `anthropic-ratelimit-*`, `anthropic-priority-*` (Anthropic).
/// What cannot be read is left out. So is what says no more than the rest: the cost of a query (Mistral's
/// `x-ratelimit-tokens-query-cost`), which `usage` tells, and the parts of `anthropic-ratelimit-unified-*` beside the
/// reset. `now` is the time of the response: some resets are points in time.
chorus::rate_limits parse_rate_limits(const http::headers& headers, wall_time now) noexcept;

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/rate_limit_headers.ipp>
#endif
