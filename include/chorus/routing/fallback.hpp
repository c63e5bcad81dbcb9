// One question, a list of routes: the first that can answers it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/routing/route.hpp>
#include <chorus/routing/routed_stream.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace chorus {

struct fallback_options {
    /// The limit on a whole call, over all of its routes, where the request sets none. Without any, each route has the
    /// limit of its client.
    std::optional<std::chrono::milliseconds> timeout{};
};

/// Sends a request over the first of its routes, and over the next when that fails through a fault of its own: see
/// `policy::is_fault_of_route` for which errors those are, and `route::falls_back_on` to say otherwise. Each client
/// retries as its options say before its route counts as failed. Give a client a `circuit_breakers` gate, and a route
/// that is down is passed over without being tried.
///
/// Errors: that of the route which was tried last. After more than one, `error::cause` and so `error::message` tell what
/// each of them failed with, and `error::history` has the attempts of all. `errc::deadline_exceeded` where a route's own
/// limit passed and there is no other route, or the limit on the call did. `errc::invalid_argument` without any route.
/// Cancellation: terminal, as an error; the request under way is dropped, and no other route is tried.
/// Lifetimes: may go while calls are under way. The clients: see `route`.
/// Executor: that of the clients, which share one.
///
///     chorus::fallback llm({openai, chorus::route(anthropic).model("claude-haiku-4-5")});
///     auto reply = co_await llm.complete(chorus::chat_request("gpt-4o-mini").user("Why is the sky blue?"));
///     std::cout << "route " << reply.route << ": " << reply.response.text() << '\n';
class fallback {
 public:
    explicit fallback(std::vector<route> routes, const fallback_options& options = {});

    CHORUS_LAZY awaitable<result<routed_response>> try_complete(chat_request request);
    /// As `try_complete`, but throws `api_error`.
    CHORUS_LAZY awaitable<routed_response> complete(chat_request request);

    /// Asks for a stream, and completes when its first content has come. Until then another route may be tried; a raw
    /// event, where those are asked for, counts as content.
    CHORUS_LAZY awaitable<result<routed_stream>> try_stream(chat_request request, stream_options options = {});
    /// As `try_stream`, but throws `api_error`.
    CHORUS_LAZY awaitable<routed_stream> stream(chat_request request, stream_options options = {});

 private:
    struct state;
    CHORUS_LAZY static awaitable<result<routed_response>> run(std::shared_ptr<const state> shared,
                                                              chat_request request);
    CHORUS_LAZY static awaitable<result<routed_stream>> run_stream(std::shared_ptr<const state> shared,
                                                                   chat_request request, stream_options options);

    std::shared_ptr<const state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/routing/fallback.ipp>
#endif
