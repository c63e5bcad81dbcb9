#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/chat/validate.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/anthropic_decode.hpp>
#include <chorus/provider/anthropic_encode.hpp>
#include <chorus/provider/anthropic_stream.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/detail/percent_encoding.hpp>
#include <chorus/provider/models_response.hpp>
#include <chorus/shared_new.hpp>
#include <chorus/text.hpp>

#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

/// Speaks Anthropic's format with the server of an endpoint.
class anthropic_provider final : public provider {
 public:
    anthropic_provider(endpoint at, std::int64_t max_tokens)
        : endpoint_(std::move(at)), max_tokens_(max_tokens), messages_(target("/messages")) {}

    std::string_view name() const noexcept override { return "anthropic"; }

    result<http::request> encode(const chat_request& request) const override { return encode(request, false); }
    result<http::request> encode_stream(const chat_request& request) const override { return encode(request, true); }

    std::unique_ptr<chat_stream_decoder> do_make_stream_decoder() const override {
        return endpoint_.cleaned(anthropic_format::make_stream_decoder());
    }
    result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const override {
        return cleaned(anthropic_format::decode_chat(std::move(received), now));
    }

    result<http::request> do_encode_count_tokens(const chat_request& request) const override {
        if (const auto usable = endpoint_.check(); !usable) return usable.error();
        if (const auto valid = validate(request); !valid) return valid.error();
        auto body = anthropic_format::encode_count_tokens(request);
        if (!body) return body.error();
        return endpoint_.request(target("/messages/count_tokens"), request.options().headers, std::move(*body));
    }
    result<std::int64_t> do_decode_count_tokens(http::response received,
                                                std::chrono::system_clock::time_point now) const override {
        return cleaned(anthropic_format::decode_count_tokens(std::move(received), now));
    }

    result<http::request> do_encode_models(const std::string& after) const override {
        if (const auto usable = endpoint_.check(); !usable) return usable.error();
        const std::string list = target("/models");
        return endpoint_.get(after.empty() ? list : with_query(list, "after_id", after));
    }
    result<model_page> do_decode_models(http::response received,
                                        std::chrono::system_clock::time_point now) const override {
        return cleaned(chorus::decode_models(std::move(received), now));
    }
    result<http::request> do_encode_model(const std::string& id) const override {
        if (const auto usable = endpoint_.check(); !usable) return usable.error();
        if (const auto valid = validate_model_id(id); !valid) return valid.error();
        return endpoint_.get(target("/models/" + percent_encoded(id)));
    }
    result<model_info> do_decode_model(http::response received,
                                       std::chrono::system_clock::time_point now) const override {
        return cleaned(chorus::decode_model(std::move(received), now));
    }

 private:
    result<http::request> encode(const chat_request& request, bool stream) const {
        if (const auto usable = endpoint_.check(); !usable) return usable.error();
        if (const auto valid = validate(request); !valid) return valid.error();
        auto body = anthropic_format::encode_chat(request, {.max_tokens = max_tokens_, .stream = stream});
        if (!body) return body.error();
        return endpoint_.request(messages_, request.options().headers, std::move(*body));
    }

    template <class Value>
    result<Value> cleaned(result<Value> decoded) const {
        if (!decoded) return endpoint_.cleaned(decoded.error());
        return decoded;
    }

    /// The paths of the API begin with `/v1`, and so do those of some base URLs end.
    std::string target(std::string_view path) const {
        std::string_view base = endpoint_.base().path();
        if (base.ends_with('/')) base.remove_suffix(1);
        return endpoint_.target((base.ends_with("/v1") ? "" : "/v1") + std::string(path));
    }

    endpoint endpoint_;
    std::int64_t max_tokens_;
    std::string messages_;  // made once
};

}  // namespace detail

CHORUS_DECL anthropic::anthropic(environment variables)
    : api_key_(detail::variable_of(variables, "ANTHROPIC_API_KEY")),
      auth_token_(detail::variable_of(variables, "ANTHROPIC_AUTH_TOKEN")),
      custom_headers_(detail::variable_of(variables, "ANTHROPIC_CUSTOM_HEADERS")),
      base_url_(detail::variable_of(variables, "ANTHROPIC_BASE_URL")) {
    if (base_url_.empty()) base_url_ = "https://api.anthropic.com";
}

CHORUS_DECL void anthropic::forget_environment() noexcept {
    if (!std::exchange(is_from_environment_, false)) return;
    api_key_ = {};
    auth_token_ = {};
}

CHORUS_DECL anthropic& anthropic::api_key(secret key) & {
    forget_environment();
    api_key_ = secret(std::string(detail::trimmed(key.expose())));
    return *this;
}
CHORUS_DECL anthropic& anthropic::auth_token(secret token) & {
    forget_environment();
    auth_token_ = secret(std::string(detail::trimmed(token.expose())));
    return *this;
}
CHORUS_DECL anthropic& anthropic::base_url(std::string url) & {
    if (!detail::trimmed(url).empty()) base_url_ = std::move(url);
    return *this;
}
CHORUS_DECL anthropic& anthropic::beta(std::string name) & {
    const std::string_view added = detail::trimmed(name);
    if (!added.empty()) betas_.append(betas_.empty() ? "" : ",").append(added);
    return *this;
}
CHORUS_DECL anthropic& anthropic::max_tokens(std::int64_t count) & {
    max_tokens_ = count;
    return *this;
}
CHORUS_DECL anthropic& anthropic::header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
}

namespace detail {

struct anthropic_settings {
    const secret& key;
    const secret& token;
    const secret& custom_headers;
    bool takes_custom_keys;
    const std::string& base_url;
    const std::string& betas;
    std::int64_t max_tokens;
    const string_pairs& headers;
};

CHORUS_DECL endpoint anthropic_endpoint(const anthropic_settings& settings) {
    endpoint made(settings.base_url);
    if (settings.max_tokens < 1) made.refuse("max_tokens", "max_tokens must be at least 1");
    made.add_key("api_key", "x-api-key", settings.key);
    made.add_key("auth_token", "Authorization", settings.token, "Bearer ");
    made.add("version", "anthropic-version", "2023-06-01");
    made.set_from("ANTHROPIC_CUSTOM_HEADERS", settings.custom_headers, settings.takes_custom_keys);
    made.add("beta", "anthropic-beta", settings.betas);
    made.set(settings.headers);
    if (!made.has("x-api-key") && !made.has("Authorization") && made.is_at("api.anthropic.com")) {
        made.refuse("api_key", "no API key: set the environment variable ANTHROPIC_API_KEY or call api_key()");
    }
    return made;
}

}  // namespace detail

CHORUS_DECL result<void> anthropic::check() const {
    return detail::anthropic_endpoint(
               {api_key_, auth_token_, custom_headers_, is_from_environment_, base_url_, betas_, max_tokens_, headers_})
        .check();
}

CHORUS_DECL std::shared_ptr<const provider> anthropic::make() const {
    return detail::shared_new<const detail::anthropic_provider>(
        detail::anthropic_endpoint(
            {api_key_, auth_token_, custom_headers_, is_from_environment_, base_url_, betas_, max_tokens_, headers_}),
        max_tokens_);
}

}  // namespace chorus
