// What answers of OpenAI's Responses API consist of, whether they come whole or as a stream.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>
#include <chorus/json/reader.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::responses_format::detail {

/// The name of the format in `native_answer`, whose JSON is a list of items.
inline constexpr std::string_view format_name = "openai_responses";
/// The names of thinking: as the model thought it, and summed up. They are the types of its parts.
inline constexpr std::string_view thinking_field = "reasoning_text";
inline constexpr std::string_view summary_field = "summary_text";
/// What stands between the parts of thinking.
inline constexpr std::string_view between_thoughts = "\n\n";

/// The kinds of items that the fields of an answer have a place for, and the rest.
enum class item_kind : std::uint8_t { message, reasoning, function_call, custom_call, other };
item_kind kind_of(std::string_view type) noexcept;
inline bool is_call(item_kind kind) noexcept {
    return kind == item_kind::function_call || kind == item_kind::custom_call;
}

/// What one item says.
struct output_item {
    item_kind kind = item_kind::other;
    std::string text;
    std::string refusal;
    std::string thinking;
    std::string summary;
    std::vector<annotation> annotations;  // of the characters of the text
    std::vector<token_logprob> tokens;
    tool_call call;
    std::size_t parts = 0;    ///< of the content
    bool has_others = false;  ///< members that say more than these

    /// The thinking that counts in an answer whose thinking has this name, and that name if it has none yet.
    const std::string& thoughts(std::string_view& field) const noexcept;
};
output_item read_item(std::string_view json);

/// Appends a part of thinking, apart from what is there.
void append_thought(std::string& to, std::string_view part);

/// The elements of a JSON array that are objects.
std::vector<std::string_view> objects_of(std::string_view array);

/// Reads items into the answer of a choice. One whose items say more than its fields keeps them as its `native_answer`.
void read_items(const std::vector<std::string_view>& items, choice& out);

/// What a response says of itself beside what goes into a `chat_completion`. Empty if it does not say it.
struct response_state {
    std::string_view output;  ///< JSON
    std::string status;
    std::string reason;  ///< why it is not complete
    bool has_error = false;

    bool has_failed() const noexcept { return has_error || status == "failed"; }
    /// In the words of `chorus::finish_reason`; what has no counterpart stays.
    std::string finish_reason(bool has_calls) const;
};
response_state read_response(json::reader& in, chat_completion& into);

/// Makes the error of a response object that has failed, classed by its code.
error failure_of(http::response received, std::chrono::system_clock::time_point now);

}  // namespace chorus::responses_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/responses_items.ipp>
#endif
