// The conversation of a chat request as Anthropic's Messages API has it: instructions apart, then turns of blocks.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/json/writer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::anthropic_format::detail {

/// Keeps the first thing that is wrong with a request.
class refusal {
 public:
    void operator()(std::string_view param, std::string_view why);
    /// The field has no counterpart in the API.
    void unknown(std::string_view param) { (*this)(param, "is not known to Anthropic's API"); }

    const std::optional<error>& failure() const noexcept { return failure_; }

 private:
    std::optional<error> failure_;
};

/// Whether valid JSON is an object.
bool is_object(std::string_view json);

/// Writes `"cache_control": {...}` into the object that is open. An empty duration leaves it to the server.
void write_cache_control(json::writer& out, const std::string& ttl);

/// Writes messages. What cannot be said goes to `refuse`, and what was written then counts for nothing.
class turn_writer {
 public:
    turn_writer(json::writer& out, const chat_request& request, refusal& refuse) noexcept
        : out_(out), request_(request), refuse_(refuse) {}

    /// How many messages of instructions stand before all others, and whether these say anything.
    std::size_t count_instructions() const noexcept;
    bool has_instructions() const noexcept;

    /// Writes the value of `system`: those messages.
    void write_system();
    /// Writes the value of `messages`: all others.
    void write_messages();

 private:
    // Of the message, or the part of it, that is being written.
    std::string path(std::string_view field) const;
    std::string part_path(std::string_view field) const;
    void refuse_foreign_fields(const message& next);

    void write_answer(const message& said);
    void write_call(const tool_call& call, std::size_t position);
    void write_tool_results();
    void write_tool_result(const message& result);

    void write_content(const content& what);
    void write_blocks(const content& what);
    void write_text(std::string_view text, bool is_marked = false);
    void write_part(const text_part& part, bool is_marked) { write_text(part.text, is_marked); }
    void write_part(const refusal_part& part, bool is_marked) { write_text(part.refusal, is_marked); }
    void write_part(const json_part& part, bool is_marked);
    void write_part(const audio_part& part, bool is_marked);
    void write_part(const image_part& part, bool is_marked);
    void write_part(const file_part& part, bool is_marked);
    void begin_file_block(std::string_view type, const std::string& id);
    bool begin_block(std::string_view type, std::string_view url);
    void end_block(bool is_marked);

    json::writer& out_;
    const chat_request& request_;
    refusal& refuse_;
    std::size_t index_ = 0;
    std::size_t part_ = 0;
    bool marks_parts_ = true;
};

}  // namespace chorus::anthropic_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/anthropic_turns.ipp>
#endif
