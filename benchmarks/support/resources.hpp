// What a process uses, as the kernel counts it: CPU time, memory, descriptors, and on which core it runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <fstream>
#include <limits>
#include <string>

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>

namespace bench {

/// User and system time of this process so far.
inline std::chrono::microseconds cpu_time() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto span = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    return span(used.ru_utime) + span(used.ru_stime);
}

namespace detail {

/// A line of /proc/self/status in KiB. Not `ru_maxrss`: that one also remembers the process that started this one.
inline std::size_t memory_kb(const std::string& wanted) {
    std::ifstream lines("/proc/self/status");
    for (std::string name; lines >> name;) {
        std::size_t value = 0;
        if (name == wanted && lines >> value) return value;
        lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

}  // namespace detail

inline std::size_t resident_kb() {
    return detail::memory_kb("VmRSS:");
}
inline std::size_t peak_resident_kb() {
    return detail::memory_kb("VmHWM:");
}

/// Bytes that the program holds, whatever the allocator keeps for later.
inline std::size_t heap_bytes() {
    const auto all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

/// Allows as many descriptors as the hard limit does, and returns how many that is.
inline std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<std::size_t>(limit.rlim_cur);
}

enum class core { first, last };

/// Keeps this process on one of the cores it may use; with a single core nothing changes.
inline void pin_to(core which) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
    int chosen = -1;
    for (int candidate = 0; candidate < CPU_SETSIZE; ++candidate) {
        if (!CPU_ISSET(candidate, &allowed)) continue;
        if (which == core::last || chosen < 0) chosen = candidate;
    }
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(chosen, &only);
    sched_setaffinity(0, sizeof only, &only);
}

}  // namespace bench
