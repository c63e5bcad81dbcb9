#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_chat.hpp>
#include <chorus/testing/mock_embeddings.hpp>
#include <chorus/testing/mock_models.hpp>
#include <chorus/testing/mock_moderations.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/mock_responses.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace chorus::testing {

namespace detail {

constexpr std::string_view mock_chat_path = "/v1/chat/completions";

/// An endpoint and how it is answered; a chat completion and a response are owed.
struct mock_route {
    std::string_view path;  // with a slash at its end: the beginning of it
    std::string_view method;
    void (*answer)(const mock_request&, mock_reply&);

    bool leads_to(std::string_view whole) const noexcept {
        return path.ends_with('/') ? whole.starts_with(path) : whole == path;
    }
};
constexpr mock_route mock_routes[] = {
    {mock_chat_path, "POST", nullptr},
    {"/v1/embeddings", "POST", &answer_embeddings},
    {"/v1/models", "GET", &answer_models},
    {"/v1/models/", "GET", &answer_models},
    {"/v1/moderations", "POST", &answer_moderations},
    {"/v1/responses", "POST", nullptr},
};

CHORUS_DECL void append_openai_usage(json::writer& json, std::size_t prompt_tokens, std::size_t completion_tokens) {
    json.key("usage").begin_object();
    json.member("prompt_tokens", prompt_tokens).member("completion_tokens", completion_tokens);
    json.member("total_tokens", prompt_tokens + completion_tokens);
    json.key("prompt_tokens_details").raw(R"({"cached_tokens":0,"audio_tokens":0})");
    json.key("completion_tokens_details")
        .raw(
            R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0})");
    json.end_object();
}

/// OpenAI API reference, "Streaming": the chat completion chunk object.
class openai_event_source final : public mock_piece_source {
 public:
    openai_event_source(std::string_view id, std::string_view model, std::size_t prompt_tokens, mock_text text,
                        bool include_usage, std::string_view thinking)
        : thinking_(std::string(thinking)),
          text_(std::move(text)),
          prompt_tokens_(prompt_tokens),
          include_usage_(include_usage) {
        head_ = "data: ";
        json::writer json(head_);
        json.begin_object().member("id", id).member("object", "chat.completion.chunk");
        json.member("created", 1'700'000'000).member("model", model);
        head_ += R"(,"choices":[)";
        text_at_ = head_.size();
        head_ += R"({"index":0,"delta":{"content":)";
    }

    bool next(std::string& out) override {
        switch (next_) {
            case stage::role:
                out.append(head_, 0, text_at_);
                out += R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,)"
                       R"("finish_reason":null}],"service_tier":"default","system_fingerprint":"fp_mock")";
                out.append(usage_null()).append("}\n\n");
                next_ = thinking_.is_over() ? first_of_text() : stage::thinking;
                return true;
            case stage::thinking:
                thinking_.append_event(out, head_.substr(0, text_at_) + R"({"index":0,"delta":{"reasoning_content":)",
                                       after_text());
                if (thinking_.is_over()) next_ = first_of_text();
                return true;
            case stage::text:
                text_.append_event(out, head_, after_text());
                if (text_.is_over()) next_ = stage::finish;
                return true;
            case stage::finish:
                out.append(head_, 0, text_at_);
                out += R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])";
                out.append(usage_null()).append("}\n\n");
                next_ = include_usage_ ? stage::usage : stage::done;
                return true;
            case stage::usage: {
                out.append(head_, 0, text_at_).append("],");
                std::string usage;
                json::writer json(usage);
                append_openai_usage(json, prompt_tokens_, mock_tokens(text_.handed_out()));
                out.append(usage).append("}\n\n");
                next_ = stage::done;
                return true;
            }
            case stage::done:
                break;
        }
        out += "data: [DONE]\n\n";
        return false;
    }

 private:
    enum class stage : std::uint8_t { role, thinking, text, finish, usage, done };
    stage first_of_text() const noexcept { return text_.is_over() ? stage::finish : stage::text; }
    std::string_view after_text() const noexcept {
        return include_usage_ ? R"(},"logprobs":null,"finish_reason":null}],"usage":null})"
                              : R"(},"logprobs":null,"finish_reason":null}]})";
    }
    std::string_view usage_null() const noexcept {
        return include_usage_ ? std::string_view(R"(,"usage":null)") : std::string_view();
    }

    std::string head_;     // what every event begins with, those with text as a whole
    std::size_t text_at_;  // where events without text leave it
    mock_text thinking_;
    mock_text text_;
    std::size_t prompt_tokens_;
    bool include_usage_;
    stage next_ = stage::role;
};

}  // namespace detail

CHORUS_DECL mock_openai::mock_openai() {
    // Names as in OpenAI's API reference, "Debugging requests" and "Rate limits in headers".
    http::headers common;
    common.add("openai-version", "2020-10-01")
        .add("openai-processing-ms", "1")
        .add("x-ratelimit-limit-requests", "10000")
        .add("x-ratelimit-limit-tokens", "2000000")
        .add("x-ratelimit-remaining-requests", "9999")
        .add("x-ratelimit-remaining-tokens", "1999000")
        .add("x-ratelimit-reset-requests", "6ms")
        .add("x-ratelimit-reset-tokens", "30ms");
    completion_headers_.add("content-type", "application/json").add(common);
    stream_headers_.add("content-type", "text/event-stream; charset=utf-8")
        .add("cache-control", "no-cache")
        .add(common);
}

CHORUS_DECL mock_openai& mock_openai::api_key(std::string_view key) {
    authorization_ = key.empty() ? std::string() : "Bearer " + std::string(key);
    return *this;
}

