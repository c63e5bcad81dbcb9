// When the monitor speaks, and when it holds its tongue. The detector is called with times; the thread is only met.
#include <chorus/async/loop_monitor.hpp>
#include <chorus/async/task_name.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace loop_monitor_tests {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using chorus::loop_stall;
using chorus::detail::stall_detector;

namespace {

struct stall_detector_test : testing::Test {
    chorus::clock::time_point start{};
    stall_detector detector{100ms};

    // The loop has run its first probe, at the start.
    void attach() {
        detector.posted(start);
        EXPECT_FALSE(detector.ran(start));
    }
};

TEST_F(stall_detector_test, is_silent_while_probes_run_in_time) {
    attach();
    for (auto t = start; t < start + 1s; t += 25ms) {
        detector.posted(t);
        EXPECT_TRUE(detector.probe_is_out());
        EXPECT_FALSE(detector.waiting(t + 100ms, "task"));  // the limit itself is no stall
        EXPECT_FALSE(detector.ran(t + 100ms));
        EXPECT_FALSE(detector.probe_is_out());
    }
}

TEST_F(stall_detector_test, reports_once_while_it_lasts_and_once_when_it_is_over) {
    attach();
    detector.posted(start);
    EXPECT_FALSE(detector.waiting(start + 75ms, "embed"));
    const auto noticed = detector.waiting(start + 125ms, "embed");
    ASSERT_TRUE(noticed);
    EXPECT_EQ(noticed->blocked_for, 125ms);
    EXPECT_FALSE(noticed->over);
    EXPECT_EQ(noticed->task, "embed");
    EXPECT_FALSE(detector.waiting(start + 150ms, "embed"));
    const auto over = detector.ran(start + 400ms);
    ASSERT_TRUE(over);
    EXPECT_EQ(over->blocked_for, 400ms);
    EXPECT_TRUE(over->over);
    EXPECT_EQ(over->task, "embed");  // the one seen while it lasted
}

TEST_F(stall_detector_test, reports_afterwards_what_nobody_looked_at_in_time) {
    attach();
    detector.posted(start);
    const auto over = detector.ran(start + 101ms);
    ASSERT_TRUE(over);
    EXPECT_EQ(over->blocked_for, 101ms);
    EXPECT_TRUE(over->over);
    EXPECT_EQ(over->task, "");
}

TEST_F(stall_detector_test, starts_afresh_after_each_stall) {
    attach();
    detector.posted(start);
    EXPECT_TRUE(detector.waiting(start + 200ms, "a"));
    EXPECT_TRUE(detector.ran(start + 200ms));
    detector.posted(start + 200ms);
    EXPECT_FALSE(detector.ran(start + 210ms));
    detector.posted(start + 225ms);
    const auto second = detector.waiting(start + 400ms, "b");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->blocked_for, 175ms);
    EXPECT_EQ(second->task, "b");
}

TEST_F(stall_detector_test, does_not_call_a_loop_blocked_that_has_not_begun) {
    detector.posted(start);
    EXPECT_FALSE(detector.waiting(start + 1h, ""));
    EXPECT_FALSE(detector.ran(start + 2h));
    detector.posted(start + 2h);
    EXPECT_TRUE(detector.waiting(start + 3h, ""));
}

TEST_F(stall_detector_test, does_not_call_a_loop_blocked_that_has_ended) {
    attach();
    detector.posted(start);
    detector.forget();
    EXPECT_FALSE(detector.probe_is_out());
    detector.posted(start + 1h);  // run again later
    EXPECT_FALSE(detector.waiting(start + 2h, ""));
    EXPECT_FALSE(detector.ran(start + 2h));
}

TEST(loop_stall, says_what_happened_in_one_line) {
    loop_stall stall;
    stall.blocked_for = 250ms;
    EXPECT_EQ(stall.message(), "the loop has been blocked for 250 ms");
    stall.over = true;
    stall.task = "embed";
    EXPECT_EQ(stall.message(), "the loop was blocked for 250 ms by task 'embed'");
}

// The real thread: the handler blocks until the monitor has spoken, so the test cannot pass without it.
TEST(loop_monitor, speaks_while_the_loop_is_blocked_and_when_it_is_over) {
    asio::io_context loop{1};
    auto work = asio::make_work_guard(loop);
    std::mutex mutex;
    std::vector<loop_stall> reports;
    std::binary_semaphore spoken{0};
    std::binary_semaphore over{0};
    {
        chorus::loop_monitor monitor(loop.get_executor(), {.limit = 4ms}, [&](const loop_stall& stall) {
            std::lock_guard lock(mutex);
            if (reports.size() < 2) reports.push_back(stall);
            (stall.over ? over : spoken).release();
        });
        // Blocks again until the monitor, which needs one probe to see that the loop is run, has noticed.
        std::function<void()> block = [&] {
            if (spoken.try_acquire_for(50ms)) return;
            asio::post(chorus::named(loop.get_executor(), "embed"), block);
        };
        asio::post(chorus::named(loop.get_executor(), "embed"), block);
        std::thread runner([&] { loop.run(); });
        over.acquire();
        work.reset();
        runner.join();
    }
    std::lock_guard lock(mutex);
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_FALSE(reports[0].over);
    EXPECT_EQ(reports[0].task, "embed");
    EXPECT_GT(reports[0].blocked_for, 4ms);
    EXPECT_TRUE(reports[1].over);
    EXPECT_EQ(reports[1].task, "embed");
    EXPECT_GE(reports[1].blocked_for, reports[0].blocked_for);
}

TEST(loop_monitor, does_not_keep_the_loop_alive) {
    asio::io_context loop{1};
    chorus::loop_monitor monitor(loop.get_executor(), {.limit = 1ms}, [](const loop_stall&) {});
    for (int i = 0; i < 5; ++i) {
        loop.restart();
        loop.run();  // returns
    }
    SUCCEED();
}

TEST(loop_monitor, may_be_destroyed_with_the_context_by_a_coroutine_that_owns_it) {
    std::shared_ptr<chorus::loop_monitor> monitor;
    asio::io_context loop{1};
    monitor = std::make_shared<chorus::loop_monitor>(loop.get_executor(), chorus::loop_monitor_options{.limit = 1ms},
                                                     [](const loop_stall&) {});
    asio::post(loop, [owned = std::move(monitor)] {});  // destroyed by the destructor of the loop
}

}  // namespace

}  // namespace loop_monitor_tests
