#pragma once

#include <chorus/detail/client_state.hpp>

#include <boost/asio/io_context.hpp>

namespace chorus::detail {

/// Tells whether the calling thread runs the loop of the executor, where that can be known.
CHORUS_DECL bool runs_here(const executor& ex) noexcept {
    const auto* loop = ex.target<asio::io_context::executor_type>();
    return loop == nullptr || loop->running_in_this_thread();
}

CHORUS_DECL result<void> client_state::check() const {
    if (!runs_here(home)) return error(errc::wrong_thread);
    if (!transport) return transport.error();
    return {};
}

CHORUS_DECL http::limits client_state::limits_with(const std::optional<std::chrono::milliseconds>& total) const {
    http::limits all = limits;
    if (total) all.total = *total;
    return all;
}

}  // namespace chorus::detail
