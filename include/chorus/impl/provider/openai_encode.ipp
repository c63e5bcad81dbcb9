#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/openai_fields.hpp>
#include <chorus/provider/detail/web_url.hpp>
#include <chorus/provider/openai_encode.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace chorus::openai_format {

namespace detail {

/// Writes one request. A field that `extra` names is left to it, so that no name occurs twice.
class chat_encoder {
 public:
    chat_encoder(std::string& body, const chat_request& request, const openai_quirks& quirks, delivery how)
        : out_(body), request_(request), options_(request.options()), quirks_(quirks), delivery_(how) {}

    void run() {
        out_.begin_object();
        field("model", request_.model());
        write_messages();
        if (delivery_ == delivery::stream) write_stream();
        write_sampling();
        write_output_form();
        write_tools();
        write_handling();
        for (const auto& [name, json] : options_.extra) out_.key(name).raw(json);
        out_.end_object();
    }

    /// The path of what the server has not, by its quirks or by the format, and why; empty if there is nothing.
    const std::string& refused() const noexcept { return refused_; }
    std::string_view why_refused() const noexcept { return why_refused_; }

 private:
    using treatment = openai_quirks::treatment;

    /// Writes the name of a top-level field, unless it is left out.
    bool begins(std::string_view name) {
        if (!quirks_.fields().empty() && !is_known(name)) return false;
        const auto same = [&](const auto& given) { return given.first == name; };
        if (std::any_of(options_.extra.begin(), options_.extra.end(), same)) return false;
        out_.key(name);
        return true;
    }
    /// Applies what the quirks say of a field.
    bool is_known(std::string_view& name) {
        const openai_quirks::field* const known = quirks_.find(name);
        if (known == nullptr) return true;
        if (known->treatment == treatment::refuse && refused_.empty()) refused_ = name;
        if (known->treatment == treatment::rename) name = known->to;
        return known->treatment == treatment::rename;
    }
    /// The same of a field within messages; its place makes the path.
    template <class MakePath>
    bool has_message_field(std::string_view name, MakePath&& make_path) {
        if (quirks_.fields().empty()) return true;
        const openai_quirks::field* const known = quirks_.find(name);
        if (known == nullptr) return true;
        if (known->treatment == treatment::refuse && refused_.empty()) refused_ = make_path();
        return false;
    }
    std::string_view sent_name(std::string_view name) const {
        const openai_quirks::field* const known = quirks_.find(name);
        return known != nullptr && known->treatment == treatment::rename ? std::string_view(known->to) : name;
    }

    void refuse(std::string path, std::string_view why) {
        if (!refused_.empty()) return;
        refused_ = std::move(path);
        why_refused_ = why;
    }
    bool refuses(std::string_view name) const {
        const openai_quirks::field* const known = quirks_.find(name);
        return known != nullptr && known->treatment == treatment::refuse;
    }

