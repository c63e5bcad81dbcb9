#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/event_shape.hpp>
#include <chorus/provider/detail/openai_fields.hpp>
#include <chorus/provider/detail/think_splitter.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/provider/openai_stream.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::openai_format {

namespace detail {

/// Which text the piece in a chunk belongs to.
struct text_target {
    enum class kind : std::uint8_t { content, refusal, reasoning, arguments };
    text_target::kind what = kind::content;
    int choice = 0;
    std::string_view field;            // of reasoning
    std::optional<std::int64_t> call;  // of arguments: the index of their call
};

// --- parts of an answer that go back as they came ---

/// A list of objects that comes in pieces: OpenRouter's `reasoning_details`. A piece continues the last object if it has
/// the same type and number.
/// https://openrouter.ai/docs/use-cases/reasoning-tokens
class detail_list {
 public:
    void add(std::string_view list) {
        json::reader in(list);
        in.array([&] {
            members piece;
            if (in.peek() != json::kind::object) return;
            in.object([&](std::string_view key) {
                std::string name(key);
                piece.emplace_back(std::move(name), in.raw());
            });
            if (in.failed()) return;
            if (!continues(piece)) {
                objects_.push_back(std::move(piece));
            } else {
                for (auto& [name, value] : piece) join(name, std::move(value));
            }
        });
    }

    bool empty() const noexcept { return objects_.empty(); }
    std::string to_json() const {
        if (empty()) return {};
        std::string list;
        json::writer out(list);
        out.begin_array();
        for (const members& each : objects_) {
            out.begin_object();
            for (const auto& [name, value] : each) out.key(name).raw(value);
            out.end_object();
        }
        out.end_array();
        return list;
    }

 private:
    using members = std::vector<std::pair<std::string, std::string>>;

    static const std::string* find(const members& object, std::string_view name) {
        const auto same =
            std::find_if(object.begin(), object.end(), [&](const auto& each) { return each.first == name; });
        return same == object.end() ? nullptr : &same->second;
    }
    bool continues(const members& piece) const {
        if (objects_.empty()) return false;
        const members& last = objects_.back();
        const std::string* const type = find(piece, "type");
        const std::string* const last_type = find(last, "type");
        if (type == nullptr || last_type == nullptr || *type != *last_type) return false;
        // Only these come in pieces; encrypted ones are whole.
        if (*type != "\"reasoning.text\"" && *type != "\"reasoning.summary\"") return false;
        const auto agree = [&](std::string_view name) {
            const std::string* const before = find(last, name);
            const std::string* const now = find(piece, name);
            return before == nullptr || now == nullptr || *before == *now || *before == "null" || *now == "null";
        };
        return agree("index") && agree("id");
    }
    void join(const std::string& name, std::string value) {
        members& last = objects_.back();
        const auto known = std::find_if(last.begin(), last.end(), [&](const auto& each) { return each.first == name; });
        if (known == last.end()) {
            last.emplace_back(name, std::move(value));
        } else if (known->second == "null") {
            known->second = std::move(value);
        } else if ((name == "text" || name == "summary") && value.front() == '"' && known->second.front() == '"') {
            known->second.pop_back();
            known->second.append(value, 1);
        }
    }

    std::vector<members> objects_;
};

/// Of one choice, beside what the answer has of it already.
struct kept_parts {
    int choice = 0;
    think_splitter splitter;
    detail_list reasoning_details;
    string_pairs members;
    native_content parts;
};

// --- chunks ---

/// The members of a delta as JSON. What it does not say is empty.
struct delta_members {
    std::string_view role;
    std::string_view content;
    std::string_view refusal;
    std::array<std::string_view, 3> reasoning;  // by `reasoning_fields`
    std::string_view tool_calls;
    std::string_view function_call;
    std::string_view audio;
    std::string_view annotations;
};

class chunk_decoder final : public chat_stream_decoder {
 public:
    chunk_decoder(bool requires_done, bool has_think_tags) noexcept
        : requires_done_(requires_done), has_think_tags_(has_think_tags) {}

