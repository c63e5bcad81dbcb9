// The top of a program: a loop that lives as long as its main coroutine.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/config.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace chorus {

struct run_options {
    bool handle_signals = true;  ///< SIGINT and SIGTERM cancel the main coroutine.
};

namespace detail {

// Runs `main`, which does not throw, on a loop of its own, and destroys the loop with whatever is left in it. Returns
// the number of the signal that cancelled it, perhaps before it had begun, or 0.
int run_main(awaitable<void> main, const run_options& options);

// The exit status that shells know for a program ended by a signal.
constexpr int exit_status_of_signal(int number) noexcept {
    return 128 + number;
}

bool is_cancelled(const std::exception_ptr& failure) noexcept;

template <class T>
struct main_receiver {
    std::optional<stored<T>>* value_place;
    std::exception_ptr* failure_place;

    template <class... Value>
    void value(Value&&... value) {
        value_place->emplace(std::forward<Value>(value)...);
    }
    void failure(std::exception_ptr thrown) noexcept { *failure_place = std::move(thrown); }
};

}  // namespace detail

/// Runs a coroutine on a loop of its own and returns its value; for `awaitable<void>` returns 0, so that it can be the
/// whole of `main`.
/// Completes when the coroutine has ended. What it spawned and left running is destroyed then, unfinished, together
/// with the loop: join what matters.
/// Cancellation: the first SIGINT or SIGTERM cancels the main coroutine, from then on the signals have their default
/// action, so that a second one kills, even if the loop is blocked; that default action stays when `run` has returned.
/// A main coroutine of `void` or `int` that ends as cancelled in this way makes `run` return 128 + the number of the
/// signal (130 for SIGINT), as shells expect.
/// Errors: throws what the coroutine threw, or what escaped from another handler of the loop.
/// Lifetimes: the value must not refer to the loop.
/// Executor: the calling thread runs the loop; any number of threads may have a `run` of their own. A program with an
/// own loop spawns its coroutines there instead.
///
///     chorus::awaitable<void> co_main() { co_await chorus::sleep_for(1s); }
///     int main() { return chorus::run(co_main()); }
template <class T>
auto run(awaitable<T> main, run_options options = {}) {
    std::optional<detail::stored<T>> value;
    std::exception_ptr failure;
    const int signal =
        detail::run_main(detail::deliver(std::move(main), detail::main_receiver<T>{&value, &failure}), options);
    if (!value && !failure) failure = detail::operation_aborted();  // a signal came before it had begun
    if constexpr (std::is_void_v<T> || std::is_same_v<T, int>)
        if (signal != 0 && failure && detail::is_cancelled(failure)) return detail::exit_status_of_signal(signal);
    if (failure) std::rethrow_exception(std::move(failure));
    if constexpr (std::is_void_v<T>)
        return 0;
    else
        return T(std::move(*value));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/run.ipp>
#endif
