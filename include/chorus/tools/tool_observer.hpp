// Whom a tool run tells of each step.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/message.hpp>
#include <chorus/chat/tool_call.hpp>

#include <cstddef>

namespace chorus {

/// Is called on the loop as each step happens; override what is of interest. Calls that run at once are told of as they
/// start and end. An exception ends the run with it. References are valid during the call.
///
///     struct tool_log final : chorus::tool_observer {
///         void on_call(const chorus::tool_call& call) override { std::clog << call.name << call.arguments << '\n'; }
///     };
class tool_observer {
 public:
    virtual ~tool_observer() = default;

    /// A request is about to be sent, the first one with the number 1.
    virtual void on_round(std::size_t /*number*/, const chat_request&) {}
    /// Its answer has come, with or without calls.
    virtual void on_answer(const chat_response&) {}
    /// A call begins; its arguments are as the model wrote them.
    virtual void on_call(const tool_call&) {}
    /// It has ended with what the model is to be told: `message::has_failed` tells whether it failed. A call that is
    /// cancelled with the run is not told of.
    virtual void on_result(const tool_call&, const message& /*output*/, clock::duration /*taken*/) {}
};

}  // namespace chorus
