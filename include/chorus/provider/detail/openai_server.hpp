// A server that speaks OpenAI's format, and what it is asked beside chats.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/api/model_list.hpp>
#include <chorus/api/moderation.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::detail {

/// How a server of the OpenAI format differs from OpenAI's own.
struct openai_dialect {
    std::string name = "openai";
    openai_quirks quirks;
    /// Azure's classic API has each model under a path of its own, which ends with this name, or the model's if empty.
    std::optional<std::string> deployment;
};

/// Pairs of functions as those of `provider`. They are no virtual functions: programs that only chat do not compile them.
class openai_server {
 public:
    openai_server(endpoint at, openai_dialect dialect);

    const endpoint& at() const noexcept { return endpoint_; }
    const openai_dialect& dialect() const noexcept { return dialect_; }
    /// What a request line asks for, where `model` is to answer.
    std::string target(std::string_view path, std::string_view model) const;
    /// Takes the secrets of the endpoint out of an error.
    template <class Value>
    result<Value> cleaned(result<Value> decoded) const {
        if (!decoded) return endpoint_.cleaned(decoded.error());
        return decoded;
    }

    CHORUS_LAZY std::unique_ptr<chat_stream_decoder> make_stream_decoder() const;
    CHORUS_LAZY result<http::request> encode_embeddings(const embedding_request& request, std::size_t& next) const;
    CHORUS_LAZY result<embedding_response> decode_embeddings(http::response received, std::size_t inputs,
                                                             std::chrono::system_clock::time_point now) const;
    CHORUS_LAZY result<http::request> encode_models(const std::string& after) const;
    CHORUS_LAZY result<model_page> decode_models(http::response received,
                                                 std::chrono::system_clock::time_point now) const;
    CHORUS_LAZY result<http::request> encode_model(const std::string& id) const;
    CHORUS_LAZY result<model_info> decode_model(http::response received,
                                                std::chrono::system_clock::time_point now) const;
    CHORUS_LAZY result<http::request> encode_moderation(const moderation_request& request) const;
    CHORUS_LAZY result<moderation_response> decode_moderation(http::response received,
                                                              std::chrono::system_clock::time_point now) const;

 private:
    endpoint endpoint_;
    openai_dialect dialect_;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/openai_server.ipp>
#endif
