// How APIs say no: error bodies in OpenAI's shape and in Anthropic's.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>

#include <string>
#include <string_view>

namespace chorus::testing {

/// Appends an error body in OpenAI's shape. An empty `code` or `param` becomes null.
void append_openai_error(std::string& out, std::string_view message, std::string_view type, std::string_view code,
                         std::string_view param = {});

/// Appends an error body in Anthropic's shape.
void append_anthropic_error(std::string& out, std::string_view message, std::string_view type,
                            std::string_view request_id);

/// Makes a reply an error of the type `invalid_request_error`, as OpenAI would send it.
void refuse_as_openai(mock_reply& reply, int status, std::string_view message, std::string_view code = {},
                      std::string_view param = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_refusal.ipp>
#endif
