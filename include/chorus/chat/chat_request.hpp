// What is asked of a chat model: model, messages and options, with setters that chain.
#pragma once

#include <chorus/chat/boxed.hpp>
#include <chorus/chat/chat_options.hpp>
#include <chorus/chat/detail/json_text.hpp>
#include <chorus/chat/message.hpp>
#include <chorus/config.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

/// A request for chat completions. A value: cheap to move; a copy of a prepared request is a template for the next.
/// Every setter chains, on named objects and on temporaries. Nothing is checked here: see `validate`.
///
///     auto request = chorus::chat_request("gpt-4o-mini").system("Be terse.").user("Why is the sky
///     blue?").timeout(30s);
class chat_request {
 public:
    chat_request() = default;
    explicit chat_request(std::string model) : model_(std::move(model)) {}

    // Each setter has a second form for temporaries, so that a chain moves instead of copying.
    using self = chat_request;

    self& model(std::string name) &;

    /// Messages, appended in the order of the calls.
    self& add(message next) &;
    self& developer(content text) & { return add(message::developer(std::move(text))); }
    self& system(content text) & { return add(message::system(std::move(text))); }
    self& user(content text) & { return add(message::user(std::move(text))); }
    self& assistant(content text) & { return add(message::assistant(std::move(text))); }

    /// Sampling: 0 is the most predictable; reasoning models may refuse it.
    self& temperature(double value) &;
    self& top_p(double value) &;                          ///< 0 to 1
    self& frequency_penalty(double value) &;              ///< -2 to 2
    self& presence_penalty(double value) &;               ///< -2 to 2
    self& logit_bias(std::int64_t token, double bias) &;  ///< -100 to 100; adds one token
    self& seed(std::int64_t value) &;

    /// Size and number of answers.
    self& n(std::int64_t choices) &;
    self& max_completion_tokens(std::int64_t count) &;  ///< includes reasoning tokens
    self& max_tokens(std::int64_t count) &;             ///< the older name, the only one many servers know
    self& stop(std::string text) &;                     ///< adds one; OpenAI takes up to 4

    /// Form of the answers.
    self& response_format(chorus::response_format format) &;
    self& modality(std::string name) &;  ///< adds one: text, audio
    self& audio(std::string voice, std::string format) &;
    self& prediction(content expected) &;  ///< most of the answer, where it is known
    self& logprobs(bool wanted = true) &;
    self& top_logprobs(std::int64_t count) &;  ///< needs `logprobs`

    /// Tools that the model may call. Each call of these appends.
    self& tool(chorus::tool next) &;
    self& tools(std::vector<chorus::tool> more) &;
    self& tool_choice(chorus::tool_choice choice) &;
    self& parallel_tool_calls(bool allowed) &;  ///< more than one call in one answer

    /// How much the model works and says.
    self& reasoning_effort(std::string level) &;  ///< none, minimal, low, medium, high, ...
    self& thinking(std::int64_t tokens) &;        ///< Anthropic: at most so many tokens of thinking; 0 for none
    self& verbosity(std::string level) &;         ///< low, medium, high
    self& web_search(chorus::web_search options = {}) &;

    /// What comes with a stream: the usage at its end (asked for unless set to false), and padding against observers
    /// (OpenAI sends it unless set to false).
    self& stream_usage(bool wanted) &;
    self& stream_obfuscation(bool wanted) &;

    /// How the server treats the request.
    self& service_tier(std::string name) &;  ///< auto, default, flex, scale, priority, ...
    self& store(bool wanted = true) &;
    self& metadata(std::string key, std::string value) &;  ///< adds one pair; up to 16
    self& prompt_cache_key(std::string key) &;
    self& prompt_cache(std::string mode, std::string ttl = {}) &;  ///< implicit, explicit; a duration such as 30m
    self& prompt_cache_retention(std::string value) &;             ///< the older form: in_memory, 24h
    self& safety_identifier(std::string id) &;                     ///< a stable, anonymous id of the end user
    self& end_user(std::string id) &;                              ///< the older form, sent as `user`
    self& moderation(std::string model) &;
    template <class Json = nlohmann::json>
    self& moderation(std::string model, const std::type_identity_t<Json>& policy) & {
        return moderation(std::move(model)).set(&chat_options::moderation_policy, detail::to_json_text(policy));
    }

    /// A field of the body that has no setter, or in place of what a setter gave. Include <nlohmann/json.hpp>.
    template <class Json = nlohmann::json>
    self& extra(std::string field, const std::type_identity_t<Json>& value) & {
        return extra_text(std::move(field), detail::to_json_text(value));
    }
    /// Every member of an object, likewise.
    template <class Json = nlohmann::json>
    self& extra(const std::type_identity_t<Json>& object) & {
        // An entry without a name: `validate` refuses it.
        if (!object.is_object()) return extra_text({}, {});
        for (const auto& [field, value] : object.items()) extra_text(field, detail::to_json_text(value));
        return *this;
    }
    /// A header of this request, in place of the provider's own of that name.
    self& header(std::string name, std::string value) &;
    /// The limit on the whole call, in place of the client's.
    self& timeout(std::chrono::milliseconds total) &;
    /// Every limit of this call, in place of the client's.
    self& limits(const http::limits& all) &;
    /// How often the request may be sent, the first time included, in place of the client's number.
    self& max_attempts(int count) &;
    /// The class in which this call waits, where gates of the client hold calls back.
    self& priority(chorus::priority how) &;

