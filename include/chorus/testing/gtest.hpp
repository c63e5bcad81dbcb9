// GoogleTest tests whose body is a coroutine, on a clock that jumps or on the real one. All that knows GoogleTest is
// inline, so that the compiled library does not depend on it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/testing/problem_reporter.hpp>
#include <chorus/testing/test_loop.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace chorus::testing {

/// What the body of a coroutine test may ask for; the macros below derive from it.
class coroutine_test {
 public:
    virtual ~coroutine_test() = default;

    /// The loop that runs this test and nothing else.
    asio::io_context& context() noexcept { return loop_.context(); }
    executor get_executor() noexcept { return context().get_executor(); }
    /// The clock of a CHORUS_TEST.
    virtual_clock& test_clock() noexcept { return loop_.time(); }
    /// Fails the test after this much real time; 30 s unless set.
    void wall_limit(clock::duration limit) noexcept { loop_.wall_limit(limit); }

    void run_in_virtual_time();
    void run_in_real_time();

 protected:
    coroutine_test() = default;
    virtual awaitable<void> body() = 0;

 private:
    test_loop loop_;
};

/// Fails the running test. Including this header makes it the reporter of helpers such as `mock_server`.
inline void fail_test(std::string_view problem);

namespace detail {
inline const problem_reporter reporter_before_gtest = set_problem_reporter(&fail_test);
}

inline void coroutine_test::run_in_virtual_time() {
    const std::string problem = loop_.run_in_virtual_time(body());
    if (!problem.empty()) fail_test(problem);
}

inline void coroutine_test::run_in_real_time() {
    const std::string problem = loop_.run_in_real_time(body());
    if (!problem.empty()) fail_test(problem);
}

inline void fail_test(std::string_view problem) {
    ADD_FAILURE() << problem;
}

}  // namespace chorus::testing

/// Defines a test whose body is a coroutine returning `awaitable<void>`. It runs on a loop of its own with a
/// `virtual_clock` that jumps to the next deadline whenever nothing is ready, so that no test waits for time to pass.
/// The test ends with its body; what still runs in the loop then is destroyed. An exception fails the test with its
/// message. Sockets work while both ends are in the loop; what waits for another thread or process needs
/// CHORUS_REAL_TIME_TEST, for a deadline would pass before the other side answers.
/// Inside: `test_clock()`, `context()`, `get_executor()`, and the CO_ASSERT macros below; EXPECT_* as ever.
///
///     CHORUS_TEST(backoff, doubles_the_pause) {
///         co_await retry_three_times();
///         CO_ASSERT_EQ(test_clock().elapsed(), 7s);
///     }
#define CHORUS_TEST(suite, name) CHORUS_COROUTINE_TEST_(suite, name, run_in_virtual_time)

/// The same on the real clock, for tests that talk to another thread or process. Fails after `wall_limit()` of real
/// time, as CHORUS_TEST does, rather than hanging.
#define CHORUS_REAL_TIME_TEST(suite, name) CHORUS_COROUTINE_TEST_(suite, name, run_in_real_time)

#define CHORUS_COROUTINE_TEST_(suite, name, how)                                        \
    namespace {                                                                         \
    class suite##_##name##_coroutine final : public ::chorus::testing::coroutine_test { \
        ::chorus::awaitable<void> body() override;                                      \
    };                                                                                  \
    }                                                                                   \
    TEST(suite, name) {                                                                 \
        suite##_##name##_coroutine test;                                                \
        test.how();                                                                     \
    }                                                                                   \
    ::chorus::awaitable<void> suite##_##name##_coroutine::body()

// ASSERT_* leave a function by `return`, which a coroutine must not; these leave it by `co_return`.
#define CHORUS_CO_FAIL_(message) co_return GTEST_MESSAGE_(message, ::testing::TestPartResult::kFatalFailure)
#define CHORUS_CO_ASSERT_BOOL_(expression, text, actual, expected)                               \
    GTEST_AMBIGUOUS_ELSE_BLOCKER_                                                                \
    if (const ::testing::AssertionResult chorus_result = ::testing::AssertionResult(expression)) \
        ;                                                                                        \
    else                                                                                         \
        CHORUS_CO_FAIL_(                                                                         \
            ::testing::internal::GetBoolAssertionFailureMessage(chorus_result, text, actual, expected).c_str())
#define CHORUS_CO_ASSERT_PRED_(format, left, right) GTEST_PRED_FORMAT2_(format, left, right, CHORUS_CO_FAIL_)

#define CO_FAIL() CHORUS_CO_FAIL_("Failed")
#define CO_SKIP() co_return GTEST_MESSAGE_("Skipped", ::testing::TestPartResult::kSkip)
#define CO_ASSERT_TRUE(condition) CHORUS_CO_ASSERT_BOOL_(condition, #condition, "false", "true")
#define CO_ASSERT_FALSE(condition) CHORUS_CO_ASSERT_BOOL_(!(condition), #condition, "true", "false")
#define CO_ASSERT_EQ(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::EqHelper::Compare, left, right)
#define CO_ASSERT_NE(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::CmpHelperNE, left, right)
#define CO_ASSERT_LT(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::CmpHelperLT, left, right)
#define CO_ASSERT_LE(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::CmpHelperLE, left, right)
#define CO_ASSERT_GT(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::CmpHelperGT, left, right)
#define CO_ASSERT_GE(left, right) CHORUS_CO_ASSERT_PRED_(::testing::internal::CmpHelperGE, left, right)
