// The core of the mock server, whatever protocol carries it: a request goes in, a plan comes out, and both are counted.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_anthropic.hpp>
#include <chorus/testing/mock_latency.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/mock_script.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace chorus::testing {

/// What a mock server has seen so far.
struct mock_counters {
    std::uint64_t requests = 0;            ///< Complete requests received.
    std::uint64_t replies = 0;             ///< Replies sent to their end.
    std::uint64_t abandoned = 0;           ///< Requests whose client left before the end of the reply.
    std::uint64_t malformed = 0;           ///< Requests that were no valid HTTP.
    std::size_t in_flight = 0;             ///< Requests that wait for their reply now.
    std::size_t peak_in_flight = 0;        ///< The largest value of `in_flight`.
    std::uint64_t chunks = 0;              ///< Pieces of streamed replies sent.
    std::size_t streams_open = 0;          ///< Streamed replies that have begun and not ended.
    std::size_t peak_streams = 0;          ///< The largest value of `streams_open`.
    std::uint64_t connections = 0;         ///< Connections accepted.
    std::size_t open_connections = 0;      ///< Connections open now.
    std::size_t peak_connections = 0;      ///< The largest value of `open_connections`.
    std::uint64_t handshakes_full = 0;     ///< TLS handshakes with certificate and key exchange.
    std::uint64_t handshakes_resumed = 0;  ///< TLS handshakes that resumed an earlier session.
    std::uint64_t handshakes_failed = 0;   ///< TLS handshakes that did not succeed.
    std::uint64_t resets_received = 0;     ///< RST_STREAM frames from clients.
    std::uint64_t resets_after_end = 0;    ///< Those of them for streams that both sides had ended before.
};

/// Decides and counts; a pure machine that no connection owns.
class mock_service {
 public:
    explicit mock_service(const mock_options& options);

    /// Takes a request: counts and records it, and fills in the plan of its reply (`latency` is set).
    void begin(mock_request& request, mock_reply& reply);
    /// The same, but a completion is owed and not written: `write` does that when its time has come.
    void begin(mock_request& request, mock_reply& reply, mock_completion& owed);
    void write(const mock_completion& owed, mock_reply& reply);

    /// Counts a stream whose head goes out, and its end.
    void stream_began() noexcept;
    void stream_ended() noexcept { --counters_.streams_open; }

    /// How a request that had begun came to its end.
    enum class outcome { replied, dropped, abandoned };
    void end(outcome how) noexcept;

    mock_script& script() noexcept { return script_; }
    const mock_script& script() const noexcept { return script_; }
    mock_counters& counters() noexcept { return counters_; }
    const mock_counters& counters() const noexcept { return counters_; }
    const std::vector<mock_request>& requests() const noexcept { return recorded_; }
    void latency(mock_latency value) noexcept { latency_ = value; }
    /// Is told of each request when it is complete, before it is answered.
    void on_request(std::function<void(const mock_request&)> observer) { observer_ = std::move(observer); }

 private:
    mock_script script_;
    mock_openai openai_;
    mock_anthropic anthropic_;
    mock_completion owed_;
    mock_latency latency_;
    std::size_t chunk_bytes_;
    std::chrono::nanoseconds stream_interval_;
    std::size_t stream_record_bytes_;
    std::size_t record_limit_;
    std::vector<mock_request> recorded_;
    std::function<void(const mock_request&)> observer_;
    mock_counters counters_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_service.ipp>
#endif
