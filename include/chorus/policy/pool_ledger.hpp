// Who may use which connection: the arithmetic of a connection pool, without connections.
#pragma once

#include <chorus/config.hpp>
#include <chorus/http/url.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace chorus::policy {

/// How many connections a pool may hold, and for how long.
struct pool_options {
    std::size_t max_connections = 1000;             ///< Of all origins together.
    std::size_t max_connections_per_origin = 1000;  ///< Of one origin.
    /// Connections being opened at once. Many handshakes at the same time slow each other down, and none of them can
    /// resume a session of the others.
    std::size_t max_connecting = 128;
    /// How long an unused connection is kept. A shorter `Keep-Alive` of the server wins. Local servers, which speak
    /// plain http, often close after 5 s (uvicorn's default).
    std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
    std::chrono::milliseconds idle_timeout_plain = std::chrono::seconds(4);
    /// A connection older than this serves no further request, so that changes of DNS and of load balancers are seen.
    std::chrono::milliseconds max_age = std::chrono::minutes(10);
};

/// Keeps account of the connections of a pool: which are leased, which are idle, which are being opened, and who waits.
///
/// A pure machine: it is told what happened, with the time, and answers with actions for its owner to carry out.
/// A connection has a capacity: 1 with HTTP/1.1, the number of streams with HTTP/2. Which of them an origin speaks is
/// known only when its first connection stands: until then one is opened, and who comes meanwhile waits for it. Waiters
/// are served in order of arrival, over all origins. Opening is not tied to a waiter: whatever becomes free first goes
/// to who waits longest.
class pool_ledger {
 public:
    using time_point = std::chrono::steady_clock::time_point;
    using connection_id = std::uint32_t;
    static constexpr connection_id no_connection = ~connection_id{0};

    enum class action_kind {
        grant,  ///< `waiter` may use `connection`: it holds a lease from now on.
        open,   ///< Open `connection` to `origin` for the sake of `waiter`, then call `opened` or `open_failed`.
        close,  ///< Close `connection`; its id is free from now on.
    };
    struct action {
        action_kind kind;
        connection_id connection = no_connection;
        void* waiter = nullptr;
        const http::origin* origin = nullptr;
    };

    struct counts {
        std::size_t in_use = 0;      ///< Connections with at least one lease.
        std::size_t idle = 0;        ///< Connections without a lease.
        std::size_t connecting = 0;  ///< Connections being opened.
        std::size_t waiting = 0;     ///< Waiters in the queue.
        std::size_t leases = 0;      ///< Leases given out and not yet returned.
        std::size_t opened = 0;      ///< Connections opened since the start.
    };

    explicit pool_ledger(const pool_options& options = {}) : options_(options) {}

    /// Gives a lease on a connection that is free now, or `no_connection`.
    connection_id acquire(const http::origin& where, time_point now);
    /// Joins the queue: `waiter`, never null, comes back in a later `grant`, or from `open_failed`. Returns the ticket
    /// to leave with. Called only when `acquire` gave nothing.
    std::uint64_t enqueue(const http::origin& where, void* waiter);
    /// Leaves the queue. The waiter must not have been granted a lease.
    void abandon(const http::origin& where, std::uint64_t ticket);
    /// The connection stands and can carry `capacity` leases at once, one at least.
    void opened(connection_id connection, std::size_t capacity, time_point now);
    /// A connection that stands can carry another number of leases from now on. Those given out stay. To be called before
    /// the `release` of one of them, which serves who waits.
    void resize(connection_id connection, std::size_t capacity);
    /// The connection could not be opened. Returns the waiters who shall have the error, in order: as many as it would
    /// have served, or all of the origin where that is not yet known.
    std::vector<void*> open_failed(connection_id connection);
    /// Returns a lease. Without `reusable` the connection gets no further lease. `keep_alive` is what the server said.
    void release(connection_id connection, bool reusable, std::optional<std::chrono::seconds> keep_alive,
                 time_point now);
    /// Closes the idle connections whose time is over.
    void expire(time_point now);
    /// Closes all idle connections, and each other one as soon as it stands or its last lease is returned.
    void retire_all();
    /// Empties the queue. Returns the waiters, in order of arrival within an origin.
    std::vector<void*> dismiss_all();
    /// Who waits longest, or null.
    void* longest_waiting() noexcept;
    /// When `expire` has something to do next, at the earliest.
    std::optional<time_point> next_expiry() const noexcept { return next_expiry_; }

    /// What the owner has to do now, in order. The list is empty afterwards.
    std::vector<action> take_actions() noexcept;
    bool has_actions() const noexcept { return !actions_.empty(); }

    const counts& totals() const noexcept { return totals_; }

    /// Whether the books agree with each other: what is counted with what is there. Looks at every connection and every
    /// waiter. Debug builds (without NDEBUG) assert it after as many changes as that takes looks, so after each change of
    /// a small pool, and assert in each call that it is about something that is there, such as a lease to return.
    bool adds_up() noexcept;

 private:
    struct waiting_one {
        std::uint64_t ticket;
        void* waiter;  // null once abandoned
    };
    struct origin_account {
        std::size_t connections = 0;  // open or opening
        std::size_t connecting = 0;
        std::size_t capacity = 0;              // of its connections; 0 until the first one stands
        std::size_t waiting = 0;               // of `queue`, those not abandoned
        std::deque<waiting_one> queue;         // in order of tickets
        std::vector<connection_id> available;  // with room for a lease, the one used last at the end
    };
    using origin_entry = std::map<http::origin, origin_account>::value_type;
    struct connection_account {
        origin_entry* origin = nullptr;  // null: the slot is free
        std::size_t capacity = 0;
        std::size_t leases = 0;
        bool connecting = true;
        bool retiring = false;
        time_point retire_at{};
        time_point idle_until{};
    };

    void audit() noexcept;
    bool is_over(const connection_account& account, time_point now) const noexcept;
    void lease(connection_id connection);
    void drop(connection_id connection);
    void close(connection_id connection);
    void rest(connection_id connection, std::optional<std::chrono::seconds> keep_alive, time_point now);
    void serve(origin_entry& origin);
    void open_for_waiters();
    bool make_room();
    origin_entry* longest_unserved() noexcept;
    static waiting_one* front(origin_account& account) noexcept;
    static void* take_front(origin_account& account) noexcept;
    static waiting_one& first_unserved(origin_account& account) noexcept;
    static bool lacks_connections(const origin_account& account) noexcept;

    pool_options options_;
    std::map<http::origin, origin_account> origins_;
    std::vector<connection_account> connections_;
    std::vector<connection_id> free_ids_;
    std::vector<action> actions_;
    std::optional<time_point> next_expiry_;
    std::uint64_t last_ticket_ = 0;
    std::size_t held_ = 0;  // connections open or opening, of all origins
    counts totals_;
    std::size_t unaudited_ = 0;  // changes
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/pool_ledger.ipp>
#endif
