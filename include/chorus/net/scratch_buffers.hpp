// Memory that all connections of a loop share, because none holds it across a suspension.
#pragma once

#include <string>
#include <vector>

namespace chorus::net {

/// One buffer for what is being sent and one for what was just received.
struct scratch_buffers {
    std::string out;
    std::vector<char> in = std::vector<char>(64 * 1024);
};

}  // namespace chorus::net
