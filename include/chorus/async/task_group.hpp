// A block that its tasks cannot outlive.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace chorus {

/// The tasks of one `with_task_group` block. Made by it, and handed to its body.
class task_group : private detail::children {
 public:
    /// Starts a task that belongs to the group; its first step is taken on a later turn of the loop. Tasks may spawn
    /// others. In a group that is ending, the task is dropped without having begun.
    void spawn(awaitable<void> work);
    /// The same; a failed result counts as a failure.
    void spawn(awaitable<result<void>> work);

    /// Cancels the body and all tasks. That is no failure: the block ends without an exception.
    void cancel();

    /// How many tasks have not ended, the body not counted.
    std::size_t size() const noexcept;
    using children::get_executor;

 protected:
    using children::children;
    ~task_group() = default;

    using children::join;
    void start_body(awaitable<void> body);
    void fail(detail::failure what);
    /// Throws what ended the group, if it was a failure or a cancellation from outside.
    void rethrow_failure() const;

 private:
    class receiver;

    void ended(detail::child& place) override;

    detail::place_pool<detail::child> places_;
    detail::child body_place_;
    bool body_running_ = false;
    detail::failure failed_;
};

namespace detail {

template <class Body>
using body_value = typename std::invoke_result_t<Body&, task_group&>::value_type;

/// A group with the outcome of its body.
template <class T>
class task_group_block : public task_group {
 public:
    using task_group::join;

    T take() {
        rethrow_failure();
        if constexpr (!std::is_void_v<T>) {
            if (!value_) std::rethrow_exception(operation_aborted());
            return std::move(*value_);
        }
    }

 protected:
    using task_group::task_group;
    ~task_group_block() = default;

    void run_body(awaitable<T> body) { start_body(deliver(std::move(body), receiver(*this))); }

 private:
    class receiver {
     public:
        explicit receiver(task_group_block& block) noexcept : block_(&block) {}
        template <class... Value>
        void value(Value&&... value) {
            block_->value_.emplace(std::forward<Value>(value)...);
        }
        void failure(std::exception_ptr exception) { block_->fail(detail::failure(std::move(exception))); }

     private:
        task_group_block* block_;
    };

    std::optional<stored<T>> value_;
};

template <class Body>
class task_group_of final : public task_group_block<body_value<Body>> {
 public:
    task_group_of(executor where, Body& body) : task_group_of::task_group_block(std::move(where)), body_(body) {}

 private:
    void begin() override { this->run_body(std::invoke(body_, static_cast<task_group&>(*this))); }

    Body& body_;
};

template <class Body>
awaitable<body_value<Body>> with_task_group_in_coroutine(Body body) {
    executor here = co_await this_coro::executor;
    task_group_of<Body> block(std::move(here), body);
    co_await block.join();
    co_return block.take();
}

}  // namespace detail

/// Runs `body(group)` and all tasks it spawns into the group, and ends when the last of them has ended: nothing
/// outlives the block. The first failure, of a task or of the body, cancels all others; when they have ended it comes
/// out.
///
/// Gives what the body returns.
/// Cancellation: cancels body and tasks, waits for their end, throws `operation_aborted` unless one had failed before.
/// Lifetimes: the body is kept until the block ends. Tasks may refer to what was made before the block, and must not
/// refer to locals of the body, which end with it. Name a lambda that owns something before passing it to `co_await`
/// (g++ 12 destroys it twice otherwise).
/// Executor: body and tasks run on that of the awaiting coroutine, which must run one handler at a time.
///
///     co_await chorus::with_task_group([&](chorus::task_group& group) -> chorus::awaitable<void> {
///         for (const auto& url : urls) group.spawn(fetch_into(url, pages));
///         co_return;
///     });
template <class Body>
    requires detail::awaitable_type<std::invoke_result_t<Body&, task_group&>>
awaitable<detail::body_value<Body>> with_task_group(Body body) {
    return detail::with_task_group_in_coroutine(std::move(body));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/task_group.ipp>
#endif
