// How long a piece of work took, by the clock on the wall and by that of the CPU.
#pragma once

#include <chrono>

#include "resources.hpp"

namespace bench {

/// Starts when it is made.
class stopwatch {
 public:
    double wall_s() const { return std::chrono::duration<double>(clock::now() - started_).count(); }
    double cpu_us() const { return std::chrono::duration<double, std::micro>(cpu_time() - cpu_before_).count(); }

 private:
    using clock = std::chrono::steady_clock;

    clock::time_point started_ = clock::now();
    std::chrono::microseconds cpu_before_ = cpu_time();
};

}  // namespace bench
