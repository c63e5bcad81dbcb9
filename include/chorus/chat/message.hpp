// One message of a conversation: who says what.
#pragma once

#include <chorus/chat/boxed.hpp>
#include <chorus/chat/content.hpp>
#include <chorus/chat/tool_call.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// The roles of the OpenAI format. A message takes any other text too.
namespace role {
inline constexpr std::string_view developer = "developer";  ///< instructions to reasoning models
inline constexpr std::string_view system = "system";        ///< instructions; known to every server
inline constexpr std::string_view user = "user";
inline constexpr std::string_view assistant = "assistant";
inline constexpr std::string_view tool = "tool";  ///< the result of a tool call
}  // namespace role

/// What only one format of API can say of an answer and wants to see again, such as signed thinking. A request in that
/// format sends it as it is in place of the message's fields; any other sends the fields.
struct native_answer {
    std::string_view format;  ///< the name of the format, such as `anthropic`
    std::string json;

    bool operator==(const native_answer&) const = default;
};

/// A message of a request.
class message {
 public:
    message(std::string_view role, chorus::content content) : role_(role), content_(std::move(content)) {}

    static message developer(chorus::content content) { return {role::developer, std::move(content)}; }
    static message system(chorus::content content) { return {role::system, std::move(content)}; }
    static message user(chorus::content content) { return {role::user, std::move(content)}; }
    static message assistant(chorus::content content) { return {role::assistant, std::move(content)}; }
    /// The result of the call with this id.
    static message tool(std::string call_id, chorus::content result) {
        message next(role::tool, std::move(result));
        next.rare_.change().tool_call_id = std::move(call_id);
        return next;
    }

    /// Tells participants of one role apart.
    message& name(std::string value) & {
        rare_.change().name = std::move(value);
        return *this;
    }
    /// What the assistant said instead of an answer.
    message& refusal(std::string value) & {
        rare_.change().refusal = std::move(value);
        return *this;
    }
    /// The id of an earlier spoken answer of the assistant.
    message& audio(std::string id) & {
        rare_.change().audio_id = std::move(id);
        return *this;
    }
    /// The tools that the assistant asked for: each is answered by a `tool` message.
    message& tool_calls(std::vector<tool_call> calls) & {
        rare_.change().tool_calls = std::move(calls);
        return *this;
    }
    /// What the assistant thought, and the name that the server gave it.
    message& reasoning(std::string text, std::string_view field) & {
        rare_.change().reasoning = std::move(text);
        rare_.change().reasoning_field = field;
        return *this;
    }
    message& native(native_answer answer) & {
        rare_.change().native = std::move(answer);
        return *this;
    }
    /// Marks the result of a tool as an error.
    message& failed(bool value = true) & {
        rare_.change().failed = value;
        return *this;
    }
    message&& name(std::string value) && { return std::move(name(std::move(value))); }
    message&& refusal(std::string value) && { return std::move(refusal(std::move(value))); }
    message&& audio(std::string id) && { return std::move(audio(std::move(id))); }
    message&& tool_calls(std::vector<tool_call> calls) && { return std::move(tool_calls(std::move(calls))); }
    message&& reasoning(std::string text, std::string_view field) && {
        return std::move(reasoning(std::move(text), field));
    }
    message&& native(native_answer answer) && { return std::move(native(std::move(answer))); }
    message&& failed(bool value = true) && { return std::move(failed(value)); }

    const std::string& role() const noexcept { return role_; }
    const chorus::content& content() const noexcept { return content_; }
    /// Whether it has a role and a content, and nothing else.
    bool is_plain() const noexcept { return !rare_; }
    /// Empty where not set, as is all that follows.
    const std::string& name() const { return rare_->name; }
    const std::string& refusal() const { return rare_->refusal; }
    const std::string& audio_id() const { return rare_->audio_id; }
    const std::string& tool_call_id() const { return rare_->tool_call_id; }
    const std::vector<tool_call>& tool_calls() const { return rare_->tool_calls; }
    const std::string& reasoning() const { return rare_->reasoning; }
    std::string_view reasoning_field() const { return rare_->reasoning_field; }
    const native_answer& native() const { return rare_->native; }
    bool has_failed() const { return rare_->failed; }

 private:
    struct rare {
        std::string name;
        std::string refusal;
        std::string audio_id;
        std::string tool_call_id;
        std::vector<tool_call> tool_calls;
        std::string reasoning;
        std::string_view reasoning_field;  // a name of the library's own list, which stays
        native_answer native;
        bool failed = false;
    };

    std::string role_;
    chorus::content content_;
    boxed<rare> rare_;
};

}  // namespace chorus
