// The limits of servers, shared by all calls of a loop: who may send now, and who waits.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/call_gate.hpp>
#include <chorus/chat/rate_limits.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/url.hpp>
#include <chorus/policy/admission.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus {

using policy::call_outcome;
using policy::token_cost;

/// How much may be sent. Nothing needs to be set: limits are learnt from headers, and from refusals where there are none.
struct traffic_options {
    std::optional<std::int64_t> requests_per_minute = {};  ///< Of one model and key, as all that follow.
    std::optional<std::int64_t> tokens_per_minute = {};
    std::size_t max_concurrency = 1000;
    /// Starts with 64 calls in flight, and follows what the server bears. Otherwise always `max_concurrency`.
    bool adaptive = true;
    /// An answer whose first byte takes longer than so many times the usual shortest is taken for a sign of overload, if
    /// `adaptive`. Off (0) unless set, for the first byte of a whole answer comes when it is written, and so late as it is
    /// long. It is for keys whose answers are streamed; four is a good start.
    double latency_factor = 0;
    /// How much later a call may come than one of the next lower class and still go before it.
    std::chrono::milliseconds head_start = std::chrono::seconds(30);
};

/// What shares limits at a server. A view: what it refers to lives until the function that takes it has returned.
struct traffic_key {
    const http::origin& origin;
    std::size_t key_fingerprint = 0;  ///< a hash of the API key, so that the key itself is not kept
    std::string_view model;
};

/// Counts of one key, at the moment.
struct traffic_stats {
    std::size_t waiting = 0;
    std::size_t in_flight = 0;
    std::size_t limit = 0;                                 ///< of calls in flight
    std::optional<clock::time_point> paused_until;         ///< while everybody pauses
    std::optional<std::int64_t> requests_per_minute = {};  ///< as known now
    std::optional<std::int64_t> tokens_per_minute = {};
};

/// Holds calls back until the limits of their server have room for them: requests and tokens a minute, pauses that the
/// server asks for, and calls in flight. See `policy::rate_limiter`, `policy::concurrency_limit`, `policy::admission`
/// for how. Several clients of one loop may share it.
///
/// Give it to clients as a gate, or ask it for permits.
///
/// Lifetimes: may go before its permits and those who wait; they keep what they need. None of them outlives the
/// execution context.
/// Executor: used from one thread at a time: a loop run by one thread, or a strand.
///
///     auto limits = std::make_shared<chorus::traffic_control>(executor);
///     chorus::client llm(executor, chorus::openai(), chorus::client_options().gate(limits));
///
///     auto permit = limits->try_acquire(key, {.input = 900, .output = 400});
///     if (!permit) {
///         auto acquired = co_await limits->acquire(key, {.input = 900, .output = 400}, chorus::priority::normal, deadline);
///         if (!acquired) co_return acquired.error();
///         permit = std::move(*acquired);
///     }
///     permit.sent();                                  // from now on the server may count it
///     permit.answered(response.rate_limits());
///     permit.finish(chorus::outcome_of(response.usage()));
class traffic_control final : public call_gate {
    class lane;
    class lane_pass;

 public:
    /// The right to one call. Dropped without `finish` it counts as abandoned: what it had reserved is given back, unless
    /// the request was sent.
    class [[nodiscard]] permit {
     public:
        permit() noexcept = default;
        permit(permit&& other) noexcept = default;
        permit& operator=(permit&& other) noexcept;
        ~permit();
        explicit operator bool() const noexcept { return lane_ != nullptr; }

        /// The request is about to be written.
        void sent() noexcept;
        /// The head of an answer came, be it an error: what it says of the limits holds for the next calls at once.
        void answered(const rate_limits& said) noexcept;
        /// The call is over. Whoever may go now is resumed.
        void finish(const call_outcome& outcome) noexcept;

     private:
        friend class lane;
        friend class lane_pass;
        permit(std::shared_ptr<lane> owner, const policy::admission::reservation& taken) noexcept;

        std::shared_ptr<lane> lane_;
        policy::admission::reservation taken_;
        bool is_sent_ = false;
    };

    explicit traffic_control(executor ex, const traffic_options& options = {});
    ~traffic_control() override;
    traffic_control(const traffic_control&) = delete;
    traffic_control& operator=(const traffic_control&) = delete;

    /// Lets a call go at once if nobody waits and there is room; else the permit is empty.
    permit try_acquire(const traffic_key& key, const token_cost& cost);

    /// Completes when the call may go: in order of arrival within a class, the higher class first.
    /// Cancellation: terminal; gives `errc::cancelled` and leaves the queue.
    /// Errors: `errc::rate_limited` with `retry_after`, at once, when the limits known now have no room before `deadline`;
    /// `errc::deadline_exceeded` at `deadline`. The phase is `phase::pool`, and nothing was sent.
    /// Lifetimes: the key is looked up in the call, not when the result is awaited.
    awaitable<result<permit>> acquire(const traffic_key& key, const token_cost& cost, priority how,
                                      clock::time_point deadline);

    traffic_stats stats(const traffic_key& key) const;

    // As a gate, for a client.
    entry try_enter(const gated_call& call) override;
    awaitable<entry> enter(const gated_call& call, clock::time_point deadline) override;

 private:
    struct stored_key {
        http::origin origin;
        std::size_t key_fingerprint;
        std::string model;
    };
    struct key_order {
        using is_transparent = void;
        static traffic_key view(const traffic_key& key) noexcept { return key; }
        static traffic_key view(const stored_key& key) noexcept { return {key.origin, key.key_fingerprint, key.model}; }
        template <class Left, class Right>
        bool operator()(const Left& left, const Right& right) const noexcept {
            return precedes(view(left), view(right));
        }
        static bool precedes(const traffic_key& left, const traffic_key& right) noexcept;
    };

    const std::shared_ptr<lane>& find(const traffic_key& key);

    executor executor_;
    traffic_options options_;
    std::map<stored_key, std::shared_ptr<lane>, key_order> lanes_;
};

/// What a call means for its server that gave an answer with this usage.
call_outcome outcome_of(const usage& counted) noexcept;
/// What a call means for its server that ended with this error.
call_outcome outcome_of(const error& failed) noexcept;

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/traffic/traffic_control.ipp>
#endif
