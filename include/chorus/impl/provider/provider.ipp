#pragma once

#include <chorus/provider/detail/openai_server.hpp>
#include <chorus/provider/provider.hpp>

#include <string>
#include <utility>

namespace chorus {

CHORUS_DECL error provider::has_no(std::string_view what, std::string_view param) const {
    error refused(errc::invalid_argument, std::string(name()).append(" has no ").append(what));
    return refused.phase(phase::input).param(std::string(param));
}

CHORUS_DECL result<http::request> provider::encode_stream(const chat_request&) const {
    error refused(errc::invalid_argument, std::string(name()).append(" does not stream"));
    return refused.phase(phase::input).param("stream");
}

CHORUS_DECL std::unique_ptr<chat_stream_decoder> provider::do_make_stream_decoder() const {
    return nullptr;
}

CHORUS_DECL result<http::request> provider::do_encode_embeddings(const embedding_request&, std::size_t&) const {
    return has_no("embeddings", "embeddings");
}
CHORUS_DECL result<embedding_response> provider::do_decode_embeddings(http::response, std::size_t,
                                                                      std::chrono::system_clock::time_point) const {
    return has_no("embeddings", "embeddings");
}

CHORUS_DECL result<http::request> provider::do_encode_models(const std::string&) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<model_page> provider::do_decode_models(http::response, std::chrono::system_clock::time_point) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<http::request> provider::do_encode_model(const std::string&) const {
    return has_no("list of models", "models");
}
CHORUS_DECL result<model_info> provider::do_decode_model(http::response, std::chrono::system_clock::time_point) const {
    return has_no("list of models", "models");
}

CHORUS_DECL result<http::request> provider::do_encode_moderation(const moderation_request&) const {
    return has_no("moderation", "moderation");
}
CHORUS_DECL result<moderation_response> provider::do_decode_moderation(http::response,
                                                                       std::chrono::system_clock::time_point) const {
    return has_no("moderation", "moderation");
}

CHORUS_DECL result<http::request> provider::do_encode_count_tokens(const chat_request&) const {
    return has_no("counting of tokens", "count_tokens");
}
CHORUS_DECL result<std::int64_t> provider::do_decode_count_tokens(http::response,
                                                                  std::chrono::system_clock::time_point) const {
    return has_no("counting of tokens", "count_tokens");
}

CHORUS_LAZY_DECL std::unique_ptr<chat_stream_decoder> provider::make_stream_decoder() const {
    return has_openai_streams() ? openai_api()->make_stream_decoder() : do_make_stream_decoder();
}
CHORUS_LAZY_DECL result<http::request> provider::encode_embeddings(const embedding_request& request,
                                                                   std::size_t& next) const {
    if (const auto* server = openai_api()) return server->encode_embeddings(request, next);
    return do_encode_embeddings(request, next);
}
CHORUS_LAZY_DECL result<embedding_response> provider::decode_embeddings(
    http::response received, std::size_t inputs, std::chrono::system_clock::time_point now) const {
    if (const auto* server = openai_api()) return server->decode_embeddings(std::move(received), inputs, now);
    return do_decode_embeddings(std::move(received), inputs, now);
}
CHORUS_LAZY_DECL result<http::request> provider::encode_models(const std::string& after) const {
    if (const auto* server = openai_api()) return server->encode_models(after);
    return do_encode_models(after);
}
CHORUS_LAZY_DECL result<model_page> provider::decode_models(http::response received,
                                                            std::chrono::system_clock::time_point now) const {
    if (const auto* server = openai_api()) return server->decode_models(std::move(received), now);
    return do_decode_models(std::move(received), now);
}
CHORUS_LAZY_DECL result<http::request> provider::encode_model(const std::string& id) const {
    if (const auto* server = openai_api()) return server->encode_model(id);
    return do_encode_model(id);
}
CHORUS_LAZY_DECL result<model_info> provider::decode_model(http::response received,
                                                           std::chrono::system_clock::time_point now) const {
    if (const auto* server = openai_api()) return server->decode_model(std::move(received), now);
    return do_decode_model(std::move(received), now);
}
CHORUS_LAZY_DECL result<http::request> provider::encode_moderation(const moderation_request& request) const {
    if (const auto* server = openai_api()) return server->encode_moderation(request);
    return do_encode_moderation(request);
}
CHORUS_LAZY_DECL result<moderation_response> provider::decode_moderation(
    http::response received, std::chrono::system_clock::time_point now) const {
    if (const auto* server = openai_api()) return server->decode_moderation(std::move(received), now);
    return do_decode_moderation(std::move(received), now);
}
CHORUS_LAZY_DECL result<http::request> provider::encode_count_tokens(const chat_request& request) const {
    return do_encode_count_tokens(request);
}
CHORUS_LAZY_DECL result<std::int64_t> provider::decode_count_tokens(http::response received,
                                                                    std::chrono::system_clock::time_point now) const {
    return do_decode_count_tokens(std::move(received), now);
}

}  // namespace chorus
