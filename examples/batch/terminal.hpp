// One line that is overwritten again and again, where there is a terminal to see it; other lines pass above it.
#pragma once

#include <iostream>
#include <string>
#include <string_view>

#include <unistd.h>

namespace batch {

class status_line {
 public:
    /// Whether standard error is a terminal. Nothing is shown otherwise.
    bool visible() const noexcept { return visible_; }

    void show(std::string_view text) {
        if (visible_) std::cerr << no_wrap << '\r' << text << erase_rest << wrap << std::flush;
    }
    void clear() { show({}); }

    /// A line that stays.
    void print(std::string_view text) {
        clear();
        std::cerr << text << '\n';
    }

 private:
    // ECMA-48 EL, and DECAWM: a line longer than the terminal is wide is cut, not continued on the next.
    static constexpr std::string_view erase_rest = "\x1b[K", no_wrap = "\x1b[?7l", wrap = "\x1b[?7h";
    bool visible_ = ::isatty(STDERR_FILENO) == 1;
};

}  // namespace batch
