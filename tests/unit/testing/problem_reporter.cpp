#include <chorus/testing/gtest.hpp>
#include <chorus/testing/problem_reporter.hpp>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

namespace problem_reporter_tests {

namespace {

using namespace chorus::testing;

TEST(problem_reporter, a_problem_fails_the_running_test_once_the_gtest_header_is_included) {
    EXPECT_NONFATAL_FAILURE(report_problem("step 1 was not reached"), "step 1 was not reached");
}

TEST(problem_reporter, can_be_replaced_and_put_back) {
    static std::string heard;
    const problem_reporter own = [](std::string_view problem) { heard = problem; };
    const problem_reporter before = set_problem_reporter(own);
    report_problem("a problem");
    EXPECT_EQ(set_problem_reporter(before), own);
    EXPECT_EQ(heard, "a problem");
}

}  // namespace

}  // namespace problem_reporter_tests
