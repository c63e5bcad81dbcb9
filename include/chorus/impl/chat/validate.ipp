#pragma once

#include <chorus/chat/validate.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus {

namespace detail {

CHORUS_DECL error refused(std::string_view param, std::string_view why) {
    error failure(errc::invalid_argument, std::string(param).append(" ").append(why));
    return failure.phase(phase::input).param(std::string(param));
}

/// Collects the first thing that is wrong with a request. Paths are made only when one is.
class request_checker {
 public:
    explicit request_checker(const chat_request& request) : request_(request) {}

    result<void> run() {
        if (request_.model().empty()) fail("model", "is missing");
        if (request_.messages().empty()) fail("messages", "is empty: add at least one message");
        check_text("model", request_.model());
        for (std::size_t i = 0; i < request_.messages().size() && !failure_; ++i) check_message(i);
        check_options(request_.options());
        if (failure_) return *failure_;
        return {};
    }

 private:
    void fail(std::string_view param, std::string_view why) {
        if (!failure_) failure_ = refused(param, why);
    }

    bool check_text(std::string_view param, std::string_view text) {
        const std::size_t bad = json::find_invalid_utf8(text);
        if (bad == text.npos) return true;
        fail(param, "is not valid UTF-8 at byte " + std::to_string(bad));
        return false;
    }

    void check_message(std::size_t index) {
        const message& next = request_.messages()[index];
        const auto path = [&] { return "messages[" + std::to_string(index) + "]"; };
        if (next.role().empty()) fail(path() + ".role", "is empty");
        if (const std::string* text = next.content().as_text(); text && !json::is_valid_utf8(*text)) {
            check_text(path() + ".content", *text);
        }
        if (next.content().as_parts()) check_parts(path() + ".content", *next.content().as_parts());
        if (!json::is_valid_utf8(next.role())) check_text(path() + ".role", next.role());
        if (next.is_plain() && next.role() != role::tool) return;
        check_rare_fields(path(), next);
    }

    void check_rare_fields(const std::string& path, const message& next) {
        check_text(path + ".name", next.name());
        check_text(path + ".refusal", next.refusal());
        check_text(path + ".audio.id", next.audio_id());
        check_text(path + ".reasoning", next.reasoning());
        if (next.role() == role::tool && next.tool_call_id().empty()) {
            fail(path + ".tool_call_id", "is empty: say which call this is the result of");
        }
        check_text(path + ".tool_call_id", next.tool_call_id());
        for (std::size_t i = 0; i < next.tool_calls().size() && !failure_; ++i) {
            check_call(path + ".tool_calls[" + std::to_string(i) + "]", next.tool_calls()[i]);
        }
        if (!next.native().json.empty()) check_json(path + ".native", next.native().json);
    }
    void check_call(const std::string& path, const tool_call& call) {
        if (call.id.empty()) fail(path + ".id", "is empty");
        const bool is_known = call.type == tool_type::function || call.type == tool_type::custom;
        if (call.name.empty() && (is_known || call.type.empty())) fail(path + ".name", "is empty");
        check_text(path + ".id", call.id);
        check_text(path + ".type", call.type);
        check_text(path + ".name", call.name);
        check_text(path + ".arguments", call.arguments);
        if (call.extra.empty()) return;
        check_json(path + ".extra", call.extra);
        if (json::reader(call.extra).peek() != json::kind::object) fail(path + ".extra", "is not a JSON object");
    }
    void check_json(std::string_view path, const std::string& text) {
        if (check_text(path, text) && !json::is_complete(text)) fail(path, "is not valid JSON");
    }

