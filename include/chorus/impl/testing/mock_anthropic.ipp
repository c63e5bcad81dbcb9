#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_anthropic.hpp>
#include <chorus/testing/mock_chat.hpp>
#include <chorus/testing/mock_models.hpp>

#include <utility>

namespace chorus::testing {

namespace detail {

constexpr std::string_view mock_messages_path = "/v1/messages";
constexpr std::string_view mock_count_path = "/v1/messages/count_tokens";
constexpr std::string_view mock_models_path = "/v1/models";

/// Claude API reference, "Streaming messages".
class anthropic_event_source final : public mock_piece_source {
 public:
    anthropic_event_source(std::string_view id, std::string_view model, std::size_t prompt_tokens, mock_text text)
        : text_(std::move(text)), prompt_tokens_(prompt_tokens), id_(id), model_(model) {}

    bool next(std::string& out) override {
        switch (next_) {
            case stage::message_start: {
                out += "event: message_start\ndata: ";
                json::writer json(out);
                json.begin_object().member("type", "message_start").key("message").begin_object();
                json.member("id", id_).member("type", "message").member("role", "assistant").member("model", model_);
                json.key("content").raw("[]").key("stop_reason").null().key("stop_sequence").null();
                json.key("usage").begin_object().member("input_tokens", prompt_tokens_);
                json.member("cache_creation_input_tokens", 0).member("cache_read_input_tokens", 0);
                json.member("output_tokens", 1).member("service_tier", "standard").end_object();
                json.end_object().end_object();
                out += "\n\n";
                next_ = stage::block_start;
                return true;
            }
            case stage::block_start:
                out +=
                    "event: content_block_start\n"
                    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
                    "\n\n";
                next_ = stage::ping;
                return true;
            case stage::ping:
                out += "event: ping\ndata: {\"type\":\"ping\"}\n\n";
                next_ = text_.is_over() ? stage::block_stop : stage::text;
                return true;
            case stage::text:
                text_.append_event(out,
                                   "event: content_block_delta\n"
                                   R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",)"
                                   R"("text":)",
                                   "}}");
                if (text_.is_over()) next_ = stage::block_stop;
                return true;
            case stage::block_stop:
                out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
                next_ = stage::message_delta;
                return true;
            case stage::message_delta:
                out +=
                    "event: message_delta\n"
                    R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},)"
                    R"("usage":{"output_tokens":)";
                out.append(std::to_string(mock_tokens(text_.handed_out()))).append("}}\n\n");
                next_ = stage::message_stop;
                return true;
            case stage::message_stop:
                break;
        }
        out += "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        return false;
    }

 private:
    enum class stage : std::uint8_t { message_start, block_start, ping, text, block_stop, message_delta, message_stop };

    mock_text text_;
    std::size_t prompt_tokens_;
    std::string id_;
    std::string model_;
    stage next_ = stage::message_start;
};

}  // namespace detail

CHORUS_DECL mock_anthropic::mock_anthropic() {
    // Names as in the Claude API reference, "Rate limits": a reset is a point in time, unlike OpenAI's.
    limit_headers_.add("anthropic-ratelimit-requests-limit", "4000")
        .add("anthropic-ratelimit-requests-remaining", "3999")
        .add("anthropic-ratelimit-requests-reset", "2100-01-01T00:00:00Z")
        .add("anthropic-ratelimit-tokens-limit", "2000000")
        .add("anthropic-ratelimit-tokens-remaining", "1999000")
        .add("anthropic-ratelimit-tokens-reset", "2100-01-01T00:00:00Z");
}

CHORUS_DECL mock_anthropic& mock_anthropic::api_key(std::string_view key) {
    key_ = key;
    authorization_ = "Bearer " + key_;
    return *this;
}

CHORUS_DECL mock_anthropic& mock_anthropic::body_bytes(std::size_t bytes) {
    body_bytes_ = bytes;
    return *this;
}

CHORUS_DECL mock_anthropic& mock_anthropic::portions(mock_portions value) noexcept {
    portions_ = value;
    return *this;
}

CHORUS_DECL bool mock_anthropic::serves(const mock_request& request) noexcept {
    const std::string_view path = request.path();
    return path.starts_with(detail::mock_messages_path) ||
           (path == detail::mock_models_path && request.headers.contains("anthropic-version"));
}

