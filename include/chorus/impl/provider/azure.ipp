#pragma once

#include <chorus/provider/azure.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/detail/percent_encoding.hpp>
#include <chorus/shared_new.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus {

CHORUS_DECL azure::azure(environment variables)
    : endpoint_(detail::variable_of(variables, "AZURE_OPENAI_ENDPOINT")),
      api_key_(detail::variable_of(variables, "AZURE_OPENAI_API_KEY")),
      token_(detail::variable_of(variables, "AZURE_OPENAI_AD_TOKEN")),
      token_is_of_environment_(!token_.empty()),
      api_version_(detail::variable_of(variables, "OPENAI_API_VERSION")) {}

CHORUS_DECL azure& azure::endpoint(std::string url) & {
    if (!detail::trimmed(url).empty()) endpoint_ = detail::trimmed(url);
    return *this;
}
CHORUS_DECL azure& azure::api_key(secret key) & {
    api_key_ = secret(std::string(detail::trimmed(key.expose())));
    if (std::exchange(token_is_of_environment_, false)) token_ = secret();
    return *this;
}
CHORUS_DECL azure& azure::token(secret value) & {
    token_ = secret(std::string(detail::trimmed(value.expose())));
    token_is_of_environment_ = false;
    return *this;
}
CHORUS_DECL azure& azure::api_version(std::string date) & {
    api_version_ = detail::trimmed(date);
    return *this;
}
CHORUS_DECL azure& azure::deployment(std::string name) & {
    deployment_ = std::move(name);
    return *this;
}
CHORUS_DECL azure& azure::v1(bool chosen) & {
    v1_ = chosen;
    return *this;
}
CHORUS_DECL azure& azure::header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
}

namespace detail {

struct azure_settings {
    std::string_view endpoint;
    const secret& key;
    const secret& token;
    const std::string& api_version;
    const std::string& deployment;
    bool v1;
    const string_pairs& headers;
};

struct azure_api {
    detail::endpoint at;
    std::optional<std::string> deployment;
};

/// Azure OpenAI, "REST API reference": the classic paths. "API version lifecycle": those of v1.
CHORUS_DECL azure_api make_azure_api(azure_settings settings) {
    // People copy any of these from the portal: the resource, the base URLs of both APIs, and the URL of a deployment.
    std::string_view resource = settings.endpoint;
    std::string deployment = settings.deployment;
    std::string api_version = settings.api_version;
    constexpr std::string_view deployments = "/openai/deployments/";
    if (const std::size_t path = resource.find(deployments); path != resource.npos) {
        const std::string_view rest = resource.substr(path + deployments.size());
        resource = resource.substr(0, path);
        if (deployment.empty()) deployment = rest.substr(0, rest.find_first_of("/?"));
        constexpr std::string_view version = "?api-version=";
        if (const std::size_t query = rest.find(version); query != rest.npos && api_version.empty()) {
            api_version = rest.substr(query + version.size());
            api_version.erase(std::min(api_version.find('&'), api_version.size()));
        }
    }
    const auto cut = [&](std::string_view ending) {
        if (!resource.ends_with(ending)) return false;
        resource.remove_suffix(ending.size());
        return true;
    };
    cut("/");
    const bool v1 = cut("/openai/v1") || settings.v1;
    cut("/openai");
    cut("/");

    std::string base(resource);
    base += v1 ? "/openai/v1" : "/openai";
    if (!v1 && !api_version.empty()) base = with_query(std::move(base), "api-version", api_version);
    auto parsed = http::url::parse(base);
    if (resource.empty()) {
        parsed = error(errc::invalid_argument,
                       "there is none: set the environment variable AZURE_OPENAI_ENDPOINT or call endpoint()");
    }
    azure_api api{detail::endpoint(std::move(parsed), "endpoint"), {}};
    if (!v1 && api_version.empty()) {
        api.at.refuse("api_version",
                      "no API version: set the environment variable OPENAI_API_VERSION, call api_version(), or v1()");
    }
    if (settings.key.empty() && settings.token.empty() && !has_key(settings.headers)) {
        api.at.refuse("api_key",
                      "no API key: set the environment variable AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN, or call "
                      "api_key() or token()");
    }
    if (settings.token.empty()) {
        api.at.add_key("api_key", "api-key", settings.key);
    } else {
        api.at.add_key("token", "Authorization", settings.token, "Bearer ");
    }
    api.at.set(settings.headers);
    if (!v1) api.deployment = std::move(deployment);
    return api;
}

}  // namespace detail

CHORUS_DECL result<void> azure::check() const {
    return detail::make_azure_api({endpoint_, api_key_, token_, api_version_, deployment_, v1_, headers_}).at.check();
}

CHORUS_DECL std::shared_ptr<const provider> azure::make() const {
    // The models are OpenAI's own, and refuse members that they do not know, as those at api.openai.com do.
    openai_quirks quirks = openai_quirks().echo_reasoning(reasoning_echo::never).echo_native(false).requires_done();
    auto api = detail::make_azure_api({endpoint_, api_key_, token_, api_version_, deployment_, v1_, headers_});
    return detail::shared_new<const detail::openai_provider>(
        std::move(api.at), detail::openai_dialect{"azure", std::move(quirks), std::move(api.deployment)});
}

}  // namespace chorus
