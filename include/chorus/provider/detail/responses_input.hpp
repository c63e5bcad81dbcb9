// The conversation of a chat request as OpenAI's Responses API has it: a list of items.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/json/writer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::responses_format::detail {

/// Keeps the first thing that is wrong with a request.
class refusal {
 public:
    void operator()(std::string_view param, std::string_view why);
    /// The field has no counterpart in the API.
    void unknown(std::string_view param) { (*this)(param, "is not known to OpenAI's Responses API"); }

    const std::optional<error>& failure() const noexcept { return failure_; }

 private:
    std::optional<error> failure_;
};

/// Writes messages. What cannot be said goes to `refuse`, and what was written then counts for nothing.
class input_writer {
 public:
    input_writer(json::writer& out, const chat_request& request, refusal& refuse) noexcept
        : out_(out), request_(request), refuse_(refuse) {}

    /// Writes the value of `input`.
    void write();

 private:
    // Of the message, or the part of it, that is being written.
    std::string path(std::string_view field) const;
    std::string part_path(std::string_view field) const;

    void write_message(const message& next);
    void write_rest(const message& next);
    void write_native(const message& next);
    void write_answer(const message& said);
    void write_call(const tool_call& call, std::size_t position);
    void write_tool_result(const message& result);
    bool answers_custom_call(const message& result) const;

    void write_content(const content& what, bool is_answer);
    void write_part(const content_part& part, bool is_answer);
    void begin_part(const text_part& part, bool is_answer);
    void begin_part(const refusal_part& part, bool is_answer);
    void begin_part(const image_part& part, bool is_answer);
    void begin_part(const file_part& part, bool is_answer);
    void begin_part(const audio_part& part, bool is_answer);
    void begin_part(const json_part&, bool) {}

    json::writer& out_;
    const chat_request& request_;
    refusal& refuse_;
    std::size_t index_ = 0;
    std::size_t part_ = 0;
};

}  // namespace chorus::responses_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/responses_input.ipp>
#endif
