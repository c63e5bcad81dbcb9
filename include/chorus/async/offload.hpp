// Work for the CPU, done on a thread pool while the loop goes on.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/config.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace chorus {

namespace detail {

/// One function on its way through a pool. Whoever moves it out of `queued` owns the function from then on.
class offload_job : public boost::intrusive_ref_counter<offload_job> {
 public:
    virtual ~offload_job() = default;

    void start(asio::thread_pool& pool, boost::intrusive_ptr<suspension> coroutine);
    void run();
    /// Drops the function if no thread has begun it.
    void drop() noexcept;
    /// The pool goes away without having begun it.
    void abandon();

 private:
    enum class stage { queued, running, dropped };
    bool move_to(stage next) noexcept;

    virtual void call() noexcept = 0;
    virtual void discard() noexcept = 0;

    std::atomic<stage> stage_ = stage::queued;
    boost::intrusive_ptr<suspension> coroutine_;
};

template <class Function>
class typed_offload_job final : public offload_job {
 public:
    using value_type = std::invoke_result_t<Function>;

    template <class F>
    explicit typed_offload_job(F&& function) : function_(std::in_place, std::forward<F>(function)) {}

    value_type take() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        if constexpr (!std::is_void_v<value_type>) return std::move(*value_);
    }

 private:
    void call() noexcept override {
        try {
            if constexpr (std::is_void_v<value_type>)
                std::invoke(std::move(*function_));
            else
                value_.emplace(std::invoke(std::move(*function_)));
        } catch (...) {
            failure_ = std::current_exception();
        }
        function_.reset();
    }
    void discard() noexcept override { function_.reset(); }

    std::optional<Function> function_;
    std::optional<stored<value_type>> value_;
    std::exception_ptr failure_;
};

awaitable<void> run_on(asio::thread_pool* pool, boost::intrusive_ptr<offload_job> job);

template <class Function>
awaitable<std::invoke_result_t<Function>> offload_to(asio::thread_pool* pool,
                                                     boost::intrusive_ptr<typed_offload_job<Function>> job) {
    co_await run_on(pool, job);
    co_return job->take();
}

}  // namespace detail

/// The pool that `offload(fn)` uses: one thread for each processor, made on first use. At the end of the program it
/// waits for what is running and drops what is not.
asio::thread_pool& default_thread_pool();

/// Calls a function on a thread of the pool; the coroutine meanwhile waits without blocking its loop.
/// Completes on the coroutine's executor with the value, or the exception, of the function.
/// Cancellation: total; throws `operation_aborted` at once. A function not begun is dropped; one that is running ends
/// alone, and what it returns or throws is destroyed on its thread.
/// Errors: those of the function; `operation_aborted` if the pool is destroyed before it began.
/// Lifetimes: the function is moved in; what it refers to must live until it has ended, even if the coroutine was
/// cancelled or its loop destroyed meanwhile.
///
///     auto parse = [text = std::move(text)] { return parse_slowly(text); };   // named first, see below
///     auto document = co_await chorus::offload(std::move(parse));
///
/// With g++ 12 a lambda that captures by value must not be written inside of the `co_await` expression: the compiler
/// destroys it twice.
template <class Function>
    requires std::invocable<std::decay_t<Function>>
awaitable<std::invoke_result_t<std::decay_t<Function>>> offload(asio::thread_pool& pool, Function&& function) {
    using job = detail::typed_offload_job<std::decay_t<Function>>;
    return detail::offload_to<std::decay_t<Function>>(
        &pool, boost::intrusive_ptr<job>(new job(std::forward<Function>(function))));
}

/// The same on the default pool.
template <class Function>
    requires std::invocable<std::decay_t<Function>>
awaitable<std::invoke_result_t<std::decay_t<Function>>> offload(Function&& function) {
    return offload(default_thread_pool(), std::forward<Function>(function));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/offload.ipp>
#endif
