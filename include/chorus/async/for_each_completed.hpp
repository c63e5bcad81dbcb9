// Work through a range with bounded concurrency, taking each result as it comes.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/children.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

namespace chorus {

struct for_each_options {
    /// How many items are in the works, at most: running, or finished and waiting for the sink.
    std::size_t limit = 256;
};

namespace detail {

template <class View>
inline constexpr bool owns_items = false;
template <class Range>
inline constexpr bool owns_items<std::ranges::owning_view<Range>> = true;

/// Whether an item stays in its range while it is worked on. Otherwise the child keeps it.
template <class View>
inline constexpr bool items_stay = !owns_items<View> && std::ranges::forward_range<View> &&
                                   std::is_lvalue_reference_v<std::ranges::range_reference_t<View>>;

template <class View>
using item_of =
    std::conditional_t<items_stay<View>, std::ranges::range_reference_t<View>, std::ranges::range_value_t<View>>;

template <class View>
item_of<View> take_item(const std::ranges::iterator_t<View>& position) {
    using reference = std::ranges::range_reference_t<View>;
    if constexpr (items_stay<View> || (!owns_items<View> && std::is_constructible_v<item_of<View>, reference>)) {
        return static_cast<item_of<View>>(*position);
    } else {
        return static_cast<item_of<View>>(std::ranges::iter_move(position));
    }
}

/// Calls with a value if the function takes one, otherwise with a reference.
template <class Function, class Item>
decltype(auto) call_with_item(Function& function, Item&& item) {
    if constexpr (std::is_invocable_v<Function&, Item&&>) {
        return std::invoke(function, std::forward<Item>(item));
    } else {
        return std::invoke(function, item);
    }
}

template <class View, class Function>
using item_call = decltype(call_with_item(std::declval<Function&>(), std::declval<item_of<View>>()));

template <class View, class Function, class Sink>
class for_each_state final : public children {
 public:
    using T = typename item_call<View, Function>::value_type;
    using outcome = result<value_of<T>>;
    static constexpr bool sink_is_coroutine = !std::is_void_v<std::invoke_result_t<Sink&, std::size_t, outcome>>;

    for_each_state(executor where, View& items, Function& function, Sink& sink, std::size_t limit)
        : children(std::move(where)), items_(items), function_(function), sink_(sink), limit_(limit) {}

 private:
    struct place : child {
        std::size_t index;
        std::optional<outcome> result;
        place* next;
    };

    class receiver {
     public:
        explicit receiver(place& where) noexcept : result_(&where.result) {}
        template <class... Value>
        void value(Value&&... value) {
            if constexpr (is_result<T>) {
                result_->emplace(std::forward<Value>(value)...);
            } else {
                result_->emplace(std::forward<Value>(value)...);
            }
        }
        void failure(std::exception_ptr exception) { result_->emplace(error::from_exception(std::move(exception))); }

     private:
        std::optional<outcome>* result_;
    };

    void begin() override {
        position_.emplace(std::ranges::begin(items_));
        refill();
    }

    void ended(child& which) override {
        if (&which == &sink_place_) {
            draining_ = false;
        } else {
            append(static_cast<place&>(which));
        }
        drain();
        refill();
    }

    /// Starts what the limit allows. An item is taken from the range only when there is room for it.
    void refill() {
        try {
            while (!stopping() && in_the_works_ < limit_ && advance()) {
                place& where = places_.take();
                where.index = next_index_++;
                ++in_the_works_;
                start(where, run_item(take_item<View>(*position_), function_, receiver(where)));
            }
        } catch (...) {
            stop(std::current_exception());
        }
    }
    bool advance() {
        if (taken_ < next_index_) {
            taken_ = next_index_;
            ++*position_;
        }
        return *position_ != std::ranges::end(items_);
    }

