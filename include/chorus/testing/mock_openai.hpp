// What a mock server answers when no script says otherwise: OpenAI's format, every answer derived from its question.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/testing/mock_message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chorus::testing {

/// The default behaviour. `POST /v1/chat/completions` is answered with `echo: ` and the text of the last user message,
/// so that a client can check every answer; `GET /v1/models` lists one model. Anything else, a body that is not a valid
/// chat completion and a wrong key get the error that OpenAI would send. A pure machine: request in, plan out.
class mock_openai {
 public:
    mock_openai();

    /// Requires `Authorization: Bearer <key>`; empty requires nothing.
    mock_openai& api_key(std::string_view key);
    /// Pads each completion with a field `padding` to at least this many bytes.
    mock_openai& body_bytes(std::size_t bytes);

    /// Reads `model`, `prompt` and `defect` from the body of a chat completion; leaves other requests alone.
    static void understand(mock_request& request);

    /// Fills in status, headers and body. The request has been understood.
    void answer(const mock_request& request, mock_reply& reply);

    /// `answer` in two halves. The first decides; a completion is not written but owed. The second writes it.
    void decide(const mock_request& request, mock_reply& reply, mock_completion& owed);
    void write(const mock_completion& owed, mock_reply& reply);

 private:
    void refuse(mock_reply& reply, int status, std::string_view message, std::string_view code = {},
                std::string_view param = {}) const;

    std::string authorization_;
    std::size_t body_bytes_ = 900;
    http::headers json_headers_;
    http::headers completion_headers_;
    mock_completion owed_;
    std::string echo_;
    std::uint64_t answered_ = 0;
};

/// Appends a whole chat completion, padded to at least `min_bytes`.
void append_completion(std::string& out, std::string_view id, std::string_view model, std::string_view prompt,
                       std::string_view text, std::size_t min_bytes = 0);

/// Appends an error body in OpenAI's shape. An empty `code` or `param` becomes null.
void append_openai_error(std::string& out, std::string_view message, std::string_view type, std::string_view code,
                         std::string_view param = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_openai.ipp>
#endif
