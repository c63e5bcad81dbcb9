#pragma once

#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/openai_fields.hpp>
#include <chorus/provider/detail/token_count.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <utility>

namespace chorus::openai_format::detail {

CHORUS_DECL bool is_error(std::string_view json) noexcept {
    return !json.empty() && json != "null" && json != "false" && json != "\"\"" && json != "{}" && json != "0";
}

CHORUS_DECL void read_time(json::reader& in, std::optional<std::chrono::sys_seconds>& out) {
    std::int64_t seconds = 0;
    if (in.read(seconds)) out = std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

CHORUS_DECL void append_text(json::reader& in, std::string& out) {
    std::string_view text;
    if (in.read_view(text)) out.append(text);
}

CHORUS_DECL void read_texts(json::reader& in, std::string& out) {
    in.array([&] {
        in.object([&](std::string_view key) {
            if (key == "text") append_text(in, out);
        });
    });
}

CHORUS_DECL void read_annotation(json::reader& in, annotation& out) {
    in.object([&](std::string_view key) {
        if (key == "type") {
            in.read(out.type);
        } else if (key == "url_citation") {
            in.object([&](std::string_view inner) {
                if (inner == "url") {
                    in.read(out.url);
                } else if (inner == "title") {
                    in.read(out.title);
                } else if (inner == "start_index") {
                    in.read(out.start_index);
                } else if (inner == "end_index") {
                    in.read(out.end_index);
                }
            });
        }
    });
}

CHORUS_DECL bool read_annotations(std::string_view list, std::vector<annotation>& out) {
    bool is_known = true;
    json::reader in(list);
    in.array([&] {
        read_annotation(in, out.emplace_back());
        is_known = is_known && out.back().type == "url_citation";
    });
    return is_known;
}

CHORUS_DECL void read_audio(json::reader& in, audio_answer& out) {
    in.object([&](std::string_view key) {
        if (key == "id") {
            in.read(out.id);
        } else if (key == "data") {
            append_text(in, out.data);
        } else if (key == "transcript") {
            append_text(in, out.transcript);
        } else if (key == "expires_at") {
            read_time(in, out.expires_at);
        }
    });
}

// --- log probabilities ---

CHORUS_DECL void read_token(json::reader& in, token_logprob& out) {
    in.object([&](std::string_view key) {
        if (key == "token") {
            in.read(out.token);
        } else if (key == "logprob") {
            in.read(out.logprob);
        } else if (key == "bytes") {
            in.array([&] {
                int byte = 0;
                if (in.read(byte)) out.bytes.push_back(static_cast<std::uint8_t>(byte));
            });
        } else if (key == "top_logprobs") {
            in.array([&] { read_token(in, out.top.emplace_back()); });
        }
    });
}

CHORUS_DECL void read_logprobs(json::reader& in, logprobs& out) {
    in.object([&](std::string_view key) {
        if (key == "content") {
            in.array([&] { read_token(in, out.content.emplace_back()); });
        } else if (key == "refusal") {
            in.array([&] { read_token(in, out.refusal.emplace_back()); });
        }
    });
}

// --- usage ---

CHORUS_DECL void read_prompt_details(json::reader& in, usage::prompt_details& out) {
    in.object([&](std::string_view key) {
        if (key == "cached_tokens") {
            chorus::detail::read_count(in, out.cached_tokens);
        } else if (key == "cache_write_tokens") {
            chorus::detail::read_count(in, out.cache_write_tokens);
        } else if (key == "audio_tokens") {
            chorus::detail::read_count(in, out.audio_tokens);
        } else if (key == "image_tokens") {
            chorus::detail::read_count(in, out.image_tokens);
        } else if (key == "text_tokens") {
            chorus::detail::read_count(in, out.text_tokens);
        }
    });
}

CHORUS_DECL void read_completion_details(json::reader& in, usage::completion_details& out) {
    in.object([&](std::string_view key) {
        if (key == "reasoning_tokens") {
            chorus::detail::read_count(in, out.reasoning_tokens);
        } else if (key == "audio_tokens") {
            chorus::detail::read_count(in, out.audio_tokens);
        } else if (key == "text_tokens") {
            chorus::detail::read_count(in, out.text_tokens);
        } else if (key == "accepted_prediction_tokens") {
            chorus::detail::read_count(in, out.accepted_prediction_tokens);
        } else if (key == "rejected_prediction_tokens") {
            chorus::detail::read_count(in, out.rejected_prediction_tokens);
        }
    });
}

CHORUS_DECL bool read_usage(json::reader& in, usage& out) {
    in.object([&](std::string_view key) {
        if (key == "prompt_tokens") {
            chorus::detail::read_count(in, out.prompt_tokens);
        } else if (key == "completion_tokens") {
            chorus::detail::read_count(in, out.completion_tokens);
        } else if (key == "total_tokens") {
            chorus::detail::read_count(in, out.total_tokens);
        } else if (key == "prompt_tokens_details") {
            read_prompt_details(in, out.prompt);
        } else if (key == "completion_tokens_details") {
            read_completion_details(in, out.completion);
        } else if (key == "prompt_cache_hit_tokens" && !out.prompt.cached_tokens) {
            chorus::detail::read_count(in, out.prompt.cached_tokens);  // DeepSeek
        }
    });
    return out.prompt_tokens || out.completion_tokens || out.total_tokens || out.prompt.cached_tokens;
}

// --- tool calls ---

CHORUS_DECL void read_called(json::reader& in, call_members& out) {
    in.object([&](std::string_view key) {
        if (key == "name") {
            out.name = in.raw();
        } else if (key == "arguments" || key == "input") {
            out.arguments = in.raw();
        }
    });
}

CHORUS_DECL void read_call(json::reader& in, call_members& out) {
    in.object([&](std::string_view key) {
        if (key == "index") {
            in.read(out.index);
        } else if (key == "function") {
            read_called(in, out);
        } else if (key == "id") {
            out.id = in.raw();
        } else if (key == "type") {
            out.type = in.raw();
        } else if (key == "custom") {
            out.is_custom = in.peek() == json::kind::object;
            read_called(in, out);
        } else if (key == "extra_content") {
            out.extra_content = in.raw();
        }
    });
}

CHORUS_DECL std::string extra_of(const call_members& call, std::string_view type, std::string_view json) {
    std::string extra;
    json::writer out(extra);
    if (type == tool_type::function || type == tool_type::custom || type.empty()) {
        if (call.extra_content.empty() || call.extra_content == "null") return {};
        out.begin_object().key("extra_content").raw(call.extra_content).end_object();
        return json::is_valid_utf8(extra) ? extra : json::repaired(extra);
    }
    out.begin_object();
    json::reader in(json);
    in.object([&](std::string_view key) {
        if (key == "id" || key == "type" || key == "index") return;
        out.key(key);
        out.raw(in.raw());
    });
    out.end_object();
    if (extra == "{}") return {};
    return json::is_valid_utf8(extra) ? extra : json::repaired(extra);
}

// --- texts ---

CHORUS_DECL std::string_view text_of(std::string_view json, std::string& own) {
    if (json.empty() || json == "null") return {};
    if (json.front() != '"') {
        if (json::is_valid_utf8(json) && json.find("\\u") == json.npos) return json;
        own = json::repaired(json);
        return own;
    }
    const std::string_view bare = json.substr(1, json.size() - 2);
    if (bare.find('\\') == bare.npos && json::is_valid_utf8(bare)) return bare;
    json::reader(json).read(own);
    return own;
}

// --- what goes back as it came ---

CHORUS_DECL bool says_something(std::string_view json) noexcept {
    if (json.empty() || json == "null") return false;
    const bool is_enclosed = json.front() == '[' || json.front() == '{' || json.front() == '"';
    return !is_enclosed || !chorus::detail::trimmed(json.substr(1, json.size() - 2)).empty();
}

CHORUS_DECL bool keep_member(string_pairs& kept, std::string_view name, std::string_view json) {
    if (!says_something(json) || !json::is_valid_utf8(json) || !json::is_valid_utf8(name)) return false;
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const auto& each) { return each.first == name; });
    if (same == kept.end()) {
        kept.emplace_back(name, json);
    } else if (std::string& before = same->second; before == json) {
        return false;
    } else if (before.front() == '[' && json.front() == '[') {
        before.back() = ',';
        before.append(json.substr(1));
    } else {
        before = json;
    }
    return true;
}

