// What a mock server answers to `POST /v1/moderations`: texts are taken at their word.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>

namespace chorus::testing {

/// Flags a text for each category that it names: "violence" flags `violence`, "self-harm intent" flags `self-harm` and
/// `self-harm/intent`. An array of texts gets a result each, an array of parts one result; images are never flagged.
void answer_moderations(const mock_request& request, mock_reply& reply);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_moderations.ipp>
#endif
