#pragma once

#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/observe/error_type.hpp>
#include <chorus/observe/spans.hpp>

namespace chorus {

namespace detail {

/// The names that the conventions use, as `gen_ai.operation.name` and `gen_ai.provider.name` list them. For what they
/// do not list a name of one's own is allowed.
inline constexpr std::pair<std::string_view, std::string_view> semantic_providers[] = {
    {"azure", "azure.ai.openai"},
    {"openai_responses", "openai"},
    {"mistral", "mistral_ai"},
    {"gemini", "gcp.gemini"},
    {"xai", "x_ai"},
};

CHORUS_DECL void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
    constexpr char hex[] = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
}

CHORUS_DECL std::string hex_id(std::span<const std::uint8_t> bytes) {
    std::string text;
    append_hex(text, bytes);
    return text;
}

CHORUS_DECL std::string unix_nanoseconds(std::chrono::system_clock::time_point when) {
    return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

CHORUS_DECL void write_text(json::writer& json, std::string_view text) {
    std::string clean;
    json::append_repaired(clean, text);
    json.begin_object().member("stringValue", clean).end_object();
}

CHORUS_DECL void write_attribute(json::writer& json, std::string_view key, const span::attribute_value& value) {
    json.begin_object().member("key", key).key("value");
    if (const auto* const text = std::get_if<std::string>(&value)) {
        write_text(json, *text);
    } else if (const auto* const texts = std::get_if<std::vector<std::string>>(&value)) {
        json.begin_object().key("arrayValue").begin_object().key("values").begin_array();
        for (const auto& one : *texts) write_text(json, one);
        json.end_array().end_object().end_object();
    } else if (const auto* const number = std::get_if<std::int64_t>(&value)) {
        json.begin_object().member("intValue", std::to_string(*number)).end_object();
    } else if (const auto* const fraction = std::get_if<double>(&value)) {
        json.begin_object().member("doubleValue", *fraction).end_object();
    } else {
        json.begin_object().member("boolValue", std::get<bool>(value)).end_object();
    }
    json.end_object();
}

CHORUS_DECL void write_span(json::writer& json, const span& one) {
    constexpr int kind_client = 3;  // opentelemetry/proto/trace/v1/trace.proto: SPAN_KIND_CLIENT
    constexpr int status_error = 2;
    std::string name;
    json::append_repaired(name, one.name);
    json.begin_object().member("traceId", hex_id(one.trace_id)).member("spanId", hex_id(one.span_id));
    json.member("name", name).member("kind", kind_client);
    json.member("startTimeUnixNano", unix_nanoseconds(one.start)).member("endTimeUnixNano", unix_nanoseconds(one.end));
    json.key("attributes").begin_array();
    for (const auto& [key, value] : one.attributes) write_attribute(json, key, value);
    json.end_array().key("status").begin_object();
    if (one.has_failed) json.member("code", status_error);
    json.end_object().end_object();
}

}  // namespace detail

CHORUS_DECL std::string_view semantic_provider_name(std::string_view provider) noexcept {
    for (const auto& [own, semantic] : detail::semantic_providers) {
        if (own == provider) return semantic;
    }
    return provider;
}

CHORUS_DECL span make_span(const call_info& call, const call_end& end, std::chrono::system_clock::time_point ended) {
    span made;
    made.name = call.operation;
    if (!call.model.empty()) made.name.append(" ").append(call.model);
    made.end = ended;
    made.start = ended - std::chrono::duration_cast<std::chrono::system_clock::duration>(end.total);

    const auto add = [&made](std::string_view key, span::attribute_value value) {
        made.attributes.emplace_back(key, std::move(value));
    };
    const auto add_text = [&add](std::string_view key, std::string_view text) {
        if (!text.empty()) add(key, std::string(text));
    };
    const auto add_count = [&add](std::string_view key, token_count count) {
        if (count) add(key, *count);
    };
    add_text("gen_ai.operation.name", call.operation);
    add_text("gen_ai.provider.name", semantic_provider_name(call.provider));
    add_text("gen_ai.request.model", call.model);
    if (call.is_streamed) add("gen_ai.request.stream", true);
    if (call.server != nullptr) {
        add_text("server.address", call.server->host);
        add("server.port", std::int64_t{call.server->port});
    }
    add_text("gen_ai.response.id", end.response_id);
    add_text("gen_ai.response.model", end.model);
    if (!end.finish_reason.empty()) {
        add("gen_ai.response.finish_reasons", std::vector<std::string>{std::string(end.finish_reason)});
    }
    if (end.first_token) {
        add("gen_ai.response.time_to_first_chunk", std::chrono::duration<double>(*end.first_token).count());
    }
    if (end.tokens != nullptr) {
        add_count("gen_ai.usage.input_tokens", end.tokens->prompt_tokens);
        add_count("gen_ai.usage.output_tokens", end.tokens->completion_tokens);
        add_count("gen_ai.usage.cache_read.input_tokens", end.tokens->prompt.cached_tokens);
        add_count("gen_ai.usage.cache_creation.input_tokens", end.tokens->prompt.cache_write_tokens);
        add_count("gen_ai.usage.reasoning.output_tokens", end.tokens->completion.reasoning_tokens);
    }
    if (end.queued > end.queued.zero()) {
        add("chorus.queue_time", std::chrono::duration<double>(end.queued).count());
    }
    if (end.attempts > 1) add("http.request.resend_count", std::int64_t{end.attempts - 1});
    if (end.failure != nullptr && end.failure->code()) {
        made.has_failed = true;
        add_text("error.type", error_type(end.failure->code()));
        if (end.failure->http_status() != 0) {
            add("http.response.status_code", std::int64_t{end.failure->http_status()});
        }
    }
    return made;
}

CHORUS_DECL std::string to_otlp_json(std::span<const span> spans,
                                     std::span<const std::pair<std::string, std::string>> resource_attributes) {
    std::string body;
    json::writer json(body);
    json.begin_object().key("resourceSpans").begin_array().begin_object();
    json.key("resource").begin_object().key("attributes").begin_array();
    for (const auto& [key, value] : resource_attributes) detail::write_attribute(json, key, value);
    json.end_array().end_object();
    json.key("scopeSpans").begin_array().begin_object();
    json.key("scope").begin_object().member("name", "chorus").member("version", CHORUS_VERSION_STRING).end_object();
    json.key("spans").begin_array();
    for (const span& one : spans) detail::write_span(json, one);
    json.end_array().end_object().end_array().end_object().end_array().end_object();
    return body;
}

}  // namespace chorus
