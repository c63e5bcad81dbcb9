#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/responses_input.hpp>
#include <chorus/provider/responses_encode.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace chorus::responses_format {

namespace detail {

/// Writes one request. A field that `extra` names is left to it, so that no name occurs twice.
class chat_encoder {
 public:
    chat_encoder(std::string& body, const chat_request& request)
        : out_(body), request_(request), options_(request.options()), input_(out_, request, refuse_) {}

    void run(openai_format::delivery how) {
        refuse_foreign_options();
        out_.begin_object();
        field("model", request_.model());
        if (begins("input")) input_.write();
        if (how == openai_format::delivery::stream) write_stream();
        write_sampling();
        write_output_form();
        write_tools();
        write_handling();
        for (const auto& [name, json] : options_.extra) out_.key(name).raw(json);
        out_.end_object();
    }

    const std::optional<error>& failure() const noexcept { return refuse_.failure(); }

 private:
    /// Sees to what the API has not. What asks for nothing but its usual behaviour passes.
    void refuse_foreign_options() {
        refuse_if("n", options_.n.value_or(1) != 1);
        refuse_if("seed", options_.seed.has_value());
        refuse_if("stop", !options_.stop.empty());
        refuse_if("frequency_penalty", options_.frequency_penalty.value_or(0) != 0);
        refuse_if("presence_penalty", options_.presence_penalty.value_or(0) != 0);
        refuse_if("logit_bias", !options_.logit_bias.empty());
        for (const std::string& each : options_.modalities) refuse_if("modalities", each != "text");
        refuse_if("audio", !(options_.audio_voice.empty() && options_.audio_format.empty()));
        refuse_if("prediction", options_.prediction.has_value());
        refuse_if("moderation", !options_.moderation_model.empty());
    }
    void refuse_if(std::string_view param, bool is_set) {
        if (is_set) refuse_.unknown(param);
    }

