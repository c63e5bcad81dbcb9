#pragma once

#include <chorus/http/headers.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/provider/detail/ollama_host.hpp>
#include <chorus/provider/detail/openai_provider.hpp>
#include <chorus/provider/detail/percent_encoding.hpp>
#include <chorus/shared_new.hpp>
#include <chorus/text.hpp>

#include <string_view>
#include <utility>

namespace chorus {

CHORUS_DECL compatible::compatible(std::string base_url, openai_quirks quirks)
    : base_url_(std::move(base_url)), quirks_(std::move(quirks)) {}

CHORUS_DECL compatible& compatible::name(std::string value) & {
    name_ = std::move(value);
    return *this;
}
CHORUS_DECL compatible& compatible::base_url(std::string url) & {
    base_url_ = std::move(url);
    return *this;
}
CHORUS_DECL compatible& compatible::quirks(openai_quirks dialect) & {
    quirks_ = std::move(dialect);
    return *this;
}
CHORUS_DECL compatible& compatible::api_key(secret key) & {
    api_key_ = secret(std::string(detail::trimmed(key.expose())));
    key_variable_.clear();
    return *this;
}
CHORUS_DECL compatible& compatible::api_key_from(std::string variable, environment variables) & {
    api_key_ = secret(detail::variable_of(variables, variable.c_str()));
    key_variable_ = std::move(variable);
    return *this;
}
CHORUS_DECL compatible& compatible::header(std::string name, std::string value) & {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
}
CHORUS_DECL compatible& compatible::query(std::string name, std::string value) & {
    query_.emplace_back(std::move(name), std::move(value));
    return *this;
}

namespace detail {

struct compatible_settings {
    const std::string& base_url;
    const secret& key;
    const std::string& key_variable;
    const string_pairs& headers;
    const string_pairs& query;
};

CHORUS_DECL endpoint compatible_endpoint(const compatible_settings& settings) {
    std::string url(trimmed(settings.base_url));
    for (const auto& [name, value] : settings.query) url = with_query(std::move(url), name, value);
    endpoint made(url);
    if (settings.key.empty() && !settings.key_variable.empty() && !has_key(settings.headers)) {
        made.refuse("api_key",
                    "no API key: set the environment variable " + settings.key_variable + " or call api_key()");
    }
    made.add_key("api_key", "Authorization", settings.key, "Bearer ");
    return made.set(settings.headers);
}

}  // namespace detail

CHORUS_DECL result<void> compatible::check() const {
    return detail::compatible_endpoint({base_url_, api_key_, key_variable_, headers_, query_}).check();
}

CHORUS_DECL std::shared_ptr<const provider> compatible::make() const {
    return detail::shared_new<const detail::openai_provider>(
        detail::compatible_endpoint({base_url_, api_key_, key_variable_, headers_, query_}),
        detail::openai_dialect{name_, quirks_, {}});
}

// --- presets ---
// `developer` is OpenAI's newer word for `system` (API reference, "Create chat completion"); none of these servers
// documents it, and all know the older one.

CHORUS_DECL compatible ollama(environment variables) {
    // Ollama, "OpenAI compatibility": the fields it knows; max_completion_tokens is not among them. Images
    // come with the request: it fetches none, and knows no files.
    return compatible(detail::ollama_base_url(detail::variable_of(variables, "OLLAMA_HOST")),
                      openai_quirks()
                          .developer_as_system()
                          .rename("max_completion_tokens", "max_tokens")
                          .fetches_images(false)
                          .refuse("messages.content.file"))
        .name("ollama");
}

CHORUS_DECL compatible vllm() {
    // vLLM, "OpenAI-Compatible Server": port 8000; it knows the fields of OpenAI and passes over others.
    return compatible("http://localhost:8000/v1", openai_quirks().developer_as_system()).name("vllm");
}

CHORUS_DECL compatible llama_cpp() {
    // llama.cpp, tools/server/README.md: port 8080; the schema of `response_format` stands beside its type.
    return compatible("http://localhost:8080/v1",
                      openai_quirks().developer_as_system().rename("max_completion_tokens", "max_tokens").flat_schema())
        .name("llama_cpp");
}

CHORUS_DECL compatible lm_studio() {
    // LM Studio, "OpenAI Compatibility Endpoints": port 1234; the fields it knows, with max_tokens; texts and images.
    return compatible("http://localhost:1234/v1", openai_quirks()
                                                      .developer_as_system()
                                                      .rename("max_completion_tokens", "max_tokens")
                                                      .refuse("messages.content.input_audio")
                                                      .refuse("messages.content.file"))
        .name("lm_studio");
}

CHORUS_DECL compatible groq(environment variables) {
    // Groq, "OpenAI Compatibility": these are answered with 400, as are members of messages that it does not know, its
    // own `executed_tools` among them. A name changes little, the others the answer. "Images and Vision": beside texts it
    // takes images.
    return compatible("https://api.groq.com/openai/v1", openai_quirks()
                                                            .developer_as_system()
                                                            .echo_native(false)
                                                            .drop("messages.name")
                                                            .refuse("messages.content.input_audio")
                                                            .refuse("messages.content.file")
                                                            .refuse("logprobs")
                                                            .refuse("top_logprobs")
                                                            .refuse("logit_bias")
                                                            .refuse("n"))
        .name("groq")
        .api_key_from("GROQ_API_KEY", variables);
}

CHORUS_DECL compatible deepseek(environment variables) {
    // DeepSeek, "Create Chat Completion": max_tokens is the limit. "Thinking Mode": reasoning_content goes back with
    // the calls of tools, or the answer is 400, and with no other answer. Messages hold texts alone.
    return compatible("https://api.deepseek.com",
                      openai_quirks()
                          .developer_as_system()
                          .rename("max_completion_tokens", "max_tokens")
                          .echo_reasoning(reasoning_echo::with_tool_calls, "reasoning_content")
                          .refuse("messages.content.image_url")
                          .refuse("messages.content.input_audio")
                          .refuse("messages.content.file"))
        .name("deepseek")
        .api_key_from("DEEPSEEK_API_KEY", variables);
}

CHORUS_DECL compatible openrouter(environment variables) {
    // OpenRouter, "Reasoning Tokens": some models want their reasoning_details back, in every answer that had them.
    return compatible("https://openrouter.ai/api/v1",
                      openai_quirks().developer_as_system().echo_reasoning(reasoning_echo::always).echo_native(true))
        .name("openrouter")
        .api_key_from("OPENROUTER_API_KEY", variables);
}

CHORUS_DECL compatible mistral(environment variables) {
    // Mistral, "Chat Completion" and "Embeddings" of the API reference: its own names for some fields, and 422 for
    // those that it does not know, stream_options among them: the usage comes with the last chunk, asked for or not.
    // "Reasoning": thinking is a part of the content, in both directions.
    return compatible("https://api.mistral.ai/v1", openai_quirks()
                                                       .developer_as_system()
                                                       .rename("max_completion_tokens", "max_tokens")
                                                       .rename("seed", "random_seed")
                                                       .rename("dimensions", "output_dimension")
                                                       .required_word("any")
                                                       .echo_reasoning(reasoning_echo::always, "thinking")
                                                       .echo_native(false)
                                                       .stream_usage(false)
                                                       .drop("encoding_format")
                                                       .drop("messages.content.prompt_cache_breakpoint")
                                                       .drop("messages.name")
                                                       .drop("prompt_cache_key")
                                                       .drop("prompt_cache_options")
                                                       .drop("prompt_cache_retention")
                                                       .drop("safety_identifier")
                                                       .drop("service_tier")
                                                       .drop("store")
                                                       .drop("user")
                                                       .refuse("logit_bias")
                                                       .refuse("logprobs")
                                                       .refuse("moderation")
                                                       .refuse("top_logprobs")
                                                       .refuse("verbosity")
                                                       .refuse("web_search_options"))
        .name("mistral")
        .api_key_from("MISTRAL_API_KEY", variables);
}

CHORUS_DECL compatible gemini(environment variables) {
    // Google AI for Developers, "OpenAI compatibility": the path and the key as a Bearer token. "Thought signatures":
    // extra_content goes back with its call.
    return compatible("https://generativelanguage.googleapis.com/v1beta/openai",
                      openai_quirks().developer_as_system().echo_native(true))
        .name("gemini")
        .api_key_from("GEMINI_API_KEY", variables);
}

}  // namespace chorus
