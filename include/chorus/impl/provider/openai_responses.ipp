#pragma once

#include <chorus/chat/validate.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/openai_responses.hpp>
#include <chorus/provider/responses_decode.hpp>
#include <chorus/provider/responses_encode.hpp>
#include <chorus/provider/responses_stream.hpp>
#include <chorus/shared_new.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

/// Speaks the format of the Responses API, and OpenAI's for all that is no chat.
class responses_provider final : public openai_provider {
 public:
    explicit responses_provider(endpoint at)
        : openai_provider(std::move(at), {}), responses_(this->at().target("/responses")) {}

    std::string_view name() const noexcept override { return "openai_responses"; }

    result<http::request> encode(const chat_request& request) const override {
        return encode(request, openai_format::delivery::whole);
    }
    result<http::request> encode_stream(const chat_request& request) const override {
        return encode(request, openai_format::delivery::stream);
    }
    bool has_openai_streams() const noexcept override { return false; }
    std::unique_ptr<chat_stream_decoder> do_make_stream_decoder() const override {
        return at().cleaned(responses_format::make_stream_decoder());
    }
    result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const override {
        return cleaned(responses_format::decode_chat(std::move(received), now));
    }

 private:
    result<http::request> encode(const chat_request& request, openai_format::delivery how) const {
        if (const auto usable = at().check(); !usable) return usable.error();
        if (const auto valid = validate(request); !valid) return valid.error();
        auto body = responses_format::encode_chat(request, how);
        if (!body) return body.error();
        return at().request(responses_, request.options().headers, std::move(*body));
    }

    std::string responses_;  // made once
};

}  // namespace detail

CHORUS_DECL std::shared_ptr<const provider> openai_responses(const openai& options) {
    return detail::shared_new<const detail::responses_provider>(options.make_endpoint());
}

}  // namespace chorus
