// What a mock server answers to `GET /v1/models`: a short list, in pages if that is asked for.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>

namespace chorus::testing {

/// Lists the models after `after`, at most `limit` of them, in OpenAI's shape, with `has_more`; without a limit all of
/// them. `/v1/models/{id}` describes one.
void answer_models(const mock_request& request, mock_reply& reply);

/// The same in Anthropic's shape: the cursor is `after_id`, and a page has 20 unless `limit` says otherwise.
void answer_anthropic_models(const mock_request& request, mock_reply& reply);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_models.ipp>
#endif
