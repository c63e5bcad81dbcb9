#pragma once

#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/shared_new.hpp>
#include <chorus/text.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace chorus {

CHORUS_DECL openai::openai(environment variables) {
    api_key_ = secret(detail::variable_of(variables, "OPENAI_API_KEY"));
    base_url_ = detail::variable_of(variables, "OPENAI_BASE_URL");
    organization_ = detail::variable_of(variables, "OPENAI_ORG_ID");
    project_ = detail::variable_of(variables, "OPENAI_PROJECT_ID");
    custom_headers_ = secret(detail::variable_of(variables, "OPENAI_CUSTOM_HEADERS"));
    if (base_url_.empty()) base_url_ = "https://api.openai.com/v1";
}

CHORUS_DECL openai& openai::api_key(secret key) & {
    api_key_ = secret(std::string(detail::trimmed(key.expose())));
    is_key_from_environment_ = false;
    return *this;
}
CHORUS_DECL openai& openai::base_url(std::string url) & {
    if (!detail::trimmed(url).empty()) base_url_ = std::move(url);
    return *this;
}
CHORUS_DECL openai& openai::organization(std::string id) & {
    organization_ = detail::trimmed(id);
    return *this;
}
CHORUS_DECL openai& openai::project(std::string id) & {
    project_ = detail::trimmed(id);
    return *this;
}
CHORUS_DECL openai& openai::header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
}

CHORUS_DECL detail::endpoint openai::make_endpoint() const {
    detail::endpoint made(base_url_);
    made.add_key("api_key", "Authorization", api_key_, "Bearer ");
    made.set_from("OPENAI_CUSTOM_HEADERS", custom_headers_, is_key_from_environment_);
    made.add("organization", "OpenAI-Organization", organization_);
    made.add("project", "OpenAI-Project", project_);
    made.set(headers_);
    // And on its regional and mTLS hosts, such as `eu.api.openai.com`.
    if (!made.has("Authorization") && made.is_at("api.openai.com")) {
        made.refuse("api_key", "no API key: set the environment variable OPENAI_API_KEY or call api_key()");
    }
    return made;
}

namespace detail {

/// OpenAI's own server refuses members that it does not know, and ends every stream with its mark.
CHORUS_DECL openai_quirks quirks_of(const endpoint& at) {
    if (!at.is_at("api.openai.com")) return {};
    return openai_quirks().echo_reasoning(reasoning_echo::never).echo_native(false).requires_done();
}

}  // namespace detail

CHORUS_DECL result<void> openai::check() const {
    return make_endpoint().check();
}

CHORUS_DECL std::shared_ptr<const provider> openai::make() const {
    detail::endpoint at = make_endpoint();
    detail::openai_dialect dialect;
    dialect.quirks = detail::quirks_of(at);
    return detail::shared_new<const detail::openai_provider>(std::move(at), std::move(dialect));
}

}  // namespace chorus
