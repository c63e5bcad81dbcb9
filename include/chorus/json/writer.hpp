// Writes JSON straight into the buffer that is sent: no tree is built.
#pragma once

#include <chorus/config.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::json {

/// Appends one JSON document to a string. Commas and colons are placed by the writer; the caller closes what it opens.
/// Texts are copied as they are, escaped where JSON demands it: check them with `is_valid_utf8` before.
/// Lifetimes: the string outlives the writer, and nobody else appends to it in between.
///
///     json::writer out(body);
///     out.begin_object().member("model", "m").key("stop").begin_array().value("\n").end_array().end_object();
class writer {
 public:
    explicit writer(std::string& out) noexcept : out_(out), start_(out.size()) {}

    writer& begin_object() { return open('{'); }
    writer& end_object() { return close('}'); }
    writer& begin_array() { return open('['); }
    writer& end_array() { return close(']'); }

    writer& key(std::string_view name);

    writer& value(std::string_view text);
    writer& value(const char* text) { return value(std::string_view(text)); }
    writer& value(const std::string& text) { return value(std::string_view(text)); }
    /// Shortest text that reads back as the same number. What JSON cannot express (infinity, NaN) is written as null
    /// and makes `ok()` false.
    writer& value(double number);
    writer& value(bool flag);
    template <std::integral Integer>
    writer& value(Integer number) {
        return integer(static_cast<std::int64_t>(number));
    }
    writer& null() { return raw("null"); }
    /// A value that is JSON already.
    writer& raw(std::string_view json);

    template <class Value>
    writer& member(std::string_view name, const Value& content) {
        return key(name).value(content);
    }

    /// False once a value was refused.
    bool ok() const noexcept { return ok_; }

 private:
    writer& open(char bracket);
    writer& close(char bracket);
    writer& integer(std::int64_t number);
    void separate();
    void quoted(std::string_view text);

    std::string& out_;
    std::size_t start_;
    bool ok_ = true;
};

}  // namespace chorus::json

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/json/writer.ipp>
#endif
