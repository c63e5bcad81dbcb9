#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_openai.hpp>

#include <algorithm>

namespace chorus::testing {

namespace detail {

constexpr std::string_view mock_chat_path = "/v1/chat/completions";
constexpr std::string_view mock_models_path = "/v1/models";
constexpr std::string_view mock_error_type = "invalid_request_error";
constexpr std::string_view mock_models =
    R"({"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"chorus"}]})";

/// About what a tokenizer makes of English text: four bytes a token. Only that it is the same each time matters.
CHORUS_DECL std::uint64_t mock_tokens(std::string_view text) noexcept {
    return (text.size() + 3) / 4;
}

/// The text of `content`: a string, or the text parts of an array.
CHORUS_DECL void read_mock_content(std::string_view json, std::string& text) {
    json::reader in(json);
    if (in.peek() != json::kind::array) {
        in.read(text);
        return;
    }
    in.array([&] {
        in.object([&](std::string_view key) {
            if (key != "text") return;
            std::string part;
            if (in.read(part)) text += part;
        });
    });
}

CHORUS_DECL error mock_defect(std::string message, std::string param) {
    error defect(errc::bad_request, std::move(message));
    defect.param(std::move(param));
    return defect;
}

}  // namespace detail

CHORUS_DECL mock_openai::mock_openai() {
    json_headers_.add("content-type", "application/json");
    // Names as in OpenAI's API reference, "Debugging requests" and "Rate limits in headers".
    completion_headers_.add("content-type", "application/json")
        .add("openai-version", "2020-10-01")
        .add("openai-processing-ms", "1")
        .add("x-ratelimit-limit-requests", "10000")
        .add("x-ratelimit-limit-tokens", "2000000")
        .add("x-ratelimit-remaining-requests", "9999")
        .add("x-ratelimit-remaining-tokens", "1999000")
        .add("x-ratelimit-reset-requests", "6ms")
        .add("x-ratelimit-reset-tokens", "30ms");
}

CHORUS_DECL mock_openai& mock_openai::api_key(std::string_view key) {
    authorization_ = key.empty() ? std::string() : "Bearer " + std::string(key);
    return *this;
}

CHORUS_DECL mock_openai& mock_openai::body_bytes(std::size_t bytes) {
    body_bytes_ = bytes;
    return *this;
}

CHORUS_DECL void mock_openai::understand(mock_request& request) {
    if (request.method != "POST" || request.path() != detail::mock_chat_path) return;
    std::size_t messages = 0;
    std::size_t without_role = 0;
    bool stream = false;
    std::string_view last_content;  // as JSON: only the last user message is worth decoding
    json::reader in(request.body);
    const bool is_object = in.object([&](std::string_view key) {
        if (key == "model") {
            in.read(request.model);
        } else if (key == "stream") {
            in.read(stream);
        } else if (key == "messages") {
            in.array([&] {
                bool has_role = false;
                bool from_user = false;
                std::string_view content;
                in.object([&](std::string_view field) {
                    if (field == "content") {
                        content = in.raw();
                    } else if (std::string_view role; field == "role" && in.read_view(role)) {
                        has_role = true;
                        from_user = role == "user";
                    }
                });
                ++messages;
                if (!has_role) ++without_role;
                if (from_user) last_content = content;
            });
        }
    });
    if (const auto end = in.finish(); !end || !is_object) {
        request.defect = detail::mock_defect("We could not parse the JSON body of your request.", {});
    } else if (request.model.empty()) {
        request.defect = detail::mock_defect("you must provide a model parameter", "model");
    } else if (messages == 0) {
        request.defect = detail::mock_defect("'messages' must be an array of at least one message", "messages");
    } else if (without_role > 0) {
        request.defect = detail::mock_defect("each of 'messages' must have a role", "messages");
    } else if (stream) {
        request.defect = detail::mock_defect("this mock server does not stream", "stream");
    } else {
        detail::read_mock_content(last_content, request.prompt);
    }
}

CHORUS_DECL void mock_openai::answer(const mock_request& request, mock_reply& reply) {
    decide(request, reply, owed_);
    write(owed_, reply);
}

CHORUS_DECL void mock_openai::decide(const mock_request& request, mock_reply& reply, mock_completion& owed) {
    owed.number = 0;
    const std::string_view path = request.path();
    const bool is_chat = path == detail::mock_chat_path;
    if (!is_chat && path != detail::mock_models_path) {
        return refuse(reply, 404, "Invalid URL (" + request.method + ' ' + std::string(path) + ')');
    }
    if (request.method != (is_chat ? "POST" : "GET")) {
        reply.headers.add("allow", is_chat ? "POST" : "GET");
        return refuse(reply, 405, "Not allowed to " + request.method + " on " + std::string(path),
                      "method_not_allowed");
    }
    if (!authorization_.empty() && request.headers.get("authorization") != authorization_) {
        return refuse(reply, 401, "Incorrect API key provided.", "invalid_api_key");
    }
    if (is_chat && request.defect) {
        return refuse(reply, 400, request.defect->text(), {}, request.defect->param());
    }
    if (!is_chat) {
        reply.headers.add(json_headers_);
        reply.body = detail::mock_models;
        return;
    }
    owed.number = ++answered_;
    owed.model = request.model;
    owed.prompt = request.prompt;
}

CHORUS_DECL void mock_openai::write(const mock_completion& owed, mock_reply& reply) {
    if (owed.number == 0) return;
    const std::string number = std::to_string(owed.number);
    reply.headers.add(completion_headers_).add("x-request-id", "req_mock" + number);
    echo_.assign("echo: ").append(owed.prompt);
    append_completion(reply.body, "chatcmpl-mock" + number, owed.model, owed.prompt, echo_, body_bytes_);
}

CHORUS_DECL void mock_openai::refuse(mock_reply& reply, int status, std::string_view message, std::string_view code,
                                     std::string_view param) const {
    reply.status = status;
    reply.headers.add(json_headers_);
    append_openai_error(reply.body, message, detail::mock_error_type, code, param);
}

CHORUS_DECL void append_completion(std::string& out, std::string_view id, std::string_view model,
                                   std::string_view prompt, std::string_view text, std::size_t min_bytes) {
    const std::size_t start = out.size();
    const auto prompt_tokens = detail::mock_tokens(prompt);
    const auto completion_tokens = detail::mock_tokens(text);
    json::writer json(out);
    json.begin_object().member("id", id).member("object", "chat.completion").member("created", 1'700'000'000);
    json.member("model", model).key("choices").begin_array().begin_object().member("index", 0);
    json.key("message").begin_object().member("role", "assistant").member("content", text);
    json.key("refusal").null().key("annotations").raw("[]").end_object();
    json.key("logprobs").null().member("finish_reason", "stop").end_object().end_array();
    json.key("usage").begin_object();
    json.member("prompt_tokens", prompt_tokens).member("completion_tokens", completion_tokens);
    json.member("total_tokens", prompt_tokens + completion_tokens);
    json.key("prompt_tokens_details").raw(R"({"cached_tokens":0,"audio_tokens":0})");
    json.key("completion_tokens_details")
        .raw(
            R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0})");
    json.end_object().member("service_tier", "default").member("system_fingerprint", "fp_mock");
    constexpr std::string_view empty_padding = R"(,"padding":""})";
    const std::size_t unpadded = out.size() - start + empty_padding.size();
    if (unpadded < min_bytes) {
        out.append(empty_padding.substr(0, empty_padding.size() - 2));
        out.append(min_bytes - unpadded, 'x').append("\"}");
    } else {
        json.end_object();
    }
}

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

}  // namespace chorus::testing
