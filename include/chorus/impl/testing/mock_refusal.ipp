#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_refusal.hpp>

namespace chorus::testing {

CHORUS_DECL void append_openai_error(std::string& out, std::string_view message, std::string_view type,
                                     std::string_view code, std::string_view param) {
    json::writer json(out);
    const auto text_or_null = [&](std::string_view name, std::string_view text) {
        json.key(name);
        text.empty() ? json.null() : json.value(text);
    };
    json.begin_object().key("error").begin_object().member("message", message).member("type", type);
    text_or_null("param", param);
    text_or_null("code", code);
    json.end_object().end_object();
}

// Claude API reference, "Errors".
CHORUS_DECL void append_anthropic_error(std::string& out, std::string_view message, std::string_view type,
                                        std::string_view request_id) {
    json::writer json(out);
    json.begin_object().member("type", "error").key("error").begin_object();
    json.member("type", type).member("message", message).end_object();
    json.member("request_id", request_id).end_object();
}

CHORUS_DECL void refuse_as_openai(mock_reply& reply, int status, std::string_view message, std::string_view code,
                                  std::string_view param) {
    reply.status = status;
    reply.headers.add("content-type", "application/json");
    append_openai_error(reply.body, message, "invalid_request_error", code, param);
}

}  // namespace chorus::testing
