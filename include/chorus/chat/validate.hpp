// Refuses a request that cannot succeed, before anything is sent.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <string_view>

namespace chorus {

/// Checks a request: a model, at least one message, UTF-8 everywhere, header fields that are safe to send, tools with
/// names of their own, calls and results with ids, and the ranges that hold for every server. What only some servers refuse is left to the server, and `extra` is not held
/// to any range.
/// Errors: `errc::invalid_argument` in `phase::input`; `param()` is the path of the field, as in `messages[2].content`.
result<void> validate(const chat_request& request);

/// Checks a header field of the user: valid name and value, and none of those that belong to the connection
/// (`Host`, `Content-Length`, `Transfer-Encoding`, `Connection`). `param` names the field in the error.
result<void> validate_header(std::string_view name, std::string_view value, std::string_view param);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/validate.ipp>
#endif
