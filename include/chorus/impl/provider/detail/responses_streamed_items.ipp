#pragma once

#include <chorus/json/text.hpp>
#include <chorus/provider/detail/responses_streamed_items.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace chorus::responses_format::detail {

CHORUS_DECL std::optional<std::size_t> streamed_items::find(const std::optional<std::int64_t>& index) const noexcept {
    for (std::size_t place = items_.size(); place-- > 0;) {
        if (!index || items_[place].index == *index) return place;
    }
    return std::nullopt;
}

// --- begins ---

CHORUS_DECL std::optional<std::size_t> streamed_items::begin(const std::optional<std::int64_t>& index,
                                                             std::string_view json, chat_accumulator& into) {
    if (const auto known = index ? find(index) : std::nullopt) return known;
    return open(index, read_item(json), into);
}

CHORUS_DECL std::optional<std::size_t> streamed_items::begin(const std::optional<std::int64_t>& index, piece_kind kind,
                                                             chat_accumulator& into) {
    if (const auto known = find(index)) return known;
    constexpr std::array<item_kind, 6> owners = {item_kind::message,       item_kind::message,
                                                 item_kind::reasoning,     item_kind::reasoning,
                                                 item_kind::function_call, item_kind::custom_call};
    output_item fresh;
    fresh.kind = owners[static_cast<std::size_t>(kind)];
    if (kind == piece_kind::input) fresh.call.type = tool_type::custom;
    return open(index, fresh, into);
}

CHORUS_DECL std::optional<std::size_t> streamed_items::open(const std::optional<std::int64_t>& index,
                                                            const output_item& as, chat_accumulator& into) {
    if (items_.size() == most_items) return std::nullopt;
    const std::size_t place = items_.size();
    item& fresh = items_.emplace_back();
    fresh.index = index.value_or(place == 0 ? 0 : items_[place - 1].index + 1);
    fresh.kind = as.kind;
    into.begin(0);
    if (!is_call(as.kind)) return place;
    fresh.call = into.message_of(0).tool_calls.size();
    tool_call_delta first;
    first.index = static_cast<std::int64_t>(place);
    first.id = as.call.id;
    first.type = as.call.type;
    first.name = as.call.name;
    return into.add_tool_call(0, first) ? std::optional(place) : std::nullopt;
}

// --- pieces ---

CHORUS_DECL void streamed_items::add(std::size_t place, const item_piece& piece, chat_accumulator& into) {
    item& to = items_[place];
    if (!to.is_open || piece.text.empty()) return;
    const answer& said = into.message_of(0);
    const auto extend = [&](run& told, const std::string& all) {
        if (told.size == 0) told.begin = all.size();
        told.size += piece.text.size();
    };
    switch (piece.kind) {
        case piece_kind::text:
            if (to.kind != item_kind::message) return;
            extend(to.text, said.content);
            into.add_text(0, piece.text);
            return;
        case piece_kind::refusal:
            if (to.kind != item_kind::message) return;
            extend(to.refusal, said.refusal);
            into.add_refusal(0, piece.text);
            return;
        case piece_kind::thinking:
        case piece_kind::summary:
            if (to.kind == item_kind::reasoning) add_thought(to, piece, into);
            return;
        case piece_kind::arguments:
        case piece_kind::input:
            if (!is_call(to.kind)) return;
            tool_call_delta more;
            more.index = static_cast<std::int64_t>(place);
            more.arguments = piece.text;
            into.add_tool_call(0, more);
    }
}

CHORUS_DECL void streamed_items::add_thought(item& to, const item_piece& piece, chat_accumulator& into) {
    const answer& said = into.message_of(0);
    const std::string_view field = piece.kind == piece_kind::thinking ? thinking_field : summary_field;
    if (!said.reasoning_field.empty() && said.reasoning_field != field) return;
    const bool is_next = to.thoughts.size == 0 || to.thought != piece.part;
    if (is_next && !said.reasoning.empty()) into.add_reasoning(0, field, between_thoughts);
    if (to.thoughts.size == 0) to.thoughts.begin = said.reasoning.size();
    into.add_reasoning(0, field, piece.text);
    to.thoughts.size = said.reasoning.size() - to.thoughts.begin;
    to.thought = piece.part;
}

// --- ends ---

/// What of an item's text has not come, if what came is its beginning and the last of all.
CHORUS_DECL std::string_view streamed_items::rest_of(std::string_view whole, const run& told,
                                                     std::string_view all) noexcept {
    if (told.size == 0) return whole;
    if (told.begin + told.size != all.size() || !whole.starts_with(all.substr(told.begin))) return {};
    return whole.substr(told.size);
}

CHORUS_DECL void streamed_items::end(std::size_t place, std::string_view json, chat_accumulator& into) {
    item& ended = items_[place];
    // One that is not shown stays open: a list without it would be no list of what was said.
    if (!ended.is_open || !json.starts_with('{')) return;
    ended.json = json::repaired(json);
    const output_item whole = read_item(ended.json);
    answer& said = into.message_of(0);
    if (ended.kind == item_kind::message) {
        add(place, {piece_kind::text, 0, rest_of(whole.text, ended.text, said.content)}, into);
        add(place, {piece_kind::refusal, 0, rest_of(whole.refusal, ended.refusal, said.refusal)}, into);
    } else if (ended.kind == item_kind::reasoning) {
        std::string_view field = said.reasoning_field;
        const std::string& thoughts = whole.thoughts(field);
        const piece_kind kind = field == thinking_field ? piece_kind::thinking : piece_kind::summary;
        add(place, {kind, ended.thought, rest_of(thoughts, ended.thoughts, said.reasoning)}, into);
    } else if (is_call(ended.kind)) {
        const std::string& told = said.tool_calls[ended.call].arguments;
        tool_call_delta rest;
        rest.index = static_cast<std::int64_t>(place);
        rest.id = said.tool_calls[ended.call].id.empty() ? std::string_view(whole.call.id) : std::string_view();
        rest.name = said.tool_calls[ended.call].name.empty() ? std::string_view(whole.call.name) : std::string_view();
        const std::string_view arguments = whole.call.arguments;
        if (arguments.starts_with(told)) rest.arguments = arguments.substr(told.size());
        into.add_tool_call(0, rest);
        into.finish_tool_call(0, ended.call);
    }
    ended.is_open = false;
}

CHORUS_DECL std::vector<std::string_view> streamed_items::ended() const {
    std::vector<const item*> order;
    for (const item& each : items_) {
        if (each.is_open) return {};
        order.push_back(&each);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const item* left, const item* right) { return left->index < right->index; });
    std::vector<std::string_view> list;
    for (const item* each : order) list.emplace_back(each->json);
    return list;
}

}  // namespace chorus::responses_format::detail
