#pragma once

#include <chorus/testing/problem_reporter.hpp>

#include <atomic>
#include <cstdio>

namespace chorus::testing {

namespace detail {

CHORUS_DECL void print_problem(std::string_view problem) {
    std::fprintf(stderr, "chorus::testing: %.*s\n", static_cast<int>(problem.size()), problem.data());
}

CHORUS_DECL std::atomic<problem_reporter>& current_problem_reporter() noexcept {
    static std::atomic<problem_reporter> reporter = &print_problem;
    return reporter;
}

}  // namespace detail

CHORUS_DECL problem_reporter set_problem_reporter(problem_reporter reporter) noexcept {
    return detail::current_problem_reporter().exchange(reporter);
}

CHORUS_DECL void report_problem(std::string_view problem) {
    detail::current_problem_reporter().load()(problem);
}

}  // namespace chorus::testing
