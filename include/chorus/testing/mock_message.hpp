// What the mock server understood of a request and what it plans to do about it; no protocol version knows more.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/headers.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
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
    std::string model;            ///< `model` of a chat completion; empty in any other request.
    std::string prompt;           ///< Text of the last user message of a chat completion.
    std::optional<error> defect;  ///< Why the body of a chat completion is not valid; unset when it is.
    std::int32_t stream_id = 0;   ///< The stream that carried it in HTTP/2; zero in HTTP/1.1.

    /// The target without its query.
    std::string_view path() const noexcept;
    /// Empties every field and keeps the memory, so that the next request of a connection allocates nothing.
    void clear() noexcept;
};

/// How a reply goes wrong.
enum class mock_fault {
    none,
    drop,     ///< The connection is closed.
    stall,    ///< Nothing more is sent; the connection stays open until the client leaves.
    reset,    ///< HTTP/2: RST_STREAM with `error_code`. HTTP/1.1 has only the connection to close.
    go_away,  ///< HTTP/2: GOAWAY says that this request and later ones were not processed. HTTP/1.1 closes.
};

/// A plan: what to answer, when, and what goes wrong on the way.
struct mock_reply {
    int status = 200;
    http::headers headers;  ///< Fields beside those of the framing.
    std::string body;
    std::optional<std::string> raw;                   ///< Sent as it is, in place of a response.
    std::size_t chunk_bytes = 0;                      ///< Zero: `Content-Length`; otherwise the size of a chunk.
    bool close_after = false;                         ///< `Connection: close`, and so it is done.
    bool hold = false;                                ///< Waits for `mock_server::release` and not for `latency`.
    std::optional<std::chrono::nanoseconds> latency;  ///< Unset: the server's own.
    mock_fault fault = mock_fault::none;
    /// Bytes of the response that are sent before the fault: in HTTP/1.1 of head and body, in HTTP/2 of the body, after
    /// the whole head. With zero nothing is sent of either.
    std::size_t fault_after = 0;
    std::uint32_t error_code = 0;  ///< Of `mock_fault::reset` (RFC 9113 section 7).

    void clear() noexcept;
};

/// A completion that is still to be written: what a request that waits holds in place of a kilobyte of answer.
struct mock_completion {
    std::uint64_t number = 0;  ///< Zero: none is owed.
    std::string model;
    std::string prompt;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_message.ipp>
#endif
