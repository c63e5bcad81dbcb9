// How a mock server is set up.
#pragma once

#include <chorus/testing/mock_latency.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace chorus::testing {

/// Settings of a mock server. Each setter returns the options, so that they chain.
class mock_options {
 public:
    /// Plain HTTP in place of HTTPS.
    mock_options& plain(bool value = true) { return set(&values::plain, value); }
    /// Speaks HTTP/2 too: over TLS with clients that offer "h2" by ALPN, over plain connections with those that begin
    /// with its preface. Needs a build with CHORUS_WITH_HTTP2.
    mock_options& http2(bool value = true) { return set(&values::http2, value); }
    /// How many streams an HTTP/2 client may have open on one connection.
    mock_options& max_concurrent_streams(std::uint32_t value) { return set(&values::max_concurrent_streams, value); }
    /// The port on loopback; 0 lets the system choose.
    mock_options& port(std::uint16_t value) { return set(&values::port, value); }
    /// The key that the default behaviour asks for, as a bearer token or, in Anthropic's format, as `x-api-key`; empty
    /// asks for none.
    mock_options& api_key(std::string value) { return set(&values::api_key, std::move(value)); }
    /// How long replies take, where the script does not say.
    mock_options& latency(mock_latency value) { return set(&values::latency, value); }
    mock_options& latency(std::chrono::nanoseconds value) { return set(&values::latency, mock_latency::fixed(value)); }
    /// The least size of the body of a completion.
    mock_options& body_bytes(std::size_t value) { return set(&values::body_bytes, value); }
    /// Thinking that chat completions begin with, as `reasoning_content`, the name that most servers give it.
    mock_options& thinking(std::string value) { return set(&values::thinking, std::move(value)); }
    /// The time between the events of a stream; 0 sends them as fast as the client takes them.
    mock_options& stream_interval(std::chrono::nanoseconds value) { return set(&values::stream_interval, value); }
    /// How many events with text an answer has that is streamed by default: its text then repeats itself, blanks
    /// between, until they are full. 0: the text once, as many as it takes.
    mock_options& stream_chunks(std::size_t value) { return set(&values::stream_chunks, value); }
    /// The exact size of an event with text, to its empty line; 0: a word each, as models do.
    mock_options& stream_chunk_bytes(std::size_t value) { return set(&values::stream_chunk_bytes, value); }
    /// How much of a stream is gathered before it is written: the size of a TLS record, and in HTTP/2 of a DATA frame.
    /// 0 writes each event at once, in a record of its own; 16384 fills records. HTTP/1.1 has a chunk for each event
    /// however they are written.
    mock_options& stream_record_bytes(std::size_t value) { return set(&values::stream_record_bytes, value); }
    /// Sends bodies in chunks of this size; 0 sends them with `Content-Length`.
    mock_options& chunk_bytes(std::size_t value) { return set(&values::chunk_bytes, value); }
    /// Ends a connection in order with its n-th response, in HTTP/2 by GOAWAY with the n-th request; 0 never.
    mock_options& max_requests_per_connection(std::size_t value) {
        return set(&values::max_requests_per_connection, value);
    }
    /// Closes a connection that was idle so long; 0 never.
    mock_options& idle_close(std::chrono::milliseconds value) { return set(&values::idle_close, value); }
    /// Says in a `Keep-Alive` field what the two limits above are; without limits there is no field.
    mock_options& keep_alive_header(bool value = true) { return set(&values::keep_alive_header, value); }
    /// Keeps the first n requests for `mock_server::requests`.
    mock_options& record(std::size_t value) { return set(&values::record, value); }

    struct values {
        bool plain = false;
        bool http2 = false;
        bool keep_alive_header = false;
        std::uint32_t max_concurrent_streams = 100;
        std::uint16_t port = 0;
        std::string api_key = {};
        mock_latency latency = {};
        std::size_t body_bytes = 900;
        std::string thinking = {};
        std::chrono::nanoseconds stream_interval{0};
        std::size_t stream_chunks = 0;
        std::size_t stream_chunk_bytes = 0;
        std::size_t stream_record_bytes = 0;
        std::size_t chunk_bytes = 0;
        std::size_t max_requests_per_connection = 0;
        std::chrono::milliseconds idle_close{0};
        std::size_t record = 0;
    };
    const values& get() const noexcept { return values_; }

 private:
    template <class T>
    mock_options& set(T values::*member, T value) {
        values_.*member = std::move(value);
        return *this;
    }

    values values_;
};

}  // namespace chorus::testing
