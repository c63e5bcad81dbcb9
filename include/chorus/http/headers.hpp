// Header fields as one block of text: one allocation, in wire order, copied straight into an HTTP/1.1 request.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace chorus::http {

/// What the fields of most responses fit into: room for them is made at once.
inline constexpr std::size_t usual_head_bytes = 512;

/// One field, as views into the block that holds it.
struct header {
    std::string_view name;
    std::string_view value;
};

/// A list of header fields in the order they were added. Names compare without case. Values hold no CR, LF or NUL.
class headers {
 public:
    class iterator;

    /// Appends a field. The caller has checked name and value: see `is_valid_name`, `is_valid_value`.
    headers& add(std::string_view name, std::string_view value);
    /// Appends all fields of another list.
    headers& add(const headers& others);
    /// Removes every field of that name, then appends this one.
    headers& set(std::string_view name, std::string_view value);
    /// Removes every field of that name.
    headers& remove(std::string_view name);
    void clear() noexcept { block_.clear(); }
    /// Makes room for a block of so many bytes, in one allocation.
    void reserve(std::size_t bytes) { block_.reserve(bytes); }
    /// Gives back the room that is not used.
    void shrink_to_fit() { block_.shrink_to_fit(); }

    /// The value of the first field of that name, or an empty view. `contains` tells an empty value from none.
    std::string_view get(std::string_view name) const noexcept;
    bool contains(std::string_view name) const noexcept;
    /// The first field of that name, or `end()`.
    iterator find(std::string_view name) const noexcept;

    iterator begin() const noexcept;
    iterator end() const noexcept;
    bool empty() const noexcept { return block_.empty(); }

    /// The whole block as HTTP/1.1 sends it: `name: value CRLF` for each field.
    const std::string& block() const noexcept { return block_; }

    /// RFC 9110 section 5.1: a token.
    static bool is_valid_name(std::string_view name) noexcept;
    static bool is_name_character(char c) noexcept;
    /// RFC 9110 section 5.5, stricter: no control character but tab.
    static bool is_valid_value(std::string_view value) noexcept;

 private:
    std::string block_;
};

class headers::iterator {
 public:
    using value_type = header;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    iterator() noexcept = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) {}
    header operator*() const noexcept;
    /// As a comparison of `(*it).name` without case, for less.
    bool is_named(std::string_view name) const noexcept;
    iterator& operator++() noexcept;
    iterator operator++(int) noexcept {
        iterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const iterator& other) const noexcept { return rest_.size() == other.rest_.size(); }

 private:
    std::string_view rest_;
};

/// Compares header names: ASCII letters without case.
bool equal_names(std::string_view left, std::string_view right) noexcept;

/// Tells by the name of a field whether its value is a secret: a key, a token, a password. `Idempotency-Key` is none.
bool holds_secret(std::string_view name) noexcept;

namespace detail {

/// The content coding of a body that is not sent as it is, or an empty view. No request asks for one (RFC 9110, 8.4).
std::string_view content_coding(const headers& fields) noexcept;
/// Errors: `errc::decode_failed`, for a success whose body has such a coding.
error coded_body(std::string_view coding);
/// The text in quotes for a message: without what is not printable, and cut.
std::string quoted(std::string_view text);

}  // namespace detail

}  // namespace chorus::http

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/http/headers.ipp>
#endif
