#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/detail/call_progress.hpp>
#include <chorus/policy/rate_limit_headers.hpp>

#include <array>
#include <charconv>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::detail {

/// The part of a call that gates and observers see.
struct call_progress::watched {
    call_info info() const noexcept {
        return {id, about.operation, provider, about.model, where ? &*where : nullptr, is_streamed};
    }
    gated_call call() const noexcept { return {*where, key, about.model, about.tokens, about.priority}; }

    call_subject about;
    std::uint64_t id = 0;
    std::string_view provider;
    std::optional<http::origin> where;  // once the request is encoded
    std::size_t key = 0;
    bool is_streamed = false;
    bool is_ended = false;
    std::vector<std::unique_ptr<call_gate::pass>> passes;
    std::optional<error> refused;
    std::chrono::nanoseconds queued{};
    std::optional<std::chrono::nanoseconds> first_token;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
};

/// Holds the name of an attempt, as OpenAI documents it.
constexpr std::string_view attempt_header = "X-Client-Request-Id";

/// A hash of what the provider authenticates with.
CHORUS_DECL std::size_t key_fingerprint(const http::headers& headers) noexcept {
    for (const std::string_view name : {"authorization", "x-api-key", "api-key"}) {
        const std::string_view value = headers.get(name);
        if (!value.empty()) return std::hash<std::string_view>()(value);
    }
    return 0;
}

CHORUS_DECL call_progress::call_progress(client_state& shared, const call_options* own, bool is_streamed)
    : shared_(&shared),
      limits_(own != nullptr && own->limits ? *own->limits : shared.limits),
      started_(shared.timers.now()),
      id_(++shared.calls),
      max_attempts_(own != nullptr && own->max_attempts ? *own->max_attempts : shared.retries.max_attempts),
      is_streamed_(is_streamed) {
    if (own != nullptr && own->timeout) limits_.total = *own->timeout;
    deadline_ = saturating_add(started_, limits_.total);
}

CHORUS_DECL call_progress::call_progress(call_progress&&) noexcept = default;

/// A call that goes before its end was dropped.
CHORUS_DECL call_progress::~call_progress() {
    if (!watched_ || watched_->is_ended) return;
    const error dropped(errc::cancelled);
    call_end end;
    end.failure = &dropped;
    watched_->passes.clear();
    tell_end(end);
}

CHORUS_DECL void call_progress::watch(call_subject about) {
    watched_ = std::make_unique<watched>();
    watched_->about = std::move(about);
    watched_->id = id_;
    watched_->provider = shared_->api->name();
    watched_->is_streamed = is_streamed_;
    if (shared_->watcher) shared_->watcher->on_call(watched_->info());
}

/// Names the attempt to the server, for questions to its owners.
CHORUS_DECL void call_progress::mark(http::request& message) {
    std::array<char, 64> id;  // the numbers take 16 + 20 + 11 digits at most
    char* const end = id.data() + id.size() - 2;
    char* at = std::to_chars(id.data(), end, shared_->session, 16).ptr;
    *at = '-';
    at = std::to_chars(at + 1, end, id_).ptr;
    *at = '-';
    at = std::to_chars(at + 1, end, attempts_).ptr;
    const std::string_view text(id.data(), static_cast<std::size_t>(at - id.data()));
    if (attempts_ > 1) {
        message.headers.set(attempt_header, text);
    } else {
        message.headers.add(attempt_header, text);
    }
}

CHORUS_DECL bool call_progress::try_begin(http::request& message) {
    if (resume_at_ != clock::time_point{}) return false;
    if (watched_) {
        watched& seen = *watched_;
        if (!seen.where) {
            seen.where = message.origin;
            seen.key = key_fingerprint(message.headers);
        }
        const gated_call call = seen.call();
        while (seen.passes.size() < shared_->gates.size()) {
            auto entered = shared_->gates[seen.passes.size()]->try_enter(call);
            if (!entered) {
                seen.refused = entered.error();
                return false;
            }
            if (*entered == nullptr) return false;
            seen.passes.push_back(std::move(*entered));
        }
    }
    ++attempts_;
    if (attempts_ == 1) is_named_ = !message.headers.contains(attempt_header);
    if (attempts_ > 1 || watched_) {  // earlier attempts count, and what was waited for a gate
        const auto left = std::max(deadline_, shared_->timers.now()) - shared_->timers.now();
        limits_.total = std::chrono::ceil<std::chrono::milliseconds>(left);
    }
    if (is_named_) mark(message);
    if (watched_) {
        for (const auto& pass : watched_->passes) pass->sent();
        watched_->bytes_sent += message.body.size();
        if (shared_->watcher) shared_->watcher->on_attempt(watched_->info(), attempts_);
    }
    return true;
}

