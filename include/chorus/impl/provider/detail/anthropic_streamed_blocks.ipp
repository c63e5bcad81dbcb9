#pragma once

#include <chorus/json/text.hpp>
#include <chorus/provider/detail/anthropic_streamed_blocks.hpp>

#include <array>
#include <utility>

namespace chorus::anthropic_format::detail {

struct piece_name {
    std::string_view type;
    std::string_view member;
};

/// In the order of `piece_kind`.
inline constexpr std::array<piece_name, 5> piece_names = {{{"text_delta", "text"},
                                                           {"input_json_delta", "partial_json"},
                                                           {"thinking_delta", "thinking"},
                                                           {"signature_delta", "signature"},
                                                           {"citations_delta", "citation"}}};

CHORUS_DECL piece_kind piece_kind_of(std::string_view name, std::string_view piece_name::*which) noexcept {
    std::size_t at = 0;
    while (at < piece_names.size() && piece_names[at].*which != name) ++at;
    return static_cast<piece_kind>(at);
}

CHORUS_DECL block_piece read_delta(std::string_view delta) {
    block_piece found;
    std::array<std::string_view, piece_names.size()> held;
    json::reader in(delta);
    in.object([&](std::string_view key) {
        if (key == "type") {
            std::string_view type;
            if (in.read_view(type)) found.kind = piece_kind_of(type, &piece_name::type);
            return;
        }
        const piece_kind kind = piece_kind_of(key, &piece_name::member);
        if (kind != piece_kind::unknown) held[static_cast<std::size_t>(kind)] = in.raw();
    });
    if (found.kind != piece_kind::unknown) found.json = held[static_cast<std::size_t>(found.kind)];
    return found;
}

CHORUS_DECL std::optional<std::size_t> streamed_blocks::find(const std::optional<std::int64_t>& index) const noexcept {
    for (std::size_t place = blocks_.size(); place-- > 0;) {
        if (!index || blocks_[place].index == index) return place;
    }
    return std::nullopt;
}

CHORUS_DECL bool streamed_blocks::start(const std::optional<std::int64_t>& index, std::string_view json,
                                        chat_accumulator& into) {
    if (blocks_.size() == most_blocks) return false;
    json::reader in(json);
    const block_members members = read_block(in);
    const std::size_t place = blocks_.size();
    block& fresh = blocks_.emplace_back();
    fresh.index = index;
    fresh.kind = members.kind;
    fresh.start = json.empty() ? "{}" : json::repaired(json);
    into.begin(0);
    if (fresh.kind == block_kind::text) {
        add_text(place, text_of(members.text), into);
        if (members.is_cited()) fresh.citations = members.citations.substr(1, members.citations.size() - 2);
    } else if (fresh.kind == block_kind::thinking) {
        add_text(place, text_of(members.thinking), into);
        fresh.signature = detail::text_of(members.signature);
    } else if (fresh.kind == block_kind::tool_use) {
        fresh.call = into.message_of(0).tool_calls.size();
        const std::string id = detail::text_of(members.id);
        const std::string name = detail::text_of(members.name);
        tool_call_delta first;
        first.index = static_cast<std::int64_t>(place);
        first.id = id;
        first.name = name;
        return into.add_tool_call(0, first);
    }
    return true;
}

// --- pieces ---

CHORUS_DECL bool streamed_blocks::add(const std::optional<std::int64_t>& index, const block_piece& piece,
                                      chat_accumulator& into) {
    std::optional<std::size_t> place = find(index);
    if (!place) {
        // Some proxies begin no blocks. What a text or thought is, its pieces say.
        if (piece.kind != piece_kind::text && piece.kind != piece_kind::thinking) return true;
        const bool is_text = piece.kind == piece_kind::text;
        if (!start(index, is_text ? R"({"type":"text"})" : R"({"type":"thinking"})", into)) return false;
        place = blocks_.size() - 1;
    }
    add_at(*place, piece, into);
    return true;
}

/// What a JSON string says; empty for anything else. Events are UTF-8: without escapes it is its own text.
CHORUS_DECL std::string_view streamed_blocks::text_of(std::string_view json) {
    if (json.size() < 2 || json.front() != '"') return {};
    if (json.find('\\') == json.npos) return json.substr(1, json.size() - 2);
    json::reader(json).read(unescaped_);
    return unescaped_;
}

CHORUS_DECL void streamed_blocks::add_at(std::size_t place, const block_piece& piece, chat_accumulator& into) {
    block& to = blocks_[place];
    if (!to.is_open) return;
    const piece_kind kind = piece.kind;
    switch (to.kind) {
        case block_kind::text:
            if (kind == piece_kind::text) {
                add_text(place, text_of(piece.json), into);
            } else if (kind == piece_kind::citation && !piece.json.empty()) {
                to.citations.append(to.citations.empty() ? "" : ",").append(json::repaired(piece.json));
            }
            break;
        case block_kind::thinking:
            if (kind == piece_kind::thinking) add_text(place, text_of(piece.json), into);
            if (kind == piece_kind::signature) to.signature += text_of(piece.json);
            break;
        case block_kind::tool_use:
            if (kind == piece_kind::json) {
                tool_call_delta more;
                more.index = static_cast<std::int64_t>(place);
                more.arguments = text_of(piece.json);
                into.add_tool_call(0, more);
            }
            break;
        case block_kind::other:
            if (kind == piece_kind::citation) break;
            if (to.rest_kind == piece_kind::unknown) to.rest_kind = kind;
            if (to.rest_kind == kind) to.rest += text_of(piece.json);
            break;
    }
}

/// Appends to the answer what a block of text or thinking brings, and remembers whose it is.
CHORUS_DECL void streamed_blocks::add_text(std::size_t place, std::string_view piece, chat_accumulator& into) {
    if (piece.empty()) return;
    const bool is_text = blocks_[place].kind == block_kind::text;
    const answer& said = into.message_of(0);
    const std::size_t begin = is_text ? said.content.size() : said.reasoning.size();
    if (is_text) {
        into.add_text(0, piece);
    } else {
        into.add_reasoning(0, thinking_field, piece);
    }
    if (runs_.empty() || runs_.back().block != place) runs_.push_back({place, begin, begin});
    runs_.back().end = begin + piece.size();
}

// --- ends ---

CHORUS_DECL void streamed_blocks::stop(const std::optional<std::int64_t>& index, chat_accumulator& into) {
    if (const auto place = find(index)) stop_block(*place, into);
}

CHORUS_DECL void streamed_blocks::stop_all(chat_accumulator& into) {
    for (std::size_t place = 0; place < blocks_.size(); ++place) stop_block(place, into);
}

CHORUS_DECL void streamed_blocks::stop_block(std::size_t place, chat_accumulator& into) {
    block& ended = blocks_[place];
    if (!std::exchange(ended.is_open, false)) return;
    answer& said = into.message_of(0);
    if (ended.kind == block_kind::tool_use) {
        if (said.tool_calls[ended.call].arguments.empty()) {
            json::reader in(ended.start);
            const std::string_view input = read_block(in).input;
            tool_call_delta whole;
            whole.index = static_cast<std::int64_t>(place);
            whole.arguments = input.empty() ? "{}" : input;
            into.add_tool_call(0, whole);
        }
        into.finish_tool_call(0, ended.call);
    } else if (!ended.citations.empty()) {
        const std::size_t end = said.content.size();
        const bool has_text = !runs_.empty() && runs_.back().block == place;
        const std::int64_t first = characters_.at(said.content, has_text ? runs_.back().begin : end);
        read_citations("[" + ended.citations + "]", first, characters_.at(said.content, end), said.annotations);
    }
}

CHORUS_DECL bool streamed_blocks::is_native_needed(const answer& said) const {
    native_rule rule;
    for (const block& each : blocks_) {
        json::reader in(each.start);
        rule.see(each.kind, read_block(in).has_others, !each.citations.empty());
        // Arguments that are no JSON cannot be said as an object.
        if (each.kind == block_kind::tool_use && !json::is_complete(said.tool_calls[each.call].arguments)) return true;
    }
    return rule.is_needed();
}

CHORUS_DECL void streamed_blocks::finish(answer& out) const {
    if (!is_native_needed(out)) return;
    std::vector<std::string> texts(blocks_.size());
    for (const run& each : runs_) {
        const bool is_text = blocks_[each.block].kind == block_kind::text;
        texts[each.block].append(is_text ? out.content : out.reasoning, each.begin, each.end - each.begin);
    }
    std::string content;
    json::writer writer(content);
    writer.begin_array();
    for (std::size_t place = 0; place < blocks_.size(); ++place) write_block(writer, blocks_[place], texts[place], out);
    writer.end_array();
    out.native = {format_name, std::move(content)};
}

CHORUS_DECL void streamed_blocks::write_block(json::writer& out, const block& each, const std::string& text,
                                              const answer& said) const {
    const bool is_text = each.kind == block_kind::text;
    const bool is_thinking = each.kind == block_kind::thinking;
    const bool has_input = each.kind == block_kind::tool_use || each.rest_kind == piece_kind::json;
    const bool has_rest = each.rest_kind != piece_kind::unknown && !has_input;
    const std::string_view rest_name =
        has_rest ? piece_names[static_cast<std::size_t>(each.rest_kind)].member : std::string_view();
    std::string rest;
    out.begin_object();
    json::reader in(each.start);
    in.object([&](std::string_view key) {
        if (has_rest && key == rest_name) return append_text(rest, in.raw());
        const bool is_gathered = (is_text && key == "text") || (has_input && key == "input") ||
                                 (is_text && key == "citations" && !each.citations.empty()) ||
                                 (is_thinking && (key == "thinking" || key == "signature"));
        if (!is_gathered) out.key(key).raw(in.raw());
    });
    if (is_text) {
        out.member("text", text);
        if (!each.citations.empty()) out.key("citations").raw("[" + each.citations + "]");
    } else if (is_thinking) {
        out.member("thinking", text).member("signature", each.signature);
    } else if (has_rest) {
        out.member(rest_name, rest + each.rest);
    } else if (has_input) {
        const std::string& input = each.kind == block_kind::tool_use ? said.tool_calls[each.call].arguments : each.rest;
        if (json::is_complete(input)) {
            out.key("input").raw(input);
        } else {
            // Claude API docs, "Fine-grained tool streaming": how to send back what is no JSON.
            out.key("input").begin_object().member("INVALID_JSON", input).end_object();
        }
    }
    out.end_object();
}

}  // namespace chorus::anthropic_format::detail