    result<void> read(const sse::event& next, chat_accumulator& into) override {
        if (is_done_) return {};
        if (next.type == "error") return decode_stream_error(next.data);
        // Mostly a chunk differs from the one before in a piece of one text alone, and in its padding.
        if (chorus::detail::event_shape::values found; shape_.match(next.data, found)) {
            if (add(shape_target_, found[0], into)) return {};
            return too_much();
        }
        const std::string_view data = chorus::detail::trimmed(next.data);
        if (data.empty()) return {};
        if (data.front() == '{') return read_chunk(next.data, into);
        if (data.starts_with("[DONE]")) {
            is_done_ = true;
            end_texts(into);
            settle(into);
            return {};
        }
        return read_other(next.type, data);
    }

    bool is_complete() const noexcept override { return is_done_; }

    result<void> finish(chat_accumulator& into) override {
        end_texts(into);
        settle(into);
        if (is_done_ || (!requires_done_ && into.all_finished())) return {};
        error cut(errc::truncated, "the stream ended without its mark of the end");
        return cut.phase(phase::read);
    }

 private:
    static error too_much() {
        error failure(errc::decode_failed, "the stream has more choices or tool calls than one answer can");
        return failure.phase(phase::decode);
    }

    /// What is no chunk: errors in a list (Gemini), and data that says nothing here.
    result<void> read_other(std::string_view type, std::string_view data) {
        if (data.front() == '[' && read_error_body(data).found) return decode_stream_error(data);
        json::reader in(data);
        in.skip();
        auto read = in.finish();
        // Events with a name of their own may hold anything.
        if (read || !(type.empty() || type == "message")) return {};
        return not_understood(read.error(), data);
    }
    static error not_understood(error failure, std::string_view data) { return failure.body(std::string(data)); }

    result<void> read_chunk(std::string_view data, chat_accumulator& into) {
        changes_ = 0;
        is_too_much_ = false;
        bool is_error_chunk = false;
        std::string_view padding;
        chat_completion& whole = into.completion();
        json::reader in(data);
        in.object([&](std::string_view key) {
            if (key == "choices") {
                int position = 0;
                in.array([&] { read_choice(in, position++, into); });
            } else if (key == "id") {
                keep_first(in, whole.id);
            } else if (key == "object") {
                std::string_view object;
                is_error_chunk = (in.read_view(object) && object == "error") || is_error_chunk;
            } else if (key == "created") {
                if (!whole.created) read_time(in, whole.created);
            } else if (key == "model") {
                keep_first(in, whole.model);
            } else if (key == "usage") {
                read_counts(in, into);
            } else if (key == "service_tier") {
                keep_first(in, whole.service_tier);
            } else if (key == "system_fingerprint") {
                keep_first(in, whole.system_fingerprint);
            } else if (key == "error") {
                is_error_chunk = is_error(in.raw()) || is_error_chunk;
            } else if (key == "prompt_filter_results") {
                read_filter(in.raw(), std::nullopt, into);  // Azure
            } else if (key == "obfuscation") {
                padding = in.raw();
            } else if (key == "x_groq") {
                in.object([&](std::string_view inner) {
                    if (inner == "usage") read_counts(in, into);
                });
            }
        });
        if (auto ended = in.finish(); !ended) return not_understood(ended.error(), data);
        if (is_error_chunk) return decode_stream_error(data);
        if (is_too_much_) return too_much();
        if (changes_ == 1 && !piece_.empty()) {
            shape_.keep(data, {piece_, padding.starts_with('"') ? padding : std::string_view()});
            shape_target_ = target_;
        }
        return {};
    }

    static void keep_first(json::reader& in, std::string& out) {
        if (out.empty()) in.read(out);
    }

