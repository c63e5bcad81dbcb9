#pragma once

#include <chorus/provider/detail/event_shape.hpp>
#include <chorus/provider/detail/responses_streamed_items.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/provider/responses_stream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::responses_format {

namespace detail {

/// The first ones bring a piece, in the order of `piece_kind`.
enum class event_kind : std::uint8_t {
    text,
    refusal,
    thinking,
    summary,
    arguments,
    input,
    item_added,
    item_done,
    progress,
    completed,
    failed,
    error,
    keepalive,
    unknown,
};

CHORUS_DECL event_kind event_kind_of(std::string_view type) noexcept {
    struct named {
        std::string_view name;
        event_kind kind;
    };
    static constexpr std::array<named, 16> names = {{{"response.output_text.delta", event_kind::text},
                                                     {"response.refusal.delta", event_kind::refusal},
                                                     {"response.reasoning_text.delta", event_kind::thinking},
                                                     {"response.reasoning_summary_text.delta", event_kind::summary},
                                                     {"response.function_call_arguments.delta", event_kind::arguments},
                                                     {"response.custom_tool_call_input.delta", event_kind::input},
                                                     {"response.output_item.added", event_kind::item_added},
                                                     {"response.output_item.done", event_kind::item_done},
                                                     {"response.created", event_kind::progress},
                                                     {"response.queued", event_kind::progress},
                                                     {"response.in_progress", event_kind::progress},
                                                     {"response.completed", event_kind::completed},
                                                     {"response.incomplete", event_kind::completed},
                                                     {"response.failed", event_kind::failed},
                                                     {"error", event_kind::error},
                                                     {"keepalive", event_kind::keepalive}}};
    for (const named& known : names) {
        if (known.name == type) return known.kind;
    }
    return event_kind::unknown;
}

/// What an event says. The members that are read later are JSON; those that are not there are empty.
struct response_event {
    event_kind what = event_kind::unknown;
    bool is_told = false;  // by the data, not by the name of the event
    std::optional<std::int64_t> index;
    std::int64_t part = 0;
    std::string_view delta;
    std::string_view item;
    std::string_view response;
    std::string_view sequence_number;
    std::string_view obfuscation;
    bool has_error = false;
};

CHORUS_DECL void read_event(json::reader& in, response_event& event) {
    in.object([&](std::string_view key) {
        if (key == "type") {
            std::string_view type;
            event.is_told = in.read_view(type);
            if (event.is_told) event.what = event_kind_of(type);
        } else if (key == "output_index") {
            in.read(event.index);
        } else if (key == "content_index" || key == "summary_index") {
            in.read(event.part);
        } else if (key == "delta") {
            event.delta = in.raw();
        } else if (key == "item") {
            event.item = in.raw();
        } else if (key == "response") {
            event.response = in.raw();
        } else if (key == "sequence_number") {
            event.sequence_number = in.raw();
        } else if (key == "obfuscation") {
            event.obfuscation = in.raw();
        } else if (key == "error") {
            event.has_error = in.peek() != json::kind::null;
        }
    });
}

class response_stream_decoder final : public chat_stream_decoder {
 public:
    result<void> read(const sse::event& next, chat_accumulator& into) override {
        if (chorus::detail::event_shape::values found; shape_.match(next.data, found)) {
            piece_.text = text_of(found[0]);
            items_.add(place_, piece_, into);
            return {};
        }
        shape_.forget();
        response_event event;
        // An event that does not say what it is may have a name that does.
        event.what = event_kind_of(next.type);
        json::reader in(next.data);
        read_event(in, event);
        if (auto read = in.finish(); !read) {
            // What would be passed over may be no JSON either.
            const bool is_foreign = event.what == event_kind::unknown && !next.type.empty();
            if (is_foreign || next.data.starts_with("[DONE]")) return {};
            if (event.what != event_kind::keepalive && event.what != event_kind::error) return read;
        }
        if (event.what == event_kind::failed && event.response.starts_with('{')) return failure(event.response);
        const bool is_error = event.what == event_kind::error || event.what == event_kind::failed;
        if (is_error || (event.what == event_kind::unknown && !event.is_told && event.has_error)) {
            return failure(next.data);
        }
        if (act(next.data, event, into)) return {};
        error many(errc::decode_failed, "the response has too many items");
        return many.phase(phase::decode);
    }

