#pragma once

#include <chorus/provider/provider.hpp>

#include <string>

namespace chorus {

CHORUS_DECL error provider::has_no(std::string_view what, std::string_view param) const {
    error refused(errc::invalid_argument, std::string(name()).append(" has no ").append(what));
    return refused.phase(phase::input).param(std::string(param));
}

CHORUS_DECL result<http::request> provider::encode_stream(const chat_request&) const {
    error refused(errc::invalid_argument, std::string(name()).append(" does not stream"));
    return refused.phase(phase::input).param("stream");
}

CHORUS_DECL std::unique_ptr<chat_stream_decoder> provider::make_stream_decoder() const {
    return nullptr;
}

CHORUS_DECL result<http::request> provider::encode_embeddings(const embedding_request&, std::size_t&) const {
    return has_no("embeddings", "embeddings");
}
CHORUS_DECL result<embedding_response> provider::decode_embeddings(http::response, std::size_t,
                                                                   std::chrono::system_clock::time_point) const {
    return has_no("embeddings", "embeddings");
}

CHORUS_DECL result<http::request> provider::encode_models(const std::string&) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<model_page> provider::decode_models(http::response, std::chrono::system_clock::time_point) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<http::request> provider::encode_model(const std::string&) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<model_info> provider::decode_model(http::response, std::chrono::system_clock::time_point) const {
    return has_no("list of models", "models");
}

CHORUS_DECL result<http::request> provider::encode_moderation(const moderation_request&) const {
    return has_no("moderation", "moderation");
}
CHORUS_DECL result<moderation_response> provider::decode_moderation(http::response,
                                                                    std::chrono::system_clock::time_point) const {
    return has_no("moderation", "moderation");
}

CHORUS_DECL result<http::request> provider::encode_count_tokens(const chat_request&) const {
    return has_no("counting of tokens", "count_tokens");
}
CHORUS_DECL result<std::int64_t> provider::decode_count_tokens(http::response,
                                                               std::chrono::system_clock::time_point) const {
    return has_no("counting of tokens", "count_tokens");
}

}  // namespace chorus