    void read_counts(json::reader& in, chat_accumulator& into) {
        if (in.peek() != json::kind::object) return;
        usage counts;
        if (!read_usage(in, counts)) return;
        change();
        into.set_usage(counts);
    }

    void read_filter(std::string_view results, std::optional<int> choice, chat_accumulator& into) {
        if (says_something(results) && into.add_content_filter(choice, results)) change();
    }

    void read_choice(json::reader& in, int choice, chat_accumulator& into) {
        if (in.peek() != json::kind::object) return;
        std::string_view delta;
        std::string_view whole_message;
        std::string_view reason;
        std::string_view tokens;
        std::string_view filter;
        in.object([&](std::string_view key) {
            if (key == "delta") {
                delta = in.raw();
            } else if (key == "index") {
                in.read(choice);
            } else if (key == "finish_reason") {
                reason = in.raw();
            } else if (key == "logprobs") {
                tokens = in.raw();
            } else if (key == "usage") {
                read_counts(in, into);  // Moonshot
            } else if (key == "message") {
                whole_message = in.raw();
            } else if (key == "content_filter_results") {
                filter = in.raw();
            }
        });
        if (in.failed()) return;
        if (!into.begin(choice)) {
            is_too_much_ = true;
            return;
        }
        read_filter(filter, choice, into);
        // A server that does not stream may send the whole answer as one chunk; others add the whole to each delta.
        if (delta.empty() && !whole_message.empty() && into.message_of(choice).content.empty()) {
            change();
            delta = whole_message;
        }
        if (!delta.empty()) read_delta(delta, choice, into);
        if (tokens.starts_with('{')) {
            change();
            json::reader inner(tokens);
            read_logprobs(inner, own(into.choice_of(choice).logprobs));
        }
        if (reason.starts_with('"') && reason != "\"\"") {
            change();
            if (has_think_tags_) end_text(choice, into);
            settle(into);
            into.finish(choice, text_of(reason, own_texts_[0]));
        }
    }

    void read_delta(std::string_view json, int choice, chat_accumulator& into) {
        delta_members delta;
        json::reader in(json);
        in.object([&](std::string_view key) {
            if (key == "content") {
                delta.content = in.raw();
            } else if (key == "role") {
                delta.role = in.raw();
            } else if (key == "tool_calls") {
                delta.tool_calls = in.raw();
            } else if (key == "reasoning_content") {
                delta.reasoning[0] = in.raw();
            } else if (key == "reasoning") {
                delta.reasoning[1] = in.raw();
            } else if (key == "reasoning_details") {
                delta.reasoning[2] = in.raw();
            } else if (key == "refusal") {
                delta.refusal = in.raw();
            } else if (key == "function_call") {
                delta.function_call = in.raw();
            } else if (key == "audio") {
                delta.audio = in.raw();
            } else if (key == "annotations") {
                delta.annotations = in.raw();
            } else {
                std::string name(key);
                keep(choice, name, in.raw());
            }
        });
        if (is_text(delta.role)) into.message_of(choice).role = text_of(delta.role, own_texts_[0]);
        // Thinking comes before what was thought of, in whatever order the members are.
        read_reasoning(delta, choice, into);
        read_content(delta.content, choice, into);
        if (delta.refusal.starts_with('"'))
            add_piece({text_target::kind::refusal, choice, {}, {}}, delta.refusal, into);
        if (delta.tool_calls.starts_with('[')) {
            json::reader calls(delta.tool_calls);
            calls.array([&] { read_tool_call(calls.raw(), choice, into); });
        } else if (delta.function_call.starts_with('{')) {
            read_legacy_call(delta.function_call, choice, into);
        }
        read_rest(delta, choice, into);
    }