CHORUS_DECL mock_openai& mock_openai::body_bytes(std::size_t bytes) {
    body_bytes_ = bytes;
    return *this;
}

CHORUS_DECL mock_openai& mock_openai::thinking(std::string_view text) {
    thinking_ = text;
    return *this;
}

CHORUS_DECL mock_openai& mock_openai::portions(mock_portions value) noexcept {
    portions_ = value;
    return *this;
}

CHORUS_DECL void mock_openai::understand(mock_request& request) {
    if (is_for_responses(request)) return understand_responses(request);
    if (request.method != "POST" || request.path() != detail::mock_chat_path) return;
    const detail::mock_chat chat = detail::read_mock_chat(request);
    if (!chat.is_object) {
        request.defect = detail::mock_defect("We could not parse the JSON body of your request.", {});
    } else if (request.model.empty()) {
        request.defect = detail::mock_defect("you must provide a model parameter", "model");
    } else if (chat.messages == 0) {
        request.defect = detail::mock_defect("'messages' must be an array of at least one message", "messages");
    } else if (chat.without_role > 0) {
        request.defect = detail::mock_defect("each of 'messages' must have a role", "messages");
    } else {
        detail::read_mock_content(chat.last_content, request.prompt);
    }
}

CHORUS_DECL void mock_openai::answer(const mock_request& request, mock_reply& reply) {
    decide(request, reply, owed_);
    write(owed_, reply);
}

CHORUS_DECL void mock_openai::decide(const mock_request& request, mock_reply& reply, mock_completion& owed) {
    owed.number = 0;
    const std::string_view path = request.path();
    const auto route = std::find_if(std::begin(detail::mock_routes), std::end(detail::mock_routes),
                                    [&](const detail::mock_route& each) { return each.leads_to(path); });
    if (route == std::end(detail::mock_routes)) {
        return refuse_as_openai(reply, 404, "Invalid URL (" + request.method + ' ' + std::string(path) + ')');
    }
    if (request.method != route->method) {
        reply.headers.add("allow", route->method);
        return refuse_as_openai(reply, 405, "Not allowed to " + request.method + " on " + std::string(path),
                                "method_not_allowed");
    }
    if (!authorization_.empty() && request.headers.get("authorization") != authorization_) {
        return refuse_as_openai(reply, 401, "Incorrect API key provided.", "invalid_api_key");
    }
    if (route->answer != nullptr) {
        reply.headers.add("x-request-id", "req_mock" + std::to_string(++answered_));
        return route->answer(request, reply);
    }
    if (request.defect) return refuse_as_openai(reply, 400, request.defect->text(), {}, request.defect->param());
    owed.number = ++answered_;
    owed.model = request.model;
    owed.prompt = request.prompt;
    owed.format = is_for_responses(request) ? mock_format::responses : mock_format::openai;
    owed.stream = request.stream;
    owed.include_usage = request.include_usage;
}

CHORUS_DECL void mock_openai::write(const mock_completion& owed, mock_reply& reply) {
    if (owed.number == 0) return;
    const std::string number = std::to_string(owed.number);
    reply.headers.add(owed.stream ? stream_headers_ : completion_headers_).add("x-request-id", "req_mock" + number);
    if (owed.format == mock_format::responses) return write_response(owed, number, reply);
    if (owed.stream) {
        mock_text text("echo: " + owed.prompt, portions_);
        reply.streamed().source(openai_events("chatcmpl-mock" + number, owed.model, owed.prompt, std::move(text),
                                              owed.include_usage, thinking_));
        return;
    }
    echo_.assign("echo: ").append(owed.prompt);
    append_completion(reply.body, "chatcmpl-mock" + number, owed.model, owed.prompt, echo_, body_bytes_, thinking_);
}

CHORUS_DECL void mock_openai::write_response(const mock_completion& owed, const std::string& number,
                                             mock_reply& reply) {
    echo_.assign("echo: ").append(owed.prompt);
    if (owed.stream) {
        reply.streamed().source(responses_events("resp_mock" + number, owed.model, owed.prompt, echo_, portions_));
    } else {
        append_response(reply.body, "resp_mock" + number, owed.model, owed.prompt, echo_, body_bytes_);
    }
}

CHORUS_DECL std::unique_ptr<mock_piece_source> openai_events(std::string_view id, std::string_view model,
                                                             std::string_view prompt, mock_text text,
                                                             bool include_usage, std::string_view thinking) {
    return std::make_unique<detail::openai_event_source>(id, model, mock_tokens(prompt), std::move(text), include_usage,
                                                         thinking);
}

CHORUS_DECL void append_completion(std::string& out, std::string_view id, std::string_view model,
                                   std::string_view prompt, std::string_view text, std::size_t min_bytes,
                                   std::string_view thinking) {
    const std::size_t start = out.size();
    const auto prompt_tokens = mock_tokens(prompt);
    const auto completion_tokens = mock_tokens(text);
    json::writer json(out);
    json.begin_object().member("id", id).member("object", "chat.completion").member("created", 1'700'000'000);
    json.member("model", model).key("choices").begin_array().begin_object().member("index", 0);
    json.key("message").begin_object().member("role", "assistant").member("content", text);
    if (!thinking.empty()) json.member("reasoning_content", thinking);
    json.key("refusal").null().key("annotations").raw("[]").end_object();
    json.key("logprobs").null().member("finish_reason", "stop").end_object().end_array();
    detail::append_openai_usage(json, prompt_tokens, completion_tokens);
    json.member("service_tier", "default").member("system_fingerprint", "fp_mock");
    detail::end_padded(json, out, start, min_bytes);
}

}  // namespace chorus::testing
