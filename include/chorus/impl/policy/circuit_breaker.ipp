// Three states, and ten buckets of counts that follow the time.
#pragma once

#include <chorus/policy/circuit_breaker.hpp>

#include <algorithm>

namespace chorus::policy {

namespace detail {

enum class told_of_origin { alive, failing, nothing };

CHORUS_DECL told_of_origin what_tells(const error& failed) noexcept {
    if (failed == condition::server_error || failed.http_status() >= 500) return told_of_origin::failing;
    if (failed.code().category() != error_category()) {
        return failed == condition::retryable ? told_of_origin::failing : told_of_origin::nothing;
    }
    switch (static_cast<errc>(failed.code().value())) {
        case errc::connect_timed_out:
        case errc::tls_timed_out:
        case errc::first_byte_timed_out:
        case errc::write_timed_out:
        case errc::idle_timed_out:
        case errc::content_timed_out:
        case errc::resolve_failed:
        case errc::connect_failed:
        case errc::tls_failed:
        case errc::connection_lost:
        case errc::truncated:
        case errc::protocol_error:
            return told_of_origin::failing;
        case errc::refused:
            // Over HTTP/2 a server in good health says so when it restarts, or has enough to do.
            return told_of_origin::nothing;
        default:
            return failed.http_status() != 0 ? told_of_origin::alive : told_of_origin::nothing;
    }
}

}  // namespace detail

CHORUS_DECL circuit_breaker::circuit_breaker(const circuit_breaker_options& options) : options_(options) {
    using std::chrono::milliseconds;
    options_.min_calls = std::max(options_.min_calls, 1);
    options_.failure_percent = std::clamp(options_.failure_percent, 1, 100);
    options_.window = std::max(options_.window, milliseconds(1));
    options_.open_for = std::max(options_.open_for, milliseconds(1));
    options_.longest_open = std::max(options_.longest_open, options_.open_for);
    options_.probes = std::max(options_.probes, 1);
    bucket_width_ = std::chrono::steady_clock::duration(options_.window) / bucket_count;
    open_for_ = options_.open_for;
}

CHORUS_DECL result<circuit_breaker::pass> circuit_breaker::allow(time_point now) {
    if (state_ == circuit_state::open && now >= open_until_) change(circuit_state::half_open);
    const bool is_free =
        state_ == circuit_state::closed || (state_ == circuit_state::half_open && probing_ < options_.probes);
    if (!is_free) {
        error refused(errc::circuit_open);
        refused.phase(phase::input);
        if (state_ == circuit_state::half_open) return refused.cause("a call that tries the server is under way");
        return refused.retry_after(std::chrono::ceil<std::chrono::milliseconds>(open_until_ - now));
    }
    if (state_ == circuit_state::half_open) ++probing_;
    return pass{generation_};
}

CHORUS_DECL void circuit_breaker::on_success(pass given, time_point now) noexcept {
    if (!is_of_this_state(given)) return;
    if (state_ == circuit_state::half_open) return close();
    count(false, now);
}

CHORUS_DECL void circuit_breaker::on_failure(pass given, time_point now) noexcept {
    if (!is_of_this_state(given)) return;
    if (state_ == circuit_state::half_open) {
        open_for_ = open_for_ > options_.longest_open / 2 ? options_.longest_open : 2 * open_for_;
        return open(now);
    }
    count(true, now);
    if (sum_.ends >= options_.min_calls && sum_.failures * 100 >= sum_.ends * options_.failure_percent) open(now);
}

CHORUS_DECL void circuit_breaker::on_abandoned(pass given) noexcept {
    if (is_of_this_state(given) && state_ == circuit_state::half_open && probing_ > 0) --probing_;
}

CHORUS_DECL void circuit_breaker::on_error(pass given, const error& failed, time_point now) noexcept {
    switch (detail::what_tells(failed)) {
        case detail::told_of_origin::alive:
            return on_success(given, now);
        case detail::told_of_origin::failing:
            return on_failure(given, now);
        case detail::told_of_origin::nothing:
            return on_abandoned(given);
    }
}

/// Empties the buckets whose time is over.
CHORUS_DECL void circuit_breaker::advance(time_point now) noexcept {
    if (now < bucket_end_) return;
    const auto passed = (now - bucket_end_) / bucket_width_ + 1;
    if (passed >= static_cast<std::int64_t>(bucket_count)) {
        buckets_ = {};
        sum_ = {};
        bucket_end_ = now + bucket_width_;
        return;
    }
    for (auto left = passed; left > 0; --left) {
        current_ = (current_ + 1) % bucket_count;
        sum_.ends -= buckets_[current_].ends;
        sum_.failures -= buckets_[current_].failures;
        buckets_[current_] = {};
    }
    bucket_end_ += passed * bucket_width_;
}

CHORUS_DECL void circuit_breaker::count(bool failed, time_point now) noexcept {
    advance(now);
    for (tally* const each : {&buckets_[current_], &sum_}) {
        ++each->ends;
        if (failed) ++each->failures;
    }
}

CHORUS_DECL void circuit_breaker::open(time_point now) noexcept {
    change(circuit_state::open);
    open_until_ = now + open_for_;
}

CHORUS_DECL void circuit_breaker::close() noexcept {
    change(circuit_state::closed);
    open_for_ = options_.open_for;
    buckets_ = {};
    sum_ = {};
}

CHORUS_DECL void circuit_breaker::change(circuit_state next) noexcept {
    state_ = next;
    probing_ = 0;
    ++generation_;
}

}  // namespace chorus::policy
