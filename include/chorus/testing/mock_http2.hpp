// HTTP/2 as the mock server speaks it, by nghttp2, without I/O and without a clock: many requests at once, each with
// its own latency and its own faults. Internal.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/testing/mock_session.hpp>

#ifdef CHORUS_WITH_HTTP2

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct nghttp2_session;

namespace chorus::testing::detail {

/// One connection: bytes to requests, reply plans to bytes. A request that waits for its time is an entry in a heap and
/// a note of what it is owed, some hundred bytes, so that a server holds its side of a million of them. A stream makes
/// its pieces when the windows of the client and the socket have room for them.
class http2_server {
 public:
    explicit http2_server(mock_host& host);
    /// Requests that are still open count as abandoned.
    ~http2_server();
    http2_server(const http2_server&) = delete;
    http2_server& operator=(const http2_server&) = delete;

    /// Takes in what arrived. False: it was no HTTP/2, and the connection is of no use. Rethrows what a callback of the
    /// test threw.
    bool feed(std::string_view arrived, clock::time_point now);
    /// What is to be sent next, about as much as is worth one write, or as much as a stream may have in one; empty if
    /// there is nothing. It stays valid until the next call to any session of the host.
    std::string_view gather();
    /// The source of a stream threw: the connection is of no use, and `rethrow` says why.
    bool has_failed() const noexcept { return thrown_ != nullptr; }
    void rethrow();

    /// When the next reply or piece is due.
    std::optional<clock::time_point> next_due() const noexcept;
    void answer_due(clock::time_point now);
    /// Lets go the replies that are held back, and one more piece of each stream; false if there were none.
    bool release(clock::time_point now);
    /// Ends the connection in order: what was accepted is answered, what comes is not.
    void go_away() { go_away_after(newest_); }

    /// A call is under way, which makes others from inside it (by a callback of the test) wait for its end.
    bool is_busy() const noexcept { return receiving_ || gathering_; }
    /// A script closes the connection: after all that is ready to be sent, or, when cut, what was gathered last.
    bool is_dropped() const noexcept { return dropping_; }
    bool is_cut() const noexcept { return cut_; }
    /// The fault that does.
    mock_fault dropped_by() const noexcept { return dropped_by_; }
    /// Both sides have said all they had to say.
    bool is_over() const noexcept;
    std::size_t open_requests() const noexcept { return open_.size(); }
    std::size_t accepted_requests() const noexcept { return accepted_; }

 private:
    struct exchange;
    struct hooks;
    struct session_deleter {
        void operator()(nghttp2_session* session) const noexcept;
    };
    struct due {
        clock::time_point when;
        std::int32_t stream;
        bool operator>(const due& other) const noexcept {
            return when != other.when ? when > other.when : stream > other.stream;
        }
    };

    exchange* find(std::int32_t stream) const noexcept;
    void open(std::int32_t stream);
    void complete(exchange& of);
    void wait_until(exchange& of, clock::time_point when);
    void answer(exchange& of);
    void answer_raw(exchange& of);
    void submit(exchange& of);
    void resume(exchange& of) noexcept;
    void make_pieces(mock_stream& stream, std::size_t room);
    void fail(exchange& of);
    void forget(exchange& of, mock_service::outcome how) noexcept;
    void go_away_after(std::int32_t stream);

    mock_host& host_;
    const std::uint64_t number_;  // of this connection
    std::unique_ptr<nghttp2_session, session_deleter> session_;
    std::vector<std::unique_ptr<exchange>> open_;
    std::vector<due> due_;  // a heap; streams that are closed stay in it for a while
    std::vector<std::int32_t> reset_here_;
    std::string raw_;            // what scripts send in place of frames
    std::exception_ptr thrown_;  // by a callback of the test, which must not unwind through nghttp2
    clock::time_point now_;      // of the last call that was told
    std::int32_t newest_ = 0;
    std::int32_t last_ = 0;  // the last stream that is served once the connection goes away
    std::size_t accepted_ = 0;
    bool going_away_ = false;
    bool dropping_ = false;
    mock_fault dropped_by_ = mock_fault::drop;
    bool cut_ = false;
    bool receiving_ = false;
    bool gathering_ = false;
};

}  // namespace chorus::testing::detail

#endif

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_http2.ipp>
#endif
