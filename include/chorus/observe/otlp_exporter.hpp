// Sends the spans of calls to a collector of OpenTelemetry: OTLP over HTTP, in JSON.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/observe/spans.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// What an exporter is made with.
struct otlp_options {
    /// The collector; `/v1/traces` is appended to its path.
    std::string endpoint = "http://localhost:4318";
    /// Fields for every request, such as the key of a hosted collector.
    http::headers headers;
    /// Who sends: `service.name` is what collectors show.
    std::vector<std::pair<std::string, std::string>> resource_attributes = {{"service.name", "chorus"}};
    /// Spans that wait to be sent; what comes while there are as many is dropped, and counted.
    std::size_t most_waiting = 2048;
    /// Spans in one request.
    std::size_t most_in_request = 512;
    http::limits limits = {.total = std::chrono::seconds(10)};
};

/// What has become of the spans so far.
struct otlp_stats {
    std::uint64_t waiting = 0;
    std::uint64_t exported = 0;
    std::uint64_t rejected = 0;  ///< by the collector, for good
    std::uint64_t dropped = 0;   ///< because too many were waiting
};

/// Makes a span of every call that ends, and sends them when asked to. Each is the root of a trace of its own. It sends
/// over a transport and not over a client, so its own requests make no spans.
///
/// Lifetimes: it may go before what is awaited of it, which shares what it needs.
/// Executor: used from one thread at a time, that of the client.
///
///     auto traces = std::make_shared<chorus::otlp_exporter>(transport, options);
///     scope.spawn(traces->export_every(5s));
///     ...
///     co_await traces->flush();      // before the program ends
class otlp_exporter final : public observer {
 public:
    /// Takes the time from the system clock; a test may give it another.
    using wall_clock = std::chrono::system_clock::time_point (*)();

    explicit otlp_exporter(std::shared_ptr<net::transport> transport, otlp_options options = {},
                           wall_clock now = &std::chrono::system_clock::now);

    /// Sends what waits, a request after the other, and completes when the collector has taken what was waiting at the
    /// start, or at its first failure.
    /// Cancellation: terminal; spans on their way are kept for the next time, and may so arrive twice.
    /// Errors: of the endpoint's URL, of the transport, and of the status that the collector answered. What may pass
    /// with time (no answer, 429, 502, 503, 504) leaves the spans waiting; other answers are final, and count as
    /// rejected.
    awaitable<result<void>> flush();

    /// Flushes again and again, with this pause before each, until it is cancelled. Failures show in `stats` alone.
    /// Cancellation: terminal.
    awaitable<void> export_every(std::chrono::milliseconds pause);

    otlp_stats stats() const noexcept;

    void on_end(const call_info& call, const call_end& end) noexcept override;

 private:
    struct state;
    class batch;
    static awaitable<result<void>> flush(std::shared_ptr<state> self);
    static awaitable<void> export_every(std::shared_ptr<state> self, std::chrono::milliseconds pause);

    std::shared_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/otlp_exporter.ipp>
#endif
