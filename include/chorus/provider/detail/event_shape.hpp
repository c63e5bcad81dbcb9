// What one event of a stream is to the next: mostly the same text, but for a few values. For decoders of all formats.
#pragma once

#include <chorus/config.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace chorus::detail {

/// Recognises an event that is like one before. With all bytes the same but those of these values it is JSON again, for
/// a string stands where a string stood and a number where a number stood; and it says the same again but for them.
class event_shape {
 public:
    static constexpr std::size_t most_values = 3;
    /// The JSON of the values that change, in an order of the decoder's own; those that are not there are empty.
    using values = std::array<std::string_view, most_values>;

    /// Keeps the shape of an event that holds these values: strings, or whole numbers of digits alone. If one of them is
    /// something else, no event is like this one.
    void keep(std::string_view event, const values& changing);
    void forget() noexcept { count_ = 0; }

    /// Finds the values of an event that is like the one that was kept. Blanks between brackets at its end, as some
    /// servers pad their events with, make no difference.
    bool match(std::string_view event, values& found) const;

 private:
    /// What stands before a value, with the quote that a string begins with.
    struct slot {
        std::string before;
        std::size_t number = 0;  // of the value
        bool is_string = false;
    };

    std::array<slot, most_values> slots_;
    std::size_t count_ = 0;  // 0: there is no shape
    std::string end_;
    int end_brackets_ = -1;  // if the end is nothing but these
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/event_shape.ipp>
#endif
