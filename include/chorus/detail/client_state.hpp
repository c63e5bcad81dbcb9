// What all calls of a client share.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/provider/provider.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace chorus::detail {

/// Shared by the client and each call under way, which may outlive it.
struct client_state {
    executor home;
    std::shared_ptr<const provider> api;
    result<std::shared_ptr<net::transport>> transport;
    http::limits limits;

    /// Tells whether a call may begin here and now. Errors: `errc::wrong_thread`; what was wrong with the options.
    result<void> check() const;
    /// The limits of a call that may have a total of its own.
    http::limits limits_with(const std::optional<std::chrono::milliseconds>& total) const;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/client_state.ipp>
#endif
