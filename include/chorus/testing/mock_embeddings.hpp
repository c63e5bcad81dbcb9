// What a mock server answers to `POST /v1/embeddings`: vectors made of the words of the text.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace chorus::testing {

/// A vector of length 1 made of the words of a text, whatever their order and case: the same words give the same vector
/// each time, texts that share words have similar ones, and others are nearly at right angles.
std::vector<float> mock_embedding(std::string_view text, std::size_t dimensions = 256);

/// Answers with a `mock_embedding` of each input, as numbers or in base64. Input that is tokens counts as their numbers
/// written out. Refuses what OpenAI refuses: no model, no input, an empty one, more than 2048.
void answer_embeddings(const mock_request& request, mock_reply& reply);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_embeddings.ipp>
#endif
