// What only POSIX knows of signals. It stands below its neighbours, for the loops of async/ need it; the rest of what a port
// rewrites is platform.hpp.
#pragma once

#include <chorus/config.hpp>

namespace chorus::net::platform {

/// Gives a signal that has a handler its default action back from the first delivery on, without the help of a loop that
/// may be blocked. Does nothing where the system has no such thing.
void reset_on_delivery(int signal_number) noexcept;

}  // namespace chorus::net::platform

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/signals.ipp>
#endif
