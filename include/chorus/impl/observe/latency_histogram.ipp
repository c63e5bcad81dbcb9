#pragma once

#include <chorus/observe/latency_histogram.hpp>

#include <algorithm>
#include <cmath>

namespace chorus {

CHORUS_DECL latency_histogram& latency_histogram::operator+=(const latency_histogram& other) noexcept {
    if (other.count_ == 0) return *this;
    for (std::size_t i = 0; i < bucket_count; ++i) buckets_[i] += other.buckets_[i];
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    sum_ += other.sum_;
    count_ += other.count_;
    return *this;
}

CHORUS_DECL std::int64_t latency_histogram::middle_of(std::size_t bucket) noexcept {
    if (bucket < 2 * fine) return static_cast<std::int64_t>(bucket);  // as wide as one value
    const std::size_t octave = bucket / fine - 1;
    const std::uint64_t first = static_cast<std::uint64_t>(bucket - octave * fine) << octave;
    return static_cast<std::int64_t>(first + (std::uint64_t{1} << octave) / 2);
}

CHORUS_DECL std::chrono::nanoseconds latency_histogram::quantile(double share) const noexcept {
    if (count_ == 0) return {};
    const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    if (rank == count_) return max();
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        seen += buckets_[i];
        if (seen >= rank) return std::chrono::nanoseconds(std::clamp(middle_of(i), min_, max_));
    }
    return max();
}

}  // namespace chorus
