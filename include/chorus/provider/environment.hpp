// Where options that a program does not give come from.
#pragma once

#include <chorus/config.hpp>

namespace chorus {

/// Gives the value of an environment variable, or null.
using environment = const char* (*)(const char* name);

/// The environment of the process.
const char* process_environment(const char* name) noexcept;

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/environment.ipp>
#endif
