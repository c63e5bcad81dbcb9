#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/provider/anthropic_stream.hpp>
#include <chorus/provider/detail/anthropic_blocks.hpp>
#include <chorus/provider/detail/anthropic_streamed_blocks.hpp>
#include <chorus/provider/detail/event_shape.hpp>
#include <chorus/provider/error_response.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::anthropic_format {

namespace detail {

enum class event_kind : std::uint8_t {
    block_delta,
    block_start,
    block_stop,
    message_start,
    message_delta,
    message_stop,
    ping,
    error,
    unknown,
};

CHORUS_DECL event_kind event_kind_of(std::string_view type) noexcept {
    if (type == "content_block_delta") return event_kind::block_delta;
    if (type == "content_block_start") return event_kind::block_start;
    if (type == "content_block_stop") return event_kind::block_stop;
    if (type == "message_start") return event_kind::message_start;
    if (type == "message_delta") return event_kind::message_delta;
    if (type == "message_stop") return event_kind::message_stop;
    if (type == "ping") return event_kind::ping;
    if (type == "error") return event_kind::error;
    return event_kind::unknown;
}

/// What an event says. The members that are read later are JSON; those that are not there are empty.
struct message_event {
    event_kind what = event_kind::unknown;
    bool is_told = false;  // by the data, not by the name of the event
    std::optional<std::int64_t> index;
    std::string_view delta;
    std::string_view content_block;
    std::string_view message;
    std::string_view usage;
    bool has_error = false;
};

CHORUS_DECL void read_event(json::reader& in, message_event& event) {
    in.object([&](std::string_view key) {
        if (key == "type") {
            std::string_view type;
            event.is_told = in.read_view(type);
            if (event.is_told) event.what = event_kind_of(type);
        } else if (key == "index") {
            in.read(event.index);
        } else if (key == "delta") {
            event.delta = in.raw();
        } else if (key == "content_block") {
            event.content_block = in.raw();
        } else if (key == "message") {
            event.message = in.raw();
        } else if (key == "usage") {
            event.usage = in.raw();
        } else if (key == "error") {
            event.has_error = in.peek() != json::kind::null;
        }
    });
}

class message_stream_decoder final : public chat_stream_decoder {
 public:
    result<void> read(const sse::event& next, chat_accumulator& into) override {
        // Mostly an event differs from the one before in a piece of one block alone.
        if (chorus::detail::event_shape::values found; shape_.match(next.data, found)) {
            piece_.json = found[0];
            blocks_.add_at(place_, piece_, into);
            return {};
        }
        shape_.forget();
        message_event event;
        // An event that does not say what it is may have a name that does.
        event.what = event_kind_of(next.type);
        json::reader in(next.data);
        read_event(in, event);
        if (auto read = in.finish(); !read) {
            // What would be passed over may be no JSON either.
            const bool is_foreign = event.what == event_kind::unknown && !next.type.empty();
            if (is_foreign || next.data.starts_with("[DONE]")) return {};
            if (event.what != event_kind::ping && event.what != event_kind::error) return read;
        }
        if (event.what == event_kind::error || (event.what == event_kind::unknown && event.has_error)) {
            return decode_stream_error(next.data);
        }
        if (act(next.data, event, into)) return {};
        error many(errc::decode_failed, "the message has too many blocks");
        return many.phase(phase::decode);
    }

    bool is_complete() const noexcept override { return is_complete_; }

    result<void> finish(chat_accumulator&) override {
        if (is_complete_) return {};
        error cut(errc::truncated, "the stream ended before its message_stop");
        return cut.phase(phase::read);
    }

 private:
    /// False if a block or a call is one too many.
    bool act(std::string_view data, const message_event& event, chat_accumulator& into) {
        switch (event.what) {
            case event_kind::block_delta:
                return add_piece(data, event, into);
            case event_kind::block_start:
                return blocks_.start(event.index, event.content_block, into);
            case event_kind::block_stop:
                blocks_.stop(event.index, into);
                break;
            case event_kind::message_start:
                start_message(event.message, into);
                break;
            case event_kind::message_delta:
                if (json::reader in(event.usage); !event.usage.empty()) read_usage(in, into);
                read_reason(event.delta, into);
                break;
            case event_kind::message_stop:
                into.begin(0);
                blocks_.stop_all(into);
                blocks_.finish(into.message_of(0));
                is_complete_ = true;
                break;
            case event_kind::ping:
                into.add_heartbeat();
                break;
            case event_kind::error:
            case event_kind::unknown:
                break;
        }
        return true;
    }

    bool add_piece(std::string_view data, const message_event& event, chat_accumulator& into) {
        const block_piece piece = read_delta(event.delta);
        if (piece.json.empty()) return true;
        if (!blocks_.add(event.index, piece, into)) return false;
        const auto place = blocks_.find(event.index);
        if (!(event.is_told && event.index && place)) return true;
        shape_.keep(data, {piece.json});
        piece_ = piece;
        place_ = *place;
        return true;
    }

    void start_message(std::string_view message, chat_accumulator& into) {
        into.begin(0);
        json::reader in(message);
        in.object([&](std::string_view key) {
            if (key == "id") {
                in.read(into.completion().id);
            } else if (key == "model") {
                in.read(into.completion().model);
            } else if (key == "role") {
                in.read(into.message_of(0).role);
            } else if (key == "usage") {
                read_usage(in, into);
            }
        });
    }

    /// Counts are of the whole message so far, and leave out what has not changed.
    void read_usage(json::reader& in, chat_accumulator& into) {
        counts_.read(in);
        into.set_usage(counts_.to_usage());
        into.completion().service_tier = counts_.service_tier();
    }

    void read_reason(std::string_view delta, chat_accumulator& into) {
        ending end;
        json::reader in(delta);
        in.object([&](std::string_view key) { end.read(key, in); });
        if (!end.is_told()) return;
        blocks_.stop_all(into);
        if (const std::string refused = end.refusal(); !refused.empty()) into.add_refusal(0, refused);
        into.finish(0, end.reason());
    }

    streamed_blocks blocks_;
    chorus::detail::event_shape shape_;
    block_piece piece_;      // the last one
    std::size_t place_ = 0;  // of its block
    token_counts counts_;
    bool is_complete_ = false;
};

}  // namespace detail

CHORUS_DECL std::unique_ptr<chat_stream_decoder> make_stream_decoder() {
    return std::make_unique<detail::message_stream_decoder>();
}

}  // namespace chorus::anthropic_format