    void check_parts(const std::string& list, const std::vector<content_part>& parts) {
        for (std::size_t i = 0; i < parts.size() && !failure_; ++i) {
            const std::string path = list + "[" + std::to_string(i) + "]";
            std::visit([&](const auto& part) { check_part(path, part); }, parts[i].value);
        }
    }
    void check_part(const std::string& path, const text_part& part) { check_text(path + ".text", part.text); }
    void check_part(const std::string& path, const image_part& part) {
        if (part.url.empty() && part.id.empty()) fail(path + ".image_url.url", "is empty");
        check_text(path + ".image_url.file_id", part.id);
        check_text(path + ".image_url.url", part.url);
        check_text(path + ".image_url.detail", part.detail);
    }
    void check_part(const std::string& path, const audio_part& part) {
        check_text(path + ".input_audio.data", part.data);
        check_text(path + ".input_audio.format", part.format);
    }
    void check_part(const std::string& path, const file_part& part) {
        if (part.id.empty() && part.data.empty()) fail(path + ".file", "has neither an id nor data");
        check_text(path + ".file.file_id", part.id);
        check_text(path + ".file.filename", part.filename);
        check_text(path + ".file.file_data", part.data);
    }
    void check_part(const std::string& path, const refusal_part& part) { check_text(path + ".refusal", part.refusal); }
    void check_part(const std::string& path, const json_part& part) { check_json(path, part.json); }

    void check_range(std::string_view param, const std::optional<double>& value, double lowest, double highest) {
        if (!value || (*value >= lowest && *value <= highest)) return;
        if (!std::isfinite(*value)) return fail(param, "is not a finite number");
        const auto shown = [](double bound) { return std::to_string(static_cast<int>(bound)); };
        fail(param, highest == unbounded ? "must be at least " + shown(lowest)
                                         : "must lie between " + shown(lowest) + " and " + shown(highest));
    }
    void check_at_least(std::string_view param, const std::optional<std::int64_t>& value, std::int64_t lowest) {
        if (value && *value < lowest) fail(param, "must be at least " + std::to_string(lowest));
    }

    void check_options(const chat_options& options) {
        check_range("temperature", options.temperature, 0, unbounded);
        check_range("top_p", options.top_p, 0, 1);
        check_range("frequency_penalty", options.frequency_penalty, -2, 2);
        check_range("presence_penalty", options.presence_penalty, -2, 2);
        check_at_least("n", options.n, 1);
        check_at_least("max_completion_tokens", options.max_completion_tokens, 1);
        check_at_least("top_logprobs", options.top_logprobs, 0);
        for (const auto& [token, bias] : options.logit_bias) {
            check_range("logit_bias[" + std::to_string(token) + "]", bias, -100, 100);
        }
        if (options.timeout && *options.timeout <= options.timeout->zero()) fail("timeout", "must be positive");
        check_texts(options);
        if (options.response_format) check_response_format(*options.response_format);
        if (!options.tools.empty()) check_tools(options.tools);
        if (options.tool_choice) check_tool_choice(*options.tool_choice, options);
        check_at_least("thinking", options.thinking_tokens, 0);
        if (options.prediction) check_prediction(*options.prediction);
        check_extra(options.extra);
        for (const auto& [name, value] : options.headers) {
            const auto checked = validate_header(name, value, "headers");
            if (!checked && !failure_) failure_ = checked.error();
        }
    }

    void check_texts(const chat_options& options) {
        check_text("reasoning_effort", options.reasoning_effort);
        check_text("verbosity", options.verbosity);
        check_text("service_tier", options.service_tier);
        check_text("prompt_cache_key", options.prompt_cache_key);
        check_text("prompt_cache_options.mode", options.prompt_cache_mode);
        check_text("prompt_cache_options.ttl", options.prompt_cache_ttl);
        check_text("prompt_cache_retention", options.prompt_cache_retention);
        check_text("safety_identifier", options.safety_identifier);
        check_text("user", options.end_user);
        check_text("audio.voice", options.audio_voice);
        check_text("audio.format", options.audio_format);
        check_text("moderation.model", options.moderation_model);
        if (options.moderation_policy && options.moderation_policy->empty()) {
            fail("moderation.policy", "is not valid UTF-8");
        }
        for (const std::string& text : options.stop) check_text("stop", text);
        for (const std::string& text : options.modalities) check_text("modalities", text);
        if (options.metadata.size() > 16) fail("metadata", "has more than 16 pairs");
        for (const auto& [key, value] : options.metadata) {
            if (check_text("metadata", key)) check_text("metadata." + key, value);
        }
        if (options.web_search) {
            check_text("web_search_options.search_context_size", options.web_search->context_size());
            check_text("web_search_options.user_location.country", options.web_search->country());
            check_text("web_search_options.user_location.region", options.web_search->region());
            check_text("web_search_options.user_location.city", options.web_search->city());
            check_text("web_search_options.user_location.timezone", options.web_search->timezone());
        }
    }

