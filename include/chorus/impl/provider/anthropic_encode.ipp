#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/anthropic_encode.hpp>
#include <chorus/provider/detail/anthropic_turns.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace chorus::anthropic_format {

namespace detail {

/// Writes one request. A field that `extra` names is left to it, so that no name occurs twice.
class chat_encoder {
 public:
    chat_encoder(std::string& body, const chat_request& request)
        : out_(body), request_(request), options_(request.options()), turns_(out_, request, refuse_) {}

    void write_chat(const encoding& how) {
        out_.begin_object();
        write_context([&] { write_limit(how); });
        write_sampling();
        write_handling();
        if (how.stream && begins("stream")) out_.value(true);
        for (const auto& [name, json] : options_.extra) out_.key(name).raw(json);
        out_.end_object();
    }
    void write_count() {
        out_.begin_object();
        write_context([] {});
        for (const auto& [name, json] : options_.extra) {
            if (!is_beside_context(name)) out_.key(name).raw(json);
        }
        out_.end_object();
    }

    /// Sees to what the API has not. What asks for nothing but its usual behaviour passes.
    void refuse_foreign_options() {
        refuse_if("n", options_.n.value_or(1) != 1);
        refuse_if("seed", options_.seed.has_value());
        refuse_if("frequency_penalty", options_.frequency_penalty.value_or(0) != 0);
        refuse_if("presence_penalty", options_.presence_penalty.value_or(0) != 0);
        refuse_if("logit_bias", !options_.logit_bias.empty());
        refuse_if("logprobs", options_.logprobs.value_or(false));
        refuse_if("top_logprobs", options_.top_logprobs.value_or(0) != 0);
        for (const std::string& each : options_.modalities) refuse_if("modalities", each != "text");
        refuse_if("audio", !(options_.audio_voice.empty() && options_.audio_format.empty()));
        refuse_if("prediction", options_.prediction.has_value());
        refuse_if("verbosity", !options_.verbosity.empty());
        if (options_.web_search) {
            refuse_("web_search_options", "is not known to Anthropic's API: add its web search tool with tool::json");
        }
        refuse_if("store", options_.store.value_or(false));
        for (const auto& [key, value] : options_.metadata) refuse_if("metadata." + key, key != "user_id");
        refuse_if("prompt_cache_key", !options_.prompt_cache_key.empty());
        refuse_if("prompt_cache_retention", !options_.prompt_cache_retention.empty());
        if (!options_.prompt_cache_mode.empty() && options_.prompt_cache_mode != "explicit") {
            refuse_("prompt_cache_options.mode", "must be explicit: Anthropic caches what breakpoints mark");
        }
        refuse_if("moderation", !options_.moderation_model.empty());
        refuse_if("stream_options.include_obfuscation", options_.stream_obfuscation.value_or(false));
    }

    const std::optional<error>& failure() const noexcept { return refuse_.failure(); }

 private:
    // --- helpers ---

    void refuse_if(std::string_view param, bool is_set) {
        if (is_set) refuse_.unknown(param);
    }
    bool is_extra(std::string_view name) const {
        const auto same = [&](const auto& known) { return known.first == name; };
        return std::any_of(options_.extra.begin(), options_.extra.end(), same);
    }
    /// The fields that the count of tokens does not take.
    static bool is_beside_context(std::string_view name) {
        constexpr std::array<std::string_view, 10> known = {
            "max_tokens",     "stream",   "temperature",  "top_p",     "top_k",
            "stop_sequences", "metadata", "service_tier", "container", "inference_geo"};
        return std::find(known.begin(), known.end(), name) != known.end();
    }
    bool begins(std::string_view name) {
        if (is_extra(name)) return false;
        out_.key(name);
        return true;
    }
    template <class Value>
    void field(std::string_view name, const std::optional<Value>& value) {
        if (value && begins(name)) out_.value(*value);
    }
    /// A member of a nested object, which `extra` does not reach.
    void inner(std::string_view name, const std::string& text) {
        if (!text.empty()) out_.member(name, text);
    }

    // --- what fills the context ---

    template <class WriteLimit>
    void write_context(WriteLimit write_limit) {
        if (begins("model")) out_.value(request_.model());
        write_limit();
        if (turns_.has_instructions() && begins("system")) turns_.write_system();
        if (begins("messages")) turns_.write_messages();
        write_tools();
        write_thinking();
        write_output_config();
    }

