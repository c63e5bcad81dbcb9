// Where the helpers of a test say what went wrong, without knowing the test framework.
#pragma once

#include <chorus/config.hpp>

#include <string_view>

namespace chorus::testing {

/// Is told of each problem that a helper finds, such as a mock server whose script was not finished.
using problem_reporter = void (*)(std::string_view problem);

/// Replaces the reporter of the program and returns the one before. At first problems go to standard error;
/// <chorus/testing/gtest.hpp> makes each fail the running test.
problem_reporter set_problem_reporter(problem_reporter reporter) noexcept;

void report_problem(std::string_view problem);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/problem_reporter.ipp>
#endif
