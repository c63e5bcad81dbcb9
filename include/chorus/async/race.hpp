// Run many coroutines at once; the first success wins and the rest are cancelled.
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
#include <variant>
#include <vector>

namespace chorus {

/// Who won a race, and with what.
template <class T>
struct race_result {
    std::size_t index;
    T value;
};
template <>
struct race_result<void> {
    std::size_t index;
};

namespace detail {

/// Children of which the first to succeed ends the others.
template <class Prize>
class racing_children : public children {
 public:
    using prize = Prize;
    using children::children;

    /// What comes after the winner, or after a cancellation, is not looked at.
    bool open() const noexcept { return !stopping() && !prize_; }
    template <class... Args>
    void win(Args&&... args) {
        prize_.emplace(Prize{std::forward<Args>(args)...});
    }
    void lose(failure what) { last_failure_ = std::move(what); }

    std::optional<Prize>& winner() noexcept { return prize_; }
    const failure& last_failure() const noexcept { return last_failure_; }

 protected:
    ~racing_children() = default;
    void ended(child&) override {
        if (prize_) stop();
    }

 private:
    std::optional<Prize> prize_;
    failure last_failure_;
};

/// `Place` is what comes before the value in the prize: an index, or `std::in_place_index`.
template <class T, class Prize, class Place>
class race_receiver {
 public:
    race_receiver(racing_children<Prize>& race, Place place) noexcept : race_(&race), place_(place) {}

    template <class... Value>
    void value(Value&&... value) {
        if (!race_->open()) return;
        if constexpr (is_result<T>) {
            (take(value), ...);
        } else {
            race_->win(place_, std::forward<Value>(value)...);
        }
    }
    void failure(std::exception_ptr exception) {
        if (race_->open()) race_->lose(detail::failure(std::move(exception)));
    }

 private:
    template <class U>
    void take(result<U>& outcome) {
        if (!outcome) {
            race_->lose(detail::failure(std::move(outcome).error()));
        } else if constexpr (std::is_void_v<U>) {
            race_->win(place_);
        } else {
            race_->win(place_, std::move(*outcome));
        }
    }

    racing_children<Prize>* race_;
    [[no_unique_address]] Place place_;
};

template <class A>
class race_vector final : public racing_children<race_result<value_of<typename A::value_type>>> {
 public:
    using T = typename A::value_type;
    static constexpr bool returns_result = is_result<T>;

    race_vector(executor where, std::vector<A>&& calls)
        : race_vector::racing_children(std::move(where)), calls_(std::move(calls)) {}
    bool empty() const noexcept { return calls_.empty(); }

 private:
    using receiver = race_receiver<T, race_result<value_of<T>>, std::size_t>;

    void begin() override {
        places_ = std::make_unique<child[]>(calls_.size());
        for (std::size_t i = 0; i < calls_.size() && this->open(); ++i)
            this->start(places_[i], deliver<beginning::now, T>(std::move(calls_[i]), receiver(*this, i)));
    }

    std::vector<A> calls_;
    std::unique_ptr<child[]> places_;
};

template <class... Ts>
class race_tuple final : public racing_children<std::variant<stored<value_of<Ts>>...>> {
 public:
    static constexpr bool returns_result = (is_result<Ts> || ...);

    race_tuple(executor where, std::tuple<awaitable<Ts>...>&& calls)
        : race_tuple::racing_children(std::move(where)), calls_(std::move(calls)) {}
    bool empty() const noexcept { return false; }

 private:
    using variant = std::variant<stored<value_of<Ts>>...>;

    void begin() override { begin(std::index_sequence_for<Ts...>()); }
    template <std::size_t... I>
    void begin(std::index_sequence<I...>) {
        (begin<I>(std::move(std::get<I>(calls_))), ...);
    }
    template <std::size_t I, class T>
    void begin(awaitable<T> call) {
        using receiver = race_receiver<T, variant, std::in_place_index_t<I>>;
        if (this->open()) this->start(places_[I], deliver(std::move(call), receiver(*this, std::in_place_index<I>)));
    }

    std::tuple<awaitable<Ts>...> calls_;
    child places_[sizeof...(Ts)];
};

template <class State>
using race_outcome = std::conditional_t<State::returns_result, result<typename State::prize>, typename State::prize>;

template <class State, class Calls>
awaitable<race_outcome<State>> race_in_coroutine(Calls calls) {
    executor here = co_await this_coro::executor;
    State state(std::move(here), std::move(calls));
    failure lost;
    if (state.empty()) {
        lost = failure(error(errc::invalid_argument, "race: there is nothing to race"));
    } else {
        co_await state.join();
        if (state.winner()) co_return std::move(*state.winner());
        state.rethrow_reason();
        lost = state.last_failure();
    }
    if constexpr (State::returns_result) {
        co_return lost.to_error();
    } else {
        lost.rethrow();
    }
}

}  // namespace detail

/// Runs coroutines at the same time; the first to succeed wins, and the rest are cancelled and have ended before the
/// value comes out. Failures are passed over while others run; if all fail, the last failure comes out.
///
/// Elements: `awaitable<T>` gives `race_result<T>` and throws. `awaitable<result<T>>` gives `result<race_result<T>>`; a
/// failed result does not win.
/// Cancellation: cancels all, waits for their end, throws `operation_aborted` unless one had won before.
/// Errors: `errc::invalid_argument` if there are none.
/// Executor: children run on that of the awaiting coroutine, which must run one handler at a time.
///
///     auto [index, answer] = co_await chorus::race(std::move(same_question_to_three_servers));
template <detail::awaitable_type A>
awaitable<detail::race_outcome<detail::race_vector<A>>> race(std::vector<A> calls) {
    return detail::race_in_coroutine<detail::race_vector<A>>(std::move(calls));
}

/// The same for coroutines of different types. The winner is a `std::variant` whose `index()` tells who it was, with
/// `std::monostate` in the place of void. One `awaitable<result<T>>` among them makes the whole a `result`.
///
///     auto first = co_await chorus::race(ask(question), chorus::sleep_for(2s));
///     if (first.index() == 1) std::cout << "still thinking\n";
template <class... Ts>
    requires(sizeof...(Ts) > 0)
awaitable<detail::race_outcome<detail::race_tuple<Ts...>>> race(awaitable<Ts>... calls) {
    return detail::race_in_coroutine<detail::race_tuple<Ts...>>(std::tuple<awaitable<Ts>...>(std::move(calls)...));
}

}  // namespace chorus
