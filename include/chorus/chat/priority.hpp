// Who goes first where calls have to wait.
#pragma once

#include <cstdint>

namespace chorus {

/// The classes in which calls wait for the limits of their server.
enum class priority : std::uint8_t {
    interactive,  ///< Somebody waits for the answer.
    normal,
    background,  ///< Bulk work, which takes what the others leave.
};

}  // namespace chorus
