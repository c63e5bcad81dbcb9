// Runs the tool calls of one answer.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/message.hpp>
#include <chorus/chat/tool_call.hpp>
#include <chorus/config.hpp>
#include <chorus/tools/tool_observer.hpp>
#include <chorus/tools/tool_set.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chorus {

struct run_calls_options {
    /// Runs calls at the same time; otherwise one after the other, in the order of the answer.
    bool parallel = true;
    /// How many run at a time, at most.
    std::size_t max_parallel = 32;
    /// The limit of each call: one that misses it is cancelled, and the model is told.
    std::chrono::milliseconds call_timeout = std::chrono::milliseconds::max();
    /// Is told of each call, or null. Lifetimes: outlives the run.
    tool_observer* observer = nullptr;
};

namespace detail {

/// As `with_timeout`; without a limit there is no deadline, which a virtual clock would jump to.
template <class T>
awaitable<T> limited(std::chrono::milliseconds limit, awaitable<T> work) {
    return limit == std::chrono::milliseconds::max() ? std::move(work) : with_timeout(limit, std::move(work));
}

/// The calls of one answer and what became of each, also of a batch that was cancelled on its way.
class call_batch {
 public:
    call_batch(tool_set tools, std::vector<tool_call> calls, const run_calls_options& options);

    /// Runs all. Lifetimes: the batch outlives the coroutine, and stays where it is.
    awaitable<void> run();
    /// A message for each call, in order; those that did not come to their end say so.
    std::vector<message> take_messages();

 private:
    awaitable<void> run_one(std::size_t index);
    awaitable<result<content>> run_handler(const tool_call& call);
    result<std::shared_ptr<const tool_input>> read_input(const tool_entry& entry, const tool_call& call) const;

    tool_set tools_;
    std::vector<tool_call> calls_;
    run_calls_options options_;
    std::vector<std::optional<message>> messages_;
};

}  // namespace detail

/// Runs the calls of one answer and completes with a message for each, in the order of the calls: for programs that
/// stream, or do the rounds themselves. Append `asked.to_message()` to the conversation, then these.
///
/// Nothing that a tool does ends it: an unknown name, arguments that are no JSON or do not fit the schema, an exception
/// and an error become messages marked `failed()` that the model can read and mend.
/// Cancellation: terminal; cancels the running handlers and waits for them, drops CPU jobs that have not begun, throws
/// `operation_aborted`.
/// Errors: throws `api_error` with `errc::invalid_argument` if `max_parallel` is zero.
/// Lifetimes: set and calls are copied.
/// Executor: handlers run on that of the awaiting coroutine, which must run one handler at a time.
///
///     const chorus::chat_response whole = answer.accumulated();      // of a stream that was read to its end
///     const chorus::answer& asked = whole.choices().front().message;
///     request.add(asked.to_message());
///     for (auto& output : co_await chorus::run_calls(tools, asked)) request.add(std::move(output));
awaitable<std::vector<message>> run_calls(const tool_set& tools, const answer& asked, run_calls_options options = {});

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/run_calls.ipp>
#endif
