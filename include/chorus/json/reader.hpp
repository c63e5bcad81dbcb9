// Reads JSON straight into typed fields: a strict, bounded pull parser, without a tree.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::json {

/// What the next value is; `none` at the end of the text and after an error.
enum class kind { none, object, array, string, number, boolean, null };

/// Walks over one complete JSON text (RFC 8259). Structure is strict, types are not: a getter that meets a value of
/// another type converts it if that makes sense, else skips it and returns false with its target untouched, because
/// servers change types without notice. Broken structure stops everything: getters return false, loops end, and
/// `finish` tells what was wrong and where.
/// Text that is not UTF-8 and lone surrogate escapes become U+FFFD. Nesting is limited to `max_depth`.
/// Lifetimes: the text outlives the reader. Nothing throws but the allocation of strings.
///
///     json::reader in(body);
///     in.object([&](std::string_view key) {
///         if (key == "id") in.read(id);
///         else if (key == "choices") in.array([&] { choices.push_back(read_choice(in)); });
///     });                                                  // what a callback does not read is skipped
///     if (auto read = in.finish(); !read) return read.error();
class reader {
 public:
    static constexpr std::size_t max_depth = 128;

    explicit reader(std::string_view text) noexcept;

    /// Looks at the next value without reading it.
    json::kind peek() noexcept;

    /// Reads an object: calls `on_member(key)` for each member; the key is valid until a value is read.
    /// Returns false, after skipping it, if the value is no object.
    template <class OnMember>
    bool object(OnMember&& on_member) {
        if (!enter('{')) return false;
        std::string_view key;
        for (bool first = true; next_member(first, key); first = false) {
            const char* const value = next_;
            on_member(key);
            if (next_ == value) skip();
        }
        return !failed();
    }

    /// Reads an array: calls `on_element()` for each element. Returns false, after skipping it, if it is no array.
    template <class OnElement>
    bool array(OnElement&& on_element) {
        if (!enter('[')) return false;
        for (bool first = true; next_element(first); first = false) {
            const char* const value = next_;
            on_element();
            if (next_ == value) skip();
        }
        return !failed();
    }

    /// A string; a number or a boolean gives its JSON text.
    bool read(std::string& out);
    /// A number, cut to an integer if it has a fraction; a string that holds nothing but a number.
    bool read(std::int64_t& out);
    bool read(int& out);
    bool read(double& out);
    bool read(bool& out);
    template <class Value>
    bool read(std::optional<Value>& out) {
        Value value{};
        if (!read(value)) return false;
        out = std::move(value);
        return true;
    }

    /// Reads a string without copying it where it holds no escapes. The view is valid until the next call.
    /// Returns false, after skipping it, if the value is no string.
    bool read_view(std::string_view& out);

    /// Reads any value and returns its JSON text; an empty view after an error.
    std::string_view raw();

    /// Reads any value and forgets it.
    void skip();

    bool failed() const noexcept { return problem_ != nullptr; }

    /// Checks that the text ended with the value. Errors: `errc::decode_failed`, with the offset in bytes.
    result<void> finish();

 private:
    struct string_token {
        std::string_view text;  // without its quotes
        bool escaped = false;
        bool ascii = true;
    };

    void fail(const char* problem) noexcept;
    void skip_space() noexcept;
    bool enter(char bracket);
    bool next_member(bool first, std::string_view& key);
    bool next_element(bool first) noexcept;
    bool next_item(bool first, char bracket) noexcept;
    bool scan_string(string_token& token) noexcept;
    bool scan_escape(const char*& at) noexcept;
    bool scan_number(std::string_view& token) noexcept;
    bool scan_word(std::string_view word) noexcept;
    bool number_text(std::string_view& token);
    std::string_view view_of(const string_token& token);
    static void append(std::string& out, const string_token& token);

    const char* begin_;
    const char* next_;
    const char* end_;
    const char* problem_ = nullptr;
    std::size_t problem_offset_ = 0;
    std::size_t depth_ = 0;
    std::string scratch_;
};

/// Tells whether the text is one whole JSON value.
bool is_complete(std::string_view text) noexcept;

}  // namespace chorus::json

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/json/reader.ipp>
#endif
