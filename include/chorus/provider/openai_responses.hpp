// OpenAI's Responses API, in place of its chat completions.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/provider/provider.hpp>

#include <memory>

namespace chorus {

/// Makes the provider that sends chats to `POST /responses` of an endpoint, and all else where `openai` sends it. A
/// program that uses `openai` needs no other change. The server keeps each response unless the request says
/// `store(false)`, and finds the thinking of earlier answers again by that.
/// Errors: as `openai`; `openai::check` tells them at once.
///
///     chorus::client llm(executor, chorus::openai_responses());
///     chorus::client local(executor, chorus::openai_responses(chorus::openai().base_url(url).api_key("")));
std::shared_ptr<const provider> openai_responses(const openai& options = openai());

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai_responses.ipp>
#endif
