// The heap of deadlines and the lazily armed timer that drives it.
#pragma once

#include <chorus/async/timer_service.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <utility>

namespace chorus {

CHORUS_DECL clock::time_point now(const executor& ex) {
    return timer_service::of(ex).now();
}

namespace detail {

/// Runs the completion of the driving timer where it is: on the thread of the context that noticed the expiry.
class inline_executor {
 public:
    explicit inline_executor(asio::execution_context& context) noexcept : context_(&context) {}
    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
    template <class Function>
    void execute(Function&& function) const {
        std::forward<Function>(function)();
    }
    bool operator==(const inline_executor&) const noexcept = default;

 private:
    asio::execution_context* context_;
};

}  // namespace detail

class timer_service::driver
    : public asio::basic_waitable_timer<clock, asio::wait_traits<clock>, detail::inline_executor> {
 public:
    using basic_waitable_timer::basic_waitable_timer;
};

CHORUS_DECL timer_service::timer_service(asio::execution_context& context)
    : asio::execution_context::service(context), driver_(std::make_unique<driver>(detail::inline_executor(context))) {}

CHORUS_DECL timer_service::~timer_service() = default;

CHORUS_DECL timer_service& timer_service::of(const executor& ex) {
    return asio::use_service<timer_service>(asio::query(ex, asio::execution::context));
}

CHORUS_DECL clock::time_point timer_service::now() const noexcept {
    if (!virtual_.load(std::memory_order_acquire)) return clock::now();
    return clock::time_point(clock::duration(virtual_now_.load(std::memory_order_relaxed)));
}

CHORUS_DECL std::uint64_t timer_service::schedule(timer_entry& entry, clock::time_point deadline) {
    std::lock_guard lock(mutex_);
    const auto ticket = ++tickets_;
    if (shut_down_) return ticket;
    if (entry.index_ == timer_entry::not_scheduled) {
        heap_.emplace_back();
        sift_up(heap_.size() - 1, node{deadline, ticket, boost::intrusive_ptr<timer_entry>(&entry)});
    } else {
        const auto index = entry.index_;
        node item{deadline, ticket, std::move(heap_[index].entry)};
        if (deadline < heap_[index].deadline)
            sift_up(index, std::move(item));
        else
            sift_down(index, std::move(item));
    }
    arm();
    return ticket;
}

CHORUS_DECL bool timer_service::cancel(timer_entry& entry) noexcept {
    boost::intrusive_ptr<timer_entry> taken;  // released after the lock
    std::lock_guard lock(mutex_);
    if (entry.index_ == timer_entry::not_scheduled) return false;
    taken = take(entry.index_);
    if (heap_.empty()) arm();
    return true;
}

CHORUS_DECL std::size_t timer_service::size() const {
    std::lock_guard lock(mutex_);
    return heap_.size();
}

CHORUS_DECL std::optional<clock::time_point> timer_service::earliest() const {
    std::lock_guard lock(mutex_);
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
}

CHORUS_DECL void timer_service::set_virtual_time(clock::time_point time) {
    std::lock_guard lock(mutex_);
    virtual_now_.store(time.time_since_epoch().count(), std::memory_order_relaxed);
    virtual_.store(true, std::memory_order_release);
}

CHORUS_DECL void timer_service::return_to_real_time() {
    std::lock_guard lock(mutex_);
    virtual_.store(false, std::memory_order_release);
    arm();
}

CHORUS_DECL bool timer_service::has_virtual_time() const noexcept {
    return virtual_.load(std::memory_order_acquire);
}

CHORUS_DECL void timer_service::fire_due() {
    while (fire_some(static_cast<std::size_t>(-1)) != 0) {
    }
}

CHORUS_DECL void timer_service::shutdown() {
    std::vector<node> dropped;
    {
        std::lock_guard lock(mutex_);
        shut_down_ = true;
        dropped = std::move(heap_);
        heap_.clear();
        for (auto& item : dropped) item.entry->index_ = timer_entry::not_scheduled;
    }
    for (auto& item : dropped) item.entry->on_shutdown();
}

CHORUS_DECL void timer_service::on_driver(std::uint64_t generation) {
    {
        std::lock_guard lock(mutex_);
        if (generation != generation_) return;
        waiting_ = false;
    }
    // When very many are due at once, other handlers of the context get their turn in between.
    constexpr std::size_t at_once = 1024;
    fire_some(at_once);
}

CHORUS_DECL std::size_t timer_service::fire_some(std::size_t limit) {
    struct rearm {
        timer_service& service;
        ~rearm() {
            std::lock_guard lock(service.mutex_);
            service.arm();
        }
    } rearm_at_the_end{*this};

    const auto time = now();
    std::size_t fired = 0;
    for (; fired < limit; ++fired) {
        boost::intrusive_ptr<timer_entry> entry;
        std::uint64_t ticket = 0;
        {
            std::lock_guard lock(mutex_);
            if (heap_.empty() || heap_.front().deadline > time) break;
            ticket = heap_.front().ticket;
            entry = take(0);
        }
        entry->on_due(ticket);
    }
    return fired;
}

// Called with the mutex held. A deadline that got later leaves the timer as it is: it wakes once in vain.
CHORUS_DECL void timer_service::arm() {
    if (shut_down_) return;
    if (heap_.empty()) {
        if (waiting_) {
            waiting_ = false;
            ++generation_;
            driver_->cancel();
        }
        return;
    }
    auto target = heap_.front().deadline;
    // In virtual time the wait only keeps the context at work; what is due already still becomes ready by itself.
    if (virtual_.load(std::memory_order_relaxed))
        target = target <= now() ? clock::time_point::min() : clock::time_point::max();
    if (waiting_ && armed_for_ <= target) return;
    driver_->expires_at(target);
    driver_->async_wait([this, generation = ++generation_](const boost::system::error_code& error) {
        if (!error) on_driver(generation);
    });
    armed_for_ = target;
    waiting_ = true;
}

CHORUS_DECL void timer_service::place(std::size_t index, node&& item) noexcept {
    item.entry->index_ = index;
    heap_[index] = std::move(item);
}

CHORUS_DECL void timer_service::sift_up(std::size_t index, node&& item) noexcept {
    while (index > 0) {
        const auto parent = (index - 1) / 4;
        if (!item.before(heap_[parent])) break;
        place(index, std::move(heap_[parent]));
        index = parent;
    }
    place(index, std::move(item));
}

CHORUS_DECL void timer_service::sift_down(std::size_t index, node&& item) noexcept {
    for (;;) {
        const auto first = 4 * index + 1;
        if (first >= heap_.size()) break;
        const auto last = std::min(first + 4, heap_.size());
        auto least = first;
        for (auto child = first + 1; child < last; ++child)
            if (heap_[child].before(heap_[least])) least = child;
        if (!heap_[least].before(item)) break;
        place(index, std::move(heap_[least]));
        index = least;
    }
    place(index, std::move(item));
}

CHORUS_DECL boost::intrusive_ptr<timer_entry> timer_service::take(std::size_t index) noexcept {
    auto taken = std::move(heap_[index].entry);
    taken->index_ = timer_entry::not_scheduled;
    node last = std::move(heap_.back());
    heap_.pop_back();
    if (index == heap_.size()) return taken;
    if (index > 0 && last.before(heap_[(index - 1) / 4]))
        sift_up(index, std::move(last));
    else
        sift_down(index, std::move(last));
    return taken;
}

}  // namespace chorus
