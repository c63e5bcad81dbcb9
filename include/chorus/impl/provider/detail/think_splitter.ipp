#pragma once

#include <chorus/provider/detail/think_splitter.hpp>

#include <algorithm>
#include <utility>

namespace chorus::openai_format::detail {

inline constexpr std::string_view think_tag = "<think>";
inline constexpr std::string_view think_end_tag = "</think>";
inline constexpr std::string_view blanks_of_tags = " \t\r\n";

CHORUS_DECL think_splitter::parts think_splitter::take(std::string_view piece) {
    thinking_.clear();
    text_.clear();
    while (!piece.empty() && state_ != state::text) {
        piece.remove_prefix(state_ == state::before || state_ == state::thinking ? match(piece) : skip(piece));
    }
    if (text_.empty()) return {thinking_, piece};
    return {thinking_, text_.append(piece)};
}

CHORUS_DECL std::size_t think_splitter::skip(std::string_view piece) {
    const std::size_t blanks = std::min(piece.find_first_not_of(blanks_of_tags), piece.size());
    if (blanks < piece.size()) state_ = state_ == state::thinking_begins ? state::thinking : state::text;
    return blanks;
}

CHORUS_DECL std::size_t think_splitter::match(std::string_view piece) {
    const bool is_inside = state_ == state::thinking;
    const std::string_view tag = is_inside ? think_end_tag : think_tag;
    if (piece.front() == tag[matched_]) {
        if (++matched_ == tag.size()) {
            matched_ = 0;
            blanks_.clear();
            state_ = is_inside ? state::text_begins : state::thinking_begins;
        }
        return 1;
    }
    if (is_inside) {
        // No other character of a tag is its first, so that what did not match begins none further on.
        thinking_.append(tag, 0, matched_);
        matched_ = 0;
        const std::size_t plain = std::min(piece.find(tag.front()), piece.size());
        thinking_.append(piece, 0, plain);
        return plain;
    }
    if (matched_ == 0 && blanks_of_tags.find(piece.front()) != blanks_of_tags.npos) {
        blanks_.push_back(piece.front());
        return 1;
    }
    give_back();
    return 0;
}

/// There is no tag at the beginning: what was kept back is text.
CHORUS_DECL void think_splitter::give_back() {
    text_.append(blanks_).append(think_tag, 0, matched_);
    blanks_.clear();
    matched_ = 0;
    state_ = state::text;
}

CHORUS_DECL think_splitter::parts think_splitter::finish() {
    thinking_.clear();
    text_.clear();
    if (state_ == state::before) give_back();
    if (state_ == state::thinking) thinking_.append(think_end_tag, 0, std::exchange(matched_, 0));
    return {thinking_, text_};
}

}  // namespace chorus::openai_format::detail
