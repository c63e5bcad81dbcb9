#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <variant>

namespace chorus::policy {

namespace detail {

/// Adds up in bytes of text, of which 4 are a token.
class token_counter {
 public:
    void add_text(std::string_view text) noexcept { bytes_ += text.size(); }
    void add_tokens(std::size_t count) noexcept { bytes_ += 4 * count; }

    void add(const content& said) noexcept {
        if (const std::string* const text = said.as_text()) return add_text(*text);
        for (const content_part& part : *said.as_parts()) {
            std::visit([this](const auto& each) { add_part(each); }, part.value);
        }
    }
    void add(const message& said) {
        add_tokens(4);  // its frame
        token_counter fields;
        fields.add(said.content());
        if (!said.is_plain()) {
            for (std::string_view text : {std::string_view(said.name()), std::string_view(said.refusal()),
                                          std::string_view(said.tool_call_id()), std::string_view(said.reasoning())}) {
                fields.add_text(text);
            }
            for (const tool_call& call : said.tool_calls()) {
                for (const std::string* text : {&call.id, &call.name, &call.arguments}) fields.add_text(*text);
            }
            // Sent in place of the fields, or not at all.
            fields.bytes_ = std::max(fields.bytes_, said.native().json.size());
        }
        bytes_ += fields.bytes_;
    }
    void add(const tool& offered) {
        add_tokens(4);
        for (const std::string* text : {&offered.name(), &offered.description(), &offered.grammar()}) add_text(*text);
        if (offered.parameters()) add_text(*offered.parameters());
        if (offered.definition()) add_text(*offered.definition());
    }

    std::int64_t tokens() const noexcept { return static_cast<std::int64_t>((bytes_ + 3) / 4); }

 private:
    void add_part(const text_part& part) noexcept { add_text(part.text); }
    void add_part(const refusal_part& part) noexcept { add_text(part.refusal); }
    void add_part(const image_part& part) noexcept { add_tokens(part.detail == "low" ? 85 : 1000); }
    void add_part(const audio_part& part) noexcept { add_tokens(part.data.size() / 1000); }
    void add_part(const file_part& part) noexcept {
        add_text(part.filename);
        add_tokens(part.id.empty() ? part.data.size() / 64 : 1000);
    }
    void add_part(const json_part& part) noexcept { add_text(part.json); }

    std::size_t bytes_ = 0;
};

}  // namespace detail

CHORUS_DECL token_estimate estimate_tokens(const chat_request& request, std::int64_t output_if_unset) {
    constexpr std::int64_t least_input = 16;
    constexpr std::int64_t most = 1'000'000'000'000;  // so that no product overflows
    const chat_options& options = request.options();
    detail::token_counter input;
    for (const message& each : request.messages()) input.add(each);
    for (const tool& each : options.tools) input.add(each);
    if (options.response_format) input.add_text(options.response_format->schema());
    if (options.prediction) input.add(*options.prediction);

    const std::int64_t unset = std::max<std::int64_t>(output_if_unset, 0);
    const std::int64_t a_choice = options.max_completion_tokens.value_or(options.max_tokens.value_or(unset));
    const std::int64_t choices = std::clamp<std::int64_t>(options.n.value_or(1), 1, 1000);
    return {std::max(input.tokens(), least_input), std::clamp<std::int64_t>(a_choice, 0, most) * choices};
}

}  // namespace chorus::policy