    // The item lives as long as the coroutine that works on it, whatever that takes it as.
    static awaitable<void> run_item(item_of<View> item, Function& function, receiver to) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await call_with_item(function, std::forward<item_of<View>>(item));
                to.value();
            } else {
                to.value(co_await call_with_item(function, std::forward<item_of<View>>(item)));
            }
        } catch (...) {
            to.failure(std::current_exception());
        }
    }

    void drain() {
        if (draining_ || !first_ || stopping()) return;
        draining_ = true;
        if constexpr (sink_is_coroutine) {
            start(sink_place_, drain_in_coroutine());
        } else {
            try {
                while (first_ && !stopping()) {
                    place& done = pop();
                    outcome result = std::move(*done.result);
                    const std::size_t index = done.index;
                    release(done);
                    std::invoke(sink_, index, std::move(result));
                }
            } catch (...) {
                stop(std::current_exception());
            }
            draining_ = false;
        }
    }
    awaitable<void> drain_in_coroutine() {
        try {
            while (first_ && !stopping()) {
                place& done = pop();
                outcome result = std::move(*done.result);
                const std::size_t index = done.index;
                release(done);
                refill();
                co_await std::invoke(sink_, index, std::move(result));
            }
        } catch (...) {
            stop(std::current_exception());
        }
    }

    void append(place& done) noexcept {
        done.next = nullptr;
        (first_ ? last_->next : first_) = &done;
        last_ = &done;
    }
    place& pop() noexcept { return *std::exchange(first_, first_->next); }
    void release(place& done) {
        done.result.reset();
        places_.give_back(done);
        --in_the_works_;
    }

    View& items_;
    Function& function_;
    Sink& sink_;
    const std::size_t limit_;
    std::optional<std::ranges::iterator_t<View>> position_;
    std::size_t next_index_ = 0;
    std::size_t taken_ = 0;
    std::size_t in_the_works_ = 0;
    place_pool<place> places_;
    place* first_ = nullptr;  // finished, in order, not yet seen by the sink
    place* last_ = nullptr;
    child sink_place_;
    bool draining_ = false;
};

template <class View, class Function, class Sink>
awaitable<void> for_each_in_coroutine(View items, Function function, std::size_t limit, Sink sink) {
    if (limit == 0) throw api_error(error(errc::invalid_argument, "for_each_completed: limit must be positive"));
    executor here = co_await this_coro::executor;
    for_each_state<View, Function, Sink> state(std::move(here), items, function, sink, limit);
    co_await state.join();
    state.rethrow_reason();
}

}  // namespace detail

/// Calls `function(item)` for every item of a range, runs up to `options.limit` of the coroutines it returns at a time,
/// and hands each outcome to the sink as it comes.
///
/// The range is read only as far as there is room: it may be a generator or a stream that never fits in memory. Items
/// of a range passed by move are moved to the function; others are passed as the range gives them, by reference where
/// they stay in place.
/// The sink is `sink(std::size_t index, result<T>)`, a plain function or a coroutine; `index` counts the items. It is
/// called on the loop, for one result at a time, in the order of completion. `function` may return `awaitable<T>` or
/// `awaitable<result<T>>`; an exception it throws becomes the error of that item and stops nothing.
/// Completes when the sink is done with the last result.
/// Cancellation: starts nothing more, cancels what runs, waits for its end, throws `operation_aborted`.
/// Errors: an exception of the sink or of the range does the same and comes out; `errc::invalid_argument` if the limit
/// is zero.
/// Lifetimes: function, sink and a range passed by move live in the returned coroutine; a range passed by name must
/// outlive it. Name a lambda that owns something before passing it to `co_await` (g++ 12 destroys it twice otherwise).
/// Executor: children run on that of the awaiting coroutine, which must run one handler at a time.
///
///     co_await chorus::for_each_completed(
///         prompts, [&](const std::string& prompt) { return llm.try_complete(request_for(prompt)); }, {.limit = 100},
///         [&](std::size_t index, auto reply) { report(index, reply); });
template <std::ranges::viewable_range Range, class Function, class Sink>
    requires std::ranges::input_range<Range>
awaitable<void> for_each_completed(Range&& items, Function function, for_each_options options, Sink sink) {
    return detail::for_each_in_coroutine(std::views::all(std::forward<Range>(items)), std::move(function),
                                         options.limit, std::move(sink));
}

}  // namespace chorus
