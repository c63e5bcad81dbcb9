#pragma once

#include <chorus/chat/chat_response.hpp>

#include <utility>

namespace chorus {

CHORUS_DECL message answer::to_message() const {
    chorus::message next(role.empty() ? chorus::role::assistant : std::string_view(role), content);
    if (!refusal.empty()) next.refusal(refusal);
    if (audio) next.audio(audio->id);
    if (!tool_calls.empty()) next.tool_calls(tool_calls);
    if (!reasoning.empty()) next.reasoning(reasoning, reasoning_field);
    if (!native.json.empty()) next.native(native);
    return next;
}

struct chat_response::contents {
    contents() = default;
    // Built where it stays, each part moved once.
    contents(chat_completion&& completion, http::response&& whole, rate_limit_parser parser,
             std::chrono::system_clock::time_point time) noexcept
        : decoded(std::move(completion)), received(std::move(whole)), parse_rate_limits(parser), received_at(time) {}

    chat_completion decoded;
    http::response received;
    rate_limit_parser parse_rate_limits = nullptr;
    std::chrono::system_clock::time_point received_at;
};

CHORUS_DECL chat_response::chat_response(chat_completion decoded, http::response received,
                                         rate_limit_parser parse_rate_limits,
                                         std::chrono::system_clock::time_point received_at)
    : contents_(
          std::make_shared<const contents>(std::move(decoded), std::move(received), parse_rate_limits, received_at)) {}

CHORUS_DECL const chat_response::contents& chat_response::parts() const noexcept {
    static const contents none;
    return contents_ ? *contents_ : none;
}

CHORUS_DECL const chat_completion& chat_response::completion() const noexcept {
    return parts().decoded;
}
CHORUS_DECL const std::vector<choice>& chat_response::choices() const noexcept {
    return parts().decoded.choices;
}
CHORUS_DECL const chorus::usage& chat_response::usage() const noexcept {
    return parts().decoded.usage;
}
CHORUS_DECL const std::string& chat_response::id() const noexcept {
    return parts().decoded.id;
}
CHORUS_DECL const std::string& chat_response::model() const noexcept {
    return parts().decoded.model;
}
CHORUS_DECL std::optional<std::chrono::sys_seconds> chat_response::created() const noexcept {
    return parts().decoded.created;
}
CHORUS_DECL const std::string& chat_response::service_tier() const noexcept {
    return parts().decoded.service_tier;
}
CHORUS_DECL const std::string& chat_response::system_fingerprint() const noexcept {
    return parts().decoded.system_fingerprint;
}
CHORUS_DECL const http::timing& chat_response::timing() const noexcept {
    return parts().received.timing;
}
CHORUS_DECL const http::headers& chat_response::headers() const noexcept {
    return parts().received.headers;
}
CHORUS_DECL int chat_response::http_status() const noexcept {
    return parts().received.status;
}
CHORUS_DECL const std::string& chat_response::raw_text() const noexcept {
    return parts().received.body;
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

CHORUS_DECL const std::vector<tool_call>& chat_response::tool_calls() const noexcept {
    static const std::vector<tool_call> none;
    return choices().empty() ? none : choices().front().message.tool_calls;
}

CHORUS_DECL std::string_view chat_response::request_id() const noexcept {
    return find_request_id(headers());
}

CHORUS_DECL chorus::rate_limits chat_response::rate_limits() const noexcept {
    const contents& held = parts();
    return held.parse_rate_limits ? held.parse_rate_limits(held.received.headers, held.received_at)
                                  : chorus::rate_limits();
}

CHORUS_DECL std::string_view find_request_id(const http::headers& headers) noexcept {
    for (const std::string_view name : {"x-request-id", "request-id", "x-generation-id", "apim-request-id", "cf-ray"}) {
        if (const std::string_view id = headers.get(name); !id.empty()) return id;
    }
    return {};
}

}  // namespace chorus
