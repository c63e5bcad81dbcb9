#pragma once

#include <chorus/detail/client_state.hpp>

#include <boost/asio/io_context.hpp>

#include <random>
#include <utility>

namespace chorus::detail {

/// Tells whether the calling thread runs the loop of the executor, where that can be known.
CHORUS_DECL bool runs_here(const executor& ex) noexcept {
    const auto* loop = ex.target<asio::io_context::executor_type>();
    return loop == nullptr || loop->running_in_this_thread();
}

CHORUS_DECL std::uint64_t seed_of(const client_options& options) {
    if (options.random_seed()) return *options.random_seed();
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

CHORUS_DECL client_state::client_state(executor ex, std::shared_ptr<const provider> spoken,
                                       result<std::shared_ptr<net::transport>> carrier, const client_options& options)
    : home(std::move(ex)),
      timers(timer_service::of(home)),
      api(std::move(spoken)),
      transport(std::move(carrier)),
      limits(options.limits()),
      retries(options.retries()),
      retry_budget(options.retry_budget()),
      gates(options.gates()),
      watcher(options.observer()),
      randomness(seed_of(options)),
      session(random()) {}

CHORUS_DECL result<void> client_state::check() const {
    if (!runs_here(home)) return error(errc::wrong_thread);
    if (!transport) return transport.error();
    return {};
}

CHORUS_DECL http::limits client_state::limits_of(const call_options* own) const {
    http::limits chosen = own != nullptr && own->limits ? *own->limits : limits;
    if (own != nullptr && own->timeout) chosen.total = *own->timeout;
    return chosen;
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to keep callers apart, and eight bytes of state.
CHORUS_DECL std::uint64_t client_state::random() noexcept {
    std::uint64_t z = (randomness += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

}  // namespace chorus::detail
