// OpenAI, and every server that speaks its format: where it is, and who asks.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/environment.hpp>
#include <chorus/provider/provider.hpp>
#include <chorus/secret.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chorus {

namespace detail {
class endpoint;
}

/// Describes an endpoint of the OpenAI format and converts to its provider. What is not set comes from the environment
/// at construction: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`, and
/// `OPENAI_CUSTOM_HEADERS`, whose lines are `Name: value`; trimmed; an empty variable counts as none.
/// Errors: none here. What is wrong (a missing or broken key, a malformed URL) is the error of each call, before
/// anything is sent; `check` tells it at once. A key is required by OpenAI's own hosts only.
///
///     chorus::client llm(executor, chorus::openai());
///     chorus::client local(executor, chorus::openai().base_url("http://localhost:11434/v1").api_key(""));
class openai {
 public:
    explicit openai(environment variables = &process_environment);

    /// An empty key sends none, whatever the environment says, in headers too: for servers that should not see it. A key of
    /// the environment and another in `OPENAI_CUSTOM_HEADERS` are refused.
    openai& api_key(secret key) &;
    openai& api_key(std::string key) & { return api_key(secret(std::move(key))); }
    /// With or without path, query and trailing slash; by default `https://api.openai.com/v1`. An empty one counts as
    /// not given.
    openai& base_url(std::string url) &;
    openai& organization(std::string id) &;
    openai& project(std::string id) &;
    /// A header of every request, in place of the default one of that name.
    openai& header(std::string name, std::string value) &;

    openai&& api_key(secret key) && { return std::move(api_key(std::move(key))); }
    openai&& api_key(std::string key) && { return std::move(api_key(std::move(key))); }
    openai&& base_url(std::string url) && { return std::move(base_url(std::move(url))); }
    openai&& organization(std::string id) && { return std::move(organization(std::move(id))); }
    openai&& project(std::string id) && { return std::move(project(std::move(id))); }
    openai&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }

    /// Tells whether calls can be sent. Errors: `errc::invalid_argument` in `phase::input`; `param()` names the option.
    result<void> check() const;

    /// Makes the provider. Its constant headers are computed here, once.
    std::shared_ptr<const provider> make() const;
    operator std::shared_ptr<const provider>() const { return make(); }

 private:
    friend std::shared_ptr<const provider> openai_responses(const openai& options);

    detail::endpoint make_endpoint() const;

    secret api_key_;
    secret custom_headers_;  // of the environment; there may be keys among them
    bool is_key_from_environment_ = true;
    std::string base_url_;
    std::string organization_;
    std::string project_;
    std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/openai.ipp>
#endif
