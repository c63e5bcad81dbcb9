// Which failures the transport mends by itself: those that say that the server has not processed the request.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/replay_level.hpp>

#include <cstddef>

namespace chorus::policy {

/// Decides for one call whether a request that failed is sent again. A pure machine.
///
/// - Once, over either protocol, what met the closing of a connection that had served others. It may have arrived: the
///   level has to be `no_response_bytes`.
/// - What the server refuses, or what was not sent at all, which only HTTP/2 can tell. A server that says goodbye in
///   order every so many requests would fail calls if that happened once only, so there is no limit to it as long as
///   each connection is of use; without that, four times. No request is processed twice by it: `not_sent` is enough.
class replay_limits {
 public:
    /// What is known of the connection on which the request failed.
    struct connection_state {
        std::size_t answered = 0;   ///< Exchanges that had ended with a response before.
        std::size_t under_way = 0;  ///< Exchanges when this one began, itself included.
        bool is_reusable = false;   ///< It takes further requests even now.
        bool was_of_use = false;    ///< The server has taken up some request on it.
    };

    /// Whether to send it again, where the level of the request allows that; counts what it allows.
    bool allow(const error& failed, const connection_state& link, http::replay_level level) noexcept;

 private:
    int losses_ = 0;
    int refusals_ = 0;
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/replay_limits.ipp>
#endif
