#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/provider/detail/openai_server.hpp>
#include <chorus/provider/detail/percent_encoding.hpp>
#include <chorus/provider/models_response.hpp>
#include <chorus/provider/openai_embeddings.hpp>
#include <chorus/provider/openai_moderations.hpp>
#include <chorus/provider/openai_stream.hpp>

#include <utility>

namespace chorus::detail {

CHORUS_DECL openai_server::openai_server(endpoint at, openai_dialect dialect)
    : endpoint_(std::move(at)), dialect_(std::move(dialect)) {}

CHORUS_DECL std::string openai_server::target(std::string_view path, std::string_view model) const {
    if (!dialect_.deployment) return endpoint_.target(path);
    const std::string_view name = dialect_.deployment->empty() ? model : *dialect_.deployment;
    return endpoint_.target("/deployments/" + percent_encoded(name) + std::string(path));
}

CHORUS_LAZY_DECL std::unique_ptr<chat_stream_decoder> openai_server::make_stream_decoder() const {
    return endpoint_.cleaned(openai_format::make_stream_decoder(dialect_.quirks));
}

CHORUS_LAZY_DECL result<http::request> openai_server::encode_embeddings(const embedding_request& request,
                                                                        std::size_t& next) const {
    if (const auto usable = endpoint_.check(); !usable) return usable.error();
    if (next == 0) {
        if (const auto valid = validate(request); !valid) return valid.error();
    }
    auto body = openai_format::encode_embeddings(request, next, dialect_.quirks);
    if (!body) return body.error();
    return endpoint_.request(target("/embeddings", request.model()), request.options().headers, std::move(*body));
}

CHORUS_LAZY_DECL result<embedding_response> openai_server::decode_embeddings(
    http::response received, std::size_t inputs, std::chrono::system_clock::time_point now) const {
    return cleaned(openai_format::decode_embeddings(std::move(received), inputs, now));
}

CHORUS_LAZY_DECL result<http::request> openai_server::encode_models(const std::string& after) const {
    if (const auto usable = endpoint_.check(); !usable) return usable.error();
    const std::string list = endpoint_.target("/models");
    return endpoint_.get(after.empty() ? list : with_query(list, "after", after));
}

CHORUS_LAZY_DECL result<model_page> openai_server::decode_models(http::response received,
                                                                 std::chrono::system_clock::time_point now) const {
    return cleaned(chorus::decode_models(std::move(received), now));
}

CHORUS_LAZY_DECL result<http::request> openai_server::encode_model(const std::string& id) const {
    if (const auto usable = endpoint_.check(); !usable) return usable.error();
    if (const auto valid = validate_model_id(id); !valid) return valid.error();
    return endpoint_.get(endpoint_.target("/models/" + percent_encoded(id)));
}

CHORUS_LAZY_DECL result<model_info> openai_server::decode_model(http::response received,
                                                                std::chrono::system_clock::time_point now) const {
    return cleaned(chorus::decode_model(std::move(received), now));
}

CHORUS_LAZY_DECL result<http::request> openai_server::encode_moderation(const moderation_request& request) const {
    if (const auto usable = endpoint_.check(); !usable) return usable.error();
    if (const auto valid = validate(request); !valid) return valid.error();
    auto body = openai_format::encode_moderation(request, dialect_.quirks);
    if (!body) return body.error();
    return endpoint_.request(endpoint_.target("/moderations"), request.options().headers, std::move(*body));
}

CHORUS_LAZY_DECL result<moderation_response> openai_server::decode_moderation(
    http::response received, std::chrono::system_clock::time_point now) const {
    return cleaned(openai_format::decode_moderation(std::move(received), now));
}

}  // namespace chorus::detail
