// Parts thinking from the answer where a server leaves both in one text.
#pragma once

#include <chorus/config.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::openai_format::detail {

/// Finds `<think>...</think>` at the beginning of a text that comes in pieces, cut anywhere. A pure machine.
///
/// Blanks behind a tag, and before the first, go with the tags. All else is given, once and in order: a tag that never
/// ends leaves its text as thinking, a part of one is text, and tags further on are too, for an answer may speak of them.
class think_splitter {
 public:
    /// What a piece brings: first thinking, then text. Views of the piece or of the machine, valid until the next call.
    struct parts {
        std::string_view thinking;
        std::string_view text;
    };

    parts take(std::string_view piece);
    /// The text has ended: gives what was kept back because it might have begun a tag.
    parts finish();

    /// The name in `answer::reasoning_field` of thinking that was found so.
    static constexpr std::string_view field = "think";

 private:
    enum class state : std::uint8_t { before, thinking_begins, thinking, text_begins, text };

    std::size_t match(std::string_view piece);
    std::size_t skip(std::string_view piece);
    void give_back();

    state state_ = state::before;
    std::size_t matched_ = 0;  // so many characters of a tag have come
    std::string blanks_;       // that came before it
    std::string thinking_;
    std::string text_;
};

}  // namespace chorus::openai_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/think_splitter.ipp>
#endif
