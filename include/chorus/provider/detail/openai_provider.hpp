// The provider behind every server of the OpenAI format: `openai`, `compatible` and `azure` are ways to configure it.
#pragma once

#include <chorus/config.hpp>
#include <chorus/provider/detail/openai_server.hpp>
#include <chorus/provider/openai_encode.hpp>
#include <chorus/provider/provider.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::detail {

/// Speaks the format of OpenAI with the server of an endpoint. The API that its chats go to may be another: derive.
class openai_provider : public provider {
 public:
    openai_provider(endpoint at, openai_dialect dialect);

    std::string_view name() const noexcept override { return server_.dialect().name; }

    result<http::request> encode(const chat_request& request) const override;
    result<http::request> encode_stream(const chat_request& request) const override;
    result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const override;

 protected:
    const endpoint& at() const noexcept { return server_.at(); }
    template <class Value>
    result<Value> cleaned(result<Value> decoded) const {
        return server_.cleaned(std::move(decoded));
    }

 private:
    result<http::request> encode(const chat_request& request, openai_format::delivery how) const;
    const openai_server* openai_api() const noexcept override { return &server_; }
    bool has_openai_streams() const noexcept override { return true; }

    openai_server server_;
    std::string completions_;  // made once; empty where it depends on the model
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/openai_provider.ipp>
#endif
