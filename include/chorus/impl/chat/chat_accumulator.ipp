#pragma once

#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/json/reader.hpp>

#include <algorithm>
#include <utility>

namespace chorus {

namespace detail {

CHORUS_DECL void replace(token_count& count, const token_count& by) noexcept {
    if (by) count = by;
}

CHORUS_DECL void replace(usage& counts, const usage& by) noexcept {
    replace(counts.prompt_tokens, by.prompt_tokens);
    replace(counts.completion_tokens, by.completion_tokens);
    replace(counts.total_tokens, by.total_tokens);
    replace(counts.prompt.cached_tokens, by.prompt.cached_tokens);
    replace(counts.prompt.cache_write_tokens, by.prompt.cache_write_tokens);
    replace(counts.prompt.audio_tokens, by.prompt.audio_tokens);
    replace(counts.prompt.image_tokens, by.prompt.image_tokens);
    replace(counts.prompt.text_tokens, by.prompt.text_tokens);
    replace(counts.completion.reasoning_tokens, by.completion.reasoning_tokens);
    replace(counts.completion.audio_tokens, by.completion.audio_tokens);
    replace(counts.completion.text_tokens, by.completion.text_tokens);
    replace(counts.completion.accepted_prediction_tokens, by.completion.accepted_prediction_tokens);
    replace(counts.completion.rejected_prediction_tokens, by.completion.rejected_prediction_tokens);
}

/// Gives each choice a number of its own if the server has not: they are found by it.
CHORUS_DECL void number_choices(std::vector<choice>& choices) {
    std::vector<int> numbers;
    for (const choice& each : choices) numbers.push_back(each.index);
    std::sort(numbers.begin(), numbers.end());
    const bool is_good = std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end();
    if (is_good && (numbers.empty() || numbers.front() >= 0)) return;
    for (std::size_t slot = 0; slot < choices.size(); ++slot) choices[slot].index = static_cast<int>(slot);
}

}  // namespace detail

// --- choices ---

CHORUS_DECL std::optional<std::size_t> chat_accumulator::find(int choice) const noexcept {
    const auto& choices = so_far_.choices;
    const auto guess = static_cast<std::size_t>(choice);
    if (guess < choices.size() && choices[guess].index == choice) return guess;
    for (std::size_t slot = 0; slot < choices.size(); ++slot) {
        if (choices[slot].index == choice) return slot;
    }
    return std::nullopt;
}

/// Finds the choice or begins it, in the order of the indices: the order of an answer that comes whole.
CHORUS_DECL std::optional<std::size_t> chat_accumulator::open(int choice) {
    if (const auto slot = find(choice)) return slot;
    auto& choices = so_far_.choices;
    if (choice < 0 || choices.size() >= most_choices) return std::nullopt;
    std::size_t slot = choices.size();
    while (slot > 0 && choices[slot - 1].index > choice) --slot;
    chorus::choice fresh;
    fresh.index = choice;
    fresh.message.role = role::assistant;
    choices.insert(choices.begin() + static_cast<std::ptrdiff_t>(slot), std::move(fresh));
    progress_.emplace(progress_.begin() + static_cast<std::ptrdiff_t>(slot));
    return slot;
}

CHORUS_DECL bool chat_accumulator::begin(int choice) {
    return open(choice).has_value();
}

// --- pieces ---

CHORUS_DECL void chat_accumulator::push(const place& event) {
    if (event.what != kind::usage && event.what < kind::content_filter) ++contents_;
    if (taken_ == pending_.size()) {
        pending_.clear();
        raw_.clear();
        taken_ = 0;
    }
    pending_.push_back(event);
}

CHORUS_DECL void chat_accumulator::append(kind what, int choice, std::string& to, std::string_view piece) {
    if (piece.empty()) return;
    push({what, choice, to.size(), static_cast<std::uint32_t>(piece.size()), 0});
    to.append(piece);
}

CHORUS_DECL bool chat_accumulator::add_text(int choice, std::string_view piece) {
    const auto slot = open(choice);
    if (slot) append(kind::text, choice, so_far_.choices[*slot].message.content, piece);
    return slot.has_value();
}

CHORUS_DECL bool chat_accumulator::add_refusal(int choice, std::string_view piece) {
    const auto slot = open(choice);
    if (slot) append(kind::refusal, choice, so_far_.choices[*slot].message.refusal, piece);
    return slot.has_value();
}

CHORUS_DECL bool chat_accumulator::add_reasoning(int choice, std::string_view field, std::string_view piece) {
    const auto slot = open(choice);
    if (!slot) return false;
    answer& message = so_far_.choices[*slot].message;
    if (piece.empty()) return true;
    if (message.reasoning_field.empty()) message.reasoning_field = field;
    if (message.reasoning_field == field) append(kind::reasoning, choice, message.reasoning, piece);
    return true;
}

// --- tool calls ---

/// The position of the call that a piece belongs to; that behind the last one for a new call.
CHORUS_DECL std::size_t chat_accumulator::place_call(std::size_t slot, const tool_call_delta& piece) const {
    const std::vector<tool_call>& calls = so_far_.choices[slot].message.tool_calls;
    const std::vector<open_call>& states = progress_[slot].calls;
    const std::size_t fresh = calls.size();
    if (piece.index) {
        // Some servers count every call as the first: the most recent one of that number is meant.
        const auto same = std::find_if(states.rbegin(), states.rend(),
                                       [&](const open_call& each) { return each.index == piece.index; });
        if (same == states.rend()) return fresh;
        const auto position = static_cast<std::size_t>(states.rend() - same) - 1;
        const tool_call& known = calls[position];
        if (!piece.id.empty() && !known.id.empty() && piece.id != known.id) {
            for (std::size_t i = 0; i < position; ++i) {
                if (states[i].index == piece.index && calls[i].id == piece.id) return i;
            }
            return fresh;
        }
        // Once the arguments are whole, another name is that of another call; without an id so is the same with more.
        const bool renames = !piece.name.empty() && !known.name.empty() && piece.name != known.name;
        const bool repeats = piece.id.empty() && !piece.name.empty() && !piece.arguments.empty();
        return (renames || repeats) && json::is_complete(known.arguments) ? fresh : position;
    }
    if (!piece.id.empty()) {
        const auto same = std::find_if(calls.begin(), calls.end(),
                                       [&](const tool_call& each) { return std::string_view(each.id) == piece.id; });
        return static_cast<std::size_t>(same - calls.begin());
    }
    if (fresh == 0 || states.back().is_finished) return fresh;
    // Neither number nor id: a name can only be that of another call once the arguments are complete.
    const bool is_next = !piece.name.empty() && json::is_complete(calls.back().arguments);
    return is_next ? fresh : fresh - 1;
}

CHORUS_DECL bool chat_accumulator::add_tool_call(int choice, const tool_call_delta& piece) {
    const auto slot = open(choice);
    if (!slot) return false;
    std::vector<tool_call>& calls = so_far_.choices[*slot].message.tool_calls;
    std::vector<open_call>& states = progress_[*slot].calls;
    const std::size_t position = place_call(*slot, piece);
    if (position == calls.size()) {
        if (position >= most_tool_calls) return false;
        calls.emplace_back();
        states.push_back({piece.index, false, false});
    }
    tool_call& call = calls[position];
    // What comes after the end would change a call that may be running.
    if (states[position].is_finished) return true;
    if (call.id.empty()) call.id = piece.id;
    if (!piece.type.empty()) call.type = piece.type;
    if (!piece.extra.empty()) call.extra = piece.extra;
    // A name may come in parts as long as nothing follows it, and may be repeated.
    if (call.name.empty() || (call.arguments.empty() && call.name != piece.name)) call.name.append(piece.name);
    if (!call.name.empty() && !call.id.empty()) announce(*slot, position);
    if (!piece.arguments.empty()) {
        announce(*slot, position);
        push({kind::call_arguments, choice, call.arguments.size(), static_cast<std::uint32_t>(piece.arguments.size()),
              static_cast<std::uint32_t>(position)});
        call.arguments.append(piece.arguments);
    }
    return true;
}

CHORUS_DECL void chat_accumulator::announce(std::size_t slot, std::size_t call) {
    if (std::exchange(progress_[slot].calls[call].is_announced, true)) return;
    push({kind::call_started, so_far_.choices[slot].index, 0, 0, static_cast<std::uint32_t>(call)});
}

CHORUS_DECL void chat_accumulator::finish_call(std::size_t slot, std::size_t call) {
    if (std::exchange(progress_[slot].calls[call].is_finished, true)) return;
    tool_call& ended = so_far_.choices[slot].message.tool_calls[call];
    if (ended.id.empty()) ended.id = make_tool_call_id();
    announce(slot, call);
    push({kind::call_finished, so_far_.choices[slot].index, 0, 0, static_cast<std::uint32_t>(call)});
}

CHORUS_DECL void chat_accumulator::finish_tool_call(int choice, std::size_t position) {
    const auto slot = find(choice);
    if (slot && position < progress_[*slot].calls.size()) finish_call(*slot, position);
}

// --- ends ---

CHORUS_DECL bool chat_accumulator::finish(int choice, std::string_view reason) {
    const auto slot = open(choice);
    if (!slot) return false;
    for (std::size_t call = 0; call < progress_[*slot].calls.size(); ++call) finish_call(*slot, call);
    chorus::choice& ended = so_far_.choices[*slot];
    if (ended.finish_reason.empty()) ended.finish_reason = reason;
    if (!std::exchange(progress_[*slot].is_finished, true)) push({kind::finish, choice, 0, 0, 0});
    return true;
}

CHORUS_DECL void chat_accumulator::end() {
    for (std::size_t slot = 0; slot < progress_.size(); ++slot) {
        for (std::size_t call = 0; call < progress_[slot].calls.size(); ++call) finish_call(slot, call);
    }
}

CHORUS_DECL bool chat_accumulator::all_finished() const noexcept {
    return !progress_.empty() &&
           std::all_of(progress_.begin(), progress_.end(), [](const progress& each) { return each.is_finished; });
}

CHORUS_DECL void chat_accumulator::set_usage(const usage& counts) {
    detail::replace(so_far_.usage, counts);
    push({kind::usage, 0, 0, 0, 0});
}

CHORUS_DECL bool chat_accumulator::add_content_filter(std::optional<int> choice, std::string_view results) {
    if (!wanted_.content_filters) return false;
    // Pushed first: that forgets what earlier pieces were shown.
    push({kind::content_filter, choice.value_or(-1), 0, static_cast<std::uint32_t>(results.size()), 0});
    pending_.back().begin = raw_.size();
    raw_.append(results);
    return true;
}

CHORUS_DECL void chat_accumulator::add_heartbeat() {
    if (wanted_.heartbeats) push({kind::heartbeat, 0, 0, 0, 0});
}

CHORUS_DECL void chat_accumulator::add_raw(std::string_view type, std::string_view data) {
    if (!wanted_.raw_events) return;
    // Pushed first: that forgets the raw events of earlier pieces.
    push({kind::raw, 0, 0, static_cast<std::uint32_t>(data.size()), static_cast<std::uint32_t>(type.size())});
    pending_.back().begin = raw_.size();
    raw_.append(type).append(data);
}

CHORUS_DECL void chat_accumulator::add_whole(chat_completion whole) {
    so_far_ = std::move(whole);
    detail::number_choices(so_far_.choices);
    progress_.assign(so_far_.choices.size(), {});
    for (std::size_t slot = 0; slot < so_far_.choices.size(); ++slot) {
        const choice& each = so_far_.choices[slot];
        const auto show = [&](kind what, const std::string& text) {
            if (!text.empty()) push({what, each.index, 0, static_cast<std::uint32_t>(text.size()), 0});
        };
        show(kind::reasoning, each.message.reasoning);
        show(kind::text, each.message.content);
        show(kind::refusal, each.message.refusal);
        progress_[slot].calls.resize(each.message.tool_calls.size());
        for (std::size_t call = 0; call < each.message.tool_calls.size(); ++call) {
            announce(slot, call);
            const std::string& arguments = each.message.tool_calls[call].arguments;
            if (!arguments.empty()) {
                push({kind::call_arguments, each.index, 0, static_cast<std::uint32_t>(arguments.size()),
                      static_cast<std::uint32_t>(call)});
            }
            finish_call(slot, call);
        }
        finish(each.index, each.finish_reason);
    }
    push({kind::usage, 0, 0, 0, 0});
}

// --- events ---

CHORUS_DECL bool chat_accumulator::next(chat_event& out) {
    if (taken_ == pending_.size()) return false;
    const place& event = pending_[taken_++];
    if (event.what == kind::usage) {
        out = usage_event{&so_far_.usage};
        return true;
    }
    if (event.what == kind::heartbeat) {
        out = heartbeat_event{};
        return true;
    }
    if (event.what == kind::raw) {
        const std::string_view both = std::string_view(raw_).substr(event.begin, event.call + event.size);
        out = raw_event{both.substr(0, event.call), both.substr(event.call)};
        return true;
    }
    if (event.what == kind::content_filter) {
        content_filter_event found{std::string_view(raw_).substr(event.begin, event.size), {}};
        if (event.choice >= 0) found.choice = event.choice;
        out = found;
        return true;
    }
    const choice& of = so_far_.choices[*find(event.choice)];
    const auto part = [&](const std::string& text) { return std::string_view(text).substr(event.begin, event.size); };
    switch (event.what) {
        case kind::text:
            out = text_event{part(of.message.content), event.choice};
            break;
        case kind::reasoning:
            out = reasoning_event{part(of.message.reasoning), event.choice};
            break;
        case kind::refusal:
            out = refusal_event{part(of.message.refusal), event.choice};
            break;
        case kind::call_started:
            out = tool_call_started_event{&of.message.tool_calls[event.call], event.call, event.choice};
            break;
        case kind::call_arguments:
            out =
                tool_call_arguments_event{part(of.message.tool_calls[event.call].arguments), event.call, event.choice};
            break;
        case kind::call_finished:
            out = tool_call_finished_event{&of.message.tool_calls[event.call], event.call, event.choice};
            break;
        case kind::finish:
        case kind::usage:
        case kind::content_filter:
        case kind::heartbeat:
        case kind::raw:
            out = finish_event{of.finish_reason, event.choice};
            break;
    }
    return true;
}

}  // namespace chorus
