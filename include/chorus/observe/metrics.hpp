// What the calls of a program come to: counts, tokens, connections and how long things took.
#pragma once

#include <chorus/config.hpp>
#include <chorus/observe/latency_histogram.hpp>
#include <chorus/observe/observer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chorus {

/// What was counted up to a moment: a value. Those of several loops add up.
struct metrics_snapshot {
    /// The calls of one operation that ended, by how they did.
    struct operation {
        struct outcome {
            std::string_view type;  ///< `ok`, or what `error_type` says
            std::uint64_t calls = 0;
        };
        std::string name;
        std::vector<outcome> outcomes;  ///< those that happened, `ok` first
    };
    std::vector<operation> operations;  ///< in the order of their first call

    std::uint64_t started = 0;  ///< calls, as the next three
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::uint64_t limited = 0;    ///< attempts that waited for the limits of their server, and were let through
    std::uint64_t refused = 0;    ///< attempts that those limits, a budget or a breaker refused
    std::uint64_t in_flight = 0;  ///< now, waiting ones too
    std::uint64_t peak_in_flight = 0;
    std::uint64_t attempts = 0;
    std::uint64_t retries = 0;

    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cached_tokens = 0;  ///< among those of the prompts, as the next
    std::int64_t cache_write_tokens = 0;
    std::int64_t reasoning_tokens = 0;  ///< among those of the completions
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;

    std::uint64_t connections_opened = 0;   ///< by a full handshake
    std::uint64_t connections_resumed = 0;  ///< by one that took up an earlier TLS session
    std::uint64_t connections_reused = 0;   ///< requests on a connection that had served another
    std::uint64_t connections_closed = 0;
    std::uint64_t connections_failed = 0;
    std::uint64_t pool_timeouts = 0;    ///< waits for a connection that were in vain
    std::uint64_t pauses = 0;           ///< in which all calls to a model waited
    std::uint64_t circuits_opened = 0;  ///< each time that the calls to a server were suspended

    latency_histogram total;        ///< from the call to its end
    latency_histogram queued;       ///< waiting for limits and connections; of every call that was sent, or waited
    latency_histogram first_byte;   ///< from the request to its response; of every attempt that got one
    latency_histogram first_token;  ///< from the call to the first text of a stream

    /// The calls of that operation which ended so.
    std::uint64_t calls(std::string_view operation_name, std::string_view outcome_type = "ok") const noexcept;
    /// The share of requests that found a connection open; 0 without requests.
    double reuse_rate() const noexcept;

    /// Adds what was counted elsewhere. The peak becomes the sum of both: no more can have been in flight at once.
    metrics_snapshot& operator+=(const metrics_snapshot& other);
};

/// Counts. A notification costs about 20 ns and, but for the first call of an operation, no allocation.
///
/// Executor: used from one thread at a time, that of the client. Give the client of each loop its own, and add up the
/// snapshots.
///
///     auto counts = std::make_shared<chorus::metrics>();
///     ...
///     std::cout << chorus::to_prometheus(counts->snapshot());
class metrics final : public observer {
 public:
    metrics();
    ~metrics() override;
    metrics(const metrics&) = delete;
    metrics& operator=(const metrics&) = delete;

    metrics_snapshot snapshot() const;
    /// Forgets all but the calls in flight.
    void reset();

    void on_call(const call_info& call) noexcept override;
    void on_limited(const call_info& call, std::chrono::nanoseconds waited) noexcept override;
    void on_attempt(const call_info& call, int number) noexcept override;
    void on_first_byte(const call_info& call, std::chrono::nanoseconds since_sent) noexcept override;
    void on_first_token(const call_info& call, std::chrono::nanoseconds since_call) noexcept override;
    void on_retry(const call_info& call, const error& why, std::chrono::milliseconds wait) noexcept override;
    void on_end(const call_info& call, const call_end& end) noexcept override;
    void on_connection(connection_event what, const connection_info& connection) noexcept override;
    void on_server_limit(limit_event what, const limit_info& limit) noexcept override;

 private:
    // An outcome is an index: 0 is success, an errc its number, the last two what `error_type` makes of foreign codes.
    static constexpr std::size_t outcome_count = 64;
    struct outcomes {
        std::string operation;
        std::array<std::uint64_t, outcome_count> calls{};
    };
    static constexpr std::size_t most_operations =
        32;  // so that a program with names of its own cannot fill the memory
    static std::size_t outcome_of(const error* failure) noexcept;
    outcomes* of_operation(std::string_view name) noexcept;

    metrics_snapshot counts_;  // all of it but `operations`
    std::vector<outcomes> by_operation_;
};

/// The snapshot in the text format of Prometheus, version 0.0.4: counters, gauges, and summaries in seconds with the
/// quantiles 0.5, 0.9, 0.99 and 1. Every name begins with `chorus_`.
std::string to_prometheus(const metrics_snapshot& counts);

/// The snapshot as one line of JSON; lengths of time are in seconds.
std::string to_json(const metrics_snapshot& counts);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/metrics.ipp>
#endif
