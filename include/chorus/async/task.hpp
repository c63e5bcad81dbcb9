// A coroutine that already runs, and the handle to await, cancel or leave it.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/async/task_name.hpp>
#include <chorus/config.hpp>

#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace chorus {

namespace detail {

/// What a running task and its handle share. The task holds it while it runs.
class task_state : public children {
 public:
    explicit task_state(executor where);

    void run(std::shared_ptr<task_state> self, awaitable<void> body);
    void cancel() { children::cancel(); }
    void detach() noexcept { detached_ = true; }
    bool detached() const noexcept { return detached_; }
    bool done() const noexcept { return running() == 0; }

 protected:
    ~task_state() = default;
    void finished() override;

 private:
    child place_;
    executor work_;  // while the task runs, its loop does not end
    std::shared_ptr<task_state> self_;
    bool detached_ = false;
};

template <class T>
class typed_task_state final : public task_state {
 public:
    using task_state::task_state;

    template <class... Value>
    void value(Value&&... value) {
        value_.emplace(std::forward<Value>(value)...);
    }
    void failure(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }

    T take() {
        rethrow_reason();
        if (!value_) std::rethrow_exception(exception_ ? exception_ : operation_aborted());
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

 private:
    std::optional<stored<T>> value_;
    std::exception_ptr exception_;
};

template <class T>
class task_receiver {
 public:
    explicit task_receiver(typed_task_state<T>& state) noexcept : state_(&state) {}
    template <class... Value>
    void value(Value&&... value) {
        state_->value(std::forward<Value>(value)...);
    }
    void failure(std::exception_ptr exception) noexcept { state_->failure(std::move(exception)); }

 private:
    typed_task_state<T>* state_;
};

/// Cancels the task when it goes: with the handle, or with the coroutine that awaits it.
class task_owner {
 public:
    explicit task_owner(std::shared_ptr<task_state> state) noexcept : state_(std::move(state)) {}
    task_owner(task_owner&&) noexcept = default;
    ~task_owner() {
        if (state_ && !state_->detached()) state_->cancel();
    }

 private:
    std::shared_ptr<task_state> state_;
};

template <class T>
awaitable<T> join_task(typed_task_state<T>& state, [[maybe_unused]] task_owner owner) {
    co_await state.join();
    co_return state.take();
}

}  // namespace detail

/// The handle of a coroutine that runs on its own. It is an `awaitable<T>` whose work has begun already, and goes where
/// an awaitable goes: `co_await std::move(t)`, `gather(std::move(a), std::move(b))`, `with_timeout`.
///
/// Awaiting gives the value, or throws what the task threw. A handle that goes, awaited or not, cancels what still
/// runs; nobody is told how that ended. `detach` lets the task live on.
/// Cancellation: of the awaiting coroutine cancels the task, waits for its end, and throws `operation_aborted`.
/// Lifetimes: the handle may outlive the task. What the coroutine refers to must live until the task has ended.
/// Executor: one that runs one handler at a time; the handle is used there.
///
///     chorus::task<std::string> answer = co_await chorus::spawn(ask("Why?"));
///     co_await do_something_else();
///     std::cout << co_await std::move(answer);
template <class T = void>
class [[nodiscard]] task : public awaitable<T> {
 public:
    task(task&&) noexcept = default;
    task& operator=(task&& other) noexcept {
        // The move assignment of awaitable in Boost 1.81 never destroys what it replaces.
        const awaitable<T> replaced = std::move(*this).as_awaitable();
        awaitable<T>::operator=(std::move(other).as_awaitable());
        state_ = std::move(other.state_);
        return *this;
    }

    /// The same as `std::move(t)`, for a handle that stays to be asked and to cancel. Once only.
    awaitable<T> join() noexcept { return std::move(*this).as_awaitable(); }

    /// Asks the task to end: what it awaits throws `operation_aborted`. A task that has ended does not notice.
    void cancel() {
        if (state_) state_->cancel();
    }
    /// Whether it has ended, in whatever way.
    bool done() const noexcept { return !state_ || state_->done(); }
    /// Lets the task run on without a handle. What it throws is dropped.
    void detach() && {
        if (state_) state_->detach();
        const awaitable<T> dropped = std::move(*this).as_awaitable();
        state_.reset();
    }

 private:
    template <class U>
    friend task<U> spawn(executor where, awaitable<U> work);

    explicit task(std::shared_ptr<detail::typed_task_state<T>> state)
        : awaitable<T>(detail::join_task(*state, detail::task_owner(state))), state_(std::move(state)) {}

    awaitable<T>&& as_awaitable() && noexcept { return std::move(*this); }

    std::shared_ptr<detail::task_state> state_;
};

/// Starts a coroutine and returns its handle at once. Its first step is taken on a later turn of the loop, so starting
/// tasks from tasks does not nest.
template <class T>
task<T> spawn(executor where, awaitable<T> work) {
    auto state = std::make_shared<detail::typed_task_state<T>>(std::move(where));
    task<T> handle(state);
    state->run(state, detail::deliver<detail::beginning::next_turn>(std::move(work), detail::task_receiver<T>(*state)));
    return handle;
}

/// The same under a name, by which a `loop_monitor` can say that it was this task which blocked the loop.
template <class T, std::convertible_to<std::string> Name>
task<T> spawn(executor where, awaitable<T> work, Name name) {
    return spawn(named(where, std::move(name)), std::move(work));
}

/// The same on an `io_context` or `thread_pool`; a name may follow.
template <class Context, class T, std::convertible_to<std::string>... Name>
    requires std::derived_from<Context, asio::execution_context>
task<T> spawn(Context& where, awaitable<T> work, Name... name) {
    return spawn(executor(where.get_executor()), std::move(work), std::move(name)...);
}

/// The same on the executor of the awaiting coroutine: `auto t = co_await spawn(work());`; a name may follow.
template <class T, std::convertible_to<std::string>... Name>
awaitable<task<T>> spawn(awaitable<T> work, Name... name) {
    co_return spawn(co_await this_coro::executor, std::move(work), std::move(name)...);
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/task.ipp>
#endif
