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
struct call_progress::watched final : http::head_listener, http::queue_listener {
    call_info info() const noexcept {
        return {id, about.operation, provider, about.model, where ? &*where : nullptr, is_streamed};
    }
    gated_call call() const noexcept { return {*where, key, about.model, about.tokens, about.priority, watcher}; }
    void head_came(std::chrono::nanoseconds since_sent) noexcept override {
        if (watcher != nullptr && !has_head) watcher->on_first_byte(info(), since_sent);
        has_head = true;
    }
    void queue_began() noexcept override {
        queued_since = timers->now();
        tell_limit(limit_event::queued, nullptr);
    }
    void queue_ended() noexcept override { queued += timers->now() - *std::exchange(queued_since, std::nullopt); }
    /// The transport has told of its waits, or of the error that ended them.
    void settle_queue() noexcept {
        queued = {};
        queued_since.reset();
    }
    /// What nobody has told of yet: of a call that is dropped.
    std::chrono::nanoseconds unsettled_queue() const noexcept {
        const std::chrono::nanoseconds last = queued_since ? timers->now() - *queued_since : clock::duration::zero();
        return queued + last;
    }
    void tell_limit(limit_event what, const error* failure) const noexcept {
        if (watcher == nullptr || !where) return;
        const call_info whose = info();
        limit_info limit;
        limit.server = whose.server;
        limit.model = whose.model;
        limit.call = &whose;
        limit.failure = failure;
        watcher->on_server_limit(what, limit);
    }

    call_subject about;
    observer* watcher = nullptr;
    timer_service* timers = nullptr;
    std::uint64_t id = 0;
    std::string_view provider;
    std::optional<http::origin> where;  // once the request is encoded
    std::size_t key = 0;
    bool is_streamed = false;
    bool is_ended = false;
    bool has_head = false;  // the attempt under way, and its observer knows
    std::vector<std::unique_ptr<call_gate::pass>> passes;
    std::optional<error> refused;
    clock::time_point held_since{};                 // by a gate
    std::optional<clock::time_point> queued_since;  // by the pool
    std::chrono::nanoseconds queued{};              // there, in this attempt
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
      limits_(&shared.limits),
      started_(shared.timers.now()),
      id_(++shared.calls),
      max_attempts_(own != nullptr && own->max_attempts ? *own->max_attempts : shared.retries.max_attempts),
      is_streamed_(is_streamed) {
    if (own != nullptr && (own->limits || own->timeout)) own_limits() = shared.limits_of(own);
    deadline_ = saturating_add(started_, limits_->total);
}

CHORUS_DECL call_progress::call_progress(call_progress&&) noexcept = default;

CHORUS_DECL http::limits& call_progress::own_limits() {
    if (!own_limits_) {
        own_limits_ = std::make_unique<http::limits>(*limits_);
        limits_ = own_limits_.get();
    }
    return *own_limits_;
}

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
    watched_->watcher = shared_->watcher.get();
    watched_->timers = &shared_->timers;
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
    has_message_ = true;
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
        end_hold(true);
    }
    has_begun_ = true;
    ++attempts_;
    if (attempts_ == 1) is_named_ = !message.headers.contains(attempt_header);
    if (attempts_ > 1 || watched_) {  // earlier attempts count, and what was waited for a gate
        const auto left = std::max(deadline_, shared_->timers.now()) - shared_->timers.now();
        const auto total = std::chrono::ceil<std::chrono::milliseconds>(left);
        if (total != limits_->total) own_limits().total = total;
    }
    message.replay = shared_->retries.level;
    if (is_named_) mark(message);
    if (watched_) {
        for (const auto& pass : watched_->passes) pass->sent();
        watched_->bytes_sent += message.body.size();
        watched_->has_head = false;
        if (shared_->watcher) message.listener = watched_.get();
        if (shared_->watcher) shared_->watcher->on_attempt(watched_->info(), attempts_);
    }
    return true;
}

/// A gate was given the end of the wait for a turn, and not that of the call.
CHORUS_DECL error told_of_turn(const error& refused) {
    if (refused != errc::deadline_exceeded) return refused;
    error late(errc::pool_timed_out, std::string(refused.text()));
    late.phase(phase::pool);
    return late;
}

