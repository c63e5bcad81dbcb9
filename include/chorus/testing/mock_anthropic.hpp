// What a mock server answers in Anthropic's format: messages, whole and streamed, and the count of tokens.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_refusal.hpp>
#include <chorus/testing/mock_text.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace chorus::testing {

/// The default behaviour of `POST /v1/messages`: `echo: ` and the text of the last user message, whole or as a stream of
/// events; `/v1/messages/count_tokens` counts that text, and `/v1/models` lists as Anthropic does. A wrong key, a request
/// without `anthropic-version` and a body that is not valid get the error that Anthropic would send. A pure machine:
/// request in, plan out.
class mock_anthropic {
 public:
    mock_anthropic();

    /// Requires `x-api-key: <key>` or `Authorization: Bearer <key>`; empty requires nothing.
    mock_anthropic& api_key(std::string_view key);
    /// Pads each message with a field `padding` to at least this many bytes.
    mock_anthropic& body_bytes(std::size_t bytes);
    /// How the text of a streamed message is divided.
    mock_anthropic& portions(mock_portions value) noexcept;

    /// Whether a request is meant for this API: by its path, or one that APIs share by its `anthropic-version`.
    static bool serves(const mock_request& request) noexcept;
    /// Reads `model`, `prompt`, `stream` and `defect` from the body of a message; leaves other requests alone.
    static void understand(mock_request& request);

    /// Decides what to answer to a request that has been understood; a message is not written but owed.
    void decide(const mock_request& request, mock_reply& reply, mock_completion& owed);
    void write(const mock_completion& owed, mock_reply& reply);

 private:
    void refuse(mock_reply& reply, int status, std::string_view type, std::string_view message);

    std::string key_;
    std::string authorization_;
    std::size_t body_bytes_ = 900;
    mock_portions portions_;
    http::headers limit_headers_;
    std::uint64_t answered_ = 0;
};

/// Appends a whole message, padded to at least `min_bytes`.
void append_anthropic_message(std::string& out, std::string_view id, std::string_view model, std::string_view prompt,
                              std::string_view text, std::size_t min_bytes = 0);

/// The events of a streamed message, one a piece, from `message_start` to `message_stop`, with a `ping` between.
std::unique_ptr<mock_piece_source> anthropic_events(std::string_view id, std::string_view model,
                                                    std::string_view prompt, mock_text text);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_anthropic.ipp>
#endif
