// Starts, cancels and joins child coroutines: the one mechanism under task, gather, when_all, race and their kin.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus::detail {

class children;

/// The place of one child. It stays where it is, and alive, from `start` until `ended`; then it may be used again.
class child {
 public:
    child() noexcept = default;
    child(const child&) = delete;
    child& operator=(const child&) = delete;

 private:
    friend class children;
    friend class child_end;

    void link_before(child& position) noexcept;
    void unlink() noexcept;

    asio::cancellation_signal signal_;
    child* previous_ = this;
    child* next_ = this;
    bool starting_ = false;  // its first run, on the stack of `start`
    bool begun_ = false;
    bool cancelled_before_ = false;
};

/// The state of one coroutine that waits for its children.
///
/// It lives in the frame of the waiting coroutine, which awaits `join()` and nothing else while a child runs. The frame
/// is owned by the handler kept here, so it cannot go before the last child has ended; nothing is counted by reference.
/// Children start inside of that await: a coroutine already cancelled throws before the first of them.
///
/// All of it runs on one executor that runs one handler at a time.
class children {
 public:
    explicit children(executor where);
    children(const children&) = delete;
    children& operator=(const children&) = delete;

    /// Awaitable operation: calls `begin`, completes when no child is left. Cancellation: stops the children.
    auto join() {
        return asio::async_initiate<const asio::deferred_t, void()>([this](auto handler) { wait(std::move(handler)); },
                                                                    asio::deferred);
    }

    /// Cancels what runs; from now on nothing new is to be started. The first call's reason is what counts.
    void stop(std::exception_ptr reason = nullptr);
    bool stopping() const noexcept { return stopping_; }
    void rethrow_reason() const {
        if (reason_) std::rethrow_exception(reason_);
    }

    std::size_t running() const noexcept { return running_; }
    const executor& get_executor() const noexcept { return executor_; }

 protected:
    ~children() = default;

    /// Runs `body` until its first suspension; from outside of the executor, soon. The body throws nothing. It is no
    /// outstanding work: the waiting coroutine is, or its task.
    void start(child& place, awaitable<void> body);
    void cancel();

    /// Starts the first children.
    virtual void begin() {}
    /// One child has ended, and its frames are gone. May start others.
    virtual void ended(child&) {}
    /// No child is left, the waiting coroutine was told. The last thing that is done here: it may end the object.
    virtual void finished() {}

 private:
    friend class child_end;

    // The waiting coroutine. An own type: any_completion_handler of Boost 1.81 cannot be moved out of a member.
    class waiter {
     public:
        virtual ~waiter() = default;
        virtual void resume() = 0;
    };
    template <class Handler>
    class suspended final : public waiter {
     public:
        explicit suspended(Handler&& handler) : handler_(std::move(handler)) {}
        // Posted: the stack of the last child does not carry the rest of its parent.
        void resume() override { asio::post(std::move(handler_)); }

     private:
        Handler handler_;
    };

    template <class Handler>
    void wait(Handler handler) {
        slot_ = asio::get_associated_cancellation_slot(handler);
        if (slot_.is_connected()) slot_.assign([this](asio::cancellation_type_t type) { on_cancellation(type); });
        waiter_ = std::make_unique<suspended<Handler>>(std::move(handler));
        launch();
    }

    void launch();
    void on_cancellation(asio::cancellation_type_t type);
    void end(child& place, bool abandoned);
    void settle();

    executor executor_;
    child running_list_;  // its links only: the sentinel of a ring
    std::size_t running_ = 0;
    std::size_t holds_ = 0;  // while positive, having no child left means nothing yet
    std::unique_ptr<waiter> waiter_;
    asio::cancellation_slot slot_;
    std::exception_ptr reason_;
    bool stopping_ = false;
    bool abandoned_ = false;  // a child was destroyed instead of run, as contexts do when they go away
};

/// Places for a changing number of children: used again when free, and never moved.
template <class Place>
class place_pool {
 public:
    Place& take() {
        if (free_.empty()) return places_.emplace_back();
        Place& place = *free_.back();
        free_.pop_back();
        return place;
    }
    void give_back(Place& place) { free_.push_back(&place); }

 private:
    std::deque<Place> places_;
    std::vector<Place*> free_;
};

/// When a child begins: inside of the call that starts it, or on a turn of the loop of its own.
enum class beginning { now, next_turn };

// g++ warns that the frame of a template coroutine has a member of a type from the user's anonymous namespace, although
// the frame is then as local as that type.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

/// Awaits `work` and hands its outcome to `receiver.value(...)` or `receiver.failure(exception)`.
template <beginning Begin = beginning::now, class T, class Receiver>
awaitable<void> deliver(awaitable<T> work, Receiver receiver) {
    try {
        if constexpr (Begin == beginning::next_turn) co_await asio::post(asio::deferred);
        if constexpr (std::is_void_v<T>) {
            co_await std::move(work);
            receiver.value();
        } else {
            receiver.value(co_await std::move(work));
        }
    } catch (...) {
        receiver.failure(std::current_exception());
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// What a cancelled operation throws.
std::exception_ptr operation_aborted();

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/children.ipp>
#endif