    void field(std::string_view name, const std::string& text) {
        if (!text.empty() && begins(name)) out_.value(text);
    }
    template <class Value>
    void field(std::string_view name, const std::optional<Value>& value) {
        if (value && begins(name)) out_.value(*value);
    }
    /// A field whose usual value changes nothing.
    template <class Value>
    void field(std::string_view name, const std::optional<Value>& value, Value usual) {
        if (value && !(*value == usual && refuses(name)) && begins(name)) out_.value(*value);
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

    // --- messages ---

    void write_messages() {
        if (!begins("messages")) return;
        out_.begin_array();
        for (const message& next : request_.messages()) {
            out_.begin_object().member("role", sent_role(next.role()));
            if (next.is_plain()) {
                out_.key("content");
                write_content(next.content());
            } else {
                write_rest(next);
            }
            out_.end_object();
            ++message_;
        }
        out_.end_array();
    }
    std::string_view sent_role(const std::string& role) const {
        return quirks_.is_developer_system() && role == role::developer ? role::system : std::string_view(role);
    }

    void write_rest(const message& next) {
        const auto path = [&] { return "messages[" + std::to_string(message_) + "].name"; };
        if (!next.name().empty() && has_message_field("messages.name", path)) out_.member("name", next.name());
        inner("tool_call_id", next.tool_call_id());
        const std::string_view reasoning_field = field_of_reasoning(next);
        const bool echoes = quirks_.echoes_native() && next.native().format == native_format;
        const std::string_view parts = echoes ? native_parts(next.native().json) : std::string_view();
        out_.key("content");
        if (reasoning_field == "thinking") {
            write_thinking(next, parts);
        } else if (!parts.empty()) {
            out_.raw(parts);
        } else if (next.content().empty() &&
                   !(next.refusal().empty() && next.audio_id().empty() && next.tool_calls().empty())) {
            out_.null();
        } else {
            write_content(next.content());
        }
        if (!reasoning_field.empty() && reasoning_field != "thinking") {
            out_.member(reasoning_field, next.reasoning());
        }
        inner("refusal", next.refusal());
        if (!next.audio_id().empty()) {
            out_.key("audio").begin_object().member("id", next.audio_id()).end_object();
        }
        if (!next.tool_calls().empty()) {
            out_.key("tool_calls").begin_array();
            for (const tool_call& call : next.tool_calls()) write_call(call);
            out_.end_array();
        }
        if (echoes) {
            const std::array own = {std::string_view("role"),       std::string_view("content"),
                                    std::string_view("refusal"),    std::string_view("audio"),
                                    std::string_view("name"),       std::string_view("tool_call_id"),
                                    std::string_view("tool_calls"), reasoning_field};
            write_members(next.native().json, own);
        }
    }

    /// The parts that go back as they came, in place of the content; empty if there are none.
    static std::string_view native_parts(std::string_view members) {
        std::string_view parts;
        json::reader in(members);
        in.object([&](std::string_view key) {
            if (key == "content" && in.peek() == json::kind::array) parts = in.raw();
        });
        return parts;
    }

    /// The name that the thinking of a message goes back under; empty if it does not.
    std::string_view field_of_reasoning(const message& next) const {
        if (next.reasoning().empty()) return {};
        switch (quirks_.when_to_echo_reasoning()) {
            case reasoning_echo::never:
                return {};
            case reasoning_echo::with_tool_calls:
                if (next.tool_calls().empty()) return {};
                break;
            case reasoning_echo::always:
                break;
        }
        if (!quirks_.reasoning_field().empty()) return quirks_.reasoning_field();
        // The other names stand for parts, which only the servers that they come from take.
        const std::string_view name = next.reasoning_field();
        return name == "reasoning_content" || name == "reasoning" ? name : std::string_view();
    }

    /// Mistral: https://docs.mistral.ai/capabilities/reasoning/
    void write_thinking(const message& next, std::string_view parts) {
        out_.begin_array().begin_object().member("type", "thinking").key("thinking").begin_array();
        out_.begin_object().member("type", "text").member("text", next.reasoning()).end_object();
        out_.end_array().end_object();
        if (!parts.empty()) {
            json::reader in(parts);
            in.array([&] { out_.raw(in.raw()); });
        } else if (const std::string* text = next.content().as_text()) {
            if (!text->empty()) out_.begin_object().member("type", "text").member("text", *text).end_object();
        } else {
            write_parts(*next.content().as_parts());
        }
        out_.end_array();
    }

    void write_call(const tool_call& call) {
        const std::string_view type = call.type.empty() ? tool_type::function : std::string_view(call.type);
        const bool is_function = type == tool_type::function;
        out_.begin_object().member("id", call.id).member("type", type);
        if (is_function || type == tool_type::custom) {
            const bool says_none = is_function && call.arguments.empty();
            out_.key(type).begin_object().member("name", call.name);
            out_.member(is_function ? "arguments" : "input", says_none ? std::string_view("{}") : call.arguments);
            out_.end_object();
            if (!quirks_.echoes_native()) return close_call();
        }
        if (!call.extra.empty()) {
            const std::array<std::string_view, 3> own = {"id", "type", type};
            write_members(call.extra, std::span(own).first(is_function || type == tool_type::custom ? 3 : 2));
        }
        close_call();
    }
    void close_call() { out_.end_object(); }

    /// The members of an object, without those that have been written.
    void write_members(std::string_view object, std::span<const std::string_view> written) {
        json::reader in(object);
        in.object([&](std::string_view name) {
            if (std::find(written.begin(), written.end(), name) != written.end()) return;
            out_.key(name);
            out_.raw(in.raw());
        });
    }

    void write_content(const content& what) {
        if (const std::string* text = what.as_text()) {
            out_.value(*text);
            return;
        }
        out_.begin_array();
        write_parts(*what.as_parts());
        out_.end_array();
    }
    void write_parts(const std::vector<content_part>& parts) {
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const content_part& part = parts[i];
            if (const auto* raw = std::get_if<json_part>(&part.value)) {
                out_.raw(raw->json);
                continue;
            }
            if (!quirks_.fields().empty() && !has_part(part, i)) continue;
            out_.begin_object();
            part_ = i;
            std::visit([&](const auto& value) { write_part(value); }, part.value);
            if (part.cache_breakpoint && has_mark(i)) {
                out_.key("prompt_cache_breakpoint").begin_object().member("mode", "explicit").end_object();
            }
            out_.end_object();
        }
    }
    bool has_part(const content_part& part, std::size_t index) {
        // In the order of the alternatives.
        static constexpr std::array<std::string_view, 5> names = {"text", "image_url", "input_audio", "file",
                                                                  "refusal"};
        const std::string_view name = names[part.value.index()];
        return has_message_field(std::string("messages.content.").append(name), [&] { return part_path(index, name); });
    }
    bool has_mark(std::size_t index) {
        constexpr std::string_view name = "prompt_cache_breakpoint";
        return has_message_field("messages.content.prompt_cache_breakpoint", [&] { return part_path(index, name); });
    }
    std::string part_path(std::size_t index, std::string_view name) const {
        return "messages[" + std::to_string(message_) + "].content[" + std::to_string(index) + "]." + std::string(name);
    }
    void write_part(const text_part& part) { out_.member("type", "text").member("text", part.text); }
    void write_part(const refusal_part& part) { out_.member("type", "refusal").member("refusal", part.refusal); }
    void write_part(const image_part& part) {
        if (part.url.empty()) {
            refuse(part_path(part_, "image_url.file_id"), "is something that OpenAI's chat format has not");
        } else if (!quirks_.is_fetching_images() && chorus::detail::is_web_url(part.url)) {
            refuse(part_path(part_, "image_url.url"),
                   "is the address of an image, and this server takes only its bytes");
        }
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

    // --- options ---

    void write_stream() {
        if (begins("stream")) out_.value(true);
        const bool usage = options_.stream_usage.value_or(quirks_.asks_stream_usage());
        if ((usage || options_.stream_obfuscation) && begins("stream_options")) {
            out_.begin_object();
            if (usage) out_.member("include_usage", true);
            if (options_.stream_obfuscation) out_.member("include_obfuscation", *options_.stream_obfuscation);
            out_.end_object();
        }
    }

    void write_sampling() {
        field("temperature", options_.temperature);
        field("top_p", options_.top_p);
        field("frequency_penalty", options_.frequency_penalty);
        field("presence_penalty", options_.presence_penalty);
        field("seed", options_.seed);
        field("n", options_.n, std::int64_t{1});
        field("max_completion_tokens", options_.max_completion_tokens);
        const bool is_limit_written = options_.max_tokens && options_.max_completion_tokens &&
                                      sent_name("max_tokens") == sent_name("max_completion_tokens");
        if (!is_limit_written) field("max_tokens", options_.max_tokens);
        field("logprobs", options_.logprobs, false);
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
                out_.begin_object().member("type", "json_schema");
                if (!quirks_.has_flat_schema()) {
                    out_.key("json_schema").begin_object().member("name", format.name());
                    inner("description", format.description());
                    if (format.is_strict()) out_.member("strict", *format.is_strict());
                }
                out_.key("schema").raw(format.schema());
                if (!quirks_.has_flat_schema()) out_.end_object();
                out_.end_object();
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

    // --- tools ---

    void write_tools() {
        if (!options_.tools.empty() && begins("tools")) {
            out_.begin_array();
            for (const tool& each : options_.tools) write_tool(each);
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
        out_.begin_object().member("type", what.type()).key(what.type()).begin_object().member("name", what.name());
        inner("description", what.description());
        if (what.type() == tool_type::function) {
            const bool is_strict = what.is_strict().value_or(false);
            // Some servers want a schema of every function; a strict one closes its objects.
            const std::string_view none = is_strict ? R"({"type":"object","properties":{},"required":[],)"
                                                      R"("additionalProperties":false})"
                                                    : R"({"type":"object","properties":{}})";
            out_.key("parameters").raw(what.parameters() ? std::string_view(*what.parameters()) : none);
            if (what.is_strict()) out_.member("strict", is_strict);
        } else if (!what.grammar().empty()) {
            out_.key("format").begin_object().member("type", "grammar").key("grammar").begin_object();
            out_.member("syntax", what.grammar_syntax()).member("definition", what.grammar());
            out_.end_object().end_object();
        }
        out_.end_object().end_object();
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
                out_.value(quirks_.required_word());
                return;
            case tool_choice::kind::one:
                write_tool_name(choice.tool_type(), choice.names().front());
                return;
            case tool_choice::kind::allowed:
                out_.begin_object().member("type", "allowed_tools").key("allowed_tools").begin_object();
                out_.member("mode", choice.is_call_required() ? "required" : "auto").key("tools").begin_array();
                for (const std::string& name : choice.names()) write_tool_name(choice.tool_type(), name);
                out_.end_array().end_object().end_object();
        }
    }
    void write_tool_name(const std::string& type, const std::string& name) {
        out_.begin_object().member("type", type).key(type).begin_object().member("name", name);
        out_.end_object().end_object();
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
    const openai_quirks& quirks_;
    delivery delivery_;
    std::size_t message_ = 0;  // the index of the one that is being written
    std::size_t part_ = 0;     // and of its part
    std::string refused_;
    std::string_view why_refused_ = "is something that this server does not take";
};

/// About as long as the body becomes, so that one allocation serves.
CHORUS_DECL std::size_t estimate_size(const chat_request& request) noexcept {
    std::size_t size = 256;
    for (const message& next : request.messages()) {
        size += 64;
        if (const std::string* text = next.content().as_text()) size += text->size() + text->size() / 16;
        if (next.is_plain()) continue;
        for (const tool_call& call : next.tool_calls()) size += 96 + call.arguments.size() + call.arguments.size() / 8;
    }
    for (const tool& each : request.options().tools) {
        size += 96 + each.description().size() + (each.parameters() ? each.parameters()->size() : 0);
    }
    return size;
}

CHORUS_DECL error refuse_field(const std::string& path, std::string_view why) {
    error failure(errc::invalid_argument, std::string(path).append(" ").append(why));
    return failure.phase(phase::input).param(path);
}

}  // namespace detail

CHORUS_DECL result<std::string> encode_chat(const chat_request& request, const openai_quirks& quirks, delivery how) {
    std::string body;
    body.reserve(detail::estimate_size(request));
    detail::chat_encoder encoder(body, request, quirks, how);
    encoder.run();
    if (!encoder.refused().empty()) return detail::refuse_field(encoder.refused(), encoder.why_refused());
    // It is held until the answer is there, for a replay.
    if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
    return body;
}

}  // namespace chorus::openai_format
