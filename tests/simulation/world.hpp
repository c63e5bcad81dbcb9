// One run of the whole client in a world of its own: a simulated network, faulty servers, many calls, all from one seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace chorus::simulation {

/// What a run was like. Two runs of one seed have equal traces.
struct outcome_of_world {
    std::vector<std::string> problems;  ///< Invariants that did not hold; empty when all is well.
    std::uint64_t trace = 0;            ///< A hash of all outcomes and their times.
    std::string story;                  ///< A line for each call, for people.
    std::map<int, std::size_t> counts;  ///< Calls by `errc`; 0 for those that succeeded.
    std::size_t calls = 0;
    std::size_t waits = 0;  ///< Attempts that the limits of a server held back for a while.
    std::size_t turns = 0;  ///< Those of them that were let through while others waited.
};

/// Makes the world of a seed, runs it to its end, and says whether the invariants hold:
/// - each call ends exactly once, and none hangs when nothing is left to happen;
/// - an answer is the right one, whole: it is a function of the question; a part of one is a beginning of it;
/// - an error is one that what this world did explains: its faults so far, and limits that have passed;
/// - no call ends after its total limit, nor `deadline_exceeded` before it, both counted without the wait for its turn; a
///   cancelled call ends at once;
/// - no lease is lost: with the last call the pool has no connection in use, being opened or waited for;
/// - after `close` nothing is left: no stream, no deadline, no connection at a server, no handler;
/// - the limits of a server let calls of one class through in the order in which they came, and those of different
///   classes as their head start says;
/// - without faults the calls reach each server in the order in which they began.
outcome_of_world run_world(std::uint64_t seed);

}  // namespace chorus::simulation
