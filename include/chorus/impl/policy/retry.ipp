// Which error, which level, which wait: three questions, then the deadline, then the budget.
#pragma once

#include <chorus/policy/retry.hpp>

#include <algorithm>
#include <cmath>

namespace chorus::policy {

namespace detail {

CHORUS_DECL bool is_own_code(const error& failed) noexcept {
    return failed.code().category() == error_category();
}

CHORUS_DECL errc errc_of(const error& failed) noexcept {
    return is_own_code(failed) ? static_cast<errc>(failed.code().value()) : errc{};
}

CHORUS_DECL bool says_not_processed(const error& failed) noexcept {
    switch (failed.http_status()) {
        case 408:
        case 429:
        case 529:
            return true;
        case 503:
            return failed.retry_after().has_value();
        default:
            return false;
    }
}

/// What the code alone means.
CHORUS_DECL bool may_pass_with_time(const error& failed) noexcept {
    // Such as the codes of Asio, from a transport of the program's own.
    if (!is_own_code(failed)) return failed == condition::retryable;
    switch (errc_of(failed)) {
        case errc::connect_timed_out:
        case errc::tls_timed_out:
        case errc::first_byte_timed_out:
        case errc::write_timed_out:
        case errc::idle_timed_out:
        case errc::content_timed_out:
        case errc::resolve_failed:
        case errc::connect_failed:
        case errc::tls_failed:
        case errc::refused:
        case errc::connection_lost:
        case errc::truncated:
        case errc::request_timeout:
        case errc::conflict:
        case errc::rate_limited:
        case errc::server_error:
        case errc::overloaded:
            return true;
        case errc::protocol_error:
            // Garbage comes from a proxy that is going down. A server that speaks another protocol keeps speaking it.
            return failed.phase() != phase::connect && failed.phase() != phase::tls;
        case errc::unexpected_status:
            return failed.http_status() >= 500;  // RFC 9110, 15: treat 600 and above like 5xx
        default:
            return false;
    }
}

/// Whether the server's own word counts. Money that is spent does not come back, whatever it says.
CHORUS_DECL bool is_advised(const error& failed) noexcept {
    const bool is_by_status = errc_of(failed) >= errc::bad_request;
    return is_by_status && failed.should_retry().has_value() && failed != condition::quota_exhausted;
}

/// A number from 0 to `most`, evenly.
CHORUS_DECL std::chrono::milliseconds draw(std::chrono::milliseconds most, std::uint64_t random) noexcept {
    if (most <= most.zero()) return most.zero();
    const double share = static_cast<double>(random >> 11) * 0x1p-53;  // below 1: a double holds 53 bits
    const double steps = static_cast<double>(most.count()) + 1;
    return std::min(most, std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(share * steps)));
}

/// Such as `1.25 s`.
CHORUS_DECL std::string in_seconds(std::chrono::milliseconds time) {
    std::string text = std::to_string(time.count() / 1000);
    if (const auto rest = time.count() % 1000; rest != 0) {
        text.append(".").append(std::to_string(1000 + rest), 1);
        text.erase(text.find_last_not_of('0') + 1);
    }
    return text + " s";
}

}  // namespace detail

CHORUS_DECL replay_level needed_level(const error& failed) noexcept {
    switch (failed.phase()) {
        case phase::input:
        case phase::pool:
        case phase::dns:
        case phase::connect:
        case phase::proxy:
        case phase::tls:
            return replay_level::not_sent;
        default:
            break;
    }
    switch (detail::errc_of(failed)) {
        case errc::resolve_failed:
        case errc::connect_failed:
        case errc::connect_timed_out:
        case errc::tls_timed_out:
        case errc::tls_failed:
        case errc::refused:
            return replay_level::not_sent;
        case errc::connection_lost:
        case errc::first_byte_timed_out:
            return replay_level::no_response_bytes;
        default:
            break;
    }
    if (detail::says_not_processed(failed)) return replay_level::no_response_bytes;
    const bool is_unanswered = failed.phase() == phase::write || failed.phase() == phase::first_byte;
    return is_unanswered && failed.http_status() == 0 ? replay_level::no_response_bytes : replay_level::any;
}

// --- the budget ---