CHORUS_DECL void mock_anthropic::understand(mock_request& request) {
    const std::string_view path = request.path();
    const bool is_message = path == detail::mock_messages_path;
    if (request.method != "POST" || (!is_message && path != detail::mock_count_path)) return;
    const detail::mock_chat chat = detail::read_mock_chat(request);
    if (!chat.is_object) {
        request.defect = detail::mock_defect("The request body is not valid JSON", {});
    } else if (request.model.empty()) {
        request.defect = detail::mock_defect("model: Field required", "model");
    } else if (is_message && !chat.has_max_tokens) {
        request.defect = detail::mock_defect("max_tokens: Field required", "max_tokens");
    } else if (chat.messages == 0) {
        request.defect = detail::mock_defect("messages: at least one message is required", "messages");
    } else if (chat.without_role > 0) {
        request.defect = detail::mock_defect("messages: each message needs a role", "messages");
    } else {
        detail::read_mock_content(chat.last_content, request.prompt);
    }
}

CHORUS_DECL void mock_anthropic::decide(const mock_request& request, mock_reply& reply, mock_completion& owed) {
    owed.number = 0;
    const std::string_view path = request.path();
    const bool is_message = path == detail::mock_messages_path;
    const bool is_list = path == detail::mock_models_path;
    if (!is_message && !is_list && path != detail::mock_count_path) {
        return refuse(reply, 404, "not_found_error", "Not found");
    }
    if (request.method != (is_list ? "GET" : "POST")) {
        reply.headers.add("allow", is_list ? "GET" : "POST");
        return refuse(reply, 405, "invalid_request_error", "Method Not Allowed");
    }
    const bool may = key_.empty() || request.headers.get("x-api-key") == key_ ||
                     request.headers.get("authorization") == authorization_;
    if (!may) return refuse(reply, 401, "authentication_error", "invalid x-api-key");
    if (!request.headers.contains("anthropic-version")) {
        return refuse(reply, 400, "invalid_request_error", "anthropic-version: header is required");
    }
    if (request.defect) return refuse(reply, 400, "invalid_request_error", request.defect->text());
    ++answered_;
    if (!is_message) {
        reply.headers.add("request-id", "req_mock" + std::to_string(answered_));
        if (is_list) return answer_anthropic_models(request, reply);
        reply.headers.add("content-type", "application/json");
        json::writer(reply.body).begin_object().member("input_tokens", mock_tokens(request.prompt)).end_object();
        return;
    }
    owed.number = answered_;
    owed.model = request.model;
    owed.prompt = request.prompt;
    owed.format = mock_format::anthropic;
    owed.stream = request.stream;
}

CHORUS_DECL void mock_anthropic::write(const mock_completion& owed, mock_reply& reply) {
    if (owed.number == 0) return;
    const std::string number = std::to_string(owed.number);
    reply.headers.add("content-type", owed.stream ? "text/event-stream; charset=utf-8" : "application/json");
    if (owed.stream) reply.headers.add("cache-control", "no-cache");
    reply.headers.add(limit_headers_).add("request-id", "req_mock" + number);
    std::string text = "echo: " + owed.prompt;
    if (owed.stream) {
        reply.streamed().source(
            anthropic_events("msg_mock" + number, owed.model, owed.prompt, mock_text(std::move(text), portions_)));
    } else {
        append_anthropic_message(reply.body, "msg_mock" + number, owed.model, owed.prompt, text, body_bytes_);
    }
}

CHORUS_DECL void mock_anthropic::refuse(mock_reply& reply, int status, std::string_view type,
                                        std::string_view message) {
    const std::string request_id = "req_mock" + std::to_string(++answered_);
    reply.status = status;
    reply.headers.add("content-type", "application/json").add("request-id", request_id);
    append_anthropic_error(reply.body, message, type, request_id);
}

CHORUS_DECL void append_anthropic_message(std::string& out, std::string_view id, std::string_view model,
                                          std::string_view prompt, std::string_view text, std::size_t min_bytes) {
    const std::size_t start = out.size();
    json::writer json(out);
    json.begin_object().member("id", id).member("type", "message").member("role", "assistant").member("model", model);
    json.key("content").begin_array().begin_object().member("type", "text").member("text", text);
    json.key("citations").null().end_object().end_array();
    json.member("stop_reason", "end_turn").key("stop_sequence").null();
    json.key("usage").begin_object().member("input_tokens", mock_tokens(prompt));
    json.member("cache_creation_input_tokens", 0).member("cache_read_input_tokens", 0);
    json.member("output_tokens", mock_tokens(text)).member("service_tier", "standard").end_object();
    detail::end_padded(json, out, start, min_bytes);
}

CHORUS_DECL std::unique_ptr<mock_piece_source> anthropic_events(std::string_view id, std::string_view model,
                                                                std::string_view prompt, mock_text text) {
    return std::make_unique<detail::anthropic_event_source>(id, model, mock_tokens(prompt), std::move(text));
}

}  // namespace chorus::testing
