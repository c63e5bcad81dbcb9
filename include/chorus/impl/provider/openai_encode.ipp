#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/provider/openai_encode.hpp>

#include <algorithm>
#include <string_view>

namespace chorus::openai_format {

namespace detail {

/// Writes one request. A field that `extra` names is left to it, so that no name occurs twice.
class chat_encoder {
 public:
    chat_encoder(std::string& body, const chat_request& request)
        : out_(body), request_(request), options_(request.options()) {}

    void run() {
        out_.begin_object();
        field("model", request_.model());
        write_messages();
        write_sampling();
        write_output_form();
        write_handling();
        for (const auto& [name, json] : options_.extra) out_.key(name).raw(json);
        out_.end_object();
    }

 private:
    bool begins(std::string_view name) {
        const auto same = [&](const auto& known) { return known.first == name; };
        if (std::any_of(options_.extra.begin(), options_.extra.end(), same)) return false;
        out_.key(name);
        return true;
    }
    void field(std::string_view name, const std::string& text) {
        if (!text.empty() && begins(name)) out_.value(text);
    }
    template <class Value>
    void field(std::string_view name, const std::optional<Value>& value) {
        if (value && begins(name)) out_.value(*value);
    }
    void field(std::string_view name, const std::vector<std::string>& texts) {
        if (texts.empty() || !begins(name)) return;
        out_.begin_array();
        for (const std::string& text : texts) out_.value(text);
        out_.end_array();
    }
    /// A member of a nested object, which `extra` does not reach.
    void inner(std::string_view name, const std::string& text) {
        if (!text.empty()) out_.member(name, text);
    }

    void write_messages() {
        if (!begins("messages")) return;
        out_.begin_array();
        for (const message& next : request_.messages()) {
            out_.begin_object().member("role", next.role());
            inner("name", next.name());
            out_.key("content");
            const bool said_otherwise = !next.refusal().empty() || !next.audio_id().empty();
            if (next.content().empty() && said_otherwise) {
                out_.null();
            } else {
                write_content(next.content());
            }
            inner("refusal", next.refusal());
            if (!next.audio_id().empty()) {
                out_.key("audio").begin_object().member("id", next.audio_id()).end_object();
            }
            out_.end_object();
        }
        out_.end_array();
    }

    void write_content(const content& what) {
        if (const std::string* text = what.as_text()) {
            out_.value(*text);
            return;
        }
        out_.begin_array();
        for (const content_part& part : *what.as_parts()) {
            if (const auto* raw = std::get_if<json_part>(&part.value)) {
                out_.raw(raw->json);
                continue;
            }
            out_.begin_object();
            std::visit([&](const auto& value) { write_part(value); }, part.value);
            if (part.cache_breakpoint) {
                out_.key("prompt_cache_breakpoint").begin_object().member("mode", "explicit").end_object();
            }
            out_.end_object();
        }
        out_.end_array();
    }
    void write_part(const text_part& part) { out_.member("type", "text").member("text", part.text); }
    void write_part(const refusal_part& part) { out_.member("type", "refusal").member("refusal", part.refusal); }
    void write_part(const image_part& part) {
        out_.member("type", "image_url").key("image_url").begin_object().member("url", part.url);
        inner("detail", part.detail);
        out_.end_object();
    }
    void write_part(const audio_part& part) {
        out_.member("type", "input_audio").key("input_audio").begin_object();
        out_.member("data", part.data).member("format", part.format).end_object();
    }
    void write_part(const file_part& part) {
        out_.member("type", "file").key("file").begin_object();
        inner("file_id", part.id);
        inner("filename", part.filename);
        inner("file_data", part.data);
        out_.end_object();
    }
    void write_part(const json_part&) {}

