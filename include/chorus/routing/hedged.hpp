// A second request beside one that is late: the first answer counts, the other request is dropped.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/policy/hedging.hpp>
#include <chorus/routing/route.hpp>

#include <memory>

namespace chorus {

/// Sends a request, and where no answer has come after a delay, sends it once more, on the same route or on another. The
/// first success is the answer; the other request is cancelled, which closes its connection, over HTTP/2 its stream. A
/// request that fails with an error of `condition::retryable` before the delay is followed at once. See
/// `policy::hedging` for the delay, and for the guard that keeps second requests a small share of all.
///
/// A server that has begun with a request may bill it, cancelled or not: the guard bounds what is paid twice. The second
/// request is sent once, without retries. Where a gate of its client refuses it (a budget, an open circuit), the first
/// goes on alone.
///
/// Calls whose answers take about the same time share one of these, so that the quantile says something about each.
///
/// Errors: where both fail, that of the request which failed last, with what the other failed with, as `fallback`
/// tells it. A second request that a gate refused does not count.
/// Cancellation: terminal, as an error; both requests are dropped before it completes.
/// Lifetimes: may go while calls are under way. The clients: see `route`.
/// Executor: that of the clients, which share one.
///
///     chorus::hedged llm(openai);                                                // after the p95, 5 % of calls
///     chorus::hedged quick(openai, azure, {.delay = 2s, .max_share = 0.1});      // after 2 s, elsewhere
///     auto reply = co_await llm.complete(chorus::chat_request("gpt-4o-mini").user("Why is the sky blue?"));
class hedged {
 public:
    explicit hedged(const route& both, const policy::hedging_options& options = {});
    hedged(route first, route second, const policy::hedging_options& options = {});

    /// `routed_response::route` is 0 for the first request, 1 for the second.
    CHORUS_LAZY awaitable<result<routed_response>> try_complete(chat_request request);
    /// As `try_complete`, but throws `api_error`.
    CHORUS_LAZY awaitable<routed_response> complete(chat_request request);

    /// Of all calls; those under way count as sent, and neither as won nor as lost.
    policy::hedging_stats stats() const noexcept;

 private:
    struct state;
    class call;

    CHORUS_LAZY static awaitable<result<routed_response>> run(std::shared_ptr<state> shared, chat_request request);

    std::shared_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/routing/hedged.ipp>
#endif
