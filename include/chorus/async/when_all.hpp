// Run many coroutines at once and get all values, or the first failure.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

namespace detail {

/// Children of which the first to fail ends the others.
class failing_children : public children {
 public:
    using children::children;

    /// What comes after the first failure, or after a cancellation, is only its consequence.
    void fail(failure what) {
        if (!stopping() && !failed_) failed_ = std::move(what);
    }
    const failure& failed() const noexcept { return failed_; }

 protected:
    ~failing_children() = default;
    void ended(child&) override {
        if (failed_) stop();
    }
    bool starting() const noexcept { return !stopping() && !failed_; }

 private:
    failure failed_;
};

template <class T>
struct when_all_place : child {
    std::optional<stored<value_of<T>>> value;
};

template <class T>
class when_all_receiver {
 public:
    when_all_receiver(failing_children& all, when_all_place<T>& place) noexcept : all_(&all), value_(&place.value) {}

    template <class... Value>
    void value(Value&&... value) {
        if constexpr (is_result<T>) {
            (take(value), ...);
        } else {
            value_->emplace(std::forward<Value>(value)...);
        }
    }
    void failure(std::exception_ptr exception) { all_->fail(detail::failure(std::move(exception))); }

 private:
    template <class U>
    void take(result<U>& outcome) {
        if (!outcome) {
            all_->fail(detail::failure(std::move(outcome).error()));
        } else if constexpr (std::is_void_v<U>) {
            value_->emplace();
        } else {
            value_->emplace(std::move(*outcome));
        }
    }

    failing_children* all_;
    std::optional<stored<value_of<T>>>* value_;
};

template <class A>
class when_all_vector final : public failing_children {
 public:
    using T = typename A::value_type;
    using values = std::conditional_t<std::is_void_v<value_of<T>>, void, std::vector<stored<value_of<T>>>>;
    static constexpr bool returns_result = is_result<T>;

    when_all_vector(executor where, std::vector<A>&& calls)
        : failing_children(std::move(where)), calls_(std::move(calls)) {}

    values take() {
        if constexpr (!std::is_void_v<values>) {
            values all;
            all.reserve(calls_.size());
            for (std::size_t i = 0; i < calls_.size(); ++i) all.push_back(std::move(*places_[i].value));
            return all;
        }
    }

 private:
    void begin() override {
        places_ = std::make_unique<when_all_place<T>[]>(calls_.size());
        for (std::size_t i = 0; i < calls_.size() && starting(); ++i)
            start(places_[i],
                  deliver<beginning::now, T>(std::move(calls_[i]), when_all_receiver<T>(*this, places_[i])));
    }

    std::vector<A> calls_;
    std::unique_ptr<when_all_place<T>[]> places_;
};

template <class... Ts>
class when_all_tuple final : public failing_children {
 public:
    using values = std::tuple<stored<value_of<Ts>>...>;
    static constexpr bool returns_result = (is_result<Ts> || ...);

    when_all_tuple(executor where, std::tuple<awaitable<Ts>...>&& calls)
        : failing_children(std::move(where)), calls_(std::move(calls)) {}

    values take() {
        return std::apply([](auto&... place) { return values(std::move(*place.value)...); }, places_);
    }

 private:
    void begin() override { begin(std::index_sequence_for<Ts...>()); }
    template <std::size_t... I>
    void begin(std::index_sequence<I...>) {
        (begin(std::get<I>(places_), std::move(std::get<I>(calls_))), ...);
    }
    template <class T>
    void begin(when_all_place<T>& place, awaitable<T> call) {
        if (starting()) start(place, deliver(std::move(call), when_all_receiver<T>(*this, place)));
    }

    std::tuple<awaitable<Ts>...> calls_;
    std::tuple<when_all_place<Ts>...> places_;
};

template <class State>
using when_all_outcome =
    std::conditional_t<State::returns_result, result<typename State::values>, typename State::values>;

template <class State, class Calls>
awaitable<when_all_outcome<State>> when_all_in_coroutine(Calls calls) {
    executor here = co_await this_coro::executor;
    State state(std::move(here), std::move(calls));
    co_await state.join();
    if (state.failed()) {
        if constexpr (State::returns_result) {
            co_return state.failed().to_error();
        } else {
            state.failed().rethrow();
        }
    }
    state.rethrow_reason();
    if constexpr (!std::is_void_v<typename State::values>) {
        co_return state.take();
    } else if constexpr (State::returns_result) {
        co_return result<void>();
    }
}

}  // namespace detail

/// Runs coroutines at the same time and gives all values in input order, or the first failure: the first to fail
/// cancels the others, which have all ended before the failure comes out.
///
/// Completes when all have ended, at once if there are none.
/// Elements: `awaitable<T>` gives `std::vector<T>` (nothing for void) and throws the failure as it was thrown.
/// `awaitable<result<T>>` gives `result<std::vector<T>>`; a failed result is a failure, and so is an exception: both
/// are returned as the error.
/// Cancellation: cancels all, waits for their end, throws `operation_aborted` unless one had failed before.
/// Executor: children run on that of the awaiting coroutine, which must run one handler at a time.
///
///     for (const std::string& page : co_await chorus::when_all(std::move(downloads))) index(page);
template <detail::awaitable_type A>
awaitable<detail::when_all_outcome<detail::when_all_vector<A>>> when_all(std::vector<A> calls) {
    return detail::when_all_in_coroutine<detail::when_all_vector<A>>(std::move(calls));
}

/// The same for coroutines of different types, as a tuple with `std::monostate` in the place of void. One
/// `awaitable<result<T>>` among them makes the whole a `result`.
///
///     auto [user, quota] = co_await chorus::when_all(find_user(), find_quota());
template <class... Ts>
awaitable<detail::when_all_outcome<detail::when_all_tuple<Ts...>>> when_all(awaitable<Ts>... calls) {
    return detail::when_all_in_coroutine<detail::when_all_tuple<Ts...>>(
        std::tuple<awaitable<Ts>...>(std::move(calls)...));
}

}  // namespace chorus