CHORUS_DECL retry_budget::retry_budget(const retry_budget_options& options)
    : most_(std::max<std::int64_t>(options.tokens, 0) * 1000),
      // Not std::clamp: it lets through what is no number.
      per_answer_(options.tokens_per_answer > 0 ? std::llround(std::min(options.tokens_per_answer, 1e6) * 1000) : 0),
      milli_tokens_(most_) {}

CHORUS_DECL void retry_budget::on_answer() noexcept {
    milli_tokens_ = std::min(most_, milli_tokens_ + per_answer_);
}

CHORUS_DECL bool retry_budget::take() noexcept {
    if (milli_tokens_ < 1000) return false;
    milli_tokens_ -= 1000;
    return true;
}

// --- the machine ---

CHORUS_DECL retry::verdict retry::judge(const error& failed) const noexcept {
    const bool may_pass = detail::is_advised(failed) ? *failed.should_retry() : detail::may_pass_with_time(failed);
    if (!may_pass) return verdict::final_error;
    if (needed_level(failed) > options_.level) return verdict::level;
    if (retries_ + 1 >= options_.max_attempts) return verdict::attempts;
    if (failed.retry_after() > options_.longest_retry_after) return verdict::wait_too_long;
    return verdict::again;
}

CHORUS_DECL std::chrono::milliseconds retry::delay_after(const error& failed, std::uint64_t random) const noexcept {
    const std::chrono::milliseconds floor = failed.retry_after().value_or(std::chrono::milliseconds::zero());
    if (floor > floor.zero()) return floor + detail::draw(floor / 8, random);
    std::chrono::milliseconds most = std::min(options_.first_delay, options_.longest_delay);
    for (int i = 0; i < retries_ && most > most.zero() && most < options_.longest_delay; ++i) {
        most = most > options_.longest_delay / 2 ? options_.longest_delay : 2 * most;
    }
    return detail::draw(most, random);
}

CHORUS_DECL retry::decision retry::after(const error& failed, time_point now, time_point deadline,
                                         std::uint64_t random) {
    history_.push_back({failed.code(), failed.phase(), failed.http_status(), {}});
    sent_ += failed.attempts();
    const verdict what = judge(failed);
    if (what == verdict::level && options_.level != replay_level::never) {
        why_ = "not sent again: the replay level does not allow it";
    }
    if (what == verdict::wait_too_long) {
        why_ = "the server asks for " + detail::in_seconds(*failed.retry_after()) + ", a retry waits at most " +
               detail::in_seconds(options_.longest_retry_after);
    }
    if (what != verdict::again) return {what};

    const std::chrono::milliseconds delay = delay_after(failed, random);
    const auto left = std::chrono::floor<std::chrono::milliseconds>(std::max(deadline, now) - now);
    if (delay >= left) {
        const bool is_asked = failed.retry_after() >= left && *failed.retry_after() > left.zero();
        why_ = is_asked ? "the server asks for " + detail::in_seconds(*failed.retry_after())
                        : "the next attempt would wait " + detail::in_seconds(delay);
        why_ += ", the deadline leaves " + detail::in_seconds(left);
        return {verdict::deadline};
    }
    if (budget_ != nullptr && !budget_->take()) {
        why_ = "the retry budget of the client is used up";
        return {verdict::budget};
    }
    ++retries_;
    history_.back().waited = delay;
    return {verdict::again, delay};
}

CHORUS_DECL error retry::conclude(error failed) const {
    if (history_.empty()) return failed;
    failed.attempts(sent_).history(history_);
    if (!why_.empty()) {
        failed.cause(failed.cause().empty() ? why_ : std::string(failed.cause()).append("; ").append(why_));
    }
    return failed;
}

CHORUS_DECL std::string_view to_string(retry::verdict what) noexcept {
    switch (what) {
        case retry::verdict::again:
            return "again";
        case retry::verdict::final_error:
            return "final error";
        case retry::verdict::level:
            return "replay level";
        case retry::verdict::attempts:
            return "attempts";
        case retry::verdict::wait_too_long:
            return "wait too long";
        case retry::verdict::deadline:
            return "deadline";
        case retry::verdict::budget:
            return "retry budget";
    }
    return "";
}

}  // namespace chorus::policy
