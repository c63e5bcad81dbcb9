#pragma once

#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/openai_fields.hpp>
#include <chorus/provider/detail/responses_items.hpp>
#include <chorus/provider/detail/token_count.hpp>
#include <chorus/provider/error_response.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace chorus::responses_format::detail {

CHORUS_DECL item_kind kind_of(std::string_view type) noexcept {
    if (type == "message") return item_kind::message;
    if (type == "reasoning") return item_kind::reasoning;
    if (type == "function_call") return item_kind::function_call;
    if (type == "custom_tool_call") return item_kind::custom_call;
    return item_kind::other;
}

CHORUS_DECL std::int64_t count_characters(std::string_view text) noexcept {
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    return std::count_if(text.begin(), text.end(), begins_character);
}

/// Moves the places of a source behind so many characters. Far places, which a server may invent, stay what they are.
CHORUS_DECL void shift(annotation& source, std::int64_t characters) noexcept {
    constexpr std::int64_t farthest = std::int64_t{1} << 53;
    for (std::int64_t* const place : {&source.start_index, &source.end_index}) {
        if (*place >= 0 && *place < farthest) *place += characters;
    }
}

/// Appends sources of a text that begins at a character.
CHORUS_DECL void read_annotations(std::string_view array, std::int64_t first, std::vector<annotation>& into) {
    json::reader in(array);
    in.array([&] {
        annotation& source = into.emplace_back();
        in.object([&](std::string_view key) {
            if (key == "type") {
                in.read(source.type);
            } else if (key == "url") {
                in.read(source.url);
            } else if (key == "title" || key == "filename") {
                in.read(source.title);
            } else if (key == "start_index") {
                in.read(source.start_index);
            } else if (key == "end_index") {
                in.read(source.end_index);
            }
        });
        shift(source, first);
    });
}

/// A part of the content of a message or of thinking.
CHORUS_DECL void read_part(json::reader& in, output_item& out) {
    std::string type;
    std::string_view text;
    std::string_view refusal;
    std::string_view annotations;
    std::string_view tokens;
    in.object([&](std::string_view key) {
        if (key == "type") {
            in.read(type);
        } else if (key == "text") {
            text = in.raw();
        } else if (key == "refusal") {
            refusal = in.raw();
        } else if (key == "annotations") {
            annotations = in.raw();
        } else if (key == "logprobs") {
            tokens = in.raw();
        } else {
            out.has_others |= in.peek() != json::kind::null;
        }
    });
    ++out.parts;
    std::string own;
    if (type == thinking_field) {
        append_thought(out.thinking, openai_format::detail::text_of(text, own));
    } else if (type == "output_text") {
        if (annotations.starts_with('[')) read_annotations(annotations, count_characters(out.text), out.annotations);
        out.text += openai_format::detail::text_of(text, own);
    } else if (type == "refusal") {
        out.refusal += openai_format::detail::text_of(refusal, own);
    } else {
        out.has_others = true;
    }
    if (tokens.starts_with('[')) {
        json::reader list(tokens);
        list.array([&] { openai_format::detail::read_token(list, out.tokens.emplace_back()); });
    }
}

CHORUS_DECL void append_thought(std::string& to, std::string_view part) {
    if (part.empty()) return;
    if (!to.empty()) to += between_thoughts;
    to += part;
}

CHORUS_DECL output_item read_item(std::string_view json) {
    output_item found;
    std::string id;
    std::string_view arguments;
    json::reader in(json);
    in.object([&](std::string_view key) {
        if (key == "type") {
            std::string_view type;
            if (in.read_view(type)) found.kind = kind_of(type);
        } else if (key == "content") {
            in.array([&] { read_part(in, found); });
        } else if (key == "summary") {
            in.array([&] {
                std::string part;
                in.object([&](std::string_view inner) {
                    if (inner == "text") in.read(part);
                });
                append_thought(found.summary, part);
            });
        } else if (key == "id") {
            in.read(id);
        } else if (key == "call_id") {
            in.read(found.call.id);
        } else if (key == "name") {
            in.read(found.call.name);
        } else if (key == "arguments" || key == "input") {
            arguments = in.raw();
        } else if (key != "status" && key != "role") {
            found.has_others |= in.peek() != json::kind::null;
        }
    });
    if (!is_call(found.kind)) return found;
    std::string own;
    found.call.arguments = openai_format::detail::text_of(arguments, own);
    if (found.call.id.empty()) found.call.id = std::move(id);
    if (found.kind == item_kind::custom_call) found.call.type = tool_type::custom;
    return found;
}

CHORUS_DECL const std::string& output_item::thoughts(std::string_view& field) const noexcept {
    if (field.empty() && !thinking.empty()) field = thinking_field;
    if (field.empty() && !summary.empty()) field = summary_field;
    return field == thinking_field ? thinking : summary;
}

// --- answers ---

