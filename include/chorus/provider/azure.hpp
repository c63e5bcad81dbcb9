// Azure OpenAI: models under the names of their deployments, with a key or an Entra token.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/environment.hpp>
#include <chorus/provider/provider.hpp>
#include <chorus/secret.hpp>

#include <memory>
#include <string>
#include <utility>

namespace chorus {

/// Describes a resource of Azure OpenAI and converts to its provider. What is not set comes from the environment at
/// construction: `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_API_KEY`, `AZURE_OPENAI_AD_TOKEN`, `OPENAI_API_VERSION`,
/// trimmed; an empty variable counts as none. Where there are both, the token goes before the key.
///
/// The classic API has a path for each deployment and wants a version; `v1` chooses the newer one, which has neither.
/// Errors: none here. What is wrong (no endpoint, no key, no version) is the error of each call, before anything is
/// sent; `check` tells it at once.
///
///     chorus::client classic(executor, chorus::azure().api_version("2024-10-21"));
///     chorus::client llm(executor, chorus::azure().endpoint("https://my.openai.azure.com").api_key(key).v1());
class azure {
 public:
    explicit azure(environment variables = &process_environment);

    /// The resource, such as `https://my.openai.azure.com`. One that ends with `/openai/v1` chooses `v1` by itself. The URL
    /// of a deployment, as the portal shows it, also tells the deployment and the version, where they are not set.
    azure& endpoint(std::string url) &;
    /// Sent as `api-key`; in place of a key or token of the environment.
    azure& api_key(secret key) &;
    azure& api_key(std::string key) & { return api_key(secret(std::move(key))); }
    /// A token of Microsoft Entra ID, sent as `Authorization: Bearer`; in place of any key. Tokens expire within hours;
    /// `header` of a request sends a newer one.
    azure& token(secret value) &;
    azure& token(std::string value) & { return token(secret(std::move(value))); }
    /// Such as `2024-10-21`; for the classic API.
    azure& api_version(std::string date) &;
    /// The deployment that answers, whatever model a request names; by default the model is the name of the
    /// deployment. For the classic API.
    azure& deployment(std::string name) &;
    azure& v1(bool chosen = true) &;
    /// A header of every request, in place of the default one of that name.
    azure& header(std::string name, std::string value) &;

    azure&& endpoint(std::string url) && { return std::move(endpoint(std::move(url))); }
    azure&& api_key(secret key) && { return std::move(api_key(std::move(key))); }
    azure&& api_key(std::string key) && { return std::move(api_key(std::move(key))); }
    azure&& token(secret value) && { return std::move(token(std::move(value))); }
    azure&& token(std::string value) && { return std::move(token(std::move(value))); }
    azure&& api_version(std::string date) && { return std::move(api_version(std::move(date))); }
    azure&& deployment(std::string name) && { return std::move(deployment(std::move(name))); }
    azure&& v1(bool chosen = true) && { return std::move(v1(chosen)); }
    azure&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }

    /// Tells whether calls can be sent. Errors: `errc::invalid_argument` in `phase::input`; `param()` names the option.
    result<void> check() const;

    /// Makes the provider.
    std::shared_ptr<const provider> make() const;
    operator std::shared_ptr<const provider>() const { return make(); }

 private:
    std::string endpoint_;
    secret api_key_;
    secret token_;
    bool token_is_of_environment_;
    std::string api_version_;
    std::string deployment_;
    bool v1_ = false;
    string_pairs headers_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/azure.ipp>
#endif
