// One connection of the mock server, in the protocol it speaks. Internal: the server makes them.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/net/stream.hpp>
#include <chorus/testing/mock_http1.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/mock_service.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::testing::detail {

/// What the sessions of one server share. One pair of buffers for all: nothing stays in them over a suspension.
struct mock_host {
    explicit mock_host(const mock_options& settings) : options(settings.get()), service(settings) {}

    mock_options::values options;
    mock_service service;
    std::uint64_t http2_connections = 0;
    std::array<char, 64 * 1024> read_buffer{};
    std::string write_buffer;
    std::vector<std::unique_ptr<mock_request>> spare_requests;  // their memory is used again
};

/// Serves one connection until it ends.
class mock_session {
 public:
    virtual ~mock_session() = default;
    /// How a connection is to be closed.
    enum class ending {
        orderly,  ///< With a goodbye: TLS sends close_notify.
        abrupt,   ///< Without, as a process does that dies.
        reset,    ///< By TCP's RST.
        half,     ///< By FIN without a goodbye of TLS, and the rest when the client leaves.
        noisy,    ///< With bytes that are no TLS.
    };
    static ending ending_after(mock_fault fault) noexcept;
    /// Completes when the connection is done with; the owner then closes the stream. Completes soon after the stream
    /// was closed or cancelled from outside.
    virtual awaitable<ending> run() = 0;
    /// Lets go what is held back: the whole reply, or one more piece of a stream.
    virtual void release() = 0;
};

/// Reads the first bytes of a plain connection into `received` and completes when they tell whether they are the
/// preface of HTTP/2 (RFC 9113 section 3.4), or are all that will come.
awaitable<bool> begins_with_http2(mock_host& host, net::stream& stream, std::string& received);

/// HTTP/1.1: one request at a time, pipelined ones in order.
class http1_session final : public mock_session {
 public:
    /// `received` are bytes that came already.
    http1_session(mock_host& host, net::stream& stream, std::string received = {});

    awaitable<ending> run() override;
    void release() override;

 private:
    enum class step { ready, wait_read, wait_write, wait_piece, yield, gone };

    // What can be done now; each says what to wait for.
    step receive();
    step transmit() noexcept;
    step transmit_stream(std::size_t& left);
    step look_for_departure();

    awaitable<bool> wait(step reason);
    awaitable<bool> receive_request();
    awaitable<bool> client_waits();
    awaitable<mock_service::outcome> respond();
    awaitable<bool> stream_body();
    awaitable<void> refuse();

    void take_in(std::string_view arrived);
    void render();
    void gather_pieces(std::size_t& left);
    void wake_after(std::chrono::nanoseconds time);
    void wake();
    std::string keep_alive_value() const;

    mock_host& host_;
    net::stream& stream_;
    http1_request_parser parser_;
    mock_reply reply_;
    std::string unparsed_;  // received beyond what the parser took
    std::string output_;
    std::size_t sent_ = 0;  // of output_
    alarm timer_;
    bool woken_ = false;  // the timer or release() spoke
    bool held_ = false;
    bool keep_open_ = true;
    std::size_t served_ = 0;
};

}  // namespace chorus::testing::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_session.ipp>
#endif
