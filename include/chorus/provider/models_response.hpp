// What servers say of their models, in all the shapes that they give it.
#pragma once

#include <chorus/api/model_list.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>

namespace chorus {

/// Reads the answer to `GET /models`: the shapes of OpenAI, Anthropic, and those who took theirs from them. With
/// `has_more` there is a next page, after `last_id` or the last model.
/// Errors: as `provider::decode`; it must have a list.
result<model_page> decode_models(http::response received, std::chrono::system_clock::time_point now);

/// Reads the answer to `GET /models/{id}`.
/// Errors: as `provider::decode`; it must have an id.
result<model_info> decode_model(http::response received, std::chrono::system_clock::time_point now);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/models_response.ipp>
#endif
