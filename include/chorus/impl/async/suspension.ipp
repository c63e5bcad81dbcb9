// Who suspends, who resumes and who goes away meet under one mutex.
#pragma once

#include <chorus/async/detail/suspension.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

namespace chorus::detail {

CHORUS_DECL void suspension::enrol() {
    std::lock_guard lock(registry_->mutex_);
    if (registry_->closed_) return;
    waiting_ = true;
    next_ = registry_->first_;
    if (next_) next_->previous_ = this;
    registry_->first_ = this;
    intrusive_ptr_add_ref(this);
}

CHORUS_DECL bool suspension::resume(boost::system::error_code error) {
    boost::intrusive_ptr<suspension> enrolled;  // released after the lock
    std::lock_guard lock(registry_->mutex_);
    if (!waiting_) return false;
    post(error);
    registry_->unlink(*this);
    enrolled.reset(this, false);
    return true;
}

CHORUS_DECL void suspension_registry::unlink(suspension& one) noexcept {
    one.waiting_ = false;
    if (one.previous_)
        one.previous_->next_ = one.next_;
    else
        first_ = one.next_;
    if (one.next_) one.next_->previous_ = one.previous_;
    one.previous_ = one.next_ = nullptr;
}

CHORUS_DECL void suspension_registry::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    while (first_) {
        boost::intrusive_ptr<suspension> dropped(first_, false);
        unlink(*dropped);
        lock.unlock();  // what is destroyed may resume others
        dropped->drop();
        dropped.reset();
        lock.lock();
    }
}

CHORUS_DECL std::shared_ptr<suspension_registry> suspension_registry::of(const executor& ex) {
    return asio::use_service<suspension_service>(asio::query(ex, asio::execution::context)).registry();
}

CHORUS_DECL suspension_service::suspension_service(asio::execution_context& context)
    : asio::execution_context::service(context) {}

}  // namespace chorus::detail
