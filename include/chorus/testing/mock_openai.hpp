// What a mock server answers when no script says otherwise: OpenAI's format, every answer derived from its question.
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

/// The default behaviour. `POST /v1/chat/completions` is answered with `echo: ` and the text of the last user message,
/// whole or as a stream of chunks, so that a client can check every answer; so is `POST /v1/responses`, in the format of that
/// API. `/v1/embeddings`, `/v1/moderations` and `/v1/models` are answered too; see `mock_embeddings.hpp` and its like.
/// Anything else, a body that is not valid and a wrong key get the error that OpenAI would send. A pure machine: request
/// in, plan out.
class mock_openai {
 public:
    mock_openai();

    /// Requires `Authorization: Bearer <key>`; empty requires nothing.
    mock_openai& api_key(std::string_view key);
    /// Pads each completion with a field `padding` to at least this many bytes.
    mock_openai& body_bytes(std::size_t bytes);
    /// What each chat completion has as `reasoning_content` before its text; empty has none.
    mock_openai& thinking(std::string_view text);
    /// How the text of a streamed completion is divided.
    mock_openai& portions(mock_portions value) noexcept;

    /// Reads `model`, `prompt`, `stream`, `include_usage` and `defect` from the body of a chat completion or of a request
    /// for a response; leaves other requests alone.
    static void understand(mock_request& request);

    /// Fills in status, headers and body. The request has been understood.
    void answer(const mock_request& request, mock_reply& reply);

    /// `answer` in two halves. The first decides; a completion is not written but owed. The second writes it.
    void decide(const mock_request& request, mock_reply& reply, mock_completion& owed);
    void write(const mock_completion& owed, mock_reply& reply);

 private:
    void write_response(const mock_completion& owed, const std::string& number, mock_reply& reply);

    std::string authorization_;
    std::size_t body_bytes_ = 900;
    std::string thinking_;
    mock_portions portions_;
    http::headers completion_headers_;
    http::headers stream_headers_;
    mock_completion owed_;
    std::string echo_;
    std::uint64_t answered_ = 0;
};

/// Appends a whole chat completion, padded to at least `min_bytes`.
void append_completion(std::string& out, std::string_view id, std::string_view model, std::string_view prompt,
                       std::string_view text, std::size_t min_bytes = 0, std::string_view thinking = {});

/// The events of a streamed chat completion, one a piece: the role, the words of the thinking, the portions of the text,
/// the finish, the usage if that is included, and `[DONE]`.
std::unique_ptr<mock_piece_source> openai_events(std::string_view id, std::string_view model, std::string_view prompt,
                                                 mock_text text, bool include_usage, std::string_view thinking = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_openai.ipp>
#endif
