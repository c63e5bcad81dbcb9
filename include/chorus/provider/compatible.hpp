// Servers that speak the format of OpenAI, each in its dialect: where they are, and what they want otherwise.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/provider/environment.hpp>
#include <chorus/provider/openai_quirks.hpp>
#include <chorus/provider/provider.hpp>
#include <chorus/secret.hpp>

#include <memory>
#include <string>
#include <utility>

namespace chorus {

/// Describes a server of the OpenAI format that is not OpenAI's, and converts to its provider. The key is optional, and
/// comes from no variable unless `api_key_from` says so: no `OPENAI_*` is read, so that a key of one service never goes
/// to another.
/// Errors: none here. What is wrong is the error of each call, before anything is sent; `check` tells it at once.
///
///     chorus::client llm(executor, chorus::compatible("https://llm.example/v1").api_key(key));
///     chorus::client local(executor, chorus::ollama());
class compatible {
 public:
    /// With or without path, query and trailing slash, up to what stands before `/chat/completions`.
    explicit compatible(std::string base_url, openai_quirks quirks = {});

    /// What errors call the server; `compatible` unless set.
    compatible& name(std::string value) &;
    compatible& base_url(std::string url) &;
    compatible& quirks(openai_quirks dialect) &;
    /// An empty key sends none, whatever a variable says.
    compatible& api_key(secret key) &;
    compatible& api_key(std::string key) & { return api_key(secret(std::move(key))); }
    /// Takes the key from a variable, trimmed. If it is empty and no key is set, nor a header with one, calls are
    /// refused with its name.
    compatible& api_key_from(std::string variable, environment variables = &process_environment) &;
    /// A header of every request, in place of the default one of that name.
    compatible& header(std::string name, std::string value) &;
    /// A field of the query of every request; escaped here.
    compatible& query(std::string name, std::string value) &;

    compatible&& name(std::string value) && { return std::move(name(std::move(value))); }
    compatible&& base_url(std::string url) && { return std::move(base_url(std::move(url))); }
    compatible&& quirks(openai_quirks dialect) && { return std::move(quirks(std::move(dialect))); }
    compatible&& api_key(secret key) && { return std::move(api_key(std::move(key))); }
    compatible&& api_key(std::string key) && { return std::move(api_key(std::move(key))); }
    compatible&& api_key_from(std::string variable, environment variables = &process_environment) && {
        return std::move(api_key_from(std::move(variable), variables));
    }
    compatible&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }
    compatible&& query(std::string name, std::string value) && {
        return std::move(query(std::move(name), std::move(value)));
    }

    /// For amending a preset: `server.quirks(openai_quirks(server.quirks()).drop("seed"))`.
    const openai_quirks& quirks() const noexcept { return quirks_; }

    /// Tells whether calls can be sent. Errors: `errc::invalid_argument` in `phase::input`; `param()` names the option.
    result<void> check() const;

    /// Makes the provider.
    std::shared_ptr<const provider> make() const;
    operator std::shared_ptr<const provider>() const { return make(); }

 private:
    std::string name_ = "compatible";
    std::string base_url_;
    openai_quirks quirks_;
    secret api_key_;
    std::string key_variable_;  // of a key that must be there
    string_pairs headers_;
    string_pairs query_;
};

/// Local servers, at their default addresses and without a key; `base_url` names another. Ollama's is that of
/// `OLLAMA_HOST`, which is read as its own programs do.
compatible ollama(environment variables = &process_environment);
compatible vllm();
compatible llama_cpp();
compatible lm_studio();

/// Services, with the key of the variable that bears their name: `GROQ_API_KEY`, `DEEPSEEK_API_KEY`,
/// `OPENROUTER_API_KEY`, `MISTRAL_API_KEY`, `GEMINI_API_KEY`. `api_key` sets another.
compatible groq(environment variables = &process_environment);
compatible deepseek(environment variables = &process_environment);
compatible openrouter(environment variables = &process_environment);
compatible mistral(environment variables = &process_environment);
compatible gemini(environment variables = &process_environment);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/compatible.ipp>
#endif
