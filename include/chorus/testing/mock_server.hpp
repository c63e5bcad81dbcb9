// An LLM server for tests and benchmarks, inside the test's own loop: real sockets, real TLS, answers that can be
// checked.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/mock_script.hpp>
#include <chorus/testing/mock_service.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::testing {

/// Listens on loopback and speaks the formats of OpenAI and Anthropic over HTTPS, with a certificate authority made for
/// this server, or over plain HTTP. Without a script it answers `echo: ` and the last user message, whole or streamed as
/// the request asks; see `mock_openai` and `mock_anthropic`.
/// A test describes the conversation that it expects step by step; a step that is not reached and a request that does
/// not fit are problems, and the destructor reports them: with <chorus/testing/gtest.hpp> each fails the test.
///
/// Executor: a loop run by one thread, or a strand; every member is called on it, or while it does not run.
/// `mock_server_thread` brings its own. Time is the loop's, so a `virtual_clock` governs the latencies.
/// Lifetimes: may be destroyed at any moment; connections are closed then. The loop has work until `stop`.
///
///     chorus::testing::mock_server server(executor);
///     server.expect().model("m").reply_text("hi");
///     server.expect().reply_error(429, "requests", "rate_limit_exceeded", "slow down");
///     server.expect().reply_stream("a few words").every(20ms);
///     server.expect().drop();
class mock_server {
 public:
    /// Listens at once. Throws `system_error` if the port is taken, `std::runtime_error` if TLS cannot be set up.
    explicit mock_server(executor ex, mock_options options = {});
    /// Stops, and reports each of `problems()` that `verify` has not returned yet.
    ~mock_server();
    mock_server(const mock_server&) = delete;
    mock_server& operator=(const mock_server&) = delete;

    /// `https://127.0.0.1:<port>/v1`, or with `localhost` or `http` in place.
    std::string base_url(std::string_view host = "127.0.0.1") const;
    std::uint16_t port() const noexcept;
    /// The authority that a client must trust; empty for plain HTTP.
    const std::string& ca_pem() const noexcept;

    /// Appends a step to the script; see `mock_step`.
    mock_step& expect() { return script().expect(); }
    mock_script& script() noexcept;
    /// Changes how long replies take from now on, where the script does not say.
    void latency(mock_latency value) noexcept;
    void latency(std::chrono::nanoseconds value) noexcept { latency(mock_latency::fixed(value)); }
    /// Lets go every reply that `mock_step::hold` keeps back now, and of each stream with `mock_step::hold_each` that has
    /// begun the next piece.
    void release();
    /// Is told of each complete request, before it is answered.
    void on_request(std::function<void(const mock_request&)> observer);

    /// What becomes of the next `count` connections right after they are accepted, before TLS: closed, or left without
    /// a byte until the client gives up.
    void drop_connections(std::size_t count) noexcept;
    void stall_connections(std::size_t count) noexcept;
    /// Closes every open connection, as a server does that restarts; new ones are welcome.
    void close_connections();

    const mock_counters& counters() const noexcept;
    /// The first requests, as many as `mock_options::record` says.
    const std::vector<mock_request>& requests() const noexcept;

    /// What the script has to complain about so far: unexpected requests, steps not reached, exceptions in callbacks.
    std::vector<std::string> problems() const;
    /// Returns `problems()` and leaves nothing to report to the destructor.
    std::vector<std::string> verify();
    /// Receives the problems that the destructor finds; without it `report_problem` does.
    void on_problem(std::function<void(std::string_view)> reporter);

    /// Closes the listening socket and every connection. The loop has no work of this server soon after.
    void stop();

 private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_server.ipp>
#endif
