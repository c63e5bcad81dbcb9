// All deadlines of one execution context in one heap, driven by one operating-system timer.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace chorus {

/// Something that waits for a point in time. Its owner derives from it and lets the service hold a reference while it
/// is scheduled; scheduling allocates nothing.
class timer_entry : public boost::intrusive_ref_counter<timer_entry> {
 public:
    virtual ~timer_entry() = default;
    timer_entry(const timer_entry&) = delete;
    timer_entry& operator=(const timer_entry&) = delete;

 protected:
    timer_entry() = default;

 private:
    friend class timer_service;

    /// The deadline passed and the entry is no longer scheduled. Runs on some thread of the context, on no particular
    /// executor: implementations post. `ticket` is what `schedule` returned.
    virtual void on_due(std::uint64_t ticket) = 0;
    /// The context goes away: the entry is no longer scheduled, and nothing may be invoked any more.
    virtual void on_shutdown() noexcept = 0;

    static constexpr std::size_t not_scheduled = static_cast<std::size_t>(-1);
    std::size_t index_ = not_scheduled;  // the place in the heap; guarded by the service's mutex
};

/// Keeps the deadlines of one execution context: scheduling, moving and cancelling one costs O(log n) and no
/// allocation, so a million pending deadlines are no burden. Thread-safe. The context has work while an entry is
/// scheduled, and none otherwise: `io_context::run` returns.
///
/// Most code wants `sleep_for`, `with_timeout` or `alarm`, which are made of it.
class timer_service final : public asio::execution_context::service {
 public:
    static inline asio::execution_context::id id;

    explicit timer_service(asio::execution_context& context);
    ~timer_service() override;
    /// Returns the service of the context that `ex` runs on.
    static timer_service& of(const executor& ex);

    clock::time_point now() const noexcept;

    /// Schedules the entry, or moves it if it is scheduled already. Returns a ticket that no other call ever gets.
    /// Entries with the same deadline become due in the order of scheduling.
    std::uint64_t schedule(timer_entry& entry, clock::time_point deadline);
    /// Takes the entry out. Whoever gets `true` owns its completion; with `false` it is due already, or never was
    /// scheduled.
    bool cancel(timer_entry& entry) noexcept;

    std::size_t size() const;
    std::optional<clock::time_point> earliest() const;

    // The rest serves testing::virtual_clock: the time stands still at `time` until it is set again.
    void set_virtual_time(clock::time_point time);
    void return_to_real_time();
    bool has_virtual_time() const noexcept;
    /// Completes everything due by `now()`, in order.
    void fire_due();

 private:
    struct node {
        clock::time_point deadline;
        std::uint64_t ticket;
        boost::intrusive_ptr<timer_entry> entry;

        bool before(const node& other) const noexcept {
            return deadline != other.deadline ? deadline < other.deadline : ticket < other.ticket;
        }
    };

    class driver;  // Asio's timer, which costs the compiler more than all the rest of this header

    void shutdown() override;
    void on_driver(std::uint64_t generation);
    std::size_t fire_some(std::size_t limit);
    void arm();
    void place(std::size_t index, node&& item) noexcept;
    void sift_up(std::size_t index, node&& item) noexcept;
    void sift_down(std::size_t index, node&& item) noexcept;
    boost::intrusive_ptr<timer_entry> take(std::size_t index) noexcept;

    mutable std::mutex mutex_;
    std::vector<node> heap_;  // 4-ary: shallow, and the children of a node share cache lines
    std::uint64_t tickets_ = 0;
    std::unique_ptr<driver> driver_;
    clock::time_point armed_for_;
    std::uint64_t generation_ = 0;  // of the wait that counts; older ones are stale
    bool waiting_ = false;
    bool shut_down_ = false;
    std::atomic<bool> virtual_ = false;
    std::atomic<clock::rep> virtual_now_ = 0;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/timer_service.ipp>
#endif