    void write_sampling() {
        field("temperature", options_.temperature);
        field("top_p", options_.top_p);
        field("frequency_penalty", options_.frequency_penalty);
        field("presence_penalty", options_.presence_penalty);
        field("seed", options_.seed);
        field("n", options_.n);
        field("max_completion_tokens", options_.max_completion_tokens);
        field("max_tokens", options_.max_tokens);
        field("logprobs", options_.logprobs);
        field("top_logprobs", options_.top_logprobs);
        field("stop", options_.stop);
        if (!options_.logit_bias.empty() && begins("logit_bias")) {
            out_.begin_object();
            for (const auto& [token, bias] : options_.logit_bias) out_.member(std::to_string(token), bias);
            out_.end_object();
        }
    }

    void write_output_form() {
        if (options_.response_format && begins("response_format")) write_response_format(*options_.response_format);
        field("modalities", options_.modalities);
        if (!(options_.audio_voice.empty() && options_.audio_format.empty()) && begins("audio")) {
            out_.begin_object();
            inner("voice", options_.audio_voice);
            inner("format", options_.audio_format);
            out_.end_object();
        }
        if (options_.prediction && begins("prediction")) {
            out_.begin_object().member("type", "content").key("content");
            write_content(*options_.prediction);
            out_.end_object();
        }
        field("reasoning_effort", options_.reasoning_effort);
        field("verbosity", options_.verbosity);
        if (options_.web_search && begins("web_search_options")) write_web_search(*options_.web_search);
    }

    void write_response_format(const response_format& format) {
        switch (format.type()) {
            case response_format::kind::text:
                out_.begin_object().member("type", "text").end_object();
                return;
            case response_format::kind::json_object:
                out_.begin_object().member("type", "json_object").end_object();
                return;
            case response_format::kind::json_schema:
                out_.begin_object().member("type", "json_schema").key("json_schema").begin_object();
                out_.member("name", format.name());
                inner("description", format.description());
                if (format.is_strict()) out_.member("strict", *format.is_strict());
                out_.key("schema").raw(format.schema()).end_object().end_object();
        }
    }

    void write_web_search(const web_search& search) {
        out_.begin_object();
        inner("search_context_size", search.context_size());
        const bool located = !(search.country().empty() && search.region().empty() && search.city().empty() &&
                               search.timezone().empty());
        if (located) {
            out_.key("user_location").begin_object().member("type", "approximate").key("approximate").begin_object();
            inner("country", search.country());
            inner("region", search.region());
            inner("city", search.city());
            inner("timezone", search.timezone());
            out_.end_object().end_object();
        }
        out_.end_object();
    }

    void write_handling() {
        field("service_tier", options_.service_tier);
        field("store", options_.store);
        if (!options_.metadata.empty() && begins("metadata")) {
            out_.begin_object();
            for (const auto& [key, value] : options_.metadata) out_.member(key, value);
            out_.end_object();
        }
        field("prompt_cache_key", options_.prompt_cache_key);
        if (!(options_.prompt_cache_mode.empty() && options_.prompt_cache_ttl.empty()) &&
            begins("prompt_cache_options")) {
            out_.begin_object();
            inner("mode", options_.prompt_cache_mode);
            inner("ttl", options_.prompt_cache_ttl);
            out_.end_object();
        }
        field("prompt_cache_retention", options_.prompt_cache_retention);
        field("safety_identifier", options_.safety_identifier);
        field("user", options_.end_user);
        if (!options_.moderation_model.empty() && begins("moderation")) {
            out_.begin_object().member("model", options_.moderation_model);
            if (options_.moderation_policy) out_.key("policy").raw(*options_.moderation_policy);
            out_.end_object();
        }
    }

    json::writer out_;
    const chat_request& request_;
    const chat_options& options_;
};

/// About as long as the body becomes, so that one allocation serves.
CHORUS_DECL std::size_t estimate_size(const chat_request& request) noexcept {
    std::size_t size = 256;
    for (const message& next : request.messages()) {
        size += 64;
        if (const std::string* text = next.content().as_text()) size += text->size() + text->size() / 16;
    }
    return size;
}

}  // namespace detail

CHORUS_DECL std::string encode_chat(const chat_request& request) {
    std::string body;
    body.reserve(detail::estimate_size(request));
    detail::chat_encoder(body, request).run();
    // It is held until the answer is there, for a replay.
    if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
    return body;
}

}  // namespace chorus::openai_format
