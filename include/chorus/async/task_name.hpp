// A name for what runs, so that a monitor can say who blocked the loop.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>

#include <boost/asio/execution/any_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <concepts>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace chorus {

/// Returns an executor that runs everything where `inner` does, under a name. A coroutine spawned on it carries the
/// name each time it is resumed, as do coroutines that it spawns on its own executor. Only named code pays for it:
/// about half a microsecond a resumption.
/// A name lasts to the end of its handler. Where the end of a named coroutine resumes another in the same handler, as
/// `asio::co_spawn` with `use_awaitable` does, that one is seen under the name until it next suspends.
///
///     asio::co_spawn(chorus::named(executor, "embed"), embed_all(), asio::detached);
template <std::convertible_to<std::string> Name>
executor named(const executor& inner, Name name);

/// The name of what runs on this thread now; empty outside of named code.
std::string current_task_name();

namespace detail {

/// What one thread is running; read by monitors on other threads.
class thread_label {
 public:
    using name_ptr = std::shared_ptr<const std::string>;

    static const std::shared_ptr<thread_label>& of_this_thread();
    name_ptr exchange(name_ptr name);
    std::string name() const;

 private:
    mutable std::mutex mutex_;
    name_ptr name_;
};

/// Names the thread's work for a scope.
class label_scope {
 public:
    explicit label_scope(thread_label::name_ptr name)
        : label_(*thread_label::of_this_thread()), before_(label_.exchange(std::move(name))) {}
    ~label_scope() { label_.exchange(std::move(before_)); }
    label_scope(const label_scope&) = delete;
    label_scope& operator=(const label_scope&) = delete;

 private:
    thread_label& label_;
    thread_label::name_ptr before_;
};

class named_executor {
 public:
    named_executor(executor inner, thread_label::name_ptr name) noexcept
        : inner_(std::move(inner)), name_(std::move(name)) {}

    template <class Property>
        requires(asio::can_query_v<const executor&, Property>)
    decltype(auto) query(const Property& property) const {
        return asio::query(inner_, property);
    }
    template <class Property>
        requires(asio::can_require_v<const executor&, Property>)
    named_executor require(const Property& property) const {
        return named_executor(asio::require(inner_, property), name_);
    }
    template <class Property>
        requires(asio::can_prefer_v<const executor&, Property>)
    named_executor prefer(const Property& property) const {
        return named_executor(asio::prefer(inner_, property), name_);
    }

    template <class Function>
    void execute(Function&& function) const {
        inner_.execute([name = name_, function = std::forward<Function>(function)]() mutable {
            label_scope scope(std::move(name));
            std::move(function)();
        });
    }

    bool operator==(const named_executor& other) const noexcept {
        return name_ == other.name_ && inner_ == other.inner_;
    }

 private:
    executor inner_;
    thread_label::name_ptr name_;
};

}  // namespace detail

// A template so that the executor, which is large to compile, costs nobody who names nothing.
template <std::convertible_to<std::string> Name>
executor named(const executor& inner, Name name) {
    return detail::named_executor(inner, std::make_shared<const std::string>(std::move(name)));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/task_name.ipp>
#endif
