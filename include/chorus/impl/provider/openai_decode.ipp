#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/provider/detail/openai_fields.hpp>
#include <chorus/provider/detail/think_splitter.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/provider/openai_decode.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::openai_format {

namespace detail {

/// Reads one response. Members come in any order, with any of them missing or null.
class chat_decoder {
 public:
    chat_decoder(std::string_view body, bool has_think_tags) : in_(body), has_think_tags_(has_think_tags) {}

    result<void> run() {
        in_.object([&](std::string_view key) {
            if (key == "choices") {
                has_choices = in_.array([&] { read_choice(); });
            } else if (key == "error") {
                has_error = is_error(in_.raw()) || has_error;
            } else if (key == "object") {
                std::string_view object;
                has_error = (in_.read_view(object) && object == "error") || has_error;
            } else if (key == "id") {
                in_.read(completion.id);
            } else if (key == "model") {
                in_.read(completion.model);
            } else if (key == "created") {
                read_time(in_, completion.created);
            } else if (key == "usage") {
                read_usage(in_, completion.usage);
            } else if (key == "service_tier") {
                in_.read(completion.service_tier);
            } else if (key == "system_fingerprint") {
                in_.read(completion.system_fingerprint);
            }
        });
        return in_.finish();
    }

    chat_completion completion;
    bool has_choices = false;
    bool has_error = false;

 private:
    void read_choice() {
        choice next;
        next.index = static_cast<int>(completion.choices.size());
        in_.object([&](std::string_view key) {
            if (key == "message") {
                read_message(next.message);
            } else if (key == "finish_reason") {
                in_.read(next.finish_reason);
            } else if (key == "index") {
                in_.read(next.index);
            } else if (key == "logprobs" && in_.peek() == json::kind::object) {
                read_logprobs(in_, own(next.logprobs));
            }
        });
        completion.choices.push_back(std::move(next));
    }

    void read_message(answer& out) {
        std::string_view legacy_call;
        string_pairs kept;
        native_content parts;
        bool is_one_text = false;
        in_.object([&](std::string_view key) {
            if (key == "content") {
                is_one_text = read_content(out, parts);
            } else if (key == "role") {
                in_.read(out.role);
            } else if (key == "refusal") {
                in_.read(out.refusal);
            } else if (key == "reasoning_content" || key == "reasoning") {
                std::string text;
                const std::string_view field = reasoning_fields[key == "reasoning"];
                if (in_.peek() == json::kind::string && in_.read(text)) keep_reasoning(out, field, std::move(text));
            } else if (key == "reasoning_details") {
                keep_details(out, kept, in_.raw());
            } else if (key == "tool_calls") {
                in_.array([&] { keep_call(out, in_.raw()); });
            } else if (key == "annotations") {
                const std::string_view list = in_.raw();
                if (list == "[]" || read_annotations(list, out.annotations)) return;
                keep_member(kept, "annotations", list);
            } else if (key == "audio" && in_.peek() == json::kind::object) {
                read_audio(in_, own(out.audio));
            } else if (key == "function_call") {
                legacy_call = in_.raw();
            } else {
                std::string name(key);
                keep_member(kept, name, in_.raw());
            }
        });
        if (out.role.empty()) out.role = role::assistant;
        if (has_think_tags_ && is_one_text && out.reasoning.empty()) split(out);
        if (!legacy_call.empty() && out.tool_calls.empty()) keep_legacy_call(out, legacy_call);
        if (!kept.empty() || !parts.empty()) out.native = make_native(kept, parts, out.content);
    }

    static void split(answer& out) {
        think_splitter splitter;
        const std::string content = std::exchange(out.content, {});
        const auto keep = [&](const think_splitter::parts& found) {
            out.reasoning.append(found.thinking);
            out.content.append(found.text);
        };
        keep(splitter.take(content));
        keep(splitter.finish());
        if (!out.reasoning.empty()) out.reasoning_field = think_splitter::field;
    }

    static void keep_call(answer& out, std::string_view json) {
        json::reader in(json);
        if (in.peek() != json::kind::object) return;
        call_members members;
        read_call(in, members);
        tool_call& call = out.tool_calls.emplace_back();
        std::string own;
        const std::string_view type = text_of(members.type, own);
        call.type = !type.empty() ? type : members.is_custom ? tool_type::custom : tool_type::function;
        call.extra = extra_of(members, call.type, json);
        keep_called(call, members);
    }
    static void keep_legacy_call(answer& out, std::string_view json) {
        json::reader in(json);
        if (in.peek() != json::kind::object) return;
        call_members members;
        read_called(in, members);
        keep_called(out.tool_calls.emplace_back(), members);
    }
    static void keep_called(tool_call& call, const call_members& members) {
        std::string own;
        call.id = text_of(members.id, own);
        if (call.id.empty()) call.id = make_tool_call_id();
        call.name = text_of(members.name, own);
        call.arguments = text_of(members.arguments, own);
    }

    static void keep_details(answer& out, string_pairs& kept, std::string_view details) {
        keep_member(kept, reasoning_fields[2], details);
        json::reader in(details);
        if (in.peek() != json::kind::array) return;
        std::string text;
        read_texts(in, text);
        keep_reasoning(out, reasoning_fields[2], std::move(text));
    }

    static void keep_reasoning(answer& out, std::string_view field, std::string text) {
        if (text.empty()) return;
        const auto rank = [](std::string_view name) {
            return std::find(reasoning_fields.begin(), reasoning_fields.end(), name);
        };
        if (rank(out.reasoning_field) <= rank(field)) return;
        out.reasoning = std::move(text);
        out.reasoning_field = *rank(field);
    }

    /// A text, or parts. Returns whether it was a text.
    /// Of several contents the last counts, as with most readers of JSON.
    bool read_content(answer& out, native_content& parts) {
        out.content.clear();
        parts = {};
        if (in_.peek() != json::kind::array) return in_.read(out.content);
        std::string thinking;
        in_.array([&] {
            const std::string_view json = in_.raw();
            const part_texts part = read_part(json);
            out.content += part.text;
            out.refusal += part.refusal;
            thinking += part.thinking;
            if (!part.is_known) parts.add(out.content, part.text.size(), json);
        });
        keep_reasoning(out, reasoning_fields[3], std::move(thinking));
        return false;
    }

    json::reader in_;
    const bool has_think_tags_;
};

CHORUS_DECL error decode_failure(error failure, http::response received) {
    failure.phase(phase::decode).http_status(received.status);
    failure.request_id(std::string(find_request_id(received.headers)));
    failure.body(std::move(received.body));
    return failure;
}

}  // namespace detail

CHORUS_DECL result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now,
                                              const openai_quirks& quirks) {
    if (received.status < 200 || received.status > 299) return decode_error(std::move(received), now);
    detail::chat_decoder decoder(received.body, quirks.has_think_tags());
    if (auto read = decoder.run(); !read) return detail::decode_failure(read.error(), std::move(received));
    // OpenRouter puts the error of a model beside what that had said.
    if (decoder.has_error) return decode_error(std::move(received), now);
    if (decoder.completion.choices.empty()) {
        if (read_error_body(received.body).found) return decode_error(std::move(received), now);
        if (!decoder.has_choices) {
            error missing(errc::decode_failed, "the response has no list of choices");
            return detail::decode_failure(std::move(missing), std::move(received));
        }
    }
    return chat_response(std::move(decoder.completion), std::move(received), &policy::parse_rate_limits, now);
}

}  // namespace chorus::openai_format
