// How far a call has come: which limits it keeps, what lets its attempts through, whether there is another.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/call_gate.hpp>
#include <chorus/chat/call_options.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/detail/call_subject.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/policy/retry.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace chorus::detail {

/// Leads one call through its attempts. What only some clients use, gates and observers, takes memory only there.
///
///     while (true) {
///         if (!progress.try_begin(message)) {
///             result<void> begun;
///             if (!co_await progress.begin(message, begun)) co_return begun.error();
///         }
///         ... one attempt, within progress.limits() ...
///         if (!progress.failed(error)) co_return progress.conclude(error);
///     }
class call_progress {
 public:
    /// Lifetimes: the state outlives it.
    call_progress(client_state& shared, const call_options* own, bool is_streamed = false);
    call_progress(call_progress&&) noexcept;
    ~call_progress();

    /// Whether anybody wants to know what the call is about: then `watch` is called before all else.
    bool is_watched() const noexcept { return !shared_->gates.empty() || shared_->watcher != nullptr; }
    void watch(call_subject about);

    /// Whether an attempt has begun, or was to: then there is a message.
    bool has_message() const noexcept { return has_message_; }
    /// Lets the next attempt begin at once. False if it has to wait, or was refused: `begin` tells.
    bool try_begin(http::request& message);
    /// Lets the next attempt begin, and completes when it may. False if it may not: then `outcome`, which is none so far,
    /// holds the error. Cancellation: terminal, as an error.
    awaitable<bool> begin(http::request& message, result<void>& outcome);

    /// Of the attempt under way.
    const http::limits& limits() const noexcept { return *limits_; }
    clock::time_point deadline() const noexcept { return deadline_; }

    /// Before a response is received whole: has it tell of its head, if anybody wants to know.
    void await_head(http::response& received) noexcept;
    /// A whole response is there, or the head of a streamed one. Makes its times those of the call.
    void answered(http::response& head);
    /// So many bytes of a streamed body have come.
    void received(std::size_t bytes) noexcept;
    /// The first content of a stream is there.
    void brought_content();
    /// The attempt brought the answer.
    void succeeded() { shared_->retry_budget.on_answer(); }
    template <class Answer>
    void succeeded(const Answer& answer) {
        succeeded();
        if (!watched_) return;
        call_end end;
        describe(end, answer);
        finish(end);
    }
    /// The attempt failed. Whether there is another: not where it could not begin.
    bool failed(const error& why);
    /// The attempt failed, and no other can follow: part of the answer has been handed out.
    void broke(const error& why);
    /// The error of the call.
    error conclude(error last);

    clock::time_point started() const noexcept { return started_; }

 private:
    struct watched;

    http::limits& own_limits();
    void mark(http::request& message);
    void count_queue(std::chrono::nanoseconds waited) noexcept;
    void end_hold(bool is_let_through) noexcept;
    void tell_end(call_end& end);
    void finish(call_end& end);

    client_state* shared_;
    const http::limits* limits_;
    std::unique_ptr<http::limits> own_limits_;  // where they are not those of the client
    clock::time_point started_;
    clock::time_point deadline_;
    clock::time_point resume_at_{};  // the end of the wait after a failure
    std::chrono::nanoseconds queued_{};
    std::uint64_t id_;
    int attempts_ = 0;
    int max_attempts_;
    bool is_streamed_;
    bool has_message_ = false;
    bool has_begun_ = false;                // the attempt under way
    bool is_named_ = false;                 // by us, and not by the user
    std::unique_ptr<policy::retry> retry_;  // once something failed
    std::unique_ptr<watched> watched_;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/call_progress.ipp>
#endif
