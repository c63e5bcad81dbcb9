// Run many coroutines at once and keep every outcome.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

struct gather_options {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// How many run at the same time, at most. The rest start in order as others end.
    std::size_t limit = unlimited;
};

namespace detail {

template <class T>
struct gather_place : child {
    std::optional<result<value_of<T>>> outcome;
};

template <class T>
class gather_receiver {
 public:
    explicit gather_receiver(gather_place<T>& place) noexcept : outcome_(&place.outcome) {}

    template <class... Value>
    void value(Value&&... value) {
        if constexpr (is_result<T>) {
            outcome_->emplace(std::forward<Value>(value)...);
        } else {
            outcome_->emplace(std::forward<Value>(value)...);
        }
    }
    void failure(std::exception_ptr exception) { outcome_->emplace(error::from_exception(std::move(exception))); }

 private:
    std::optional<result<value_of<T>>>* outcome_;
};

template <class A>
class gather_vector final : public children {
 public:
    using T = typename A::value_type;

    gather_vector(executor where, std::vector<A>&& calls, std::size_t limit)
        : children(std::move(where)), calls_(std::move(calls)), limit_(limit) {}

    std::vector<result<value_of<T>>> take() {
        std::vector<result<value_of<T>>> outcomes;
        outcomes.reserve(calls_.size());
        for (std::size_t i = 0; i < calls_.size(); ++i) outcomes.push_back(std::move(*places_[i].outcome));
        return outcomes;
    }

 private:
    void begin() override {
        places_ = std::make_unique<gather_place<T>[]>(calls_.size());
        fill();
    }
    void ended(child&) override { fill(); }
    void fill() {
        while (!stopping() && next_ < calls_.size() && running() < limit_) {
            const std::size_t i = next_++;
            start(places_[i], deliver<beginning::now, T>(std::move(calls_[i]), gather_receiver<T>(places_[i])));
        }
    }

    std::vector<A> calls_;
    std::unique_ptr<gather_place<T>[]> places_;
    std::size_t next_ = 0;
    std::size_t limit_;
};

template <class... Ts>
class gather_tuple final : public children {
 public:
    gather_tuple(executor where, std::tuple<awaitable<Ts>...>&& calls)
        : children(std::move(where)), calls_(std::move(calls)) {}

    std::tuple<result<value_of<Ts>>...> take() {
        return std::apply(
            [](auto&... place) { return std::tuple<result<value_of<Ts>>...>(std::move(*place.outcome)...); }, places_);
    }

 private:
    void begin() override { begin(std::index_sequence_for<Ts...>()); }
    template <std::size_t... I>
    void begin(std::index_sequence<I...>) {
        (begin(std::get<I>(places_), std::move(std::get<I>(calls_))), ...);
    }
    template <class T>
    void begin(gather_place<T>& place, awaitable<T> call) {
        if (!stopping()) start(place, deliver(std::move(call), gather_receiver<T>(place)));
    }

    std::tuple<awaitable<Ts>...> calls_;
    std::tuple<gather_place<Ts>...> places_;
};

template <class A>
awaitable<std::vector<result<value_of<typename A::value_type>>>> gather_in_coroutine(std::vector<A> calls,
                                                                                     std::size_t limit) {
    if (limit == 0) throw api_error(error(errc::invalid_argument, "gather: limit must be positive"));
    executor here = co_await this_coro::executor;
    gather_vector<A> state(std::move(here), std::move(calls), limit);
    co_await state.join();
    state.rethrow_reason();
    co_return state.take();
}

template <class... Ts>
awaitable<std::tuple<result<value_of<Ts>>...>> gather_in_coroutine(std::tuple<awaitable<Ts>...> calls) {
    executor here = co_await this_coro::executor;
    gather_tuple<Ts...> state(std::move(here), std::move(calls));
    co_await state.join();
    state.rethrow_reason();
    co_return state.take();
}

}  // namespace detail

/// Runs coroutines at the same time and gives every outcome, in input order: one failure cancels nobody.
///
/// They are started in order, when the returned coroutine is awaited, and up to `options.limit` of them run at a time.
/// Completes when all have ended, at once if there are none.
/// Elements: `awaitable<T>` and `awaitable<result<T>>` both give a `result<T>`; an exception becomes its error.
/// Cancellation: cancels all, waits for their end, throws `operation_aborted`; outcomes are dropped.
/// Executor: children run on that of the awaiting coroutine, which must run one handler at a time (a loop run by one
/// thread, or a strand).
///
///     std::vector<chorus::awaitable<chorus::result<std::string>>> calls = ...;
///     for (auto& reply : co_await chorus::gather(std::move(calls), {.limit = 100}))
///         std::cout << (reply ? *reply : reply.error().message()) << '\n';
template <detail::awaitable_type A>
awaitable<std::vector<result<detail::value_of<typename A::value_type>>>> gather(std::vector<A> calls,
                                                                                gather_options options = {}) {
    return detail::gather_in_coroutine(std::move(calls), options.limit);
}

/// The same for coroutines of different types: `auto [user, quota] = co_await gather(find_user(), find_quota());`.
template <class... Ts>
awaitable<std::tuple<result<detail::value_of<Ts>>...>> gather(awaitable<Ts>... calls) {
    return detail::gather_in_coroutine(std::tuple<awaitable<Ts>...>(std::move(calls)...));
}

}  // namespace chorus
