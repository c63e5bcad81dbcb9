// The flag of POSIX's sigaction that libraries over it do not pass on.
#pragma once

#include <chorus/net/signals.hpp>

#include <csignal>

namespace chorus::net::platform {

CHORUS_DECL void reset_on_delivery([[maybe_unused]] int signal_number) noexcept {
#ifdef SA_RESETHAND
    struct sigaction action = {};
    if (::sigaction(signal_number, nullptr, &action) != 0) return;
    action.sa_flags |= static_cast<int>(SA_RESETHAND);
    ::sigaction(signal_number, &action, nullptr);
#endif
}

}  // namespace chorus::net::platform
