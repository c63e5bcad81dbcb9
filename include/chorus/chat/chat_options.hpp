// The optional fields of a chat request. What is unset is not sent.
#pragma once

#include <chorus/chat/call_options.hpp>
#include <chorus/chat/content.hpp>
#include <chorus/chat/response_format.hpp>
#include <chorus/chat/tool.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// Names and values in the order they were given.
using string_pairs = std::vector<std::pair<std::string, std::string>>;

/// How a model may search the web (`web_search_options`). Unset texts are empty.
class web_search {
 public:
    /// low, medium, high
    web_search& context_size(std::string value) & { return set(context_size_, std::move(value)); }
    /// Where the user is, as far as known; the country as its two-letter code, the time zone by its IANA name.
    web_search& country(std::string value) & { return set(country_, std::move(value)); }
    web_search& region(std::string value) & { return set(region_, std::move(value)); }
    web_search& city(std::string value) & { return set(city_, std::move(value)); }
    web_search& timezone(std::string value) & { return set(timezone_, std::move(value)); }
    web_search&& context_size(std::string value) && { return std::move(context_size(std::move(value))); }
    web_search&& country(std::string value) && { return std::move(country(std::move(value))); }
    web_search&& region(std::string value) && { return std::move(region(std::move(value))); }
    web_search&& city(std::string value) && { return std::move(city(std::move(value))); }
    web_search&& timezone(std::string value) && { return std::move(timezone(std::move(value))); }

    const std::string& context_size() const noexcept { return context_size_; }
    const std::string& country() const noexcept { return country_; }
    const std::string& region() const noexcept { return region_; }
    const std::string& city() const noexcept { return city_; }
    const std::string& timezone() const noexcept { return timezone_; }

 private:
    web_search& set(std::string& field, std::string&& value) {
        field = std::move(value);
        return *this;
    }

    std::string context_size_;
    std::string country_;
    std::string region_;
    std::string city_;
    std::string timezone_;
};

/// What a `chat_request` holds besides its model and messages: for readers, above all providers. `chat_request` has a
/// setter for each, where they are described. An empty text, list or optional is unset; so is `extra`.
struct chat_options : call_options {
    std::optional<double> temperature;
    std::optional<double> top_p;
    std::optional<double> frequency_penalty;
    std::optional<double> presence_penalty;
    std::optional<std::int64_t> n;
    std::optional<std::int64_t> max_completion_tokens;
    std::optional<std::int64_t> max_tokens;
    std::optional<std::int64_t> top_logprobs;
    std::optional<std::int64_t> seed;
    std::optional<bool> logprobs;
    std::optional<bool> store;
    std::vector<std::string> stop;
    std::vector<std::pair<std::int64_t, double>> logit_bias;
    std::optional<chorus::response_format> response_format;
    std::vector<tool> tools;
    std::optional<chorus::tool_choice> tool_choice;
    std::optional<bool> parallel_tool_calls;
    std::string reasoning_effort;
    std::optional<std::int64_t> thinking_tokens;
    std::string verbosity;
    std::string service_tier;
    std::string prompt_cache_key;
    std::string prompt_cache_mode;
    std::string prompt_cache_ttl;
    std::string prompt_cache_retention;
    std::string safety_identifier;
    std::string end_user;
    std::vector<std::string> modalities;
    std::string audio_voice;
    std::string audio_format;
    std::optional<content> prediction;
    string_pairs metadata;
    std::optional<chorus::web_search> web_search;
    std::optional<bool> stream_usage;
    std::optional<bool> stream_obfuscation;
    std::string moderation_model;
    std::optional<std::string> moderation_policy;  ///< JSON text

    string_pairs extra;    ///< field name and JSON text, merged last
    string_pairs headers;  ///< added to the headers of the provider, or in their place
};

}  // namespace chorus
