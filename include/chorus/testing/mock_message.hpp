// What the mock server understood of a request and what it plans to do about it; no protocol version knows more.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/headers.hpp>

#include <chrono>
#include <cstddef>
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

    /// The target without its query.
    std::string_view path() const noexcept;
    /// Empties every field and keeps the memory, so that the next request of a connection allocates nothing.
    void clear() noexcept;
};

/// How a reply goes wrong.
enum class mock_fault {
    none,
    drop,   ///< The connection is closed.
    stall,  ///< Nothing more is sent; the connection stays open until the client leaves.
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
    std::size_t fault_after = 0;  ///< Bytes of the response, head included, that are sent before the fault.

    void clear() noexcept;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_message.ipp>
#endif
