// What a chat model answered, with everything that came along.
#pragma once

#include <chorus/chat/message.hpp>
#include <chorus/chat/rate_limits.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/http/message.hpp>
#include <chorus/json/parsed.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// Why a choice ended. Servers know others too: the field of a choice keeps any text.
namespace finish_reason {
inline constexpr std::string_view stop = "stop";
inline constexpr std::string_view length = "length";  ///< cut off by the token limit
inline constexpr std::string_view tool_calls = "tool_calls";
inline constexpr std::string_view content_filter = "content_filter";
}  // namespace finish_reason

/// A source that the text refers to.
struct annotation {
    std::string type;  ///< url_citation
    std::string url;
    std::string title;
    std::int64_t start_index = 0;
    std::int64_t end_index = 0;
};

struct token_logprob {
    std::string token;
    double logprob = 0;               ///< -9999 means very unlikely
    std::vector<std::uint8_t> bytes;  ///< a token may hold part of a character: join the bytes, not the tokens
    std::vector<token_logprob> top;   ///< the most likely tokens at this place
};

struct logprobs {
    std::vector<token_logprob> content;
    std::vector<token_logprob> refusal;
};

/// A spoken answer.
struct audio_answer {
    std::string id;
    std::string data;  ///< base64
    std::string transcript;
    std::optional<std::chrono::sys_seconds> expires_at;
};

/// The message of one choice.
struct answer {
    std::string role;
    std::string content;
    std::string refusal;
    std::string reasoning;             ///< the model's thinking, where the server shows it
    std::string_view reasoning_field;  ///< the name it came under, such as `reasoning_content`
    std::vector<tool_call> tool_calls;
    std::vector<annotation> annotations;
    std::shared_ptr<const audio_answer> audio;  ///< null where there is none
    native_answer native;                       ///< empty where the fields say it all

    /// The answer as a message of the next request.
    message to_message() const;
};

struct choice {
    int index = 0;
    std::string finish_reason;  ///< see `chorus::finish_reason`; empty where the server gave none
    answer message;
    std::shared_ptr<const chorus::logprobs> logprobs;  ///< null where there are none
};

/// The decoded fields of the body of a response.
struct chat_completion {
    std::string id;
    std::string model;
    std::optional<std::chrono::sys_seconds> created;
    std::string service_tier;
    std::string system_fingerprint;
    std::vector<choice> choices;
    chorus::usage usage;
};

/// A response to a chat request. A value of the size of a pointer that never changes: copies share what they hold. No
/// accessor throws but `raw`, which allocates.
class chat_response {
 public:
    /// Reads the rate limits out of headers received at a given time: each provider has its own.
    using rate_limit_parser = chorus::rate_limits (*)(const http::headers&,
                                                      std::chrono::system_clock::time_point) noexcept;

    /// Empty.
    chat_response() noexcept = default;
    /// Joins what a provider decoded with the response that it came from.
    chat_response(chat_completion decoded, http::response received, rate_limit_parser parse_rate_limits = nullptr,
                  std::chrono::system_clock::time_point received_at = {});

    /// The first choice: its text, why it ended, its refusal and its reasoning. Empty where there is none.
    std::string_view text() const noexcept;
    std::string_view finish_reason() const noexcept;
    std::string_view refusal() const noexcept;
    std::string_view reasoning() const noexcept;
    /// The calls of the first choice, whatever it says of why it ended.
    const std::vector<tool_call>& tool_calls() const noexcept;

    /// All decoded fields of the body; the accessors below give each.
    const chat_completion& completion() const noexcept;
    const std::vector<choice>& choices() const noexcept;
    const chorus::usage& usage() const noexcept;
    const std::string& id() const noexcept;
    const std::string& model() const noexcept;
    std::optional<std::chrono::sys_seconds> created() const noexcept;
    const std::string& service_tier() const noexcept;
    const std::string& system_fingerprint() const noexcept;

    /// The id to give to the server's support, from the headers; empty where there is none.
    std::string_view request_id() const noexcept;
    /// What the server says of its limits. The headers are parsed on each call.
    chorus::rate_limits rate_limits() const noexcept;
    /// Where the time of the call went: its waits and its whole length, and the stages of the attempt that succeeded.
    const http::timing& timing() const noexcept;
    const http::headers& headers() const noexcept;
    int http_status() const noexcept;

    /// The body as received.
    const std::string& raw_text() const noexcept;
    /// The body as JSON, with the fields that this library does not know. It is parsed on each call: include
    /// <nlohmann/json.hpp> and keep the value. Text that is not UTF-8 has become U+FFFD.
    template <class Json = nlohmann::json>
    Json raw() const {
        return json::parsed<Json>(raw_text());
    }

 private:
    struct contents;
    const contents& parts() const noexcept;

    std::shared_ptr<const contents> contents_;
};

/// The id of a request in the headers of its response: the provider's own, else that of the network before it.
std::string_view find_request_id(const http::headers& headers) noexcept;

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/chat_response.ipp>
#endif