CHORUS_DECL awaitable<bool> call_progress::begin(http::request& message, result<void>& outcome) {
    try {
        if (resume_at_ > shared_->timers.now()) co_await sleep_until(resume_at_);
        resume_at_ = {};
        const clock::time_point asked = shared_->timers.now();
        bool is_begun = try_begin(message);
        while (!is_begun && outcome) {
            if (watched_->refused) {
                outcome = *std::exchange(watched_->refused, std::nullopt);
                break;
            }
            if (watched_->held_since == clock::time_point{}) {
                watched_->held_since = asked;
                watched_->tell_limit(limit_event::held, nullptr);
            }
            const gated_call call = watched_->call();
            auto entered = co_await shared_->gates[watched_->passes.size()]->enter(
                call, saturating_add(watched_->held_since, limits_->pool_wait));
            if (!entered) {
                outcome = told_of_turn(entered.error());
                break;
            }
            watched_->passes.push_back(std::move(*entered));
            is_begun = try_begin(message);
        }
    } catch (...) {
        outcome = error::from_exception(std::current_exception());
    }
    if (!outcome && watched_) {
        end_hold(false);
        const error refused = outcome.error();
        if (refused != condition::cancelled) watched_->tell_limit(limit_event::refused, &refused);
    }
    co_return bool(outcome);
}

/// What a call waits for its turn is none of its own time.
CHORUS_DECL void call_progress::count_queue(std::chrono::nanoseconds waited) noexcept {
    queued_ += waited;
    deadline_ = saturating_add(deadline_, waited);
}

/// The wait for gates, if there was one, is over.
CHORUS_DECL void call_progress::end_hold(bool is_let_through) noexcept {
    const clock::time_point since = std::exchange(watched_->held_since, clock::time_point{});
    if (since == clock::time_point{}) return;
    const std::chrono::nanoseconds waited = shared_->timers.now() - since;
    count_queue(waited);
    if (shared_->watcher && is_let_through) shared_->watcher->on_limited(watched_->info(), waited);
}

CHORUS_DECL void call_progress::await_head(http::response& received) noexcept {
    if (watched_ && shared_->watcher) received.listener = watched_.get();
}

CHORUS_DECL void call_progress::answered(http::response& head) {
    count_queue(head.timing.queue);
    head.timing.queue = queued_;
    head.listener = nullptr;
    // The transport knows of one attempt; a stream looks at the time itself when it ends.
    if (!is_streamed_ && (attempts_ > 1 || watched_)) head.timing.total = shared_->timers.now() - started_;
    if (!watched_) return;
    watched_->bytes_received += head.body.size();
    watched_->settle_queue();
    watched_->head_came(head.timing.first_byte);
    if (watched_->passes.empty()) return;
    const rate_limits said = policy::parse_rate_limits(head.headers, std::chrono::system_clock::now());
    for (const auto& pass : watched_->passes) pass->answered(said, head.timing.first_byte);
}

CHORUS_DECL void call_progress::received(std::size_t bytes) noexcept {
    if (watched_) watched_->bytes_received += bytes;
}

CHORUS_DECL void call_progress::brought_content() {
    if (!watched_ || watched_->first_token) return;
    watched_->first_token = shared_->timers.now() - started_;
    if (shared_->watcher) shared_->watcher->on_first_token(watched_->info(), *watched_->first_token);
}

CHORUS_DECL bool call_progress::failed(const error& why) {
    if (!std::exchange(has_begun_, false)) return false;
    broke(why);
    count_queue(why.queued());
    if (watched_) {
        watched_->settle_queue();
        if (why.phase() == phase::pool && why == condition::timeout) {
            watched_->tell_limit(limit_event::pool_timed_out, &why);
        }
    }
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
    if (queued_ > queued_.zero()) last.queued(queued_);
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
    end.queued = queued_ + watched_->unsettled_queue();
    // One that is dropped while it waits has waited too.
    if (watched_->held_since != clock::time_point{}) end.queued += shared_->timers.now() - watched_->held_since;
    end.first_token = watched_->first_token;
    end.attempts = attempts_;
    end.bytes_sent = watched_->bytes_sent;
    end.bytes_received = watched_->bytes_received;
    shared_->watcher->on_end(watched_->info(), end);
}

}  // namespace chorus::detail
