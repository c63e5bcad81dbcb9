#pragma once

#include <chorus/detail/naming_headers.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/tools/run_tools.hpp>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

CHORUS_DECL void add_count(token_count& sum, const token_count& more) {
    if (more) sum = sum.value_or(0) + *more;
}

CHORUS_DECL void add_usage(usage& sum, const usage& more) {
    add_count(sum.prompt_tokens, more.prompt_tokens);
    add_count(sum.completion_tokens, more.completion_tokens);
    add_count(sum.total_tokens, more.total_tokens);
    add_count(sum.prompt.cached_tokens, more.prompt.cached_tokens);
    add_count(sum.prompt.cache_write_tokens, more.prompt.cache_write_tokens);
    add_count(sum.prompt.audio_tokens, more.prompt.audio_tokens);
    add_count(sum.prompt.image_tokens, more.prompt.image_tokens);
    add_count(sum.prompt.text_tokens, more.prompt.text_tokens);
    add_count(sum.completion.reasoning_tokens, more.completion.reasoning_tokens);
    add_count(sum.completion.audio_tokens, more.completion.audio_tokens);
    add_count(sum.completion.text_tokens, more.completion.text_tokens);
    add_count(sum.completion.accepted_prediction_tokens, more.completion.accepted_prediction_tokens);
    add_count(sum.completion.rejected_prediction_tokens, more.completion.rejected_prediction_tokens);
}

CHORUS_DECL void add_tools(chat_request& request, const tool_set& tools) {
    for (tool& next : tools.descriptions()) {
        const auto is_same = [&](const tool& known) {
            return known.name() == next.name() && known.definition() == next.definition();
        };
        const std::vector<tool>& known = request.options().tools;
        if (std::none_of(known.begin(), known.end(), is_same)) request.tool(std::move(next));
    }
}

/// The choice of a round after the first: of the same tools, and free to call none.
CHORUS_DECL tool_choice relaxed(const tool_choice& choice) {
    return choice.type() == tool_choice::kind::allowed ? tool_choice::allowed(choice.names())
                                                       : tool_choice::automatic();
}

/// One run. It stays in the frame that waits for it, so that what it has come to is there when it is cut short.
class tool_loop {
 public:
    tool_loop(client& llm, chat_request request, tool_set tools, const run_tools_options& options)
        : llm_(llm), tools_(std::move(tools)), options_(options), conversation_(std::move(request)) {
        if (conversation_.options().tool_choice && conversation_.options().tool_choice->is_call_required()) {
            required_ = conversation_.options().tool_choice;
        }
        add_tools(conversation_, tools_);
    }

    awaitable<result<chat_response>> run() {
        for (;;) {
            ++rounds_;
            if (options_.observer != nullptr) options_.observer->on_round(rounds_, conversation_);
            chat_request next = next_request();
            auto reply = co_await llm_.try_complete(std::move(next));
            if (!reply) co_return std::move(reply);
            add_usage(usage_, reply->usage());
            if (options_.observer != nullptr) options_.observer->on_answer(*reply);
            if (reply->tool_calls().empty()) co_return std::move(reply);
            if (rounds_ == options_.max_rounds) co_return too_many_rounds(*reply);
            answer asked = reply->choices().front().message;
            co_await run_calls(std::move(asked));
            if (required_) conversation_.tool_choice(relaxed(*required_));
        }
    }

    result<tool_run> finish(result<chat_response> last) {
        if (!last) {
            error failure = last.error();
            failure.conversation(std::make_shared<const chat_request>(std::move(conversation_)));
            return failure;
        }
        if (!last->choices().empty()) conversation_.add(last->choices().front().message.to_message());
        if (required_) conversation_.tool_choice(*required_);
        return tool_run{std::move(*last), std::move(conversation_), rounds_, usage_};
    }

 private:
    /// The user's name for a request is that of the first alone: the others ask something else.
    chat_request next_request() const {
        chat_request next = conversation_;
        if (rounds_ == 1) return next;
        for (const auto& [header, value] : conversation_.options().headers) {
            const auto is_same = [&](std::string_view name) { return http::equal_names(name, header); };
            if (std::any_of(naming_headers.begin(), naming_headers.end(), is_same)) {
                next.header(header, numbered_name(value, rounds_));
            }
        }
        return next;
    }

    awaitable<void> run_calls(answer asked) {
        // A request with a call that has neither would be refused.
        for (tool_call& call : asked.tool_calls) {
            if (call.id.empty()) call.id = make_tool_call_id();
            if (call.name.empty()) call.name = "unnamed";
        }
        run_calls_options options;
        options.parallel = options_.parallel;
        options.max_parallel = options_.max_parallel;
        options.call_timeout = options_.call_timeout;
        options.observer = options_.observer;
        call_batch batch(tools_, asked.tool_calls, options);
        std::exception_ptr stopped;
        try {
            co_await batch.run();
        } catch (...) {
            stopped = std::current_exception();
        }
        conversation_.add(asked.to_message());
        for (message& output : batch.take_messages()) conversation_.add(std::move(output));
        if (stopped) std::rethrow_exception(stopped);
    }

    error too_many_rounds(const chat_response& last) const {
        error failure(errc::too_many_rounds, "no answer after " + std::to_string(rounds_) + " requests");
        return failure.partial(std::make_shared<const chat_response>(last));
    }

    client& llm_;
    tool_set tools_;
    run_tools_options options_;
    chat_request conversation_;
    std::optional<tool_choice> required_;
    std::size_t rounds_ = 0;
    usage usage_;
};

CHORUS_DECL result<void> check_options(const run_tools_options& options) {
    const auto refuse = [](const char* param) {
        error failure(errc::invalid_argument, std::string(param) + " must be positive");
        return failure.phase(phase::input).param(param);
    };
    if (options.max_rounds == 0) return refuse("max_rounds");
    if (options.max_parallel == 0) return refuse("max_parallel");
    return {};
}

CHORUS_DECL awaitable<result<tool_run>> run_loop(client* llm, chat_request request, tool_set tools,
                                                 run_tools_options options) {
    tool_loop loop(*llm, std::move(request), std::move(tools), options);
    result<chat_response> last;
    try {
        const auto sound = check_options(options);
        if (sound) {
            last = co_await limited(options.timeout, loop.run());
        } else {
            last = sound.error();
        }
    } catch (...) {
        // A cancellation, or an exception of the observer.
        last = error::from_exception(std::current_exception());
    }
    co_return loop.finish(std::move(last));
}

CHORUS_DECL awaitable<tool_run> run_loop_or_throw(client* llm, chat_request request, tool_set tools,
                                                  run_tools_options options) {
    auto outcome = co_await run_loop(llm, std::move(request), std::move(tools), options);
    if (!outcome) throw_error(outcome.error());
    co_return std::move(*outcome);
}

}  // namespace detail

CHORUS_DECL awaitable<result<tool_run>> try_run_tools(client& llm, chat_request request, const tool_set& tools,
                                                      run_tools_options options) {
    return detail::run_loop(&llm, std::move(request), tools, options);
}

CHORUS_DECL awaitable<tool_run> run_tools(client& llm, chat_request request, const tool_set& tools,
                                          run_tools_options options) {
    return detail::run_loop_or_throw(&llm, std::move(request), tools, options);
}

}  // namespace chorus
