// Where an API is, what every request to it carries, and what of that no error may show.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/http/url.hpp>
#include <chorus/provider/chat_stream_decoder.hpp>
#include <chorus/provider/detail/redactor.hpp>
#include <chorus/provider/environment.hpp>
#include <chorus/secret.hpp>
#include <chorus/shared_new.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::detail {

/// The value of a variable without the white space around it; empty where there is none.
std::string variable_of(environment variables, const char* name);

/// Whether servers take keys from headers of this name.
bool holds_key(std::string_view name) noexcept;
bool has_key(const string_pairs& headers) noexcept;

/// What the options of a provider come to: all of a request but its body, or the first thing that is wrong with them.
class endpoint {
 public:
    /// Errors: a malformed URL, as `base_url`.
    explicit endpoint(std::string_view base_url) : endpoint(http::url::parse(base_url), "base_url") {}
    /// For a URL that has another name among the options, or none.
    endpoint(result<http::url> base, std::string_view option);

    /// Sets a header of every request, unless it is empty. `option` names its setter in errors, which quote no value.
    endpoint& add(std::string_view option, std::string_view name, std::string_view value);
    /// Adds a header that holds a key behind a prefix such as `Bearer `, unless the key is empty.
    endpoint& add_key(std::string_view option, std::string_view name, const secret& key, std::string_view prefix = {});
    /// Adds the headers that a variable lists, a line each, as `Name: value`, in place of the default ones of their names.
    /// Without `takes_keys` those with keys are left out.
    /// Errors: a line that is no header, and a key where there is one already; they name the variable, and quote no value.
    endpoint& set_from(std::string_view variable, const secret& lines, bool takes_keys);
    /// Adds headers of the user, each in place of those of its name.
    endpoint& set(const string_pairs& headers);
    /// Tells whether requests carry a header.
    bool has(std::string_view header) const noexcept { return headers_.contains(header); }
    /// Says what is wrong with an option.
    endpoint& refuse(std::string_view option, std::string text);

    const http::url& base() const noexcept { return base_; }
    /// Tells whether the API is on this host, or on one whose name ends with it: `eu.api.openai.com`.
    bool is_at(std::string_view home) const noexcept;
    /// What a request line asks for to get to a path such as `/chat/completions`.
    std::string target(std::string_view path) const { return base_.join(path).target(); }

    /// Tells whether requests can be sent. Errors: `errc::invalid_argument` in `phase::input`, with the option.
    result<void> check() const;
    /// Makes a request; `headers` are those of its user.
    http::request request(const std::string& target, const string_pairs& headers, std::string body) const;
    /// Makes a request without a body.
    http::request get(std::string target) const;

    /// Takes the secrets of the options out of an error.
    error cleaned(error failure) const { return secrets_->cleaned(std::move(failure)); }
    /// Takes them out of the errors of a stream.
    std::unique_ptr<chat_stream_decoder> cleaned(std::unique_ptr<chat_stream_decoder> decoder) const;

 private:
    void set(std::string_view name, std::string_view value);

    http::url base_;
    http::headers headers_;
    std::optional<error> failure_;
    std::shared_ptr<redactor> secrets_ = shared_new<redactor>();
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/endpoint.ipp>
#endif
