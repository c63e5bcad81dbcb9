// The text of a streamed answer, handed out in portions that are made one at a time.
#pragma once

#include <chorus/config.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace chorus::testing {

/// How a text is divided.
struct mock_portions {
    std::size_t count = 0;        ///< Portions, over which the text repeats itself; 0: the text once.
    std::size_t event_bytes = 0;  ///< The size of the event that carries a portion; 0: a word is a portion.
};

/// Hands out a text. Repeated, it is the text, a blank, the text again and so on, cut after the last portion: a client
/// can check what it got without knowing the size of a portion.
class mock_text {
 public:
    explicit mock_text(std::string text, mock_portions sizes = {});

    bool is_over() const noexcept { return sizes_.count > 0 ? left_ == 0 : at_ == text_.size(); }
    /// Appends `before`, the next portion as a JSON string, `after`, and the empty line that ends an event. With a size
    /// given, the portion is as long as makes the whole event fit exactly: blanks before the line end stand in for a
    /// character that would have to be cut. At least one character is handed out, whatever the size.
    void append_event(std::string& out, std::string_view before, std::string_view after);
    /// Bytes of text handed out so far.
    std::size_t handed_out() const noexcept { return handed_out_; }

 private:
    void take_word(std::string& portion);
    void take_bytes(std::string& portion, std::size_t json_bytes);
    void wrap() noexcept;

    std::string text_;
    mock_portions sizes_;
    std::size_t at_ = 0;
    std::size_t left_;  // portions
    std::size_t handed_out_ = 0;
};

/// About what a tokenizer makes of English text: four bytes a token. Only that it is the same each time matters.
constexpr std::size_t mock_tokens(std::size_t bytes) noexcept {
    return (bytes + 3) / 4;
}
constexpr std::size_t mock_tokens(std::string_view text) noexcept {
    return mock_tokens(text.size());
}

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_text.ipp>
#endif
