// The values that whole and streamed answers of the OpenAI format share.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/tool_call.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/json/reader.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::openai_format::detail {

/// The name of the format in `native_answer`, whose JSON is members of a message.
inline constexpr std::string_view native_format = "openai";

/// Names under which servers send the model's thinking, the preferred one first. The last is Mistral's content part.
inline constexpr std::array<std::string_view, 4> reasoning_fields = {"reasoning_content", "reasoning",
                                                                     "reasoning_details", "thinking"};

/// Whether the JSON of an `error` member says that there is one.
bool is_error(std::string_view json) noexcept;

/// Appends a string.
void append_text(json::reader& in, std::string& out);
void read_time(json::reader& in, std::optional<std::chrono::sys_seconds>& out);
/// Returns whether it counts anything.
bool read_usage(json::reader& in, usage& out);
void read_token(json::reader& in, token_logprob& out);
/// Appends the tokens.
void read_logprobs(json::reader& in, logprobs& out);
void read_annotation(json::reader& in, annotation& out);
/// Appends the data and the transcript.
void read_audio(json::reader& in, audio_answer& out);
/// Appends the `text` members of a list of objects, such as `reasoning_details`.
void read_texts(json::reader& in, std::string& out);

/// A tool call as JSON, or a part of one. What it does not say is empty.
struct call_members {
    std::optional<std::int64_t> index;
    std::string_view id;
    std::string_view type;
    std::string_view name;
    std::string_view arguments;
    std::string_view extra_content;
    bool is_custom = false;
};
/// Reads an element of `tool_calls`.
void read_call(json::reader& in, call_members& out);
/// Reads the value of `function_call` or `function`, or that of `custom`.
void read_called(json::reader& in, call_members& out);
/// What goes back with a call, as `tool_call::extra`: what Gemini adds; of an unknown type, all that is not common.
std::string extra_of(const call_members& call, std::string_view type, std::string_view json);

/// The text of a JSON value: of a string what it says, nothing of null, of all else its JSON. A string without escapes
/// is not copied; `own` holds any other, as long as it stays.
std::string_view text_of(std::string_view json, std::string& own);

/// The value to add to, if nobody else sees it; else a copy.
template <class Value>
Value& own(std::shared_ptr<const Value>& shared) {
    if (shared.use_count() != 1) shared = shared ? std::make_shared<Value>(*shared) : std::make_shared<Value>();
    return const_cast<Value&>(*shared);  // made above, as no constant
}

/// The members of an answer that are kept as JSON for the next request, as `native_answer::json`.
std::string native_members(std::string_view reasoning_details, std::string_view extra_content);

}  // namespace chorus::openai_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/openai_fields.ipp>
#endif
