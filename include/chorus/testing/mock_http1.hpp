// HTTP/1.1 as a server speaks it, without I/O: bytes to requests, reply plans to bytes.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_message.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace chorus::testing {

/// Parses requests one after another from a stream of bytes. The memory of a request is used again for the next one.
class http1_request_parser {
 public:
    explicit http1_request_parser(std::size_t body_limit = std::size_t{64} * 1024 * 1024);
    ~http1_request_parser();
    http1_request_parser(http1_request_parser&&) noexcept;
    http1_request_parser& operator=(http1_request_parser&&) noexcept;

    /// Consumes bytes up to the end of the current request and returns how many. What was not consumed must be given
    /// again, followed by what came after it.
    std::size_t feed(std::string_view bytes);

    /// The request is complete: take it, then call `next`.
    bool complete() const noexcept;
    /// Zero, or the status to answer a request that cannot be understood; the connection must be closed after it.
    int failed_status() const noexcept;
    /// The head is complete and asks for `100 Continue` before the body (RFC 9110 section 10.1.1). True once a request.
    bool take_expect_continue() noexcept;
    /// The client lets the connection be used again.
    bool keep_alive() const noexcept;

    mock_request& request() noexcept;
    /// Forgets the request and begins with the next one.
    void next();

 private:
    struct machine;
    std::unique_ptr<machine> machine_;
};

/// What the head of an HTTP/1.1 response says about its connection.
struct http1_framing {
    bool keep_alive = true;
    std::string_view keep_alive_value = {};  ///< Value of a `Keep-Alive` field; empty adds none.
    bool body = true;                        ///< False: a response to HEAD, which has none.
};

/// Appends the whole response of a plan, or its raw bytes; of a streamed one the head.
void append_http1_response(std::string& out, const mock_reply& reply, const http1_framing& framing);

/// Appends the pieces of a body that may be sent now, a chunk each, until `out` holds `enough` bytes, and the last chunk
/// when no more will come. Returns how many pieces it took.
std::size_t append_http1_pieces(std::string& out, std::size_t enough, mock_stream& stream, clock::time_point now);

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_http1.ipp>
#endif
