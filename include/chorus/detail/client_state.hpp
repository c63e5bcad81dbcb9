// What all calls of a client share.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/call_gate.hpp>
#include <chorus/chat/call_options.hpp>
#include <chorus/client_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/policy/retry.hpp>
#include <chorus/provider/provider.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace chorus::detail {

/// Shared by the client and each call under way, which may outlive it.
struct client_state {
    client_state(executor ex, std::shared_ptr<const provider> api, result<std::shared_ptr<net::transport>> transport,
                 const client_options& options);

    executor home;
    timer_service& timers;
    std::shared_ptr<const provider> api;
    result<std::shared_ptr<net::transport>> transport;
    http::limits limits;
    policy::retry_options retries;
    policy::retry_budget retry_budget;
    std::vector<std::shared_ptr<call_gate>> gates;
    std::shared_ptr<observer> watcher;
    std::uint64_t calls = 0;
    std::uint64_t randomness;
    std::uint64_t session;  // tells this client's calls from those of others

    /// Tells whether a call may begin here and now. Errors: `errc::wrong_thread`; what was wrong with the options.
    result<void> check() const;
    /// What a call may take: what it says itself, else what the client was given.
    http::limits limits_of(const call_options* own) const;
    /// 64 evenly drawn bits.
    std::uint64_t random() noexcept;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/client_state.ipp>
#endif
