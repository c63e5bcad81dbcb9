// The way of a job: queued, then begun by a thread or dropped by its owner, whoever comes first.
#pragma once

#include <chorus/async/offload.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <thread>

namespace chorus {

CHORUS_DECL asio::thread_pool& default_thread_pool() {
    static asio::thread_pool pool(std::max(1u, std::thread::hardware_concurrency()));
    return pool;
}

}  // namespace chorus

namespace chorus::detail {

/// The job in the pool's queue; destroyed without having run when the pool goes away.
class offload_ticket {
 public:
    explicit offload_ticket(boost::intrusive_ptr<offload_job> job) noexcept : job_(std::move(job)) {}
    offload_ticket(offload_ticket&&) noexcept = default;
    ~offload_ticket() {
        if (job_) job_->abandon();
    }
    void operator()() {
        const auto job = std::move(job_);
        job->run();
    }

 private:
    boost::intrusive_ptr<offload_job> job_;
};

CHORUS_DECL void offload_job::start(asio::thread_pool& pool, boost::intrusive_ptr<suspension> coroutine) {
    coroutine_ = std::move(coroutine);
    asio::post(pool, offload_ticket(boost::intrusive_ptr<offload_job>(this)));
}

CHORUS_DECL bool offload_job::move_to(stage next) noexcept {
    auto expected = stage::queued;
    return stage_.compare_exchange_strong(expected, next, std::memory_order_acq_rel);
}

CHORUS_DECL void offload_job::run() {
    if (!move_to(stage::running)) return;
    call();
    coroutine_->resume({});
}

CHORUS_DECL void offload_job::drop() noexcept {
    if (move_to(stage::dropped)) discard();
}

CHORUS_DECL void offload_job::abandon() {
    drop();
    coroutine_->resume(asio::error::operation_aborted);
}

/// A local of the waiting coroutine: starts the job, and drops it when the coroutine goes. A named class, because g++
/// warns of local types in the frame of a coroutine that is not inline.
class offload_wait {
 public:
    offload_wait(asio::thread_pool& pool, offload_job& job) noexcept : pool_(pool), job_(job) {}
    ~offload_wait() { job_.drop(); }
    offload_wait(const offload_wait&) = delete;
    offload_wait& operator=(const offload_wait&) = delete;

    void operator()(boost::intrusive_ptr<suspension> coroutine) { job_.start(pool_, std::move(coroutine)); }

 private:
    asio::thread_pool& pool_;
    offload_job& job_;
};

CHORUS_DECL awaitable<void> run_on(asio::thread_pool* pool, boost::intrusive_ptr<offload_job> job) {
    offload_wait wait(*pool, *job);
    co_await async_suspend(co_await this_coro::executor, wait);
}

}  // namespace chorus::detail