    const std::string& model() const noexcept { return model_; }
    const std::vector<message>& messages() const noexcept { return messages_; }
    /// All the rest.
    const chat_options& options() const { return options_.get(); }

    // The forms for temporaries.
    self&& model(std::string name) && { return std::move(model(std::move(name))); }
    self&& add(message next) && { return std::move(add(std::move(next))); }
    self&& developer(content text) && { return std::move(developer(std::move(text))); }
    self&& system(content text) && { return std::move(system(std::move(text))); }
    self&& user(content text) && { return std::move(user(std::move(text))); }
    self&& assistant(content text) && { return std::move(assistant(std::move(text))); }
    self&& temperature(double value) && { return std::move(temperature(value)); }
    self&& top_p(double value) && { return std::move(top_p(value)); }
    self&& frequency_penalty(double value) && { return std::move(frequency_penalty(value)); }
    self&& presence_penalty(double value) && { return std::move(presence_penalty(value)); }
    self&& logit_bias(std::int64_t token, double bias) && { return std::move(logit_bias(token, bias)); }
    self&& seed(std::int64_t value) && { return std::move(seed(value)); }
    self&& n(std::int64_t choices) && { return std::move(n(choices)); }
    self&& max_completion_tokens(std::int64_t count) && { return std::move(max_completion_tokens(count)); }
    self&& max_tokens(std::int64_t count) && { return std::move(max_tokens(count)); }
    self&& stop(std::string text) && { return std::move(stop(std::move(text))); }
    self&& response_format(chorus::response_format format) && { return std::move(response_format(std::move(format))); }
    self&& modality(std::string name) && { return std::move(modality(std::move(name))); }
    self&& audio(std::string voice, std::string format) && {
        return std::move(audio(std::move(voice), std::move(format)));
    }
    self&& prediction(content expected) && { return std::move(prediction(std::move(expected))); }
    self&& logprobs(bool wanted = true) && { return std::move(logprobs(wanted)); }
    self&& top_logprobs(std::int64_t count) && { return std::move(top_logprobs(count)); }
    self&& reasoning_effort(std::string level) && { return std::move(reasoning_effort(std::move(level))); }
    self&& verbosity(std::string level) && { return std::move(verbosity(std::move(level))); }
    self&& web_search(chorus::web_search options = {}) && { return std::move(web_search(std::move(options))); }
    self&& tool(chorus::tool next) && { return std::move(tool(std::move(next))); }
    self&& tools(std::vector<chorus::tool> more) && { return std::move(tools(std::move(more))); }
    self&& tool_choice(chorus::tool_choice choice) && { return std::move(tool_choice(std::move(choice))); }
    self&& parallel_tool_calls(bool allowed) && { return std::move(parallel_tool_calls(allowed)); }
    self&& thinking(std::int64_t tokens) && { return std::move(thinking(tokens)); }
    self&& stream_usage(bool wanted) && { return std::move(stream_usage(wanted)); }
    self&& stream_obfuscation(bool wanted) && { return std::move(stream_obfuscation(wanted)); }
    self&& service_tier(std::string name) && { return std::move(service_tier(std::move(name))); }
    self&& store(bool wanted = true) && { return std::move(store(wanted)); }
    self&& metadata(std::string key, std::string value) && {
        return std::move(metadata(std::move(key), std::move(value)));
    }
    self&& prompt_cache_key(std::string key) && { return std::move(prompt_cache_key(std::move(key))); }
    self&& prompt_cache(std::string mode, std::string ttl = {}) && {
        return std::move(prompt_cache(std::move(mode), std::move(ttl)));
    }
    self&& prompt_cache_retention(std::string value) && { return std::move(prompt_cache_retention(std::move(value))); }
    self&& safety_identifier(std::string id) && { return std::move(safety_identifier(std::move(id))); }
    self&& end_user(std::string id) && { return std::move(end_user(std::move(id))); }
    self&& moderation(std::string model) && { return std::move(moderation(std::move(model))); }
    template <class Json = nlohmann::json>
    self&& moderation(std::string model, const std::type_identity_t<Json>& policy) && {
        return std::move(moderation<Json>(std::move(model), policy));
    }
    template <class Json = nlohmann::json>
    self&& extra(std::string field, const std::type_identity_t<Json>& value) && {
        return std::move(extra<Json>(std::move(field), value));
    }
    template <class Json = nlohmann::json>
    self&& extra(const std::type_identity_t<Json>& object) && {
        return std::move(extra<Json>(object));
    }
    self&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }
    self&& timeout(std::chrono::milliseconds total) && { return std::move(timeout(total)); }
    self&& limits(const http::limits& all) && { return std::move(limits(all)); }
    self&& max_attempts(int count) && { return std::move(max_attempts(count)); }
    self&& priority(chorus::priority how) && { return std::move(priority(how)); }

 private:
    self& extra_text(std::string field, std::string value);
    template <class Field, class Value>
    self& set(Field chat_options::*field, Value&& value) {
        options_.change().*field = std::forward<Value>(value);
        return *this;
    }

    std::string model_;
    std::vector<message> messages_;
    boxed<chat_options> options_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/chat_request.ipp>
#endif
