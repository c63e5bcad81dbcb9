#pragma once

#include <chorus/chat/chat_request.hpp>

#include <algorithm>
#include <iterator>

namespace chorus {

CHORUS_DECL chat_request& chat_request::model(std::string name) & {
    model_ = std::move(name);
    return *this;
}
CHORUS_DECL chat_request& chat_request::add(message next) & {
    messages_.push_back(std::move(next));
    return *this;
}

CHORUS_DECL chat_request& chat_request::temperature(double value) & {
    return set(&chat_options::temperature, value);
}
CHORUS_DECL chat_request& chat_request::top_p(double value) & {
    return set(&chat_options::top_p, value);
}
CHORUS_DECL chat_request& chat_request::frequency_penalty(double value) & {
    return set(&chat_options::frequency_penalty, value);
}
CHORUS_DECL chat_request& chat_request::presence_penalty(double value) & {
    return set(&chat_options::presence_penalty, value);
}
CHORUS_DECL chat_request& chat_request::logit_bias(std::int64_t token, double bias) & {
    options_.change().logit_bias.emplace_back(token, bias);
    return *this;
}
CHORUS_DECL chat_request& chat_request::seed(std::int64_t value) & {
    return set(&chat_options::seed, value);
}

CHORUS_DECL chat_request& chat_request::n(std::int64_t choices) & {
    return set(&chat_options::n, choices);
}
CHORUS_DECL chat_request& chat_request::max_completion_tokens(std::int64_t count) & {
    return set(&chat_options::max_completion_tokens, count);
}
CHORUS_DECL chat_request& chat_request::max_tokens(std::int64_t count) & {
    return set(&chat_options::max_tokens, count);
}
CHORUS_DECL chat_request& chat_request::stop(std::string text) & {
    options_.change().stop.push_back(std::move(text));
    return *this;
}

CHORUS_DECL chat_request& chat_request::response_format(chorus::response_format format) & {
    return set(&chat_options::response_format, std::move(format));
}
CHORUS_DECL chat_request& chat_request::modality(std::string name) & {
    options_.change().modalities.push_back(std::move(name));
    return *this;
}
CHORUS_DECL chat_request& chat_request::audio(std::string voice, std::string format) & {
    return set(&chat_options::audio_voice, std::move(voice)).set(&chat_options::audio_format, std::move(format));
}
CHORUS_DECL chat_request& chat_request::prediction(content expected) & {
    return set(&chat_options::prediction, std::move(expected));
}
CHORUS_DECL chat_request& chat_request::logprobs(bool wanted) & {
    return set(&chat_options::logprobs, wanted);
}
CHORUS_DECL chat_request& chat_request::top_logprobs(std::int64_t count) & {
    return set(&chat_options::top_logprobs, count);
}

CHORUS_DECL chat_request& chat_request::tool(chorus::tool next) & {
    options_.change().tools.push_back(std::move(next));
    return *this;
}
CHORUS_DECL chat_request& chat_request::tools(std::vector<chorus::tool> more) & {
    auto& all = options_.change().tools;
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    return *this;
}
CHORUS_DECL chat_request& chat_request::tool_choice(chorus::tool_choice choice) & {
    return set(&chat_options::tool_choice, std::move(choice));
}
CHORUS_DECL chat_request& chat_request::parallel_tool_calls(bool allowed) & {
    return set(&chat_options::parallel_tool_calls, allowed);
}
CHORUS_DECL chat_request& chat_request::thinking(std::int64_t tokens) & {
    return set(&chat_options::thinking_tokens, tokens);
}
CHORUS_DECL chat_request& chat_request::stream_usage(bool wanted) & {
    return set(&chat_options::stream_usage, wanted);
}
CHORUS_DECL chat_request& chat_request::stream_obfuscation(bool wanted) & {
    return set(&chat_options::stream_obfuscation, wanted);
}

CHORUS_DECL chat_request& chat_request::reasoning_effort(std::string level) & {
    return set(&chat_options::reasoning_effort, std::move(level));
}
CHORUS_DECL chat_request& chat_request::verbosity(std::string level) & {
    return set(&chat_options::verbosity, std::move(level));
}
CHORUS_DECL chat_request& chat_request::web_search(chorus::web_search options) & {
    return set(&chat_options::web_search, std::move(options));
}

CHORUS_DECL chat_request& chat_request::service_tier(std::string name) & {
    return set(&chat_options::service_tier, std::move(name));
}
CHORUS_DECL chat_request& chat_request::store(bool wanted) & {
    return set(&chat_options::store, wanted);
}
CHORUS_DECL chat_request& chat_request::metadata(std::string key, std::string value) & {
    options_.change().metadata.emplace_back(std::move(key), std::move(value));
    return *this;
}
CHORUS_DECL chat_request& chat_request::prompt_cache_key(std::string key) & {
    return set(&chat_options::prompt_cache_key, std::move(key));
}
CHORUS_DECL chat_request& chat_request::prompt_cache(std::string mode, std::string ttl) & {
    return set(&chat_options::prompt_cache_mode, std::move(mode)).set(&chat_options::prompt_cache_ttl, std::move(ttl));
}
CHORUS_DECL chat_request& chat_request::prompt_cache_retention(std::string value) & {
    return set(&chat_options::prompt_cache_retention, std::move(value));
}
CHORUS_DECL chat_request& chat_request::safety_identifier(std::string id) & {
    return set(&chat_options::safety_identifier, std::move(id));
}
CHORUS_DECL chat_request& chat_request::end_user(std::string id) & {
    return set(&chat_options::end_user, std::move(id));
}
CHORUS_DECL chat_request& chat_request::moderation(std::string model) & {
    return set(&chat_options::moderation_model, std::move(model));
}
CHORUS_DECL chat_request& chat_request::extra_text(std::string field, std::string value) {
    string_pairs& fields = options_.change().extra;
    const auto same =
        std::find_if(fields.begin(), fields.end(), [&](const auto& known) { return known.first == field; });
    if (same != fields.end()) {
        same->second = std::move(value);
    } else {
        fields.emplace_back(std::move(field), std::move(value));
    }
    return *this;
}
CHORUS_DECL chat_request& chat_request::header(std::string name, std::string value) & {
    options_.change().headers.emplace_back(std::move(name), std::move(value));
    return *this;
}
CHORUS_DECL chat_request& chat_request::timeout(std::chrono::milliseconds total) & {
    options_.change().timeout = total;
    return *this;
}

CHORUS_DECL chat_request& chat_request::limits(const http::limits& all) & {
    options_.change().limits = all;
    return *this;
}

CHORUS_DECL chat_request& chat_request::max_attempts(int count) & {
    options_.change().max_attempts = count;
    return *this;
}

CHORUS_DECL chat_request& chat_request::priority(chorus::priority how) & {
    options_.change().priority = how;
    return *this;
}

}  // namespace chorus
