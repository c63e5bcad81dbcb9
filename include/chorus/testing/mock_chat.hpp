// What the formats of a chat have in common: how its body is read, and how an answer is padded. Internal.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_message.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace chorus::testing::detail {

struct mock_chat {
    bool is_object = false;  ///< The body is one JSON object.
    std::size_t messages = 0;
    std::size_t without_role = 0;
    bool has_max_tokens = false;
    std::string_view last_content;  ///< `content` of the last user message, as JSON.
};

/// Reads model, stream and include_usage into the request, and returns the rest.
mock_chat read_mock_chat(mock_request& request);

/// The text of a `content`: a string, or the text parts of an array.
void read_mock_content(std::string_view json, std::string& text);

/// Ends the object that began at `start`, with a field `padding` before if it would be smaller than `min_bytes`.
void end_padded(json::writer& json, std::string& out, std::size_t start, std::size_t min_bytes);

error mock_defect(std::string message, std::string param);

}  // namespace chorus::testing::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_chat.ipp>
#endif