    bool begins(std::string_view name) {
        const auto same = [&](const auto& given) { return given.first == name; };
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
    /// A member of a nested object, which `extra` does not reach.
    void inner(std::string_view name, const std::string& text) {
        if (!text.empty()) out_.member(name, text);
    }

    // --- options ---

    void write_stream() {
        if (begins("stream")) out_.value(true);
        if (options_.stream_obfuscation && begins("stream_options")) {
            out_.begin_object().member("include_obfuscation", *options_.stream_obfuscation).end_object();
        }
    }

    void write_sampling() {
        field("temperature", options_.temperature);
        field("top_p", options_.top_p);
        field("top_logprobs", options_.top_logprobs);
        field("max_output_tokens",
              options_.max_completion_tokens ? options_.max_completion_tokens : options_.max_tokens);
    }

    void write_output_form() {
        if ((options_.response_format || !options_.verbosity.empty()) && begins("text")) {
            out_.begin_object();
            if (options_.response_format) write_response_format(*options_.response_format);
            inner("verbosity", options_.verbosity);
            out_.end_object();
        }
        if (!options_.reasoning_effort.empty() && begins("reasoning")) {
            out_.begin_object().member("effort", options_.reasoning_effort).end_object();
        }
    }
    void write_response_format(const response_format& format) {
        out_.key("format").begin_object();
        switch (format.type()) {
            case response_format::kind::text:
                out_.member("type", "text");
                break;
            case response_format::kind::json_object:
                out_.member("type", "json_object");
                break;
            case response_format::kind::json_schema:
                out_.member("type", "json_schema").member("name", format.name());
                inner("description", format.description());
                if (format.is_strict()) out_.member("strict", *format.is_strict());
                out_.key("schema").raw(format.schema());
        }
        out_.end_object();
    }

    // --- tools ---

    void write_tools() {
        if (!(options_.tools.empty() && !options_.web_search) && begins("tools")) {
            out_.begin_array();
            for (const tool& each : options_.tools) write_tool(each);
            if (options_.web_search) write_web_search(*options_.web_search);
            out_.end_array();
        }
        if (options_.tool_choice && begins("tool_choice")) write_tool_choice(*options_.tool_choice);
        field("parallel_tool_calls", options_.parallel_tool_calls);
    }

    void write_tool(const tool& what) {
        if (what.definition()) {
            out_.raw(*what.definition());
            return;
        }
        out_.begin_object().member("type", what.type()).member("name", what.name());
        inner("description", what.description());
        if (what.type() == tool_type::function) {
            const bool is_strict = what.is_strict().value_or(false);
            const std::string_view none = is_strict ? R"({"type":"object","properties":{},"required":[],)"
                                                      R"("additionalProperties":false})"
                                                    : R"({"type":"object","properties":{}})";
            out_.key("parameters").raw(what.parameters() ? std::string_view(*what.parameters()) : none);
            out_.member("strict", is_strict);
        } else if (!what.grammar().empty()) {
            out_.key("format").begin_object().member("type", "grammar");
            out_.member("syntax", what.grammar_syntax()).member("definition", what.grammar()).end_object();
        }
        out_.end_object();
    }

    void write_web_search(const web_search& search) {
        out_.begin_object().member("type", "web_search");
        inner("search_context_size", search.context_size());
        const bool is_located = !(search.country().empty() && search.region().empty() && search.city().empty() &&
                                  search.timezone().empty());
        if (is_located) {
            out_.key("user_location").begin_object().member("type", "approximate");
            inner("country", search.country());
            inner("region", search.region());
            inner("city", search.city());
            inner("timezone", search.timezone());
            out_.end_object();
        }
        out_.end_object();
    }

    void write_tool_choice(const tool_choice& choice) {
        switch (choice.type()) {
            case tool_choice::kind::automatic:
                out_.value("auto");
                return;
            case tool_choice::kind::none:
                out_.value("none");
                return;
            case tool_choice::kind::required:
                out_.value("required");
                return;
            case tool_choice::kind::one:
                write_tool_name(choice.tool_type(), choice.names().front());
                return;
            case tool_choice::kind::allowed:
                out_.begin_object().member("type", "allowed_tools");
                out_.member("mode", choice.is_call_required() ? "required" : "auto").key("tools").begin_array();
                for (const std::string& name : choice.names()) write_tool_name(choice.tool_type(), name);
                out_.end_array().end_object();
        }
    }
    void write_tool_name(const std::string& type, const std::string& name) {
        out_.begin_object().member("type", type).member("name", name).end_object();
    }

    // --- handling ---

    void write_handling() {
        field("service_tier", options_.service_tier);
        field("store", options_.store);
        write_include();
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
    }

    void write_include() {
        const bool wants_thinking = !options_.store.value_or(true) && may_think();
        const bool wants_tokens = options_.logprobs.value_or(false);
        if (!(wants_thinking || wants_tokens) || !begins("include")) return;
        out_.begin_array();
        if (wants_thinking) out_.value("reasoning.encrypted_content");
        if (wants_tokens) out_.value("message.output_text.logprobs");
        out_.end_array();
    }
    /// These models answer 400 to whoever asks for their thinking; newer ones all have it.
    bool may_think() const {
        constexpr std::array<std::string_view, 3> without = {"gpt-3.5", "gpt-4", "chatgpt-4o"};
        return std::none_of(without.begin(), without.end(),
                            [&](std::string_view name) { return request_.model().starts_with(name); });
    }

    json::writer out_;
    const chat_request& request_;
    const chat_options& options_;
    refusal refuse_;
    input_writer input_;
};

/// About as long as the body becomes, so that one allocation serves.
CHORUS_DECL std::size_t estimate_size(const chat_request& request) noexcept {
    std::size_t size = 256;
    for (const message& next : request.messages()) {
        size += 80;
        if (const std::string* text = next.content().as_text()) size += text->size() + text->size() / 16;
        if (next.is_plain()) continue;
        size += next.native().json.size();
        for (const tool_call& call : next.tool_calls()) size += 96 + call.arguments.size() + call.arguments.size() / 8;
    }
    for (const tool& each : request.options().tools) {
        size += 96 + each.description().size() + (each.parameters() ? each.parameters()->size() : 0);
    }
    return size;
}

}  // namespace detail

CHORUS_DECL result<std::string> encode_chat(const chat_request& request, openai_format::delivery how) {
    std::string body;
    body.reserve(detail::estimate_size(request));
    detail::chat_encoder encoder(body, request);
    encoder.run(how);
    if (encoder.failure()) return *encoder.failure();
    // It is held until the answer is there, for a replay.
    if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
    return body;
}

}  // namespace chorus::responses_format
