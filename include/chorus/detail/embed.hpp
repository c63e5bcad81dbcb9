// Asks for more embeddings than one call may ask for.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <memory>

namespace chorus::detail {

/// How many calls one request may have under way.
inline constexpr std::size_t most_embedding_calls = 4;

/// Sends a request in as many calls as it takes and joins their answers in the order of the inputs. The first failure
/// cancels the other calls; no call is begun after it.
CHORUS_LAZY awaitable<result<embedding_response>> embed(std::shared_ptr<client_state> shared,
                                                        embedding_request request);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/embed.ipp>
#endif
