#pragma once

#include <chorus/chat/chat_response.hpp>

#include <utility>

namespace chorus {

CHORUS_DECL message answer::to_message() const {
    chorus::message next(role.empty() ? chorus::role::assistant : std::string_view(role), content);
    if (!refusal.empty()) next.refusal(refusal);
    if (audio) next.audio(audio->id);
    return next;
}

CHORUS_DECL chat_response::chat_response(chat_completion decoded, http::response received,
                                         const chorus::rate_limits& limits)
    : decoded_(std::move(decoded)), received_(std::move(received)) {
    if (limits != chorus::rate_limits()) limits_ = std::make_shared<const chorus::rate_limits>(limits);
}

CHORUS_DECL std::string_view chat_response::text() const noexcept {
    return choices().empty() ? std::string_view() : choices().front().message.content;
}
CHORUS_DECL std::string_view chat_response::finish_reason() const noexcept {
    return choices().empty() ? std::string_view() : choices().front().finish_reason;
}
CHORUS_DECL std::string_view chat_response::refusal() const noexcept {
    return choices().empty() ? std::string_view() : choices().front().message.refusal;
}
CHORUS_DECL std::string_view chat_response::reasoning() const noexcept {
    return choices().empty() ? std::string_view() : choices().front().message.reasoning;
}

CHORUS_DECL std::string_view chat_response::request_id() const noexcept {
    return find_request_id(headers());
}

CHORUS_DECL const chorus::rate_limits& chat_response::rate_limits() const noexcept {
    static const chorus::rate_limits none;
    return limits_ ? *limits_ : none;
}

CHORUS_DECL std::string_view find_request_id(const http::headers& headers) noexcept {
    for (const std::string_view name : {"x-request-id", "request-id", "x-generation-id", "apim-request-id", "cf-ray"}) {
        if (const std::string_view id = headers.get(name); !id.empty()) return id;
    }
    return {};
}

}  // namespace chorus