    bool is_complete() const noexcept override { return is_complete_; }

    result<void> finish(chat_accumulator&) override {
        if (is_complete_) return {};
        error cut(errc::truncated, "the stream ended before its response.completed");
        return cut.phase(phase::read);
    }

 private:
    static error failure(std::string_view data) {
        http::response told;
        told.status = 200;
        told.body = data;
        return failure_of(std::move(told), {});
    }

    /// False if an item or a call is one too many.
    bool act(std::string_view data, const response_event& event, chat_accumulator& into) {
        switch (event.what) {
            case event_kind::text:
            case event_kind::refusal:
            case event_kind::thinking:
            case event_kind::summary:
            case event_kind::arguments:
            case event_kind::input:
                return add_piece(data, event, into);
            case event_kind::item_added:
                return items_.begin(event.index, event.item, into).has_value();
            case event_kind::item_done:
                return end_item(event.index, event.item, into);
            case event_kind::progress: {
                into.begin(0);
                json::reader in(event.response);
                read_response(in, into.completion());
                return true;
            }
            case event_kind::completed:
                return complete(event.response, into);
            case event_kind::keepalive:
                into.add_heartbeat();
                return true;
            case event_kind::failed:
            case event_kind::error:
            case event_kind::unknown:
                break;
        }
        return true;
    }

    bool add_piece(std::string_view data, const response_event& event, chat_accumulator& into) {
        if (!event.delta.starts_with('"')) return true;
        const auto kind = static_cast<piece_kind>(event.what);
        const auto place = items_.begin(event.index, kind, into);
        if (!place) return false;
        place_ = *place;
        piece_ = {kind, event.part, text_of(event.delta)};
        items_.add(place_, piece_, into);
        if (event.is_told && event.index) shape_.keep(data, {event.delta, event.sequence_number, event.obfuscation});
        return true;
    }

    bool end_item(const std::optional<std::int64_t>& index, std::string_view item, chat_accumulator& into) {
        // One without a number is the one that is open, or it has come at once.
        auto place = index ? std::nullopt : items_.find(index);
        if (!place || !items_.is_open(*place)) place = items_.begin(index, item, into);
        if (place) items_.end(*place, item, into);
        return place.has_value();
    }

    bool complete(std::string_view response, chat_accumulator& into) {
        into.begin(0);
        chat_completion whole;
        json::reader in(response);
        const response_state state = read_response(in, whole);
        std::vector<std::string_view> items = objects_of(state.output);
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (!end_item(static_cast<std::int64_t>(i), items[i], into)) return false;
        }
        // Some servers leave them out here.
        if (items.empty()) items = items_.ended();
        choice& only = whole.choices.emplace_back();
        read_items(items, only);
        keep(whole, into);
        into.finish(0, state.finish_reason(!into.message_of(0).tool_calls.empty()));
        is_complete_ = true;
        return true;
    }

    /// Keeps what no event tells of a response that has ended.
    static void keep(chat_completion& whole, chat_accumulator& into) {
        chat_completion& so_far = into.completion();
        if (!whole.id.empty()) so_far.id = std::move(whole.id);
        if (!whole.model.empty()) so_far.model = std::move(whole.model);
        if (whole.created) so_far.created = whole.created;
        if (!whole.service_tier.empty()) so_far.service_tier = std::move(whole.service_tier);
        choice& only = into.choice_of(0);
        only.message.annotations = std::move(whole.choices[0].message.annotations);
        only.message.native = std::move(whole.choices[0].message.native);
        only.logprobs = std::move(whole.choices[0].logprobs);
        into.set_usage(whole.usage);
    }

    /// What a JSON string says. Events are UTF-8: without escapes it is its own text.
    std::string_view text_of(std::string_view json) {
        if (json.find('\\') == json.npos) return json.substr(1, json.size() - 2);
        json::reader(json).read(unescaped_);
        return unescaped_;
    }

    streamed_items items_;
    chorus::detail::event_shape shape_;
    std::size_t place_ = 0;  // of the item that the last piece belongs to
    item_piece piece_;
    std::string unescaped_;  // kept for its memory
    bool is_complete_ = false;
};

}  // namespace detail

CHORUS_DECL std::unique_ptr<chat_stream_decoder> make_stream_decoder() {
    return std::make_unique<detail::response_stream_decoder>();
}

}  // namespace chorus::responses_format
