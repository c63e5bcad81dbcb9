// A suspended coroutine that somebody else resumes: once, from any thread, and harmlessly after its context is gone.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/post.hpp>
#include <chorus/config.hpp>
#include <chorus/shared_new.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace chorus::detail {

class suspension_registry;

class suspension : public boost::intrusive_ref_counter<suspension> {
 public:
    virtual ~suspension() = default;
    suspension(const suspension&) = delete;
    suspension& operator=(const suspension&) = delete;

    /// Resumes the coroutine on its executor, later. Only the first call counts, and says so.
    bool resume(boost::system::error_code error);

 protected:
    explicit suspension(std::shared_ptr<suspension_registry> registry) noexcept : registry_(std::move(registry)) {}
    void enrol();

 private:
    friend class suspension_registry;
    virtual void post(boost::system::error_code error) = 0;
    virtual void drop() noexcept = 0;

    std::shared_ptr<suspension_registry> registry_;
    suspension* previous_ = nullptr;
    suspension* next_ = nullptr;
    bool waiting_ = false;  // the three are guarded by the registry's mutex
};

/// Knows the suspended coroutines of one execution context, to destroy them when it goes away. It outlives the context
/// in the hands of those who want to resume or post something there.
class suspension_registry {
 public:
    static std::shared_ptr<suspension_registry> of(const executor& ex);

    /// Calls `function` if the context still accepts work; it will not go away during the call.
    template <class Function>
    bool if_open(Function&& function) {
        std::lock_guard lock(mutex_);
        if (!closed_) std::forward<Function>(function)();
        return !closed_;
    }
    void close();

 private:
    friend class suspension;
    void unlink(suspension& one) noexcept;

    std::mutex mutex_;
    suspension* first_ = nullptr;  // referenced while linked
    bool closed_ = false;
};

class suspension_service final : public asio::execution_context::service {
 public:
    static inline asio::execution_context::id id;
    explicit suspension_service(asio::execution_context& context);
    const std::shared_ptr<suspension_registry>& registry() const noexcept { return registry_; }

 private:
    void shutdown() override { registry_->close(); }
    std::shared_ptr<suspension_registry> registry_ = shared_new<suspension_registry>();
};

// The handler owns the coroutine, which may own whatever refers to the suspension: it is let go of at the first moment.
template <class Handler>
class typed_suspension final : public suspension {
 public:
    template <class Announce>
    static void start(std::shared_ptr<suspension_registry> registry, Handler&& handler, Announce& announce) {
        boost::intrusive_ptr<typed_suspension> self(new typed_suspension(std::move(registry), std::move(handler)));
        auto slot = asio::get_associated_cancellation_slot(*self->handler_);
        if (slot.is_connected()) slot.template emplace<canceller>(self);
        self->enrol();
        announce(boost::intrusive_ptr<suspension>(self));
    }

 private:
    struct canceller {
        boost::intrusive_ptr<suspension> target;
        explicit canceller(boost::intrusive_ptr<suspension> one) noexcept : target(std::move(one)) {}
        void operator()(asio::cancellation_type_t type) {
            if (type != asio::cancellation_type::none) target->resume(asio::error::operation_aborted);
        }
    };

    struct completion {
        boost::intrusive_ptr<typed_suspension> owner;
        boost::system::error_code error;

        completion(boost::intrusive_ptr<typed_suspension> one, boost::system::error_code code) noexcept
            : owner(std::move(one)), error(code) {}
        completion(completion&&) noexcept = default;
        ~completion() {
            if (owner) owner->handler_.reset();
        }
        void operator()() {
            auto self = std::move(owner);
            Handler handler = std::move(*self->handler_);
            self->handler_.reset();
            self.reset();
            std::move(handler)(error);
        }
    };

    typed_suspension(std::shared_ptr<suspension_registry> registry, Handler&& handler)
        : suspension(std::move(registry)), handler_(std::move(handler)) {}

    void post(boost::system::error_code error) override {
        const auto ex = asio::get_associated_executor(*handler_);
        detail::post(ex, completion(boost::intrusive_ptr<typed_suspension>(this), error));
    }
    void drop() noexcept override { handler_.reset(); }

    std::optional<Handler> handler_;
};

/// Awaitable operation: suspends, then calls `announce(intrusive_ptr<suspension>)`. Throws `operation_aborted` when
/// cancelled, or what `resume` was given. `announce` must live until the await ends.
template <class Announce>
auto async_suspend(const executor& ex, Announce& announce) {
    return asio::async_initiate<const asio::deferred_t, void(boost::system::error_code)>(
        [registry = suspension_registry::of(ex), &announce](auto handler) mutable {
            typed_suspension<decltype(handler)>::start(std::move(registry), std::move(handler), announce);
        },
        asio::deferred);
}

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/suspension.ipp>
#endif
