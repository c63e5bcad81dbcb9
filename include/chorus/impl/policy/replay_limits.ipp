// A lost connection is bad luck once; a server that refuses and has done nothing else is asked a few times.
#pragma once

#include <chorus/policy/replay_limits.hpp>
#include <chorus/policy/retry.hpp>

namespace chorus::policy {

CHORUS_DECL bool replay_limits::allow(const error& failed, const connection_state& link,
                                      http::replay_level level) noexcept {
    constexpr int most_losses = 1;
    constexpr int most_refusals = 4;
    if (needed_level(failed) > level) return false;
    if (failed == errc::connection_lost) {
        // The server closed it while it was idle, and the request met that. With others under way, only silence
        // since then says so: the connection may have broken in the middle of them all.
        const bool was_idle = link.under_way == 1 || failed.phase() == phase::write;
        return link.answered > 0 && was_idle && losses_++ < most_losses;
    }
    if (failed == errc::refused) {
        // A server that says goodbye every so many requests may meet the same call again and again.
        const bool made_progress = !link.is_reusable && link.was_of_use;
        return made_progress || refusals_++ < most_refusals;
    }
    return false;
}

}  // namespace chorus::policy