/// Decides whether an answer must keep its items: whether they say what its fields cannot.
class native_rule {
 public:
    void see(const output_item& next) noexcept {
        const bool is_message = next.kind == item_kind::message;
        is_needed_ |= next.kind == item_kind::reasoning || next.kind == item_kind::other || next.has_others;
        is_needed_ |= next.parts > 1 || !next.annotations.empty();
        is_needed_ |= is_message && had_any_;  // the fields have one text, before the calls
        had_any_ = true;
    }
    bool is_needed() const noexcept { return is_needed_; }

 private:
    bool is_needed_ = false;
    bool had_any_ = false;
};

CHORUS_DECL std::vector<std::string_view> objects_of(std::string_view array) {
    std::vector<std::string_view> objects;
    json::reader in(array);
    in.array([&] {
        if (in.peek() == json::kind::object) objects.push_back(in.raw());
    });
    return objects;
}

CHORUS_DECL void read_items(const std::vector<std::string_view>& items, choice& out) {
    answer& said = out.message;
    native_rule rule;
    for (const std::string_view json : items) {
        output_item next = read_item(json);
        rule.see(next);
        if (next.kind == item_kind::message) {
            const std::int64_t first = next.annotations.empty() ? 0 : count_characters(said.content);
            for (annotation& source : next.annotations) {
                shift(source, first);
                said.annotations.push_back(std::move(source));
            }
            said.content += next.text;
            said.refusal += next.refusal;
            if (!next.tokens.empty()) {
                auto& all = openai_format::detail::own(out.logprobs).content;
                all.insert(all.end(), std::make_move_iterator(next.tokens.begin()),
                           std::make_move_iterator(next.tokens.end()));
            }
        } else if (next.kind == item_kind::reasoning) {
            append_thought(said.reasoning, next.thoughts(said.reasoning_field));
        } else if (is_call(next.kind)) {
            if (next.call.id.empty()) next.call.id = make_tool_call_id();
            said.tool_calls.push_back(std::move(next.call));
        }
    }
    if (!rule.is_needed()) return;
    std::string list;
    json::writer writer(list);
    writer.begin_array();
    for (const std::string_view json : items) writer.raw(json::repaired(json));
    writer.end_array();
    said.native = {format_name, std::move(list)};
}

// --- responses ---

CHORUS_DECL void read_counts(json::reader& in, usage& out) {
    in.object([&](std::string_view key) {
        if (key == "input_tokens") {
            chorus::detail::read_count(in, out.prompt_tokens);
        } else if (key == "output_tokens") {
            chorus::detail::read_count(in, out.completion_tokens);
        } else if (key == "total_tokens") {
            chorus::detail::read_count(in, out.total_tokens);
        } else if (key == "input_tokens_details") {
            in.object([&](std::string_view detail) {
                if (detail == "cached_tokens") chorus::detail::read_count(in, out.prompt.cached_tokens);
                if (detail == "cache_write_tokens") chorus::detail::read_count(in, out.prompt.cache_write_tokens);
            });
        } else if (key == "output_tokens_details") {
            in.object([&](std::string_view detail) {
                if (detail == "reasoning_tokens") chorus::detail::read_count(in, out.completion.reasoning_tokens);
            });
        }
    });
}

CHORUS_DECL response_state read_response(json::reader& in, chat_completion& into) {
    response_state found;
    in.object([&](std::string_view key) {
        if (key == "output") {
            found.output = in.raw();
        } else if (key == "status") {
            in.read(found.status);
        } else if (key == "id") {
            in.read(into.id);
        } else if (key == "model") {
            in.read(into.model);
        } else if (key == "created_at") {
            openai_format::detail::read_time(in, into.created);
        } else if (key == "service_tier") {
            in.read(into.service_tier);
        } else if (key == "usage") {
            read_counts(in, into.usage);
        } else if (key == "error") {
            found.has_error = openai_format::detail::is_error(in.raw());
        } else if (key == "incomplete_details") {
            in.object([&](std::string_view detail) {
                if (detail == "reason") in.read(found.reason);
            });
        }
    });
    return found;
}

CHORUS_DECL std::string response_state::finish_reason(bool has_calls) const {
    namespace words = chorus::finish_reason;
    if (status.empty() || status == "completed") return std::string(has_calls ? words::tool_calls : words::stop);
    if (status != "incomplete" || reason.empty()) return status;
    return reason == "max_output_tokens" ? std::string(words::length) : reason;
}

/// Tells codes apart that come with no type and no status: those that blame the request.
/// OpenAI API reference, "Responses", the object of errors.
CHORUS_DECL bool blames_request(std::string_view code) noexcept {
    return code.starts_with("invalid_") || code.ends_with("_policy") || code.find("image") != code.npos ||
           code == "data_residency_mismatch";
}

CHORUS_DECL error failure_of(http::response received, std::chrono::system_clock::time_point now) {
    const int status = received.status;
    const error_body words = read_error_body(received.body);
    const bool is_known = chorus::detail::status_of_words(words.type, words.code) != 0;
    if (!is_known && blames_request(words.code)) received.status = 400;
    error failure = decode_error(std::move(received), now);
    failure.http_status(status);
    if (failure.text().empty()) failure.text("the response has failed");
    return failure;
}

}  // namespace chorus::responses_format::detail
