// The seam for what may hold a call back before it is sent, or refuse it: limits of a server, a budget, a breaker.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/chat/priority.hpp>
#include <chorus/chat/rate_limits.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/error.hpp>
#include <chorus/http/url.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

namespace chorus {

class observer;

/// What a gate is told of a call. Views, valid while the call is under way.
struct gated_call {
    const http::origin& origin;
    std::size_t key_fingerprint = 0;  ///< a hash of the API key, so that the key itself is not kept
    std::string_view model;
    policy::token_estimate tokens;
    chorus::priority priority = chorus::priority::normal;
    observer* watcher = nullptr;  ///< Of the client: to be told what becomes of the limits by this call.
};

/// Decides whether and when an attempt of a call is sent. A client asks its gates in the order in which it was given them,
/// before each attempt. Derive from it to add another rule; several clients of one loop may share a gate.
class call_gate {
 public:
    /// The right to one attempt. It is told how that goes, and gone without `finish` when it was cancelled.
    class pass {
     public:
        virtual ~pass() = default;
        /// The request is about to be written.
        virtual void sent() noexcept {}
        /// An answer came, be it an error: of a stream the head, else the whole. `latency` is the time to its first byte
        /// since the request was written, without the waits before; 0 where the transport does not tell.
        virtual void answered(const rate_limits& /*said*/, std::chrono::nanoseconds /*latency*/) noexcept {}
        /// The attempt succeeded, with what it used as far as that is known.
        virtual void succeeded(const usage& used) noexcept = 0;
        virtual void failed(const error& why) noexcept = 0;
    };
    using entry = result<std::unique_ptr<pass>>;

    virtual ~call_gate() = default;

    /// Lets the attempt through, or refuses it, or gives null: it has to wait.
    virtual entry try_enter(const gated_call& call) = 0;

    /// Completes when an attempt that has to wait may go.
    /// Cancellation: terminal; nobody waits for it any more.
    /// Errors: of the gate; `errc::deadline_exceeded` at `deadline`, which no one else keeps, or at once where it is known
    /// that the attempt cannot go before. The client tells it as `errc::pool_timed_out`: it is the limit on the wait.
    /// Lifetimes: the call outlives the operation.
    virtual awaitable<entry> enter(const gated_call& call, clock::time_point deadline);
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/call_gate.ipp>
#endif
