// A text that must not be seen: printing it gives ***.
#pragma once

#include <iosfwd>
#include <string>
#include <utility>

namespace chorus {

/// Holds a key or a token. It does not convert to text by itself: reading it takes the word `expose`.
class secret {
 public:
    secret() = default;
    explicit secret(std::string value) : value_(std::move(value)) {}

    const std::string& expose() const noexcept { return value_; }
    bool empty() const noexcept { return value_.empty(); }

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, const secret&) {
        return out << "***";
    }

 private:
    std::string value_;
};

}  // namespace chorus