    // --- tools ---

    void write_tools() {
        if (!options_.tools.empty() && begins("tools")) {
            out_.begin_array();
            for (std::size_t i = 0; i < options_.tools.size(); ++i) {
                if (is_allowed(options_.tools[i])) write_tool(options_.tools[i], "tools[" + std::to_string(i) + "]");
            }
            out_.end_array();
        }
        write_tool_choice();
    }

    static std::string name_of(const tool& each) {
        std::string name = each.name();
        if (each.definition()) {
            json::reader in(*each.definition());
            in.object([&](std::string_view key) {
                if (key == "name") in.read(name);
            });
        }
        return name;
    }
    /// The API has no list of allowed tools: the others are left out.
    bool is_allowed(const tool& each) const {
        const auto& choice = options_.tool_choice;
        if (!choice || choice->type() != tool_choice::kind::allowed) return true;
        return std::find(choice->names().begin(), choice->names().end(), name_of(each)) != choice->names().end();
    }

    void write_tool(const tool& each, const std::string& path) {
        if (each.definition()) return write_own_tool(each, path);
        if (each.type() != tool_type::function) refuse_.unknown(path + ".type");
        if (each.parameters() && !is_object(*each.parameters())) {
            refuse_(path + ".parameters", "is not a JSON object");
        }
        out_.begin_object().member("name", each.name());
        inner("description", each.description());
        out_.key("input_schema").raw(each.parameters() ? *each.parameters() : R"({"type":"object","properties":{}})");
        if (each.is_strict()) out_.member("strict", *each.is_strict());
        if (each.has_cache_breakpoint()) write_cache_control(out_, options_.prompt_cache_ttl);
        out_.end_object();
    }
    void write_own_tool(const tool& each, const std::string& path) {
        const std::string& definition = *each.definition();
        if (!is_object(definition)) refuse_(path, "is not a JSON object");
        if (!each.has_cache_breakpoint()) {
            out_.raw(definition);
            return;
        }
        json::reader in(definition);
        out_.begin_object();
        in.object([&](std::string_view key) {
            if (key != "cache_control") out_.key(key).raw(in.raw());
        });
        write_cache_control(out_, options_.prompt_cache_ttl);
        out_.end_object();
    }

    void write_tool_choice() {
        const bool is_single = !options_.parallel_tool_calls.value_or(true);
        const auto& choice = options_.tool_choice;
        // Without tools there are no calls to keep apart, and the API takes no choice.
        if (!choice && (!is_single || (options_.tools.empty() && !is_extra("tools")))) return;
        if (!begins("tool_choice")) return;
        const auto kind = choice ? choice->type() : tool_choice::kind::automatic;
        out_.begin_object();
        if (kind == tool_choice::kind::one) {
            if (choice->tool_type() != tool_type::function) refuse_.unknown("tool_choice");
            out_.member("type", "tool").member("name", choice->names().front());
        } else if (kind == tool_choice::kind::none) {
            out_.member("type", "none");
        } else {
            out_.member("type", choice && choice->is_call_required() ? "any" : "auto");
        }
        if (kind == tool_choice::kind::allowed) check_allowed(choice->names());
        if (is_single && kind != tool_choice::kind::none) out_.member("disable_parallel_tool_use", true);
        out_.end_object();
    }
    /// Also those given as JSON, whose names `validate` does not know.
    void check_allowed(const std::vector<std::string>& names) {
        for (const std::string& name : names) {
            const auto is_it = [&](const tool& each) { return name_of(each) == name; };
            if (is_extra("tools") || std::any_of(options_.tools.begin(), options_.tools.end(), is_it)) continue;
            refuse_("tool_choice", "allows '" + name + "', which is no tool of the request");
        }
    }

    // --- options ---

    void write_thinking() {
        const bool is_refused = options_.reasoning_effort == "none";
        const std::int64_t budget = options_.thinking_tokens.value_or(0);
        if (is_refused && budget != 0) refuse_("reasoning_effort", "is none, against a budget of thinking");
        if (!(options_.thinking_tokens || is_refused) || !begins("thinking")) return;
        if (budget != 0 && budget < 1024) refuse_("thinking", "must be 0 or at least 1024");
        out_.begin_object();
        if (budget == 0) {
            out_.member("type", "disabled");
        } else {
            out_.member("type", "enabled").member("budget_tokens", budget);
        }
        out_.end_object();
    }

