// Makes valid JSON of JSON that is still being written, such as the answer of a model while it streams.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::json {

/// Whether a value may be wrapped in a Markdown code fence ("```json"), as models do that were not held to JSON.
enum class code_fence { refused, tolerated };

/// Takes one JSON text (RFC 8259) in pieces and gives, at any moment, the valid JSON of what has come. A pure machine.
///
/// What is open is closed. What cannot stand yet is left out: a member without a value, an unfinished literal, a lone
/// minus sign, an unfinished escape or character at the end of a string. A number counts as far as it is one: `12.`
/// gives 12. So nothing that was given disappears from what is given later: objects and lists gain members, strings
/// grow at their end, and only a number may change while its digits come.
///
/// The text is kept as it is, but a byte order mark is left out, and what is not UTF-8, and lone surrogate escapes,
/// become U+FFFD. Each byte is looked at
/// once, and the result does not depend on the cuts. Nesting is limited to `json::reader::max_depth`.
/// Errors: broken JSON stops the machine: `failure` says what and where, `completed` gives what came before it.
///
///     json::partial answer;
///     answer.feed(R"({"name": "Ada", "born": 18)");
///     answer.completed();    // {"name": "Ada", "born": 18}
class partial {
 public:
    explicit partial(code_fence around = code_fence::refused) noexcept
        : is_fence_allowed_(around == code_fence::tolerated) {}

    /// Adds the next piece of the text; ignored after a failure.
    void feed(std::string_view bytes);

    /// The JSON of what has come, closed; `null` as long as no value has begun.
    std::string completed() const;

    /// Tells whether the value is whole as it stands. A number outside of objects and lists may still grow.
    bool is_complete() const noexcept;

    bool failed() const noexcept { return failed_; }
    /// `errc::decode_failed`, with the offset in bytes; no error as long as the text is well-formed.
    const error& failure() const noexcept { return failure_; }

 private:
    enum class expect : std::uint8_t {
        start,
        byte_order_mark,
        value,
        element_or_end,
        member_or_end,
        member,
        colon,
        comma_or_end,
        in_string,
        in_number,
        in_word,
        fence_mark,
        fence_line,
        nothing,
    };
    enum class number_part : std::uint8_t { minus, zero, integer, point, fraction, mark, sign, exponent };

    // Each returns how many bytes it used: 0 where the byte is to be looked at again.
    std::size_t take(char c);
    std::size_t take_characters(std::string_view bytes);
    std::size_t take_escape(char c);
    std::size_t take_number(char c);
    std::size_t take_word(char c);
    std::size_t take_structure(char c);
    std::size_t take_value(char c);

    std::size_t open(char bracket);
    std::size_t close(char bracket);
    std::size_t begin_word(std::string_view word);
    std::size_t begin_string(bool is_name);
    void append_characters(std::string_view bytes);
    void append_lone_surrogate();
    void settle_cut_character();
    void settle_escape();
    void end_string();
    void end_value();
    void extend_kept() noexcept;
    bool advance_number(char c) noexcept;
    bool is_number_whole() const noexcept;
    std::size_t fail(const char* problem, std::size_t ahead = 0);

    std::string text_;           // everything that came, repaired
    std::size_t kept_ = 0;       // how much of it stands once what is open is closed
    std::string open_brackets_;  // what closes the open objects and lists, the outermost first
    std::string cut_character_;  // the first bytes of a character
    std::string escape_;         // an escape that is not decided yet, up to two halves of a pair
    std::string_view word_;      // what is left of a literal
    std::size_t offset_ = 0;
    expect expect_ = expect::start;
    number_part number_ = number_part::minus;
    std::uint8_t fence_marks_ = 0;
    bool is_fence_allowed_;
    bool is_name_ = false;  // the string is the name of a member
    bool failed_ = false;
    error failure_;
};

}  // namespace chorus::json

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/json/partial.ipp>
#endif
