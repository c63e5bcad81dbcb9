// Speaks up when a loop is blocked: while it is, and when it is over.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace chorus {

/// One report of a `loop_monitor`.
struct loop_stall {
    clock::duration blocked_for = {};  ///< How long a handler that was ready has been kept waiting: at least.
    bool over = false;                 ///< False while the loop is still blocked.
    std::string task = {};             ///< The name of the task that blocks it, if it has one: see `named`.

    /// "the loop has been blocked for 250 ms by task 'embed'"
    std::string message() const;
};

struct loop_monitor_options {
    clock::duration limit = std::chrono::milliseconds(100);  ///< Shorter pauses are never reported.
};

/// Watches a loop from a thread of its own, which posts a tiny handler four times in each limit and looks how long it
/// takes to run. A pause longer than 1.25 times the limit is always reported; twice if it lasts: once as soon as it is
/// noticed, once when it is over. What it measures is the wait of a ready handler: one handler that blocks, or very
/// many short ones in the queue. It measures real time, also under a virtual clock.
///
/// The monitor does not keep an `io_context` alive, and a loop that has ended or not begun is not blocked. On other
/// contexts it must end before the loop stops being run.
/// Lifetimes: ends before its context. The function is called on the monitor's thread, and not any more when the
/// destructor has returned.
///
///     chorus::loop_monitor monitor(executor, {.limit = 50ms}, [](const chorus::loop_stall& stall) {
///         std::cerr << stall.message() << '\n';
///     });
class loop_monitor {
 public:
    using report = std::function<void(const loop_stall&)>;

    loop_monitor(const executor& ex, loop_monitor_options options, report function);
    /// Writes a line to standard error for each report.
    explicit loop_monitor(const executor& ex, loop_monitor_options options = {});
    ~loop_monitor();
    loop_monitor(const loop_monitor&) = delete;
    loop_monitor& operator=(const loop_monitor&) = delete;

 private:
    class watchdog;
    std::unique_ptr<watchdog> watchdog_;
};

namespace detail {

/// What the monitor decides, without thread or clock: when to post the next probe, and what to report.
class stall_detector {
 public:
    explicit stall_detector(clock::duration limit) noexcept : limit_(limit) {}

    bool probe_is_out() const noexcept { return posted_.has_value(); }
    void posted(clock::time_point now) noexcept { posted_ = now; }
    /// The probe ran at `when`. Returns the report of a stall that it ended.
    std::optional<loop_stall> ran(clock::time_point when);
    /// The probe is still out. Returns the report of a stall noticed now; `task` is the name of what runs.
    std::optional<loop_stall> waiting(clock::time_point now, const std::string& task);
    /// The loop is not being run: what is out does not count.
    void forget() noexcept;

 private:
    clock::duration limit_;
    std::optional<clock::time_point> posted_;
    bool attached_ = false;  // the loop has run one probe: it is being run by somebody
    bool reported_ = false;
    std::string task_;
};

}  // namespace detail
}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/loop_monitor.ipp>
#endif