CHORUS_DECL void native_content::add(std::string_view content, std::size_t own_length, std::string_view part) {
    if (!json::is_valid_utf8(part)) return;
    if (parts_.empty()) parts_ = "[";
    const std::size_t fresh = content.size() - shown_;
    add_text(parts_, content.substr(shown_, fresh - std::min(own_length, fresh)));
    if (parts_.size() > 1) parts_ += ',';
    parts_ += part;
    shown_ = content.size();
}

CHORUS_DECL void native_content::add_text(std::string& parts, std::string_view text) const {
    if (text.empty()) return;
    if (parts.size() > 1) parts += ',';
    json::writer(parts).begin_object().member("type", "text").member("text", text).end_object();
}

CHORUS_DECL std::string native_content::to_json(std::string_view content) const {
    std::string list = parts_;
    if (list.empty()) return list;
    add_text(list, content.substr(shown_));
    list += ']';
    return list;
}

CHORUS_DECL part_texts read_part(std::string_view json) {
    part_texts part;
    std::string_view type;
    json::reader in(json);
    if (in.peek() == json::kind::string) {
        append_text(in, part.text);
        part.is_known = true;
        return part;
    }
    in.object([&](std::string_view key) {
        if (key == "type") {
            type = in.raw();
        } else if (key == "text") {
            append_text(in, part.text);
            part.is_known = true;
        } else if (key == "refusal") {
            append_text(in, part.refusal);
            part.is_known = true;
        } else if (key == "thinking") {
            part.is_known = true;
            if (in.peek() == json::kind::array) {
                read_texts(in, part.thinking);
            } else {
                append_text(in, part.thinking);
            }
        }
    });
    // Some servers leave the type of texts out.
    const bool is_of_known_type =
        !says_something(type) || type == "\"text\"" || type == "\"refusal\"" || type == "\"thinking\"";
    part.is_known = part.is_known && is_of_known_type;
    return part;
}

CHORUS_DECL native_answer make_native(const string_pairs& members, const native_content& parts,
                                      std::string_view content) {
    native_answer native;
    const std::string list = parts.to_json(content);
    if (members.empty() && list.empty()) return native;
    native.format = native_format;
    json::writer out(native.json);
    out.begin_object();
    if (!list.empty()) out.key("content").raw(list);
    for (const auto& [name, value] : members) out.key(name).raw(value);
    out.end_object();
    return native;
}

}  // namespace chorus::openai_format::detail
