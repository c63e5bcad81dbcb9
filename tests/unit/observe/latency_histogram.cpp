#include <chorus/observe/latency_histogram.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace chorus::latency_histogram_tests {
namespace {

using std::chrono::nanoseconds;

constexpr double shares[] = {0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};

std::int64_t exact_quantile(const std::vector<std::int64_t>& sorted, double share) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

void expect_close(nanoseconds told, std::int64_t exact) {
    EXPECT_LE(std::abs(static_cast<double>(told.count() - exact)), 0.02 * static_cast<double>(exact))
        << told.count() << " is told for " << exact;
}

TEST(latency_histogram, quantiles_are_within_two_percent_of_the_exact_ones) {
    std::mt19937_64 random(20261122);
    for (int round = 0; round < 60; ++round) {
        const auto count = 1 + random() % 3000;
        std::vector<std::int64_t> values;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto any = static_cast<std::int64_t>(random() >> 21);  // up to `longest`
            switch (round % 4) {
                case 0:  // evenly over the octaves
                    values.push_back(any >> (random() % 43));
                    break;
                case 1:  // evenly
                    values.push_back(any);
                    break;
                case 2:  // all alike
                    values.push_back(812'400'000 + any % 1000);
                    break;
                default:  // short ones with a long tail
                    values.push_back(i % 100 == 0 ? any : any % 5'000'000);
            }
        }
        latency_histogram lengths;
        for (const auto value : values) lengths.record(nanoseconds(value));
        std::sort(values.begin(), values.end());
        for (const double share : shares) expect_close(lengths.quantile(share), exact_quantile(values, share));
        EXPECT_EQ(lengths.quantile(1).count(), values.back());
        EXPECT_EQ(lengths.max().count(), values.back());
        EXPECT_EQ(lengths.min().count(), values.front());
        EXPECT_EQ(lengths.count(), values.size());
    }
}

TEST(latency_histogram, is_within_two_percent_at_both_edges_of_every_bucket) {
    for (int octave = 0; octave < 43; ++octave) {
        for (std::int64_t step = 0; step < 32; ++step) {
            const std::int64_t low = (std::int64_t{1} << octave) + ((step << octave) >> 5);
            for (const std::int64_t value : {low - 1, low}) {
                latency_histogram lengths;
                lengths.record(nanoseconds(value));
                lengths.record(nanoseconds(value * 3));  // so that neither end of the range helps
                lengths.record(nanoseconds(0));
                expect_close(lengths.quantile(0.5), value);
            }
        }
    }
}

TEST(latency_histogram, tells_nothing_of_nothing) {
    const latency_histogram none;
    EXPECT_EQ(none.count(), 0u);
    for (const double share : shares) EXPECT_EQ(none.quantile(share).count(), 0);
    EXPECT_EQ((none.min() + none.max() + none.sum()).count(), 0);
}

TEST(latency_histogram, counts_what_no_bucket_holds) {
    latency_histogram lengths;
    lengths.record(nanoseconds(-5));
    EXPECT_EQ(lengths.max().count(), 0);
    lengths.record(nanoseconds::max() / 2);
    lengths.record(latency_histogram::longest + nanoseconds(1));
    EXPECT_EQ(lengths.count(), 3u);
    EXPECT_EQ(lengths.max(), nanoseconds::max() / 2);
    EXPECT_GE(lengths.quantile(0.6), latency_histogram::longest * 98 / 100);
    EXPECT_EQ(lengths.quantile(7), lengths.max()) << "a share over 1 is 1";
    EXPECT_EQ(lengths.quantile(-7).count(), 0) << "and one under 0 is 0";
}

TEST(latency_histogram, adding_is_as_if_one_had_counted_it_all) {
    std::mt19937_64 random(7);
    latency_histogram left, right, all;
    for (int i = 0; i < 1000; ++i) {
        const nanoseconds length(static_cast<std::int64_t>(random() >> 30));
        (i % 3 == 0 ? left : right).record(length);
        all.record(length);
    }
    latency_histogram sum;
    sum += left;
    sum += right;
    sum += latency_histogram();
    EXPECT_EQ(sum, all);
}

}  // namespace
}  // namespace chorus::latency_histogram_tests
