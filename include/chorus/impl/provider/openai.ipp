#pragma once

#include <chorus/chat/validate.hpp>
#include <chorus/http/url.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/provider/openai_decode.hpp>
#include <chorus/provider/openai_encode.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace chorus {

namespace detail {

CHORUS_DECL error bad_option(std::string_view option, std::string text) {
    error failure(errc::invalid_argument, std::move(text));
    return failure.phase(phase::input).param(std::string(option));
}

/// `api.openai.com`, and its regional and mTLS hosts such as `eu.api.openai.com`.
CHORUS_DECL bool is_openai_host(std::string_view host) noexcept {
    constexpr std::string_view home = "api.openai.com";
    return host == home || (host.ends_with(home) && host[host.size() - home.size() - 1] == '.');
}

CHORUS_DECL std::string without(std::string_view text, std::string_view hidden) {
    std::string copy;
    for (std::size_t at; (at = text.find(hidden)) != text.npos; text.remove_prefix(at + hidden.size())) {
        copy.append(text.substr(0, at)).append("***");
    }
    return copy.append(text);
}

/// What the options come to: all of a request but its body. Or what is wrong with them.
class openai_provider final : public provider {
 public:
    openai_provider(result<http::request> head, std::vector<secret> secrets)
        : head_(std::move(head)), secrets_(std::move(secrets)) {}

    std::string_view name() const noexcept override { return "openai"; }

    result<http::request> encode(const chat_request& request) const override {
        if (!head_) return head_.error();
        if (const auto valid = validate(request); !valid) return valid.error();
        http::request encoded = *head_;
        for (const auto& [name, value] : request.options().headers) encoded.headers.set(name, value);
        encoded.body = openai_format::encode_chat(request);
        return encoded;
    }

    result<chat_response> decode(http::response received, std::chrono::system_clock::time_point now) const override {
        auto decoded = openai_format::decode_chat(std::move(received), now);
        if (decoded) return decoded;
        // Some proxies repeat the key that they refuse.
        error failure = decoded.error();
        for (const secret& each : secrets_) {
            const auto clean = [&](std::string_view text) { return without(text, each.expose()); };
            failure.text(clean(failure.text())).cause(clean(failure.cause())).body(clean(failure.body()));
            failure.type(clean(failure.type())).provider_code(clean(failure.provider_code()));
            failure.param(clean(failure.param())).request_id(clean(failure.request_id()));
        }
        return failure;
    }

 private:
    result<http::request> head_;
    std::vector<secret> secrets_;
};

}  // namespace detail

CHORUS_DECL const char* process_environment(const char* name) noexcept {
    return std::getenv(name);
}

CHORUS_DECL openai::openai(environment variables) {
    const auto variable = [&](const char* name) {
        const char* const value = variables(name);
        return value == nullptr ? std::string() : std::string(detail::trimmed(value));
    };
    api_key_ = secret(variable("OPENAI_API_KEY"));
    base_url_ = variable("OPENAI_BASE_URL");
    organization_ = variable("OPENAI_ORG_ID");
    project_ = variable("OPENAI_PROJECT_ID");
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
    const std::vector<std::pair<std::string, std::string>>& headers;
};

CHORUS_DECL result<http::request> make_openai_head(const openai_settings& settings) {
    const auto base = http::url::parse(settings.base_url);
    if (!base) return bad_option("base_url", "base_url: " + std::string(base.error().text()));
    const http::url endpoint = base->join("/chat/completions");
    http::request head;
    head.origin = endpoint.origin();
    head.target = endpoint.target();
    head.headers.add("Content-Type", "application/json").add("Accept", "application/json");
    head.headers.add("User-Agent", "chorus/" CHORUS_VERSION_STRING);

    const std::string& key = settings.key.expose();
    if (key.empty() && is_openai_host(head.origin.host)) {
        return bad_option("api_key", "no API key: set the environment variable OPENAI_API_KEY or call api_key()");
    }
    const auto add = [&](std::string_view option, std::string_view name, const std::string& value,
                         std::string_view prefix) -> result<void> {
        if (value.empty()) return {};
        // The value is not quoted: it may be the key.
        if (!http::headers::is_valid_value(value)) {
            return bad_option(option, std::string(option) + " holds a line break or another control character");
        }
        head.headers.add(name, std::string(prefix) + value);
        return {};
    };
    if (auto added = add("api_key", "Authorization", key, "Bearer "); !added) return added.error();
    if (auto added = add("organization", "OpenAI-Organization", settings.organization, ""); !added) {
        return added.error();
    }
    if (auto added = add("project", "OpenAI-Project", settings.project, ""); !added) return added.error();
    for (const auto& [name, value] : settings.headers) {
        if (auto valid = validate_header(name, value, "headers"); !valid) return valid.error();
        head.headers.set(name, value);
    }
    return head;
}

/// What must not show in errors: the key, and the values of headers that servers take keys from.
CHORUS_DECL std::vector<secret> secrets_of(const openai_settings& settings) {
    std::vector<std::string_view> found = {settings.key.expose()};
    for (const auto& [name, value] : settings.headers) {
        std::string_view credentials = trimmed(value);
        if (http::equal_names(name, "authorization")) {
            // RFC 9110, 11.4: a scheme such as Bearer stands before them.
            credentials.remove_prefix(std::min(credentials.find(' ') + 1, credentials.size()));
            credentials = trimmed(credentials);
        } else if (!http::equal_names(name, "api-key") && !http::equal_names(name, "x-api-key")) {
            continue;
        }
        found.push_back(credentials);
    }
    // Short keys are placeholders, and words of the text. The longest go first, for one may begin another.
    constexpr std::size_t shortest = 8;
    std::erase_if(found, [](std::string_view each) { return each.size() < shortest; });
    std::sort(found.begin(), found.end(),
              [](std::string_view left, std::string_view right) { return left.size() > right.size(); });
    std::vector<secret> secrets;
    for (const std::string_view each : found) secrets.emplace_back(std::string(each));
    return secrets;
}

}  // namespace detail

CHORUS_DECL result<void> openai::check() const {
    const auto head = detail::make_openai_head({api_key_, base_url_, organization_, project_, headers_});
    if (!head) return head.error();
    return {};
}

CHORUS_DECL std::shared_ptr<const provider> openai::make() const {
    const detail::openai_settings settings{api_key_, base_url_, organization_, project_, headers_};
    return std::make_shared<const detail::openai_provider>(detail::make_openai_head(settings),
                                                           detail::secrets_of(settings));
}

}  // namespace chorus
