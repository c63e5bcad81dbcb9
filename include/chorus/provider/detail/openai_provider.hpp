// The provider behind every server of the OpenAI format: `openai`, `compatible` and `azure` are ways to configure it.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/openai_encode.hpp>
#include <chorus/provider/openai_quirks.hpp>
#include <chorus/provider/provider.hpp>

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

/// Speaks the format of OpenAI with the server of an endpoint. The API that its chats go to may be another: derive.
class openai_provider : public provider {
 public:
    openai_provider(endpoint at, openai_dialect dialect);

    std::string_view name() const noexcept override { return dialect_.name; }

    result<http::request> encode(const chat_request& request) const override;
    result<http::request> encode_stream(const chat_request& request) const override;
    std::unique_ptr<chat_stream_decoder> make_stream_decoder() const override;
    result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const override;

    result<http::request> encode_embeddings(const embedding_request& request, std::size_t& next) const override;
    result<embedding_response> decode_embeddings(http::response received, std::size_t inputs,
                                                 std::chrono::system_clock::time_point now) const override;
    result<http::request> encode_models(const std::string& after) const override;
    result<model_page> decode_models(http::response received, std::chrono::system_clock::time_point now) const override;
    result<http::request> encode_model(const std::string& id) const override;
    result<model_info> decode_model(http::response received, std::chrono::system_clock::time_point now) const override;
    result<http::request> encode_moderation(const moderation_request& request) const override;
    result<moderation_response> decode_moderation(http::response received,
                                                  std::chrono::system_clock::time_point now) const override;

 protected:
    const endpoint& at() const noexcept { return endpoint_; }
    /// Takes the secrets of the endpoint out of an error.
    template <class Value>
    result<Value> cleaned(result<Value> decoded) const {
        if (!decoded) return endpoint_.cleaned(decoded.error());
        return decoded;
    }

 private:
    result<http::request> encode(const chat_request& request, openai_format::delivery how) const;
    /// What a request line asks for, where `model` is to answer.
    std::string target(std::string_view path, std::string_view model) const;

    endpoint endpoint_;
    openai_dialect dialect_;
    std::string completions_;  // made once; empty where it depends on the model
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/openai_provider.ipp>
#endif