    void write_output_config() {
        const auto& format = options_.response_format;
        if (format && format->type() == response_format::kind::json_object && !is_extra("output_config")) {
            refuse_("response_format", "json_object is not known to Anthropic's API: give a schema");
        }
        const bool has_effort = !options_.reasoning_effort.empty() && options_.reasoning_effort != "none";
        const bool has_schema = format && format->type() == response_format::kind::json_schema;
        if (!(has_effort || has_schema) || !begins("output_config")) return;
        out_.begin_object();
        if (has_effort) out_.member("effort", options_.reasoning_effort);
        if (has_schema) {
            out_.key("format").begin_object().member("type", "json_schema").key("schema");
            write_schema(*format);
            out_.end_object();
        }
        out_.end_object();
    }
    /// The API has the schema alone: what the answer is for can only be said in there.
    void write_schema(const response_format& format) {
        if (!is_object(format.schema())) {
            refuse_("response_format.json_schema.schema", "is not a JSON object");
        }
        if (format.description().empty()) {
            out_.raw(format.schema());
            return;
        }
        json::reader in(format.schema());
        out_.begin_object().member("description", format.description());
        in.object([&](std::string_view key) {
            if (key != "description") out_.key(key).raw(in.raw());
        });
        out_.end_object();
    }

    void write_limit(const encoding& how) {
        if (!begins("max_tokens")) return;
        const auto& given = options_.max_completion_tokens ? options_.max_completion_tokens : options_.max_tokens;
        // The default is meant for the text, and thinking counts too.
        const std::int64_t most = std::numeric_limits<std::int64_t>::max() - how.max_tokens;
        out_.value(given ? *given : how.max_tokens + std::min(options_.thinking_tokens.value_or(0), most));
    }

    void write_sampling() {
        if (options_.temperature.value_or(0) > 1 && !is_extra("temperature")) {
            refuse_("temperature", "must lie between 0 and 1 for Anthropic's API");
        }
        field("temperature", options_.temperature);
        field("top_p", options_.top_p);
        if (!options_.stop.empty() && begins("stop_sequences")) {
            out_.begin_array();
            for (const std::string& text : options_.stop) out_.value(text);
            out_.end_array();
        }
    }

    void write_handling() {
        std::string user = options_.safety_identifier.empty() ? options_.end_user : options_.safety_identifier;
        for (const auto& [key, value] : options_.metadata) {
            if (key == "user_id") user = value;
        }
        if (!user.empty() && begins("metadata")) out_.begin_object().member("user_id", user).end_object();
        if (!options_.service_tier.empty() && begins("service_tier")) {
            // OpenAI's name of the usual tier.
            out_.value(options_.service_tier == "default" ? "standard_only" : options_.service_tier);
        }
    }

    json::writer out_;
    const chat_request& request_;
    const chat_options& options_;
    refusal refuse_;
    turn_writer turns_;
};

/// About as long as the body becomes, so that one allocation serves.
CHORUS_DECL std::size_t estimate_size(const chat_request& request) noexcept {
    std::size_t size = 256;
    for (const message& next : request.messages()) {
        size += 64 + next.native().json.size();
        if (const std::string* text = next.content().as_text()) size += text->size() + text->size() / 16;
    }
    for (const tool& each : request.options().tools) {
        size += 64 + each.description().size() + (each.parameters() ? each.parameters()->size() : 0);
    }
    return size;
}

template <class Write>
result<std::string> encode(const chat_request& request, Write write) {
    std::string body;
    body.reserve(estimate_size(request));
    chat_encoder encoder(body, request);
    encoder.refuse_foreign_options();
    write(encoder);
    if (encoder.failure()) return *encoder.failure();
    // It is held until the answer is there, for a replay.
    if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
    return body;
}

}  // namespace detail

CHORUS_DECL result<std::string> encode_chat(const chat_request& request, const encoding& how) {
    return detail::encode(request, [&](detail::chat_encoder& encoder) { encoder.write_chat(how); });
}

CHORUS_DECL result<std::string> encode_count_tokens(const chat_request& request) {
    return detail::encode(request, [](detail::chat_encoder& encoder) { encoder.write_count(); });
}

}  // namespace chorus::anthropic_format
