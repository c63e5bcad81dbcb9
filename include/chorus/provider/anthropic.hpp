// Anthropic, and every server that speaks its Messages API: where it is, and who asks.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/environment.hpp>
#include <chorus/provider/provider.hpp>
#include <chorus/secret.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace chorus {

/// Describes an endpoint of Anthropic's Messages API and converts to its provider. What is not set comes from the
/// environment at construction: `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`, `ANTHROPIC_BASE_URL`, and
/// `ANTHROPIC_CUSTOM_HEADERS`, whose lines are `Name: value`; trimmed; an empty variable counts as none.
/// Errors: none here. What is wrong (no key and no token, a malformed URL) is the error of each call, before anything
/// is sent; `check` tells it at once. A key or token is required by Anthropic's own hosts only.
///
///     chorus::client llm(executor, chorus::anthropic());
///     chorus::client local(executor, chorus::anthropic().base_url("http://localhost:1234").api_key(""));
class anthropic {
 public:
    explicit anthropic(environment variables = &process_environment);

    /// Sent as `x-api-key`. Setting a key or a token puts both of the environment aside, and those in its headers; where
    /// both are set, or both come from there, both are sent. An empty key sends none. A key of the environment and another
    /// for the same header in `ANTHROPIC_CUSTOM_HEADERS` are refused.
    anthropic& api_key(secret key) &;
    anthropic& api_key(std::string key) & { return api_key(secret(std::move(key))); }
    /// Sent as `Authorization: Bearer`.
    anthropic& auth_token(secret token) &;
    anthropic& auth_token(std::string token) & { return auth_token(secret(std::move(token))); }
    /// With or without `/v1`, query and trailing slash; by default `https://api.anthropic.com`. An empty one counts as
    /// not given.
    anthropic& base_url(std::string url) &;
    /// Adds a name to `anthropic-beta`: features such as `files-api-2025-04-14` need theirs.
    anthropic& beta(std::string name) &;
    /// The limit of answers whose request sets none, 8192 by default: the API demands one.
    anthropic& max_tokens(std::int64_t count) &;
    /// A header of every request, in place of the default one of that name.
    anthropic& header(std::string name, std::string value) &;

    anthropic&& api_key(secret key) && { return std::move(api_key(std::move(key))); }
    anthropic&& api_key(std::string key) && { return std::move(api_key(std::move(key))); }
    anthropic&& auth_token(secret token) && { return std::move(auth_token(std::move(token))); }
    anthropic&& auth_token(std::string token) && { return std::move(auth_token(std::move(token))); }
    anthropic&& base_url(std::string url) && { return std::move(base_url(std::move(url))); }
    anthropic&& beta(std::string name) && { return std::move(beta(std::move(name))); }
    anthropic&& max_tokens(std::int64_t count) && { return std::move(max_tokens(count)); }
    anthropic&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }

    /// Tells whether calls can be sent. Errors: `errc::invalid_argument` in `phase::input`; `param()` names the option.
    result<void> check() const;

    /// Makes the provider. Its constant headers are computed here, once.
    std::shared_ptr<const provider> make() const;
    operator std::shared_ptr<const provider>() const { return make(); }

 private:
    void forget_environment() noexcept;

    secret api_key_;
    secret auth_token_;
    bool is_from_environment_ = true;  // the key and the token
    secret custom_headers_;            // of the environment; there may be keys among them
    std::string base_url_;
    std::string betas_;
    std::int64_t max_tokens_ = 8192;
    string_pairs headers_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/anthropic.ipp>
#endif
