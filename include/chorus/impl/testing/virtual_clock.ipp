// Moving the time of a loop's timer service.
#pragma once

#include <chorus/testing/virtual_clock.hpp>

#include <algorithm>
#include <stdexcept>

namespace chorus::testing {

CHORUS_DECL virtual_clock::virtual_clock(asio::io_context& context)
    : context_(context), service_(asio::use_service<timer_service>(context)), start_(clock::now()) {
    if (service_.has_virtual_time()) throw std::logic_error("the context has a virtual clock already");
    service_.set_virtual_time(start_);
}

CHORUS_DECL virtual_clock::~virtual_clock() {
    service_.return_to_real_time();
}

CHORUS_DECL clock::time_point virtual_clock::now() const noexcept {
    return service_.now();
}
CHORUS_DECL clock::duration virtual_clock::elapsed() const noexcept {
    return now() - start_;
}
CHORUS_DECL std::size_t virtual_clock::pending() const {
    return service_.size();
}

CHORUS_DECL void virtual_clock::advance(clock::duration length) {
    const auto target = chorus::detail::saturating_add(now(), length);
    const auto run_ready = [this] {
        if (context_.stopped()) context_.restart();
        context_.poll();
    };
    run_ready();  // a coroutine spawned just before gets to its first deadline
    for (auto next = service_.earliest(); next && *next <= target; next = service_.earliest()) {
        jump();
        run_ready();
    }
    service_.set_virtual_time(std::max(target, now()));
}

CHORUS_DECL bool virtual_clock::jump() {
    const auto next = service_.earliest();
    if (!next) return false;
    service_.set_virtual_time(std::max(*next, now()));
    service_.fire_due();
    return true;
}

CHORUS_DECL bool virtual_clock::step(clock::duration real_limit) {
    if (context_.poll_one() != 0) return true;
    if (context_.stopped()) return false;
    if (jump()) return true;
    return context_.run_one_for(real_limit) != 0;
}

CHORUS_DECL void virtual_clock::run() {
    if (context_.stopped()) context_.restart();
    while (step(std::chrono::hours(24)) || !context_.stopped()) {
    }
}

}  // namespace chorus::testing