    void check_response_format(const response_format& format) {
        if (format.type() != response_format::kind::json_schema) return;
        if (!is_name(format.name())) fail("response_format.json_schema.name", name_rule);
        check_text("response_format.json_schema.description", format.description());
        if (format.schema().empty()) fail("response_format.json_schema.schema", "is not valid UTF-8");
    }

    // --- tools ---

    void check_tools(const std::vector<tool>& tools) {
        for (std::size_t i = 0; i < tools.size() && !failure_; ++i) {
            const std::string path = "tools[" + std::to_string(i) + "]";
            const tool& each = tools[i];
            if (each.definition()) {
                if (each.definition()->empty()) fail(path, "is not valid UTF-8");
                continue;
            }
            if (!is_name(each.name())) fail(path + ".name", name_rule);
            if (find_tool(tools, {}, each.name()) != &each) fail(path + ".name", "is that of another tool");
            check_text(path + ".description", each.description());
            if (each.parameters() && each.parameters()->empty()) fail(path + ".parameters", "is not valid UTF-8");
            check_text(path + ".grammar", each.grammar());
            check_text(path + ".grammar.syntax", each.grammar_syntax());
        }
    }
    /// Of an empty type: of any.
    static const tool* find_tool(const std::vector<tool>& tools, std::string_view type, std::string_view name) {
        const auto same = std::find_if(tools.begin(), tools.end(), [&](const tool& each) {
            return !each.definition() && each.name() == name && (type.empty() || each.type() == type);
        });
        return same == tools.end() ? nullptr : &*same;
    }

    void check_tool_choice(const tool_choice& choice, const chat_options& options) {
        // Tools given as JSON are known to the server only.
        const auto is_opaque = [](const tool& each) { return each.definition().has_value(); };
        const bool knows_all = std::none_of(options.tools.begin(), options.tools.end(), is_opaque) &&
                               std::none_of(options.extra.begin(), options.extra.end(),
                                            [](const auto& field) { return field.first == "tools"; });
        if (choice.type() == tool_choice::kind::allowed && choice.names().empty())
            fail("tool_choice", "allows no tool");
        for (const std::string& name : choice.names()) {
            if (!check_text("tool_choice", name)) return;
            if (name.empty() || (knows_all && find_tool(options.tools, choice.tool_type(), name) == nullptr)) {
                fail("tool_choice", "names the tool '" + name + "', which the request does not have");
            }
        }
    }

    /// What OpenAI and Anthropic take for a name.
    static bool is_name(std::string_view name) {
        const auto allowed = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        };
        return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
    }
    static constexpr std::string_view name_rule = "must be 1 to 64 letters, digits, '_' or '-'";

    void check_prediction(const content& expected) {
        if (expected.as_text()) check_text("prediction.content", *expected.as_text());
        if (expected.as_parts()) check_parts("prediction.content", *expected.as_parts());
    }

    void check_extra(const string_pairs& fields) {
        for (const auto& [field, json] : fields) {
            if (field.empty()) {
                fail("extra", "must be a JSON object with named members");
            } else if (check_text("extra", field) && json.empty()) {
                fail("extra." + field, "is not valid UTF-8");
            }
        }
    }

    static constexpr double unbounded = std::numeric_limits<double>::max();

    const chat_request& request_;
    std::optional<error> failure_;
};

}  // namespace detail

CHORUS_DECL result<void> validate(const chat_request& request) {
    return detail::request_checker(request).run();
}

CHORUS_DECL result<void> validate_header(std::string_view name, std::string_view value, std::string_view param) {
    constexpr std::array<std::string_view, 4> reserved = {"host", "content-length", "transfer-encoding", "connection"};
    // A bad name is not quoted: it may hold line breaks, and errors end up in logs.
    if (!http::headers::is_valid_name(name)) return detail::refused(param, "has a name that is no HTTP token");
    const std::string path = std::string(param).append("[").append(name).append("]");
    if (std::any_of(reserved.begin(), reserved.end(), [&](auto known) { return http::equal_names(known, name); })) {
        return detail::refused(path, "belongs to the connection and cannot be set");
    }
    if (!http::headers::is_valid_value(value)) {
        return detail::refused(path, "has a value with a line break or another control character");
    }
    return {};
}

}  // namespace chorus
