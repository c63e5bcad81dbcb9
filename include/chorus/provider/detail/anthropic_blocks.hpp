// What answers of Anthropic's Messages API consist of, whether they come whole or as a stream.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/config.hpp>
#include <chorus/json/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::anthropic_format::detail {

/// The names of the format and of its thinking, where answers keep them.
inline constexpr std::string_view format_name = "anthropic";
inline constexpr std::string_view thinking_field = "thinking";

/// The kinds of blocks that the fields of an answer have a place for, and the rest.
enum class block_kind : std::uint8_t { text, thinking, tool_use, other };
block_kind kind_of(std::string_view type) noexcept;

/// The members of one block as JSON; those that are not there or null are empty.
struct block_members {
    block_kind kind = block_kind::other;
    std::string_view text;
    std::string_view thinking;
    std::string_view signature;
    std::string_view id;
    std::string_view name;
    std::string_view input;
    std::string_view citations;
    bool has_others = false;  ///< members that are not among these, nor the type

    /// Tells whether it cites sources.
    bool is_cited() const noexcept;
};
block_members read_block(json::reader& in);

/// Appends the text of a JSON string; nothing for anything else.
void append_text(std::string& out, std::string_view json);
std::string text_of(std::string_view json);

/// Decides whether an answer must keep its blocks: whether they say what its fields cannot.
class native_rule {
 public:
    void see(block_kind kind, bool has_others, bool is_cited) noexcept {
        const bool is_out_of_order = kind == block_kind::text && had_call_;
        is_needed_ |= kind == block_kind::thinking || kind == block_kind::other || has_others || is_cited;
        is_needed_ |= is_out_of_order;  // the fields put the text before the calls
        had_call_ |= kind == block_kind::tool_use;
    }
    bool is_needed() const noexcept { return is_needed_; }

 private:
    bool is_needed_ = false;
    bool had_call_ = false;
};

/// Counts the characters in front of places of a text that grows. Places do not go back.
class character_count {
 public:
    std::int64_t at(std::string_view text, std::size_t place) noexcept;

 private:
    std::size_t counted_ = 0;
    std::int64_t characters_ = 0;
};

/// Appends the citations of a block, a JSON array, as sources of the characters from `begin` to `end`.
void read_citations(std::string_view array, std::int64_t begin, std::int64_t end, std::vector<annotation>& into);

/// What has been counted, in the words of the API. Later counts replace earlier ones.
class token_counts {
 public:
    void read(json::reader& in);
    usage to_usage() const noexcept;
    const std::string& service_tier() const noexcept { return service_tier_; }

 private:
    token_count input_;
    token_count cache_creation_;
    token_count cache_read_;
    token_count output_;
    token_count thinking_;
    std::string service_tier_;
};

/// The `finish_reason` for a `stop_reason`: one without a counterpart stays.
std::string_view neutral_reason(std::string_view stop_reason) noexcept;

/// Why a message ended, as it and the last events of a stream tell it.
class ending {
 public:
    /// Takes a member that is about it; false if it is another.
    bool read(std::string_view key, json::reader& in);

    bool is_told() const noexcept { return !reason_.empty(); }
    std::string_view reason() const noexcept { return neutral_reason(reason_); }
    /// The words of a refusal; empty where there was none. The API tells one by its reason, and may leave out why.
    std::string refusal() const;

 private:
    std::string reason_;
    std::string explanation_;
};

}  // namespace chorus::anthropic_format::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/anthropic_blocks.ipp>
#endif
