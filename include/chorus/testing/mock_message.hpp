// What the mock server understood of a request and what it plans to do about it; no protocol version knows more.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/testing/mock_stream.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::testing {

/// A request as the mock server received it.
struct mock_request {
    std::string method;
    std::string target;  ///< Path and query.
    http::headers headers;
    std::string body;
    // What the body of a chat says, in OpenAI's format or Anthropic's. In any other request these are empty.
    std::string model;
    std::string prompt;            ///< Text of the last user message.
    std::optional<error> defect;   ///< Why the body is not valid; unset when it is.
    std::uint64_t connection = 0;  ///< The connection that carried it in HTTP/2, from 1 on; zero in HTTP/1.1.
    std::int32_t stream_id = 0;    ///< The stream of that connection; likewise.
    bool stream = false;           ///< The answer is to be streamed.
    bool include_usage = false;    ///< `stream_options.include_usage`.

    /// The target without its query.
    std::string_view path() const noexcept;
    /// Empties every field and keeps the memory, so that the next request of a connection allocates nothing.
    void clear() noexcept;
};

/// How a reply goes wrong.
enum class mock_fault {
    none,
    drop,        ///< The connection is closed.
    stall,       ///< Nothing more is sent; the connection stays open until the client leaves.
    reset,       ///< HTTP/2: RST_STREAM with `error_code`. HTTP/1.1 has only the connection to reset: TCP's RST.
    go_away,     ///< HTTP/2: GOAWAY says that this request and later ones were not processed. HTTP/1.1 closes.
    half_close,  ///< Sends no more, says so by TCP's FIN and not by TLS, and goes on reading until the client leaves.
    noise,       ///< Bytes follow that are not even TLS, and the connection is closed.
};

/// A plan: what to answer, when, and what goes wrong on the way.
struct mock_reply {
    int status = 200;
    http::headers headers;  ///< Fields beside those of the framing.
    std::string body;
    std::unique_ptr<mock_stream> stream;              ///< With a source it is sent in place of `body`.
    std::optional<std::string> raw;                   ///< Sent as it is, in place of a response.
    std::size_t chunk_bytes = 0;                      ///< Zero: `Content-Length`; otherwise the size of a chunk.
    bool close_after = false;                         ///< `Connection: close`, and so it is done.
    bool hold = false;                                ///< Waits for `mock_server::release` and not for `latency`.
    std::optional<std::chrono::nanoseconds> latency;  ///< Unset: the server's own.
    mock_fault fault = mock_fault::none;
    /// Bytes of the response that are sent before the fault: in HTTP/1.1 of head and body with the framing of chunks, in
    /// HTTP/2 of the body, after the whole head. With zero nothing is sent of either.
    std::size_t fault_after = 0;
    std::uint32_t error_code = 0;  ///< Of `mock_fault::reset` (RFC 9113 section 7).

    bool is_streamed() const noexcept { return stream && stream->has_source(); }
    /// The stream, made if there is none yet.
    mock_stream& streamed();
    void clear() noexcept;
};

/// Whose format a chat is in.
enum class mock_format : std::uint8_t { openai, anthropic, responses };

/// A completion that is still to be written: what a request that waits holds in place of a kilobyte of answer.
struct mock_completion {
    std::uint64_t number = 0;  ///< Zero: none is owed.
    std::string model;
    std::string prompt;
    mock_format format = mock_format::openai;
    bool stream = false;
    bool include_usage = false;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_message.ipp>
#endif
