// Whom a client tells of each step of its calls and of its connections.
#pragma once

#include <chorus/chat/usage.hpp>
#include <chorus/error.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace chorus {

/// A call, as all its notifications name it. A view: what it refers to lives until the notification has returned.
struct call_info {
    std::uint64_t id = 0;             ///< The calls of one client, counted from 1.
    std::string_view operation = {};  ///< `chat`, `embeddings`, `models`, `model`, `moderation` or `count_tokens`.
    std::string_view provider = {};   ///< `provider::name()`
    std::string_view model = {};      ///< As asked for; empty where the operation has none.
    const http::origin* server{};     ///< Null until the request is encoded.
    bool is_streamed = false;
};

/// How a call ended. A view, as `call_info`; every part but the times is there only if it is known.
struct call_end {
    const error* failure = nullptr;  ///< Null: the call succeeded.
    const usage* tokens = nullptr;
    std::string_view model = {};           ///< As the server names it.
    std::string_view finish_reason = {};   ///< Of the first choice, in the words of `to_string(finish_reason)`.
    std::string_view response_id = {};     ///< `chat_response::id`
    std::string_view request_id = {};      ///< What the server calls the request in its headers.
    const http::timing* timing = nullptr;  ///< Of the attempt that brought the answer.
    std::chrono::nanoseconds total{};      ///< From the call to its end, with every wait.
    std::chrono::nanoseconds queued{};  ///< Of `total`: waiting for limits and connections, also in vain; all attempts.
    std::optional<std::chrono::nanoseconds> first_token = {};  ///< From the call to the first text of a stream.
    int attempts = 0;                                          ///< How many times the request was sent.
    std::uint64_t bytes_sent = 0;  ///< Bodies, all attempts; 0 if nobody counted, as the next.
    std::uint64_t bytes_received = 0;
};

/// What happened to a connection.
enum class connection_event {
    opened,   ///< Ready, after a full handshake or without TLS.
    resumed,  ///< Ready, its TLS session taken up from an earlier connection.
    reused,   ///< Taken by a request after it had served another.
    closed,   ///< Gone, whoever closed it.
    failed,   ///< Never became ready.
};

/// The name of an event, such as "reused".
constexpr std::string_view to_string(connection_event what) noexcept {
    switch (what) {
        case connection_event::opened:
            return "opened";
        case connection_event::resumed:
            return "resumed";
        case connection_event::reused:
            return "reused";
        case connection_event::closed:
            return "closed";
        case connection_event::failed:
            return "failed";
    }
    return "unknown";
}

/// A connection to whom something happened. A view, as `call_info`.
struct connection_info {
    const http::origin* server = nullptr;  ///< Never null in a notification.
    const http::timing* timing = nullptr;  ///< Of what was opened: its `dns`, `connect` and `tls`.
    const error* failure = nullptr;        ///< Why it failed.
};

/// What happened to a limit between calls and their server: a gate (`call_gate`), or the pool.
enum class limit_event {
    held,                 ///< A call begins to wait for a gate.
    queued,               ///< An attempt begins to wait for a connection.
    refused,              ///< A gate refused a call, or its deadline passed while it waited.
    pool_timed_out,       ///< A call waited in vain for a connection.
    paused,               ///< Every call to the model waits: the server refused one, or asked for patience.
    concurrency_changed,  ///< More or fewer calls of the model may be in flight.
    circuit_opened,       ///< Calls to the server fail at once.
    circuit_half_opened,  ///< A call tries whether the server is back.
    circuit_closed,       ///< It is.
};

/// The name of an event, such as "paused".
constexpr std::string_view to_string(limit_event what) noexcept {
    constexpr std::string_view names[] = {"held",           "queued",
                                          "refused",        "pool timed out",
                                          "paused",         "concurrency changed",
                                          "circuit opened", "circuit half opened",
                                          "circuit closed"};
    const auto index = static_cast<std::size_t>(what);
    return index < std::size(names) ? names[index] : "unknown";
}

/// A limit to which something happened. A view, as `call_info`.
struct limit_info {
    const http::origin* server = nullptr;  ///< Never null in a notification.
    std::string_view model = {};           ///< Empty for a circuit: it is the server's.
    const call_info* call = nullptr;       ///< Of `held`, `queued`, `refused` and `pool_timed_out`.
    const error* failure = nullptr;        ///< Of `refused` and `pool_timed_out`.
    std::size_t concurrency = 0;           ///< Of `concurrency_changed`: how many calls now.
    std::chrono::milliseconds wait{};      ///< Of `paused` and `circuit_opened`: for how long from now.
};

/// Is told of each step as it happens; override what is of interest. A call is told of in the order of the functions
/// here, the attempts of a call one after the other, and ends exactly once, also when it is cancelled or dropped.
/// Errors: nothing may throw.
/// Lifetimes: what the arguments refer to is valid until the function has returned.
/// Executor: that of the client; a function that waits or computes for long holds up every call.
///
///     struct slow_calls final : chorus::observer {
///         void on_end(const chorus::call_info& call, const chorus::call_end& end) noexcept override {
///             if (end.total > 10s) std::fprintf(stderr, "call %llu was slow\n", (unsigned long long)call.id);
///         }
///     };
class observer {
 public:
    virtual ~observer() = default;

    /// A call was made. It has not waited for anything yet.
    virtual void on_call(const call_info&) noexcept {}
    /// The limits of its server let it through, after this wait. Calls that did not wait are not told of.
    virtual void on_limited(const call_info&, std::chrono::nanoseconds /*waited*/) noexcept {}
    /// A request is about to be sent, the first one with the number 1.
    virtual void on_attempt(const call_info&, int /*number*/) noexcept {}
    /// The head of its response has come, so long after the request was written.
    virtual void on_first_byte(const call_info&, std::chrono::nanoseconds /*since_sent*/) noexcept {}
    /// The first text of a stream has come, so long after the call was made.
    virtual void on_first_token(const call_info&, std::chrono::nanoseconds /*since_call*/) noexcept {}
    /// The attempt failed, and after this wait there will be another one.
    virtual void on_retry(const call_info&, const error& /*why*/, std::chrono::milliseconds /*wait*/) noexcept {}
    /// The call is over.
    virtual void on_end(const call_info&, const call_end&) noexcept {}

    /// Something happened to a connection; whose call needed it is not known here.
    virtual void on_connection(connection_event, const connection_info&) noexcept {}
    /// Something happened to a limit. Of a call `held` comes before `on_limited`, `queued` after `on_attempt`, what is
    /// refused or timed out before `on_retry` or `on_end`. A gate that several clients share tells the observer of the client whose call it was.
    virtual void on_server_limit(limit_event, const limit_info&) noexcept {}
};

}  // namespace chorus
