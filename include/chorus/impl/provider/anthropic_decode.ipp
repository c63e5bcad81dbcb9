#pragma once

#include <chorus/json/text.hpp>
#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/provider/anthropic_decode.hpp>
#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/detail/anthropic_blocks.hpp>
#include <chorus/provider/detail/token_count.hpp>
#include <chorus/provider/error_response.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace chorus::anthropic_format {

namespace detail {

/// Reads one message. Members come in any order, with any of them missing or null.
class message_decoder {
 public:
    explicit message_decoder(std::string_view body) : in_(body) {}

    result<void> run() {
        choice& only = completion.choices.emplace_back();
        token_counts counts;
        ending end;
        std::string_view content;
        in_.object([&](std::string_view key) {
            if (key == "content") {
                has_content = in_.peek() == json::kind::array;
                content = in_.raw();
            } else if (key == "id") {
                in_.read(completion.id);
            } else if (key == "model") {
                in_.read(completion.model);
            } else if (key == "role") {
                in_.read(only.message.role);
            } else if (key == "usage") {
                counts.read(in_);
            } else {
                end.read(key, in_);
            }
        });
        only.finish_reason = end.reason();
        only.message.refusal = end.refusal();
        if (only.message.role.empty()) only.message.role = role::assistant;
        completion.usage = counts.to_usage();
        completion.service_tier = counts.service_tier();
        if (auto read = in_.finish(); !read || !has_content) return read;
        read_content(content, only.message);
        return {};
    }

    chat_completion completion;
    bool has_content = false;

 private:
    static void read_content(std::string_view content, answer& out) {
        native_rule rule;
        character_count characters;
        json::reader in(content);
        in.array([&] {
            const block_members block = read_block(in);
            rule.see(block.kind, block.has_others, block.is_cited());
            if (block.kind == block_kind::text) {
                const std::size_t begin = out.content.size();
                append_text(out.content, block.text);
                if (!block.is_cited()) return;
                const std::int64_t first = characters.at(out.content, begin);
                read_citations(block.citations, first, characters.at(out.content, out.content.size()), out.annotations);
            } else if (block.kind == block_kind::thinking) {
                append_text(out.reasoning, block.thinking);
                if (!out.reasoning.empty()) out.reasoning_field = thinking_field;
            } else if (block.kind == block_kind::tool_use) {
                tool_call& call = out.tool_calls.emplace_back();
                call.id = block.id.empty() ? make_tool_call_id() : text_of(block.id);
                call.name = text_of(block.name);
                call.arguments = block.input.empty() ? "{}" : json::repaired(block.input);
            }
        });
        if (rule.is_needed()) out.native = {format_name, json::repaired(content)};
    }

    json::reader in_;
};

}  // namespace detail

CHORUS_DECL result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now) {
    if (received.status < 200 || received.status > 299) return decode_error(std::move(received), now);
    detail::message_decoder decoder(received.body);
    if (auto read = decoder.run(); !read) return chorus::detail::unreadable(read.error(), std::move(received), now);
    if (!decoder.has_content) {
        return chorus::detail::unreadable("the message has no list of content", std::move(received), now);
    }
    return chat_response(std::move(decoder.completion), std::move(received), &policy::parse_rate_limits, now);
}

CHORUS_DECL result<std::int64_t> decode_count_tokens(http::response received,
                                                     std::chrono::system_clock::time_point now) {
    std::optional<std::int64_t> count;
    const auto read = chorus::detail::read_answer(received, now, [&](json::reader& in, std::string_view key) {
        if (key == "input_tokens") chorus::detail::read_count(in, count);
    });
    if (!read) return read.error();
    if (!count) return chorus::detail::unreadable("the response has no count of tokens", std::move(received), now);
    return *count;
}

}  // namespace chorus::anthropic_format
