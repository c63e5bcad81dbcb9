#pragma once

#include <chorus/provider/detail/anthropic_blocks.hpp>
#include <chorus/provider/detail/token_count.hpp>

#include <algorithm>
#include <utility>

namespace chorus::anthropic_format::detail {

CHORUS_DECL block_kind kind_of(std::string_view type) noexcept {
    if (type == "text") return block_kind::text;
    if (type == "thinking") return block_kind::thinking;
    if (type == "tool_use") return block_kind::tool_use;
    return block_kind::other;
}

CHORUS_DECL bool block_members::is_cited() const noexcept {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    const std::string_view inside = citations.substr(std::min<std::size_t>(1, citations.size()));
    const auto first = std::find_if_not(inside.begin(), inside.end(), is_blank);
    return first != inside.end() && *first != ']';
}

CHORUS_DECL block_members read_block(json::reader& in) {
    block_members found;
    in.object([&](std::string_view key) {
        if (in.peek() == json::kind::null) return;
        if (key == "type") {
            std::string_view type;
            if (in.read_view(type)) found.kind = kind_of(type);
        } else if (key == "text") {
            found.text = in.raw();
        } else if (key == "thinking") {
            found.thinking = in.raw();
        } else if (key == "signature") {
            found.signature = in.raw();
        } else if (key == "id") {
            found.id = in.raw();
        } else if (key == "name") {
            found.name = in.raw();
        } else if (key == "input") {
            found.input = in.raw();
        } else if (key == "citations" && in.peek() == json::kind::array) {
            found.citations = in.raw();
        } else {
            found.has_others = true;
        }
    });
    return found;
}

CHORUS_DECL void append_text(std::string& out, std::string_view json) {
    std::string_view text;
    if (json::reader in(json); in.read_view(text)) out.append(text);
}

CHORUS_DECL std::string text_of(std::string_view json) {
    std::string text;
    append_text(text, json);
    return text;
}

CHORUS_DECL std::int64_t character_count::at(std::string_view text, std::size_t place) noexcept {
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    const char* const last = text.data() + std::min(std::max(place, counted_), text.size());
    characters_ += std::count_if(text.data() + counted_, last, begins_character);
    counted_ = static_cast<std::size_t>(last - text.data());
    return characters_;
}

CHORUS_DECL void read_citations(std::string_view array, std::int64_t begin, std::int64_t end,
                                std::vector<annotation>& into) {
    json::reader in(array);
    in.array([&] {
        annotation& source = into.emplace_back();
        source.start_index = begin;
        source.end_index = end;
        in.object([&](std::string_view key) {
            if (key == "type") {
                in.read(source.type);
            } else if (key == "url" || key == "source") {
                in.read(source.url);
            } else if (key == "title" || key == "document_title") {
                in.read(source.title);
            }
        });
        if (source.type == "web_search_result_location") source.type = "url_citation";
    });
}

CHORUS_DECL void token_counts::read(json::reader& in) {
    in.object([&](std::string_view key) {
        if (key == "input_tokens") {
            chorus::detail::read_count(in, input_);
        } else if (key == "output_tokens") {
            chorus::detail::read_count(in, output_);
        } else if (key == "cache_creation_input_tokens") {
            chorus::detail::read_count(in, cache_creation_);
        } else if (key == "cache_read_input_tokens") {
            chorus::detail::read_count(in, cache_read_);
        } else if (key == "service_tier") {
            in.read(service_tier_);
        } else if (key == "output_tokens_details") {
            in.object([&](std::string_view detail) {
                if (detail == "thinking_tokens") chorus::detail::read_count(in, thinking_);
            });
        }
    });
}

CHORUS_DECL usage token_counts::to_usage() const noexcept {
    usage counts;
    if (input_) counts.prompt_tokens = *input_ + cache_creation_.value_or(0) + cache_read_.value_or(0);
    counts.prompt.cached_tokens = cache_read_;
    counts.prompt.cache_write_tokens = cache_creation_;
    counts.completion_tokens = output_;
    counts.completion.reasoning_tokens = thinking_;
    if (counts.prompt_tokens && output_) counts.total_tokens = *counts.prompt_tokens + *output_;
    return counts;
}

CHORUS_DECL std::string_view neutral_reason(std::string_view stop_reason) noexcept {
    if (stop_reason == "end_turn" || stop_reason == "stop_sequence") return finish_reason::stop;
    if (stop_reason == "max_tokens") return finish_reason::length;
    if (stop_reason == "tool_use") return finish_reason::tool_calls;
    if (stop_reason == "refusal") return finish_reason::content_filter;
    return stop_reason;
}

CHORUS_DECL bool ending::read(std::string_view key, json::reader& in) {
    if (key == "stop_reason") {
        in.read(reason_);
    } else if (key == "stop_details") {
        in.object([&](std::string_view detail) {
            if (detail == "explanation") in.read(explanation_);
        });
    } else {
        return false;
    }
    return true;
}

CHORUS_DECL std::string ending::refusal() const {
    if (reason_ != "refusal") return {};
    return explanation_.empty() ? "The model refused to answer." : explanation_;
}

}  // namespace chorus::anthropic_format::detail
