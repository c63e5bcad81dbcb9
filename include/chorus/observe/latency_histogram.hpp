// How long things took, in fixed memory: every length is counted, and any quantile is known within 2 %.
#pragma once

#include <chorus/config.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace chorus {

/// Counts lengths of time in buckets, as HdrHistogram does: each power of two of nanoseconds is cut into 32 buckets of
/// equal width. A quantile is told as the middle of its bucket, at most 1/64 (1.6 %) from the true one. Lengths over
/// `longest` fall into the last bucket; `max` and `sum` are exact for them too. Takes 10 KiB, and no allocation.
///
/// Executor: used from one thread at a time.
class latency_histogram {
 public:
    /// 2.4 hours.
    static constexpr std::chrono::nanoseconds longest{(std::int64_t{1} << 43) - 1};

    /// Counts one length; a negative one as zero.
    void record(std::chrono::nanoseconds length) noexcept {
        const std::int64_t value = length.count() < 0 ? 0 : length.count();
        ++buckets_[bucket_of(value)];
        if (count_ == 0 || value < min_) min_ = value;
        if (value > max_) max_ = value;
        sum_ += value;
        ++count_;
    }

    /// Adds all that another one has counted.
    latency_histogram& operator+=(const latency_histogram& other) noexcept;

    std::uint64_t count() const noexcept { return count_; }
    std::chrono::nanoseconds sum() const noexcept { return std::chrono::nanoseconds(sum_); }
    /// Zero before the first length, as the next two.
    std::chrono::nanoseconds min() const noexcept { return std::chrono::nanoseconds(min_); }
    std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds(max_); }
    /// The least length that is no shorter than this share of all (nearest rank): `quantile(0.99)` is the p99.
    std::chrono::nanoseconds quantile(double share) const noexcept;

    bool operator==(const latency_histogram&) const = default;

 private:
    static constexpr std::size_t fine_bits = 5;  // 32 buckets an octave
    static constexpr std::size_t fine = std::size_t{1} << fine_bits;
    static constexpr std::size_t bucket_count = (43 - fine_bits + 1) * fine;

    // Values under 32 have buckets of their own. From there on a bucket is named by the octave and the five bits that
    // follow the highest one.
    static std::size_t bucket_of(std::int64_t value) noexcept {
        if (value > longest.count()) return bucket_count - 1;
        const auto bits = static_cast<std::uint64_t>(value);
        if (bits < fine) return static_cast<std::size_t>(bits);
        const auto octave = static_cast<std::size_t>(std::bit_width(bits)) - 1 - fine_bits;
        return octave * fine + static_cast<std::size_t>(bits >> octave);
    }
    static std::int64_t middle_of(std::size_t bucket) noexcept;

    std::array<std::uint64_t, bucket_count> buckets_{};
    std::uint64_t count_ = 0;
    std::int64_t sum_ = 0;
    std::int64_t min_ = 0;
    std::int64_t max_ = 0;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/latency_histogram.ipp>
#endif
