// How many connections the system lets this process have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iostream>

#include <sys/resource.h>

namespace batch {

/// Asks the system for as many descriptors as it gives, since a connection takes one and the usual limit is 1024.
/// Returns `wanted`, or, after saying so, the number of calls that there are descriptors for.
inline std::size_t affordable_concurrency(std::size_t wanted, std::size_t descriptors_per_call) {
    constexpr std::size_t spare = 64;  // files, timers, name look-ups
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY) return wanted;
    const std::size_t descriptors = std::max<std::size_t>(limit.rlim_cur, spare + descriptors_per_call);
    const std::size_t affordable = (descriptors - spare) / descriptors_per_call;
    if (affordable >= wanted) return wanted;
    std::cerr << "This system allows " << limit.rlim_cur << " open files: " << affordable
              << " calls are under way at once instead of " << wanted << ".\n";
    return affordable;
}

}  // namespace batch