    void read_reasoning(const delta_members& delta, int choice, chat_accumulator& into) {
        const std::string_view details = delta.reasoning[2];
        if (details.starts_with('[') && details != "[]") {
            change();
            kept_of(choice).reasoning_details.add(details);
        }
        // Servers say the same under several names at once, and go on under another: it is all one text.
        std::string_view& field = into.message_of(choice).reasoning_field;
        const std::size_t preferred = field == reasoning_fields[1] ? 1 : 0;
        for (const std::size_t i : {preferred, 1 - preferred}) {
            const std::string_view text = delta.reasoning[i];
            if (!is_text(text)) continue;
            if (field.empty() || field == reasoning_fields[2]) field = reasoning_fields[i];
            const bool is_same_text = field == reasoning_fields[0] || field == reasoning_fields[1];
            const std::string_view name = is_same_text ? field : reasoning_fields[i];
            return add_piece({text_target::kind::reasoning, choice, name, {}}, text, into);
        }
        if (!details.starts_with('[')) return;
        json::reader in(details);
        own_texts_[0].clear();
        read_texts(in, own_texts_[0]);
        into.add_reasoning(choice, reasoning_fields[2], own_texts_[0]);
    }

    void read_content(std::string_view json, int choice, chat_accumulator& into) {
        if (is_text(json)) {
            add_piece({text_target::kind::content, choice, {}, {}}, json, into);
        } else if (json.starts_with('[')) {
            change();
            if (has_think_tags_) end_text(choice, into);
            json::reader in(json);
            in.array([&] { add_part(in.raw(), choice, into); });
        }
    }
    void add_part(std::string_view json, int choice, chat_accumulator& into) {
        const part_texts part = read_part(json);
        into.add_reasoning(choice, reasoning_fields[3], part.thinking);
        into.add_text(choice, part.text);
        into.add_refusal(choice, part.refusal);
        if (!part.is_known) {
            kept_of(choice).parts.add(into.message_of(choice).content, part.text.size(), json);
        }
    }

    // --- tool calls ---

    void read_tool_call(std::string_view json, int choice, chat_accumulator& into) {
        if (!json.starts_with('{')) return;
        call_members call;
        json::reader in(json);
        read_call(in, call);
        const bool says_arguments_only = call.index && call.id.size() <= 2 && call.name.size() <= 2 &&
                                         call.extra_content.empty() && !call.is_custom && is_usual_type(call.type);
        if (says_arguments_only && call.arguments.starts_with('"')) {
            add_piece({text_target::kind::arguments, choice, {}, call.index}, call.arguments, into);
            return;
        }
        change();
        tool_call_delta piece = delta_of(call);
        const std::string_view type = text_of(call.type, own_texts_[3]);
        piece.type = type.empty() && call.is_custom ? tool_type::custom : type;
        const std::string extra = extra_of(call, piece.type, json);
        piece.extra = extra;
        if (!into.add_tool_call(choice, piece)) is_too_much_ = true;
    }
    void read_legacy_call(std::string_view json, int choice, chat_accumulator& into) {
        call_members call;
        json::reader in(json);
        read_called(in, call);
        change();
        if (!into.add_tool_call(choice, delta_of(call))) is_too_much_ = true;
    }
    /// The views hold until the next text is read.
    tool_call_delta delta_of(const call_members& call) {
        tool_call_delta piece;
        piece.index = call.index;
        piece.id = text_of(call.id, own_texts_[0]);
        piece.name = text_of(call.name, own_texts_[1]);
        piece.arguments = text_of(call.arguments, own_texts_[2]);
        return piece;
    }
    /// A string that says something.
    static bool is_text(std::string_view json) noexcept { return json.size() > 2 && json.front() == '"'; }
    static bool is_usual_type(std::string_view json) noexcept {
        return json.empty() || json == "null" || json == "\"\"" || json == "\"function\"";
    }

    // --- all the rest ---

    void read_rest(const delta_members& delta, int choice, chat_accumulator& into) {
        if (delta.audio.starts_with('{')) {
            change();
            json::reader in(delta.audio);
            read_audio(in, own(into.message_of(choice).audio));
        }
        if (delta.annotations.starts_with('[') && delta.annotations != "[]") {
            change();
            if (!read_annotations(delta.annotations, into.message_of(choice).annotations)) {
                keep(choice, "annotations", delta.annotations);
            }
        }
    }

