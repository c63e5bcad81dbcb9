// Whether a call that failed on one route is worth trying on another.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

namespace chorus::policy {

/// Tells whether the call moves on to the next route after this error.
using fallback_rule = bool (*)(const error& failed);

/// The rule unless another is given: what is wrong with the route moves on, what is wrong with the call does not.
///
/// - Moves on: what may pass with time (`condition::retryable`: faults of the transport that the client's own retries
///   did not mend, 408, 409, 429, 5xx, an open circuit); money or quota spent; 401 and 403, for each route has a key of
///   its own; 404, for the route may not have the model; a certificate that was rejected; a proxy that refuses; a server
///   that does not speak the protocol, or answers with something else than its API does.
/// - Does not: any other 4xx and whatever is refused before it is sent, which the next route would refuse as well; a
///   budget that the program set, which a detour must not spend; a limit on the whole call; an answer over a limit of
///   size; a cancellation; a client that was closed.
bool is_fault_of_route(const error& failed) noexcept;

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/fallback.ipp>
#endif
