// The values that whole and streamed answers of the OpenAI format share.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/tool_call.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/shared_new.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
/// Appends the annotations of a list. Returns whether all are of the one type whose members are known.
bool read_annotations(std::string_view list, std::vector<annotation>& out);
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

/// The text of a JSON value: of a string what it says, nothing of null, of all else its JSON, made good UTF-8 without half
/// characters. What can be shown as it stands is not copied; `own` holds any other, as long as it stays.
std::string_view text_of(std::string_view json, std::string& own);

/// The value to add to, if nobody else sees it; else a copy.
template <class Value>
Value& own(std::shared_ptr<const Value>& shared) {
    if (shared.use_count() != 1)
        shared = shared ? chorus::detail::shared_new<Value>(*shared) : chorus::detail::shared_new<Value>();
    return const_cast<Value&>(*shared);  // made above, as no constant
}

// --- what goes back as it came ---

/// Whether JSON says anything: null, and texts, lists and objects that are empty, do not.
bool says_something(std::string_view json) noexcept;

/// Keeps a member of a message that this library has no field for, if it says anything. In streams it may come more than
/// once: lists are then joined, because each brings more (the `images` of OpenRouter), and of all else the last value
/// holds, because nothing tells the pieces of a text from its repetitions. A value said again changes nothing. What is not
/// UTF-8 is left out. Returns whether it changed anything.
bool keep_member(string_pairs& kept, std::string_view name, std::string_view json);

/// The content of an answer as a list of parts, where some are of types that this library does not know. All others are
/// given as texts, at their places.
class native_content {
 public:
    /// Adds a part to what the content says so far. What the part itself added to it is as long as told.
    void add(std::string_view content, std::size_t own_length, std::string_view part);
    bool empty() const noexcept { return parts_.empty(); }
    /// The whole list; empty if there is nothing to keep.
    std::string to_json(std::string_view content) const;

 private:
    void add_text(std::string& parts, std::string_view text) const;

    std::string parts_;      // without the bracket that closes them
    std::size_t shown_ = 0;  // as much of the content is in there
};

/// What a part of a content says.
struct part_texts {
    std::string text;
    std::string refusal;
    std::string thinking;
    bool is_known = false;
};
/// Reads a part: OpenAI's texts and refusals, Mistral's thinking.
part_texts read_part(std::string_view json);

/// The members of an answer that are kept as JSON for the next request; nothing if there are none.
native_answer make_native(const string_pairs& members, const native_content& parts, std::string_view content);

}  // namespace chorus::openai_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/openai_fields.ipp>
#endif
