// What became of the requests: how many were answered rightly, how long each took, what went wrong.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <string_view>
#include <vector>

namespace bench {

using milliseconds = std::chrono::duration<double, std::milli>;

/// The value below which a share of the samples lies (nearest rank); 0 without samples.
inline double percentile(std::vector<float> samples, double share) {
    if (samples.empty()) return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
    const auto chosen = samples.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
    std::nth_element(samples.begin(), chosen, samples.end());
    return static_cast<double>(*chosen);
}

/// Counts requests. Its memory is allocated and touched when it is made, so that it is no part of a growth measured
/// later.
class tally {
 public:
    explicit tally(std::size_t expected) : latencies_ms_(expected) { latencies_ms_.clear(); }

    void begin() noexcept { ++begun_; }
    void succeed(milliseconds latency) {
        ++ok_;
        latencies_ms_.push_back(static_cast<float>(latency.count()));
    }
    /// Says what went wrong on standard error, for the first few.
    void fail(std::string_view why) {
        constexpr std::size_t told = 5;
        if (failed_++ < told) std::cerr << "failed: " << why << '\n';
    }

    std::size_t ok() const noexcept { return ok_; }
    std::size_t failed() const noexcept { return failed_; }
    std::size_t begun() const noexcept { return begun_; }
    std::size_t under_way() const noexcept { return begun_ - ok_ - failed_; }
    double latency_ms(double share) const { return percentile(latencies_ms_, share); }

 private:
    std::size_t begun_ = 0;
    std::size_t ok_ = 0;
    std::size_t failed_ = 0;
    std::vector<float> latencies_ms_;
};

}  // namespace bench
