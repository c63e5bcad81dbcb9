// Connections kept open and shared by all calls of a client, handed out as leases.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/async/event.hpp>
#include <chorus/async/task.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/http/message.hpp>
#include <chorus/net/connection.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/policy/pool_ledger.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace chorus::net {

class opening_progress;
class pool;

/// The right to one exchange on a connection. Leaving its scope gives the connection back: to the pool if it ended in
/// order, closed if not.
class lease {
 public:
    lease() noexcept = default;
    lease(lease&& other) noexcept;
    lease& operator=(lease&& other) noexcept;
    ~lease();

    explicit operator bool() const noexcept { return pool_ != nullptr; }
    connection& operator*() const noexcept;
    connection* operator->() const noexcept { return &**this; }

    /// How long the call waited for its turn: until it was given this, or the opening of a connection began for it.
    clock::duration queued() const noexcept { return queued_; }
    /// Whether a connection was opened for the call, which it waited for behind its turn.
    bool had_opening() const noexcept { return had_opening_; }

 private:
    friend class pool;
    lease(pool& owner, policy::pool_ledger::connection_id connection) noexcept;

    pool* pool_ = nullptr;
    policy::pool_ledger::connection_id connection_ = policy::pool_ledger::no_connection;
    bool is_first_ = false;  // on its connection
    bool had_opening_ = false;
    clock::duration queued_{};
};

/// Carries out what the ledger decides: opens and closes connections, resumes who waited. Connections whose time is
/// over are closed when the pool is used next: an alarm for them would keep the loop from ending.
///
/// Lifetimes: owned by a shared pointer, which each call in flight shares.
/// Executor: everything happens on the executor given, which is used by one thread at a time.
class pool : public std::enable_shared_from_this<pool> {
 public:
    /// Opens a connection, and says which stages that has: a function so that tests open what they like.
    using opener = std::function<awaitable<result<std::unique_ptr<connection>>>(http::origin, opening_progress&)>;

    pool(executor ex, const policy::pool_options& options, opener open);
    ~pool();
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    /// Gives a lease on an idle connection to `where`, if there is one that the peer has not closed.
    lease try_acquire(const http::origin& where);

    /// Completes with a lease on the first connection to the origin of `message` that becomes free or is opened.
    /// Called when `try_acquire` gave nothing.
    /// Cancellation: terminal; gives `errc::cancelled` and leaves the queue.
    /// Errors: `errc::pool_timed_out` after `caps.pool_wait`; `errc::deadline_exceeded` at `deadline`, which what the call
    /// waits for its turn puts off; the error of opening a connection; `errc::client_closed`. Each says how long the call
    /// had waited for its turn.
    /// Lifetimes: what is referred to outlives the operation. The listener of the message is told of the wait.
    awaitable<result<lease>> acquire(const http::request& message, const http::limits& caps,
                                     clock::time_point deadline);

    pool_stats stats() const noexcept;

    /// Refuses new leases and completes when the last one is returned. Idle connections are closed at once.
    /// Cancellation: terminal; the pool stays closed.
    awaitable<void> close();

    /// Closes everything now: waiters and exchanges under way fail with `errc::client_closed`.
    void abort() noexcept;
    /// As `abort`, for the destructor of what the opener shares: an opening that is left then is being destroyed with its
    /// loop, and nobody is there to cancel.
    void abandon() noexcept;

 private:
    friend class lease;
    struct waiter;
    struct stage_limit;
    struct slot {
        std::unique_ptr<connection> link;
        std::optional<task<void>> opening;
        bool has_begun = false;  // the opening; before that it cannot be cancelled, and ends by itself when closed
    };

    void dismiss(errc reason);
    void cancel_openings();
    void carry_out();
    static awaitable<void> open_one(std::shared_ptr<pool> self, policy::pool_ledger::connection_id id,
                                    http::origin where, std::chrono::milliseconds connect,
                                    std::chrono::milliseconds tls);
    void finish_opening(policy::pool_ledger::connection_id id, result<std::unique_ptr<connection>> outcome);
    void give_back(policy::pool_ledger::connection_id id) noexcept;
    bool is_fit(const lease& given);
    error timed_out(errc limit);

    executor executor_;
    timer_service& timers_;
    policy::pool_options options_;
    opener open_;
    policy::pool_ledger ledger_;
    std::vector<slot> slots_;
    event all_returned_;
    std::size_t reused_ = 0;
    std::size_t resumed_ = 0;
    bool closed_ = false;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/pool.ipp>
#endif
