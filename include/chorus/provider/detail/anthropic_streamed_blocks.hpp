// The blocks of a streamed message of Anthropic's, gathered from their pieces into an answer.
#pragma once

#include <chorus/chat/chat_accumulator.hpp>
#include <chorus/config.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/detail/anthropic_blocks.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::anthropic_format::detail {

/// A kind of piece: the type of a delta, which names the member of it that holds the piece.
enum class piece_kind : std::uint8_t { text, json, thinking, signature, citation, unknown };

/// A piece of a block, as JSON; empty if it is of a kind that is not known.
struct block_piece {
    piece_kind kind = piece_kind::unknown;
    std::string_view json;
};
block_piece read_delta(std::string_view delta);

/// Gathers the blocks of one message. Text, thinking and calls lie in the answer; here is whose they are, and the rest.
class streamed_blocks {
 public:
    /// The most blocks that one message may have.
    static constexpr std::size_t most_blocks = 16 * 1024;

    /// A block begins as this JSON. False if it, or its call, is one too many.
    bool start(const std::optional<std::int64_t>& index, std::string_view json, chat_accumulator& into);
    /// A piece comes. False as above, for one whose block did not begin.
    bool add(const std::optional<std::int64_t>& index, const block_piece& piece, chat_accumulator& into);
    /// A piece of the block at a place comes.
    void add_at(std::size_t place, const block_piece& piece, chat_accumulator& into);
    /// The place of the last block of that number: the open one, if there is one. Without a number, of the last of all.
    std::optional<std::size_t> find(const std::optional<std::int64_t>& index) const noexcept;

    void stop(const std::optional<std::int64_t>& index, chat_accumulator& into);
    void stop_all(chat_accumulator& into);

    /// Keeps the blocks in the answer, as they would have come whole, where its fields do not say it all.
    void finish(answer& out) const;

 private:
    struct block {
        std::optional<std::int64_t> index;
        block_kind kind = block_kind::other;
        bool is_open = true;
        piece_kind rest_kind = piece_kind::unknown;
        std::size_t call = 0;   // among the tool calls of the answer
        std::string start;      // its JSON as it began
        std::string signature;  // of thinking
        std::string citations;  // of text: JSON values with commas between
        std::string rest;       // what of it has no place in the answer, such as the input of a server's tool
    };
    /// A part of the answer's text or thinking that one block brought.
    struct run {
        std::size_t block;
        std::size_t begin;
        std::size_t end;
    };

    std::string_view text_of(std::string_view json);
    void add_text(std::size_t place, std::string_view piece, chat_accumulator& into);
    void stop_block(std::size_t place, chat_accumulator& into);
    bool is_native_needed(const answer& said) const;
    void write_block(json::writer& out, const block& each, const std::string& text, const answer& said) const;

    std::vector<block> blocks_;
    std::vector<run> runs_;
    character_count characters_;
    std::string unescaped_;  // kept for its memory
};

}  // namespace chorus::anthropic_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/anthropic_streamed_blocks.ipp>
#endif
