#pragma once

#include <chorus/provider/environment.hpp>

#include <cstdlib>

namespace chorus {

CHORUS_DECL const char* process_environment(const char* name) noexcept {
    return std::getenv(name);
}

}  // namespace chorus
