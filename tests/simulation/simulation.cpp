// The whole client on a simulated network: thousands of calls in a thousand worlds, each repeatable by its seed.
//   CHORUS_SEED=17      that world alone, with a line for each of its calls
//   CHORUS_SEEDS=20000  so many worlds, from 1 on
#include <chorus/error.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "world.hpp"

namespace chorus::simulation::simulation_tests {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void report(std::uint64_t seed, const outcome_of_world& outcome) {
    for (const std::string& problem : outcome.problems) ADD_FAILURE() << "seed " << seed << ": " << problem;
    if (!outcome.problems.empty()) {
        std::cerr << "To see the world of seed " << seed << " again: CHORUS_SEED=" << seed
                  << " simulation --gtest_filter=simulation.keeps_its_promises_in_every_world\n";
    }
}

TEST(simulation, keeps_its_promises_in_every_world) {
    if (const std::uint64_t seed = from_environment("CHORUS_SEED", 0); seed != 0) {
        const auto outcome = run_world(seed);
        std::cerr << outcome.story;
        return report(seed, outcome);
    }
    constexpr std::uint64_t usual = 1'000;
    const std::uint64_t seeds = from_environment("CHORUS_SEEDS", usual);
    std::map<int, std::size_t> counts;
    std::size_t calls = 0;
    std::size_t turns = 0;
    for (std::uint64_t seed = 1, failed = 0; seed <= seeds && failed < 10; ++seed) {
        const auto outcome = run_world(seed);
        report(seed, outcome);
        if (!outcome.problems.empty()) ++failed;
        for (const auto& [code, count] : outcome.counts) counts[code] += count;
        calls += outcome.calls;
        turns += outcome.turns;
    }
    if (seeds < usual || HasFailure()) return;

    // A simulation in which nothing happens would pass as well.
    for (const errc each :
         {errc::client_closed, errc::cancelled, errc::pool_timed_out, errc::connect_timed_out,
          errc::first_byte_timed_out, errc::idle_timed_out, errc::deadline_exceeded, errc::connect_failed,
          errc::connection_lost, errc::truncated, errc::protocol_error, errc::decode_failed, errc::bad_request,
          errc::rate_limited, errc::quota_exhausted, errc::server_error, errc::overloaded}) {
        EXPECT_GT(counts[static_cast<int>(each)], 0U) << "nothing failed with " << make_error_code(each).message();
    }
    EXPECT_GT(counts[0], calls / 3) << "most calls should have an answer";
    EXPECT_GT(turns, seeds / 4) << "calls should wait for their turn at the limits of servers";
    RecordProperty("calls", static_cast<int>(calls));
}

TEST(simulation, is_the_same_whenever_it_is_repeated) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const auto first = run_world(seed);
        const auto second = run_world(seed);
        EXPECT_EQ(first.trace, second.trace) << "seed " << seed << "\n" << first.story << "and then\n" << second.story;
    }
}

}  // namespace
}  // namespace chorus::simulation::simulation_tests
