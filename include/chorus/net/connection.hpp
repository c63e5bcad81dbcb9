// What the pool and the transport know of a connection, whatever its protocol.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/net/incoming_response.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

namespace chorus::net {

/// An open connection to one origin that carries exchanges: a request out, a response in.
class connection {
 public:
    virtual ~connection() = default;

    /// How many exchanges it carries at once.
    virtual std::size_t capacity() const noexcept = 0;

    /// Sends a request and completes when `answer` holds the whole response. `deadline` bounds it all.
    /// Cancellation: terminal; the connection is then not reusable.
    /// Errors: see `errc`; `errc::connection_lost` means that no byte of a response came.
    /// Lifetimes: the arguments outlive the operation.
    virtual awaitable<result<void>> exchange(const http::request& message, const http::limits& caps,
                                             std::chrono::steady_clock::time_point deadline,
                                             http::response& answer) = 0;

    /// Sends a request and completes when the head of the response is there. `deadline` bounds it up to there.
    /// Cancellation and errors: as `exchange`, for what was read too.
    /// Lifetimes: the connection, `message` and `caps` outlive what it gives.
    virtual awaitable<result<std::unique_ptr<incoming_response>>> open(
        const http::request& message, const http::limits& caps, std::chrono::steady_clock::time_point deadline) = 0;

    /// Fails the exchanges under way with `reason`, and closes.
    virtual void abort(errc reason) noexcept = 0;

    /// Whether another exchange may begin as far as this side knows: what was begun ended in order.
    virtual bool is_reusable() const noexcept = 0;

    /// Whether the peer has taken up any exchange, as far as it has said.
    virtual bool has_been_of_use() const noexcept { return use.answered > 0; }

    /// Looks whether the peer has closed the connection meanwhile; if so it is not reusable any more.
    virtual bool is_alive() noexcept = 0;

    /// How long the server said that it keeps the connection open while idle.
    virtual std::optional<std::chrono::seconds> keep_alive() const noexcept { return std::nullopt; }

    /// How long it took to open: its dns, connect and tls stages, and whether the TLS session was resumed.
    http::timing opening;

    /// What the pool and the transport have made of it: they alone change it.
    struct use_counts {
        std::size_t leases = 0;     ///< Given so far.
        std::size_t under_way = 0;  ///< Of those, not yet returned.
        std::size_t answered = 0;   ///< Exchanges that ended with a response.
    };
    use_counts use;

    std::shared_ptr<const void> farewell;  ///< Goes when the connection goes.
};

}  // namespace chorus::net
