#pragma once

#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/openai.hpp>
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
    if (base_url_.empty()) base_url_ = "https://api.openai.com/v1";
}

CHORUS_DECL openai& openai::api_key(secret key) & {
    api_key_ = secret(std::string(detail::trimmed(key.expose())));
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

namespace detail {

struct openai_settings {
    const secret& key;
    const std::string& base_url;
    const std::string& organization;
    const std::string& project;
    const string_pairs& headers;
};

CHORUS_DECL endpoint openai_endpoint(const openai_settings& settings) {
    endpoint made(settings.base_url);
    // And on its regional and mTLS hosts, such as `eu.api.openai.com`.
    if (settings.key.empty() && made.is_at("api.openai.com")) {
        made.refuse("api_key", "no API key: set the environment variable OPENAI_API_KEY or call api_key()");
    }
    made.add_key("api_key", "Authorization", settings.key, "Bearer ");
    made.add("organization", "OpenAI-Organization", settings.organization);
    made.add("project", "OpenAI-Project", settings.project);
    return made.set(settings.headers);
}

/// OpenAI's own server refuses members that it does not know.
CHORUS_DECL openai_quirks quirks_of(const endpoint& at) {
    if (!at.is_at("api.openai.com")) return {};
    return openai_quirks().echo_reasoning(reasoning_echo::never).echo_native(false);
}

}  // namespace detail

CHORUS_DECL result<void> openai::check() const {
    return detail::openai_endpoint({api_key_, base_url_, organization_, project_, headers_}).check();
}

CHORUS_DECL std::shared_ptr<const provider> openai::make() const {
    detail::endpoint at = detail::openai_endpoint({api_key_, base_url_, organization_, project_, headers_});
    detail::openai_dialect dialect;
    dialect.quirks = detail::quirks_of(at);
    return std::make_shared<const detail::openai_provider>(std::move(at), std::move(dialect));
}

}  // namespace chorus
