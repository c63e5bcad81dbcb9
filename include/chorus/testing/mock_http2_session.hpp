// One HTTP/2 connection of the mock server on its stream: one coroutine and one alarm, however many requests. Internal.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/net/stream.hpp>
#include <chorus/testing/mock_http2.hpp>
#include <chorus/testing/mock_session.hpp>

#ifdef CHORUS_WITH_HTTP2

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::testing::detail {

/// Moves bytes between a stream and `http2_server`, in few and large steps: all that has arrived is taken in before
/// anything is answered, and the answers share their writes.
class http2_session final : public mock_session {
 public:
    /// `received` are bytes that came already.
    http2_session(mock_host& host, net::stream& stream, std::string received = {});

    awaitable<ending> run() override;
    void release() override;

 private:
    enum class step { ready, wait_read, wait_write, yield, gone };

    step advance();
    step receive();
    step transmit();
    step send(std::string_view bytes, std::size_t& sent) noexcept;
    void pump();
    void wake() noexcept;
    void set_timer();
    void on_time();

    mock_host& host_;
    net::stream& stream_;
    http2_server server_;
    std::string received_;
    std::string output_;  // what did not fit into the stream
    std::size_t sent_ = 0;
    alarm timer_;
    std::optional<clock::time_point> timer_set_for_;
    clock::time_point idle_since_;
    std::size_t seen_ = 0;    // requests, when last looked at
    bool lingering_ = false;  // everything is said; the client is to close first
    bool blocked_ = false;
    bool more_ = false;  // to send, once it was the turn of others
    bool woken_ = false;
    bool gone_ = false;
    ending ending_ = ending::orderly;
};

}  // namespace chorus::testing::detail

#endif

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_http2_session.ipp>
#endif
