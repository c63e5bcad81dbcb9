// What a mock server answers in the format of OpenAI's Responses API, whole and streamed.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_stream.hpp>
#include <chorus/testing/mock_text.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace chorus::testing {

/// Whether a request is meant for this API, by its path.
bool is_for_responses(const mock_request& request) noexcept;

/// Reads `model`, `prompt`, `stream` and `defect` from the body of a request for this API.
void understand_responses(mock_request& request);

/// Appends a whole response, padded to at least `min_bytes`.
void append_response(std::string& out, std::string_view id, std::string_view model, std::string_view prompt,
                     std::string_view text, std::size_t min_bytes = 0);

/// The events of a streamed response, one a piece, from `response.created` to `response.completed`.
std::unique_ptr<mock_piece_source> responses_events(std::string_view id, std::string_view model,
                                                    std::string_view prompt, std::string_view text,
                                                    mock_portions portions = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_responses.ipp>
#endif
