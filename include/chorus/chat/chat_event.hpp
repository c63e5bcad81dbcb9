// What happens in a streamed answer, one event at a time.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/tool_call.hpp>
#include <chorus/chat/usage.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

namespace chorus {

// Views and pointers in events are valid until the stream is asked for the next one; the stream keeps all that they
// show in `chat_stream::accumulated`. `choice` is the index of the choice that an event belongs to.

/// More of the text.
struct text_event {
    std::string_view text;
    int choice = 0;
};
/// More of the model's thinking.
struct reasoning_event {
    std::string_view text;
    int choice = 0;
};
/// More of a refusal.
struct refusal_event {
    std::string_view text;
    int choice = 0;
};
/// A tool call begins: its id and name are there, its arguments are to come.
struct tool_call_started_event {
    const tool_call* call = nullptr;
    std::size_t position = 0;  ///< among the calls of its choice
    int choice = 0;
};
/// More of the arguments of a tool call.
struct tool_call_arguments_event {
    std::string_view text;
    std::size_t position = 0;
    int choice = 0;
};
/// A tool call is complete.
struct tool_call_finished_event {
    const tool_call* call = nullptr;
    std::size_t position = 0;
    int choice = 0;
};
/// The tokens counted so far. The last one holds.
struct usage_event {
    const chorus::usage* usage = nullptr;
};
/// A choice has ended.
struct finish_event {
    std::string_view reason;  ///< see `finish_reason`
    int choice = 0;
};
/// What the server's content filter found, as JSON: in the answer so far, or in the prompt where there is no choice. It may
/// come alone, before the text that it is about or long behind it. Only if asked for.
/// https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming
struct content_filter_event {
    std::string_view results;
    std::optional<int> choice;
};
/// A sign of life without content: a comment or a ping. Only if asked for.
struct heartbeat_event {};
/// An event as the server sent it, before those that it was understood as. Only if asked for.
struct raw_event {
    std::string_view type;
    std::string_view data;
};

using chat_event =
    std::variant<text_event, reasoning_event, refusal_event, tool_call_started_event, tool_call_arguments_event,
                 tool_call_finished_event, usage_event, finish_event, content_filter_event, heartbeat_event, raw_event>;

}  // namespace chorus
