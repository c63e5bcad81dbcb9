// Asks for a list of models page after page.
#pragma once

#include <chorus/api/model_list.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/chat/call_options.hpp>
#include <chorus/config.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>

#include <memory>
#include <vector>

namespace chorus::detail {

/// How many pages are read of a list that has no end.
inline constexpr int most_model_pages = 100;

/// Reads all pages of the list, one after the other. Its limits are those of all pages together, but for what each of
/// them has to itself.
/// Errors: of any page; `errc::decode_failed` for a list without an end.
CHORUS_LAZY awaitable<result<std::vector<model_info>>> list_models(std::shared_ptr<client_state> shared,
                                                                   call_options own);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/detail/list_models.ipp>
#endif
