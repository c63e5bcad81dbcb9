// A thread that posts probes, and a detector that judges their delay.
#pragma once

#include <chorus/async/detail/post.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/async/loop_monitor.hpp>
#include <chorus/async/task_name.hpp>

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <thread>
#include <utility>

namespace chorus {

CHORUS_DECL std::string loop_stall::message() const {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(blocked_for).count();
    auto text = std::string(over ? "the loop was blocked for " : "the loop has been blocked for ") +
                std::to_string(milliseconds) + " ms";
    if (!task.empty()) text += " by task '" + task + "'";
    return text;
}

class loop_monitor::watchdog {
 public:
    watchdog(const executor& ex, loop_monitor_options options, report function)
        : executor_(ex),
          registry_(detail::suspension_registry::of(ex)),
          report_(std::move(function)),
          interval_(options.limit / 4),
          detector_(options.limit),
          thread_([this] { watch(); }) {}

    ~watchdog() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

 private:
    // What a probe leaves behind. Probes hold it, for one may run after the monitor has gone.
    struct footprint {
        std::mutex mutex;
        std::uint64_t number = 0;
        clock::time_point ran_at;
        std::shared_ptr<detail::thread_label> thread;
    };

    void watch() {
        post_probe();
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) {
            lock.unlock();
            if (const auto stall = look()) report_(*stall);
            lock.lock();
        }
    }

    std::optional<loop_stall> look() {
        std::optional<loop_stall> stall;
        if (detector_.probe_is_out()) {
            std::shared_ptr<detail::thread_label> thread;
            {
                std::lock_guard lock(footprint_->mutex);
                thread = footprint_->thread;
                if (footprint_->number == probes_) stall = detector_.ran(footprint_->ran_at);
            }
            if (detector_.probe_is_out()) {
                if (ended())
                    detector_.forget();
                else
                    stall = detector_.waiting(clock::now(), thread ? thread->name() : std::string());
            }
        }
        if (!detector_.probe_is_out()) post_probe();
        return stall;
    }

    void post_probe() {
        registry_->if_open([this] {
            if (ended()) return;
            detector_.posted(clock::now());
            detail::post(executor_, [footprint = footprint_, number = ++probes_] {
                std::lock_guard lock(footprint->mutex);
                footprint->number = number;
                footprint->ran_at = clock::now();
                footprint->thread = detail::thread_label::of_this_thread();
            });
        });
    }

    bool ended() const {
        const auto* ex = executor_.target<asio::io_context::executor_type>();
        return ex && ex->context().stopped();
    }

    executor executor_;
    std::shared_ptr<detail::suspension_registry> registry_;
    report report_;
    clock::duration interval_;
    detail::stall_detector detector_;  // of the thread
    std::uint64_t probes_ = 0;         // of the thread
    std::shared_ptr<footprint> footprint_ = std::make_shared<footprint>();
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses the rest
};

CHORUS_DECL loop_monitor::loop_monitor(const executor& ex, loop_monitor_options options, report function)
    : watchdog_(std::make_unique<watchdog>(ex, options, std::move(function))) {}

CHORUS_DECL loop_monitor::loop_monitor(const executor& ex, loop_monitor_options options)
    : loop_monitor(ex, options, [](const loop_stall& stall) { std::cerr << "chorus: " + stall.message() + '\n'; }) {}

CHORUS_DECL loop_monitor::~loop_monitor() = default;

}  // namespace chorus

namespace chorus::detail {

CHORUS_DECL std::optional<loop_stall> stall_detector::ran(clock::time_point when) {
    const auto delay = when - *posted_;
    const bool tell = attached_ && (reported_ || delay > limit_);
    auto task = std::exchange(task_, {});
    posted_.reset();
    reported_ = false;
    attached_ = true;
    if (!tell) return std::nullopt;
    return loop_stall{delay, true, std::move(task)};
}

CHORUS_DECL std::optional<loop_stall> stall_detector::waiting(clock::time_point now, const std::string& task) {
    const auto delay = now - *posted_;
    if (!attached_ || reported_ || delay <= limit_) return std::nullopt;
    reported_ = true;
    task_ = task;
    return loop_stall{delay, false, task};
}

CHORUS_DECL void stall_detector::forget() noexcept {
    posted_.reset();
    reported_ = false;
    attached_ = false;
    task_.clear();
}

}  // namespace chorus::detail