    // --- what goes back as it came ---

    /// A value that stays the same in all chunks changes nothing, so that they still have one shape.
    void keep(int choice, std::string_view name, std::string_view json) {
        if (says_something(json) && keep_member(kept_of(choice).members, name, json)) change();
    }

    kept_parts& kept_of(int choice) {
        const auto same =
            std::find_if(kept_.begin(), kept_.end(), [&](const auto& each) { return each.choice == choice; });
        if (same != kept_.end()) return *same;
        kept_.emplace_back().choice = choice;
        return kept_.back();
    }
    /// Puts it into the answer.
    void settle(chat_accumulator& into) {
        for (kept_parts& each : kept_) {
            answer& said = into.message_of(each.choice);
            string_pairs members;
            keep_member(members, reasoning_fields[2], each.reasoning_details.to_json());
            members.insert(members.end(), each.members.begin(), each.members.end());
            said.native = make_native(members, each.parts, said.content);
        }
    }

    // --- pieces, and what makes a shape ---

    /// Counts what a chunk says beside names.
    void change() noexcept {
        ++changes_;
        piece_ = {};
    }
    void add_piece(const text_target& target, std::string_view json, chat_accumulator& into) {
        change();
        piece_ = json;
        target_ = target;
        if (!add(target, json, into)) is_too_much_ = true;
    }
    bool add(const text_target& target, std::string_view json, chat_accumulator& into) {
        const std::string_view text = text_of(json, own_texts_[0]);
        switch (target.what) {
            case text_target::kind::content:
                return has_think_tags_ ? split(target.choice, text, into) : into.add_text(target.choice, text);
            case text_target::kind::refusal:
                return into.add_refusal(target.choice, text);
            case text_target::kind::reasoning:
                return into.add_reasoning(target.choice, target.field, text);
            case text_target::kind::arguments:
                break;
        }
        tool_call_delta piece;
        piece.index = target.call;
        piece.arguments = text;
        return into.add_tool_call(target.choice, piece);
    }

    // --- thinking in the content ---

    bool split(int choice, std::string_view text, chat_accumulator& into) {
        if (!into.begin(choice)) return false;
        const std::string_view field = into.message_of(choice).reasoning_field;
        if (field.empty() || field == think_splitter::field) {
            add(choice, kept_of(choice).splitter.take(text), into);
            return true;
        }
        // The server knows what is thinking: its content has no tags, or they are meant as they are.
        end_text(choice, into);
        return into.add_text(choice, text);
    }
    static void add(int choice, const think_splitter::parts& found, chat_accumulator& into) {
        into.add_reasoning(choice, think_splitter::field, found.thinking);
        into.add_text(choice, found.text);
    }
    void end_text(int choice, chat_accumulator& into) { add(choice, kept_of(choice).splitter.finish(), into); }
    void end_texts(chat_accumulator& into) {
        if (!has_think_tags_) return;
        for (kept_parts& each : kept_) add(each.choice, each.splitter.finish(), into);
    }

    const bool requires_done_;
    const bool has_think_tags_;
    bool is_done_ = false;
    bool is_too_much_ = false;
    int changes_ = 0;         // of the chunk that is being read
    std::string_view piece_;  // its last one, if that is a piece of a text
    text_target target_;
    chorus::detail::event_shape shape_;
    text_target shape_target_;
    std::array<std::string, 4> own_texts_;  // texts that are not in the chunk as they are
    std::vector<kept_parts> kept_;
};

}  // namespace detail

CHORUS_DECL std::unique_ptr<chat_stream_decoder> make_stream_decoder(const openai_quirks& quirks) {
    return std::make_unique<detail::chunk_decoder>(quirks.is_done_required(), quirks.has_think_tags());
}

}  // namespace chorus::openai_format