CHORUS_DECL awaitable<result<void>> call_progress::begin(http::request& message) {
    result<void> outcome;
    try {
        if (resume_at_ > shared_->timers.now()) co_await sleep_until(resume_at_);
        resume_at_ = {};
        const clock::time_point asked = shared_->timers.now();
        bool is_held = false;
        bool is_begun = try_begin(message);
        while (!is_begun && outcome) {
            if (watched_->refused) {
                outcome = *std::exchange(watched_->refused, std::nullopt);
                break;
            }
            is_held = true;
            const gated_call call = watched_->call();
            auto entered = co_await shared_->gates[watched_->passes.size()]->enter(call, deadline_);
            if (!entered) {
                outcome = entered.error();
                break;
            }
            watched_->passes.push_back(std::move(*entered));
            is_begun = try_begin(message);
        }
        if (is_held) {
            const std::chrono::nanoseconds waited = shared_->timers.now() - asked;
            watched_->queued += waited;
            if (shared_->watcher && outcome) shared_->watcher->on_limited(watched_->info(), waited);
        }
    } catch (...) {
        outcome = error::from_exception(std::current_exception());
    }
    co_return outcome;
}

CHORUS_DECL void call_progress::answered(const http::response& head) {
    if (!watched_) return;
    watched_->queued += head.timing.queue;
    watched_->bytes_received += head.body.size();
    if (shared_->watcher) shared_->watcher->on_first_byte(watched_->info(), head.timing.first_byte);
    if (watched_->passes.empty()) return;
    const rate_limits said = policy::parse_rate_limits(head.headers, std::chrono::system_clock::now());
    for (const auto& pass : watched_->passes) pass->answered(said);
}

CHORUS_DECL void call_progress::brought_content() {
    if (!watched_ || watched_->first_token) return;
    watched_->first_token = shared_->timers.now() - started_;
    if (shared_->watcher) shared_->watcher->on_first_token(watched_->info(), *watched_->first_token);
}

CHORUS_DECL bool call_progress::failed(const error& why) {
    broke(why);
    if (!retry_) {
        policy::retry_options options = shared_->retries;
        options.max_attempts = max_attempts_;
        retry_ = std::make_unique<policy::retry>(options, &shared_->retry_budget);
    }
    error counted = why;
    if (counted.attempts() == 0 && (counted.http_status() != 0 || counted.phase() == phase::decode))
        counted.attempts(1);
    const clock::time_point now = shared_->timers.now();
    const auto decision = retry_->after(counted, now, deadline_, shared_->random());
    if (!decision) {
        if (decision.what == policy::retry::verdict::final_error) shared_->retry_budget.on_answer();
        return false;
    }
    resume_at_ = now + decision.delay;
    if (watched_ && shared_->watcher) shared_->watcher->on_retry(watched_->info(), why, decision.delay);
    return true;
}

CHORUS_DECL void call_progress::broke(const error& why) {
    if (!watched_) return;
    for (const auto& pass : watched_->passes) pass->failed(why);
    watched_->passes.clear();
}

CHORUS_DECL error call_progress::conclude(error last) {
    if (retry_) last = retry_->conclude(std::move(last));
    if (watched_) {
        watched_->passes.clear();
        call_end end;
        end.failure = &last;
        end.request_id = last.request_id();
        if (last.partial() != nullptr) end.tokens = &last.partial()->usage();
        tell_end(end);
    }
    return last;
}

CHORUS_DECL void call_progress::finish(call_end& end) {
    static constexpr usage unknown;
    for (const auto& pass : watched_->passes) pass->succeeded(end.tokens != nullptr ? *end.tokens : unknown);
    watched_->passes.clear();
    tell_end(end);
}

CHORUS_DECL void call_progress::tell_end(call_end& end) {
    watched_->is_ended = true;
    if (!shared_->watcher) return;
    end.total = shared_->timers.now() - started_;
    end.queued = watched_->queued;
    end.first_token = watched_->first_token;
    end.attempts = attempts_;
    end.bytes_sent = watched_->bytes_sent;
    end.bytes_received = watched_->bytes_received;
    shared_->watcher->on_end(watched_->info(), end);
}

}  // namespace chorus::detail
