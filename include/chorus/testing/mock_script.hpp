// The conversation a test expects of its client: which request must come next, and what it is answered.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_latency.hpp>
#include <chorus/testing/mock_message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::testing {

/// One step: what the request must be like, and the reply to it. Without a reply of its own a step is answered by the
/// default behaviour (an echo). Each setter returns the step, so that they chain.
class mock_step {
 public:
    // What the request must be like. Without any of these, every request matches.
    mock_step& method(std::string value);
    /// The target without its query, such as `/v1/chat/completions`.
    mock_step& path(std::string value);
    mock_step& model(std::string value);
    /// The exact text of the last user message.
    mock_step& prompt(std::string value);
    mock_step& body_contains(std::string part);
    mock_step& header(std::string name, std::string value);
    /// Any other rule; `description` names it in the message of a failed test.
    mock_step& matching(std::string description, std::function<bool(const mock_request&)> rule);
    /// The step serves this many requests instead of one.
    mock_step& times(std::size_t count);

    // What it is answered.
    mock_step& reply(int status, std::string body);
    mock_step& reply(int status, std::string body, http::headers headers);
    /// A whole chat completion with this text; a whole message where the path is Anthropic's.
    mock_step& reply_text(std::string text);
    /// An error body in OpenAI's shape, or in Anthropic's, which has no code, where the path is.
    mock_step& reply_error(int status, std::string type, std::string code, std::string message);
    /// These bytes as they are, in place of a response. Add `close_after` to end the connection then.
    mock_step& reply_raw(std::string bytes);
    /// Whatever this function makes of the request.
    mock_step& reply_with(std::function<void(const mock_request&, mock_reply&)> make);
    mock_step& reply_header(std::string_view name, std::string_view value);

    // Streams. Each piece is sent as it is: a chunk of HTTP/1.1, a DATA frame of HTTP/2.
    /// This text as the default behaviour streams it: a word a piece, in the format of the path.
    mock_step& reply_stream(std::string text);
    /// An event for each of these: `data: `, the text, an empty line. No `[DONE]` is added.
    mock_step& reply_events(std::vector<std::string> data);
    /// These bytes of an event stream, in one piece unless they are `cut`, or in the pieces given.
    mock_step& reply_sse(std::string raw);
    mock_step& reply_sse_pieces(std::vector<std::string> pieces);
    /// The time between the pieces; without it `mock_options::stream_interval`. The first goes with the head.
    mock_step& every(std::chrono::nanoseconds interval);
    /// Cuts the stream anew, into pieces of this size, wherever that falls.
    mock_step& cut(std::size_t bytes);
    /// Holds each piece back until `mock_server::release`, which lets one more go. The head is not held.
    mock_step& hold_each();

    // When, and what goes wrong.
    mock_step& after(std::chrono::nanoseconds latency);
    /// Holds the reply back until `mock_server::release`: order without a clock.
    mock_step& hold();
    /// Sends the body in chunks of this size.
    mock_step& chunked(std::size_t chunk_bytes = 64);
    /// Ends the connection in order after the reply.
    mock_step& close_after();
    /// Closes the connection in place of a reply, or after `bytes` of it (see `mock_reply::fault_after`); without a
    /// goodbye, as a server that dies: TLS sends no close_notify.
    mock_step& drop();
    mock_step& drop_after(std::size_t bytes);
    /// Sends nothing, or no more than `bytes` of the reply, and leaves the connection open.
    mock_step& stall();
    mock_step& stall_after(std::size_t bytes);
    /// Sends nothing, or no more than `bytes` of the reply, half closes the connection and goes on reading.
    mock_step& half_close_after(std::size_t bytes);
    /// Sends noise in place of the reply, or after `bytes` of it: with TLS, something that is no record.
    mock_step& noise_after(std::size_t bytes);
    // HTTP/2 only; on HTTP/1.1 `reset` and `refuse` reset the connection, and `go_away` closes it.
    /// RST_STREAM in place of a reply, or after its head and `bytes` of its body. The code is one of RFC 9113
    /// section 7.
    mock_step& reset(std::uint32_t error_code);
    mock_step& reset_after(std::size_t bytes, std::uint32_t error_code);
    /// RST_STREAM with REFUSED_STREAM: the request was not processed and may be sent again. At once, unless `after` or
    /// `hold` follows.
    mock_step& refuse();
    /// GOAWAY whose last stream comes before this request: it and later ones were not processed. At once, as `refuse`.
    mock_step& go_away();

 private:
    friend class mock_script;
    struct rule {
        std::string description;
        std::function<bool(const mock_request&)> holds;
    };
    const rule* first_broken(const mock_request& request) const;
    std::string describe() const;
    void fill(const mock_request& request, mock_reply& reply) const;
    void fill_stream(mock_reply& reply) const;

    std::vector<rule> rules_;
    std::size_t left_ = 1;
    std::function<void(const mock_request&, mock_reply&)> make_;
    http::headers headers_;
    std::optional<std::chrono::nanoseconds> latency_;
    std::size_t chunk_bytes_ = 0;
    std::optional<std::chrono::nanoseconds> interval_;
    std::size_t cut_bytes_ = 0;
    bool hold_each_ = false;
    bool hold_ = false;
    bool close_after_ = false;
    mock_fault fault_ = mock_fault::none;
    std::size_t fault_after_ = 0;
    std::uint32_t error_code_ = 0;
};

/// A list of steps and what became of them. A pure machine: request in, plan out.
class mock_script {
 public:
    /// Appends a step and returns it to be described. The reference stays valid as long as the script.
    mock_step& expect();
    /// Steps may be taken in any order: each request takes the first open step that it matches.
    mock_script& in_any_order(bool value = true) noexcept;
    /// A request that comes after the last step is a problem; otherwise the default behaviour answers it.
    mock_script& nothing_else(bool value = true) noexcept;

    /// Takes the step that this request matches and fills in `reply` with what the step says. Returns false when
    /// status, headers and body are left to the default behaviour. A request that fits no step is noted as a problem
    /// and answered with an error that no client retries.
    bool next(const mock_request& request, mock_reply& reply);

    /// Every step has been taken.
    bool finished() const noexcept;
    /// Unexpected requests so far, and the steps that are still open; empty when the test may pass.
    std::vector<std::string> problems() const;

 private:
    mock_step* find(const mock_request& request);
    void refuse(const mock_request& request, const std::string& why, mock_reply& reply);

    std::deque<mock_step> steps_;  // a deque: references survive `expect`
    std::size_t first_open_ = 0;
    std::size_t requests_ = 0;
    bool any_order_ = false;
    bool nothing_else_ = false;
    std::vector<std::string> unexpected_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_script.ipp>
#endif
