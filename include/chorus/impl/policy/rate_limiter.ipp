#pragma once

#include <chorus/policy/rate_limiter.hpp>

#include <algorithm>
#include <cmath>

namespace chorus::policy {

namespace detail {

inline constexpr double rate_epsilon = 1e-6;  // what counts as room enough, after sums of fractions

CHORUS_DECL rate_limiter::time_point rate_time_after(rate_limiter::time_point now, double seconds) noexcept {
    constexpr double longest = 1e9;  // 30 years
    const double length = std::ceil(std::min(seconds, longest) * 1e9);
    return now + std::chrono::nanoseconds(static_cast<std::int64_t>(length));
}

CHORUS_DECL double seconds_between(rate_limiter::time_point from, rate_limiter::time_point to) noexcept {
    return std::chrono::duration<double>(to - from).count();
}

}  // namespace detail

CHORUS_DECL rate_limiter::rate_limiter(const rate_limiter_options& options) : options_(options) {
    for (std::size_t which = 0; which < kinds; ++which) set_limit(which);
}

CHORUS_DECL meter rate_limiter::meter_of(std::size_t which) noexcept {
    constexpr std::array<meter, kinds> meters = {meter::requests, meter::total_tokens, meter::total_tokens,
                                                 meter::input_tokens, meter::output_tokens};
    return meters[which];
}

CHORUS_DECL std::optional<std::int64_t> rate_limiter::limit_of(kind which) const noexcept {
    if (accounts_[which].limit <= 0) return std::nullopt;
    return static_cast<std::int64_t>(accounts_[which].limit);
}

/// Brings all levels up to now.
CHORUS_DECL void rate_limiter::settle(time_point now) noexcept {
    if (now <= settled_) return;
    const double seconds = detail::seconds_between(settled_, now);
    settled_ = now;
    window_.advance(now);
    for (account& each : accounts_) {
        if (each.limit > 0) each.level = std::min(each.capacity, each.level + each.rate * seconds);
        if (!each.has_view) continue;
        if (now >= each.view_full_at) {
            each.has_view = each.view_limit > 0;
            each.view_level = each.view_limit;
        } else if (each.view_limit > 0) {
            each.view_level = std::min(each.view_limit, each.view_level + each.view_rate * seconds);
        }
    }
    if (trickle_.on && trickle_.used > 0 && now >= trickle_.step_ends) {
        trickle_.on = trickle_.used >= trickle_.allowed;  // something else holds the calls back now
        trickle_.allowed *= 2;
        trickle_.used = 0;
    }
    while (guessed_limit_ > 0 && now - guessed_at_ >= patience_) {
        guessed_limit_ *= 1.5;
        guessed_at_ += patience_;
        if (guessed_limit_ > 1e6) guessed_limit_ = 0;
        set_limit(requests);
    }
}

/// Puts together what is known of a limit by the minute.
CHORUS_DECL void rate_limiter::set_limit(std::size_t which) noexcept {
    account& each = accounts_[which];
    double limit = each.named;
    const auto& known = which == requests ? options_.requests_per_minute : options_.tokens_per_minute;
    if (known && (which == requests || which == tokens)) {
        const auto most = static_cast<double>(std::max<std::int64_t>(*known, 1));
        limit = limit > 0 ? std::min(limit, most) : most;
    }
    if (limit <= 0 && which == requests) limit = guessed_limit_;
    if (limit == each.limit) return;
    const bool is_new = each.limit <= 0;
    each.limit = limit;
    each.rate = limit / 60;
    const double share = std::chrono::duration<double, std::ratio<60>>(options_.burst).count();
    const double least = which == requests ? 10 : 1;
    each.capacity = std::min(limit, std::max(limit * share, least));
    // What was sent before anybody knew the limit is in the sum over the minute.
    each.level = is_new ? each.capacity : std::min(each.level, each.capacity);
}

/// When there is room in the bucket. A call larger than the bucket goes when it is full, and leaves a debt.
CHORUS_DECL rate_limiter::time_point rate_limiter::room_in(const account& limits, double wanted, double before,
                                                           time_point now) noexcept {
    const double missing = before + std::min(wanted, limits.capacity) - limits.level;
    return missing <= detail::rate_epsilon ? now : detail::rate_time_after(now, missing / limits.rate);
}

CHORUS_DECL rate_limiter::time_point rate_limiter::room_at_server(const account& limits, double wanted, double before,
                                                                  time_point now) noexcept {
    if (limits.view_limit <= 0) return limits.view_level >= before + wanted ? now : limits.view_full_at;
    const double missing = before + std::min(wanted, limits.view_limit) - limits.view_level;
    if (missing <= detail::rate_epsilon) return now;
    const time_point by_rate =
        limits.view_rate > 0 ? detail::rate_time_after(now, missing / limits.view_rate) : time_point::max();
    if (limits.view_full_at == time_point::max()) return by_rate;
    const double beyond = std::max(before + std::min(wanted, limits.view_limit) - limits.view_limit, 0.0);
    return std::min(by_rate, detail::rate_time_after(limits.view_full_at, beyond / (limits.view_limit / 60)));
}

CHORUS_DECL rate_limiter::time_point rate_limiter::earliest(const token_cost& cost, time_point now,
                                                            const rate_amounts& ahead) noexcept {
    settle(now);
    time_point when = std::max(now, paused_until_);
    if (trickle_.on && trickle_.used >= trickle_.allowed) when = std::max(when, trickle_.step_ends);
    const rate_amounts own{1, cost};
    for (std::size_t which = 0; which < kinds; ++which) {
        const account& each = accounts_[which];
        if (!each.is_known()) continue;
        const meter what = meter_of(which);
        const std::int64_t wanted = amount_of(own, what);
        const std::int64_t before = amount_of(ahead, what);
        if (wanted <= 0) continue;
        if (each.has_view) {
            when = std::max(when, room_at_server(each, static_cast<double>(wanted), static_cast<double>(before), now));
        }
        if (each.limit <= 0) continue;
        when = std::max(when, room_in(each, static_cast<double>(wanted), static_cast<double>(before), now));
        // Of a queue longer than a minute's worth the bucket says enough.
        const auto left = static_cast<std::int64_t>(each.limit) - wanted - before;
        if ((before == 0 || left >= 0) && amount_of(window_.sum(), what) > std::max<std::int64_t>(left, 0)) {
            when = std::max(when, window_.when_at_most(what, std::max<std::int64_t>(left, 0)));
        }
    }
    return when;
}

/// Takes amounts out of every level, or puts them back where they are negative. `sequence` is of the reservation: what
/// the server counted before it spoke is in its words already.
CHORUS_DECL void rate_limiter::take(const rate_amounts& amounts, std::uint64_t sequence) noexcept {
    for (std::size_t which = 0; which < kinds; ++which) {
        account& each = accounts_[which];
        if (!each.is_known()) continue;
        const auto amount = static_cast<double>(amount_of(amounts, meter_of(which)));
        if (amount == 0) continue;
        if (each.limit > 0) each.level = std::min(each.capacity, each.level - amount);
        if (!each.has_view || sequence <= each.view_of) continue;
        each.view_level -= amount;
        if (each.view_limit > 0) each.view_full_at = time_point::max();
    }
}

CHORUS_DECL rate_limiter::reservation rate_limiter::reserve(const token_cost& cost, time_point now) noexcept {
    settle(now);
    const rate_amounts amounts{1, cost};
    ++sequence_;
    reserved_ += amounts;
    window_.add(now, amounts);
    take(amounts, sequence_);
    if (trickle_.on && trickle_.used++ == 0) trickle_.step_ends = now + trickle_.step;
    return {sequence_, now, cost, reserved_};
}

CHORUS_DECL void rate_limiter::sent(reservation& one, time_point now) noexcept {
    settle(now);
    window_.move(one.at, now, {1, one.tokens});
    one.at = now;
}

CHORUS_DECL void rate_limiter::learn(const reservation& one, const rate_limits& said, time_point now) noexcept {
    settle(now);
    learn_one(requests, said.requests, one, now);
    learn_one(tokens, said.tokens, one, now);
    learn_one(project_tokens, said.project_tokens, one, now);
    learn_one(input_tokens, said.input_tokens, one, now);
    learn_one(output_tokens, said.output_tokens, one, now);
}

CHORUS_DECL void rate_limiter::learn_one(std::size_t which, const rate_limit& said, const reservation& one,
                                         time_point now) noexcept {
    account& each = accounts_[which];
    if (!said.known() || one.sequence < each.view_of) return;
    each.view_of = one.sequence;
    // Some proxies send zeros or negative numbers where they have no limit.
    if (said.limit && *said.limit <= 0) return;
    headers_seen_ = true;
    if (said.limit) {
        each.named = static_cast<double>(*said.limit);
        set_limit(which);
    }
    if (!said.remaining || (each.named <= 0 && !said.reset)) return;
    const auto remaining = static_cast<double>(std::max<std::int64_t>(*said.remaining, 0));
    const double since = static_cast<double>(amount_of(reserved_, meter_of(which)) -
                                             amount_of(one.reserved_until_then, meter_of(which)));
    each.has_view = true;
    each.view_limit = each.named;
    each.view_level = remaining - since;
    each.view_rate = each.named / 60;
    each.view_full_at = time_point::max();
    if (!said.reset) return;
    const double reset = std::chrono::duration<double>(*said.reset).count();
    if (reset > 0 && remaining < each.named) {
        each.view_rate = std::min(each.view_rate, (each.named - remaining) / reset);
    }
    // What was reserved since may be in that bucket too: then only the rate is known.
    if (since <= 0 || each.named <= 0) each.view_full_at = detail::rate_time_after(now, reset);
}

CHORUS_DECL void rate_limiter::succeeded(const reservation& one) noexcept {
    if (one.sequence > pause_covers_) pause_ = {};
}

CHORUS_DECL void rate_limiter::spent(const reservation& one, const token_cost& used, time_point now) noexcept {
    settle(now);
    rate_amounts more{0, used};
    more -= rate_amounts{0, one.tokens};
    window_.add(one.at, more);
    take(more, one.sequence);
}

CHORUS_DECL void rate_limiter::give_back(const reservation& one, time_point now) noexcept {
    settle(now);
    rate_amounts back;
    back -= rate_amounts{1, one.tokens};
    window_.add(one.at, back);
    take(back, one.sequence);
}

CHORUS_DECL void rate_limiter::refused(const reservation& one, std::optional<std::chrono::milliseconds> retry_after,
                                       bool slow_down, time_point now) noexcept {
    spent(one, {}, now);  // its tokens were not used, but with OpenAI the request counts all the same
    window_.refuse(one.at);
    const bool is_new = one.sequence > pause_covers_;
    hold(one, retry_after, slow_down, now);
    if (!slow_down) learn_from_refusal(is_new, now);
}

CHORUS_DECL void rate_limiter::hold(const reservation& one, std::optional<std::chrono::milliseconds> retry_after,
                                    bool slow_down, time_point now) noexcept {
    const bool is_new = one.sequence > pause_covers_;
    if (is_new) {
        pause_covers_ = sequence_;
        pause_ = std::clamp(pause_ * 2, options_.first_pause, std::max(options_.first_pause, options_.longest_pause));
        trickle_ = {};
        trickle_.on = true;
    }
    if (slow_down) trickle_.step = std::chrono::seconds(5);
    if (retry_after) {
        const auto wait = std::clamp(*retry_after, std::chrono::milliseconds(0), options_.longest_retry_after);
        paused_until_ = std::max(paused_until_, now + wait);
    } else if (is_new) {
        paused_until_ = std::max(paused_until_, now + pause_);
    }
}

/// What the server accepted in the last minute is its limit, where nothing better is known.
CHORUS_DECL void rate_limiter::learn_from_refusal(bool first_of_its_kind, time_point now) noexcept {
    constexpr std::int64_t too_few = 10;  // to tell a limit from somebody else's traffic
    if (headers_seen_ || options_.requests_per_minute || window_.accepted() < too_few) return;
    constexpr std::chrono::minutes shortest{2}, longest{32};
    if (first_of_its_kind || patience_ == patience_.zero()) patience_ = std::clamp(patience_ * 2, shortest, longest);
    guessed_limit_ = static_cast<double>(window_.accepted());
    guessed_at_ = now;
    set_limit(requests);
}

}  // namespace chorus::policy
