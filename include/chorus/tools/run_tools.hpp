// Lets a model call tools until it has an answer.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/message.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/client.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/tools/run_calls.hpp>
#include <chorus/tools/tool_observer.hpp>
#include <chorus/tools/tool_set.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

namespace chorus {

struct run_tools_options {
    /// How many requests are sent, at most.
    std::size_t max_rounds = 10;
    /// As in `run_calls_options`, for the calls of each round.
    bool parallel = true;
    std::size_t max_parallel = 32;
    std::chrono::milliseconds call_timeout = std::chrono::milliseconds::max();
    /// The limit of the whole run: all requests and all calls. `chat_request::timeout` is that of each request. Unlike
    /// `with_timeout` around the run, it leaves the conversation in the error.
    std::chrono::milliseconds timeout = std::chrono::milliseconds::max();
    /// Is told of each step, or null. Lifetimes: outlives the run.
    tool_observer* observer = nullptr;
};

/// What came of a run.
struct tool_run {
    chat_response response;  ///< the last answer: the one without calls
    /// The request with every message since, the last answer included: add what is to be said next, and run it again.
    chat_request conversation;
    std::size_t rounds = 0;  ///< how many requests were sent
    chorus::usage usage;     ///< of all answers; a count that none of them tells is unset

    const std::vector<message>& messages() const noexcept { return conversation.messages(); }
};

/// Sends a request with the tools of a set, runs the calls of the answer, sends their outputs, and goes on until the
/// model answers without a call.
///
/// Whether there are calls decides, and not the finish reason, which servers get wrong. Only the first choice counts.
/// What a tool does wrong is told to the model, as `run_calls` does. A `tool_choice` that requires a call holds for the
/// first round alone: kept, it would make the model call for ever. Tools of the request that the set has too are sent
/// once, as the request describes them; those that the set does not have are for the server to run. An `Idempotency-Key`
/// or `X-Client-Request-Id` of the request names the first round alone: those after it have their number behind it, such
/// as `order-7-2`.
///
/// Completes with the last answer and the conversation.
/// Cancellation: terminal, as an error; the request under way is dropped, running handlers are cancelled and waited
/// for, CPU jobs that have not begun are dropped.
/// Errors: those of the requests; `errc::timed_out` for the limit of the run; `errc::too_many_rounds`, with the answer
/// that still calls (`error::partial`). Each has the conversation so far (`error::conversation`), which a server takes
/// as it is: calls that did not come to their end are answered as cancelled. Sent with `tool_choice::none()` it asks
/// for an answer from what is known. `errc::invalid_argument` if a limit is zero.
/// Lifetimes: the client outlives the run, and stays where it is; request and set are copied.
/// Executor: the client's.
///
///     auto question = chorus::chat_request("gpt-4o-mini").user("Is it warm in Ulm?");
///     auto run = co_await chorus::try_run_tools(llm, std::move(question), tools, {.max_rounds = 5});
///     std::cout << (run ? run->response.text() : run.error().message()) << '\n';
awaitable<result<tool_run>> try_run_tools(client& llm, chat_request request, const tool_set& tools,
                                          run_tools_options options = {});

/// As `try_run_tools`, but throws `api_error`.
awaitable<tool_run> run_tools(client& llm, chat_request request, const tool_set& tools, run_tools_options options = {});

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/run_tools.ipp>
#endif
