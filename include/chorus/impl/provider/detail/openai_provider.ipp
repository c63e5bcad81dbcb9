#pragma once

#include <chorus/chat/validate.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/openai_decode.hpp>

#include <utility>

namespace chorus::detail {

inline constexpr std::string_view completions_path = "/chat/completions";

CHORUS_DECL openai_provider::openai_provider(endpoint at, openai_dialect dialect)
    : server_(std::move(at), std::move(dialect)) {
    if (!server_.dialect().deployment) completions_ = this->at().target(completions_path);
}

CHORUS_DECL result<http::request> openai_provider::encode(const chat_request& request,
                                                          openai_format::delivery how) const {
    if (const auto usable = at().check(); !usable) return usable.error();
    if (const auto valid = validate(request); !valid) return valid.error();
    auto body = openai_format::encode_chat(request, server_.dialect().quirks, how);
    if (!body) return body.error();
    return at().request(completions_.empty() ? server_.target(completions_path, request.model()) : completions_,
                        request.options().headers, std::move(*body));
}

CHORUS_DECL result<http::request> openai_provider::encode(const chat_request& request) const {
    return encode(request, openai_format::delivery::whole);
}

CHORUS_DECL result<http::request> openai_provider::encode_stream(const chat_request& request) const {
    return encode(request, openai_format::delivery::stream);
}

CHORUS_DECL result<chat_response> openai_provider::decode(http::response received,
                                                          std::chrono::system_clock::time_point now) const {
    return cleaned(openai_format::decode_chat(std::move(received), now, server_.dialect().quirks));
}

}  // namespace chorus::detail
