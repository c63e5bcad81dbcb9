// Where the bytes of a body go as they arrive.
#pragma once

#include <chorus/error.hpp>

#include <string_view>

namespace chorus::http {

/// Takes a body piece by piece. What reads the body waits for no one else in between, so a sink that is slow is its own
/// brake.
class body_sink {
 public:
    /// Takes the next bytes; they are gone when it returns. An error ends the transfer.
    virtual result<void> take(std::string_view bytes) = 0;

 protected:
    ~body_sink() = default;
};

}  // namespace chorus::http
