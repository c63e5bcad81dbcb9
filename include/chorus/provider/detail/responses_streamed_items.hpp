// The items of a streamed response of OpenAI's, gathered from their pieces into an answer.
#pragma once

#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/config.hpp>
#include <chorus/provider/detail/responses_items.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::responses_format::detail {

/// The texts that come in pieces.
enum class piece_kind : std::uint8_t { text, refusal, thinking, summary, arguments, input };

/// A piece of a text.
struct item_piece {
    piece_kind kind = piece_kind::text;
    std::int64_t part = 0;  ///< of the content or the summary
    std::string_view text;
};

/// Gathers the items of one response. Texts and calls lie in the answer; here is whose they are, and the rest.
class streamed_items {
 public:
    /// The most items that one response may have.
    static constexpr std::size_t most_items = 4 * 1024;

    /// The place of the item of that number; without a number, of the last one. None if there is none.
    std::optional<std::size_t> find(const std::optional<std::int64_t>& index) const noexcept;
    bool is_open(std::size_t place) const noexcept { return items_[place].is_open; }

    /// Begins an item as this JSON, or as the kind that has such pieces, unless that of the number has begun. Without a
    /// number the JSON is another item, and pieces are of the last one. None if it, or its call, is one too many.
    std::optional<std::size_t> begin(const std::optional<std::int64_t>& index, std::string_view json,
                                     chat_accumulator& into);
    std::optional<std::size_t> begin(const std::optional<std::int64_t>& index, piece_kind kind, chat_accumulator& into);

    /// A piece of the item at a place comes.
    void add(std::size_t place, const item_piece& piece, chat_accumulator& into);
    /// The item at a place has ended, and is this whole. What had not come of it is added.
    void end(std::size_t place, std::string_view json, chat_accumulator& into);

    /// The items that have ended, in the order of their numbers; none if one has not.
    std::vector<std::string_view> ended() const;

 private:
    /// A part of a text of the answer that one item brought.
    struct run {
        std::size_t begin = 0;
        std::size_t size = 0;
    };
    struct item {
        std::int64_t index = 0;
        item_kind kind = item_kind::other;
        bool is_open = true;
        std::size_t call = 0;  // among the tool calls of the answer
        std::int64_t thought = 0;
        run text;
        run refusal;
        run thoughts;
        std::string json;  // once it has ended
    };

    std::optional<std::size_t> open(const std::optional<std::int64_t>& index, const output_item& as,
                                    chat_accumulator& into);
    void add_thought(item& to, const item_piece& piece, chat_accumulator& into);
    static std::string_view rest_of(std::string_view whole, const run& told, std::string_view all) noexcept;

    std::vector<item> items_;
};

}  // namespace chorus::responses_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/responses_streamed_items.ipp>
#endif
