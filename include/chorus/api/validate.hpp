// Refuses requests for embeddings, moderations and models that cannot succeed, before anything is sent.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/api/moderation.hpp>
#include <chorus/chat/call_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <string>

namespace chorus {

/// Checks a request: a model where there must be one, at least one input and none of them empty, inputs of one kind,
/// UTF-8 everywhere, header fields that are safe to send, and numbers that can be.
/// Errors: `errc::invalid_argument` in `phase::input`; `param()` is the path of the field, as in `input[2]`.
result<void> validate(const embedding_request& request);
result<void> validate(const moderation_request& request);

/// Checks the options of a call that has no request to carry them. Errors: as above, as in `timeout`.
result<void> validate(const call_options& options);

/// Checks the id of a model that is asked for: one that is empty asks for the list.
result<void> validate_model_id(const std::string& id);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/api/validate.ipp>
#endif
