// The state of an alarm outlives it while an expiry is on its way; a ticket tells whether that expiry still counts.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/detail/post.hpp>
#include <chorus/async/timer_service.hpp>

#include <cstdint>
#include <utility>

namespace chorus {

class alarm::state final : public timer_entry {
 public:
    explicit state(const executor& ex) : executor_(ex), service_(timer_service::of(ex)) {}

    void set(clock::time_point when, callback function, void* argument) {
        function_ = function;
        argument_ = argument;
        ticket_ = service_.schedule(*this, when);
    }

    void clear() noexcept {
        if (!is_set()) return;
        ticket_ = none;
        service_.cancel(*this);
    }

    bool is_set() const noexcept { return ticket_ != none; }
    clock::time_point now() const noexcept { return service_.now(); }

 private:
    void on_due(std::uint64_t ticket) override {
        detail::post(executor_, [self = boost::intrusive_ptr<state>(this), ticket] {
            if (ticket != self->ticket_) return;
            self->ticket_ = none;
            self->function_(self->argument_);
        });
    }

    void on_shutdown() noexcept override {}

    static constexpr std::uint64_t none = 0;
    executor executor_;
    timer_service& service_;
    callback function_ = nullptr;
    void* argument_ = nullptr;
    std::uint64_t ticket_ = none;  // of the setting that counts; touched on the executor only
};

CHORUS_DECL alarm::alarm(const executor& ex) : state_(new state(ex)) {}
CHORUS_DECL alarm::~alarm() {
    clear();
}
CHORUS_DECL void alarm::set(clock::time_point when, callback function, void* argument) {
    state_->set(when, function, argument);
}
CHORUS_DECL void alarm::clear() noexcept {
    state_->clear();
}
CHORUS_DECL bool alarm::is_set() const noexcept {
    return state_->is_set();
}
CHORUS_DECL clock::time_point alarm::now() const noexcept {
    return state_->now();
}

}  // namespace chorus
