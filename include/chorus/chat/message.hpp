// One message of a conversation: who says what.
#pragma once

#include <chorus/chat/boxed.hpp>
#include <chorus/chat/content.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace chorus {

/// The roles of the OpenAI format. A message takes any other text too.
namespace role {
inline constexpr std::string_view developer = "developer";  ///< instructions to reasoning models
inline constexpr std::string_view system = "system";        ///< instructions; known to every server
inline constexpr std::string_view user = "user";
inline constexpr std::string_view assistant = "assistant";
}  // namespace role

/// A message of a request.
class message {
 public:
    message(std::string_view role, chorus::content content) : role_(role), content_(std::move(content)) {}

    static message developer(chorus::content content) { return {role::developer, std::move(content)}; }
    static message system(chorus::content content) { return {role::system, std::move(content)}; }
    static message user(chorus::content content) { return {role::user, std::move(content)}; }
    static message assistant(chorus::content content) { return {role::assistant, std::move(content)}; }

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
    message&& name(std::string value) && { return std::move(name(std::move(value))); }
    message&& refusal(std::string value) && { return std::move(refusal(std::move(value))); }
    message&& audio(std::string id) && { return std::move(audio(std::move(id))); }

    const std::string& role() const noexcept { return role_; }
    const chorus::content& content() const noexcept { return content_; }
    /// Empty where not set, as are the next two.
    const std::string& name() const { return rare_->name; }
    const std::string& refusal() const { return rare_->refusal; }
    const std::string& audio_id() const { return rare_->audio_id; }

 private:
    struct rare {
        std::string name;
        std::string refusal;
        std::string audio_id;
    };

    std::string role_;
    chorus::content content_;
    boxed<rare> rare_;
};

}  // namespace chorus
