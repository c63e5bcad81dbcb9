#pragma once

#include <chorus/async/detail/suspension.hpp>
#include <chorus/net/opening_progress.hpp>
#include <chorus/net/pool.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace chorus::net {

CHORUS_DECL lease::lease(pool& owner, policy::pool_ledger::connection_id connection) noexcept
    : pool_(&owner), connection_(connection) {
    is_first_ = ++(**this).use.leases == 1;
    ++(**this).use.under_way;
}

CHORUS_DECL lease::lease(lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      connection_(other.connection_),
      is_first_(other.is_first_),
      had_opening_(other.had_opening_),
      queued_(other.queued_) {}

CHORUS_DECL lease& lease::operator=(lease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(connection_, other.connection_);
    std::swap(is_first_, other.is_first_);
    std::swap(had_opening_, other.had_opening_);
    std::swap(queued_, other.queued_);
    return *this;
}

CHORUS_DECL lease::~lease() {
    if (pool_ != nullptr) pool_->give_back(connection_);
}

CHORUS_DECL connection& lease::operator*() const noexcept {
    return *pool_->slots_[connection_].link;
}

/// A place in the queue, inside the frame of the call that waits. It ends by a lease, by an error, or with its frame.
struct pool::waiter {
    waiter(pool& owner, const http::request& waiting, const http::limits& limits, clock::time_point start,
           clock::time_point end)
        : home(owner), message(waiting), caps(limits), since(start), deadline(end), limit(owner.executor_) {}
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() {
        // A lease granted after the call was cancelled gives itself back.
        if (is_queued) home.ledger_.abandon(message.origin, ticket);
    }

    /// The coroutine has suspended.
    void operator()(boost::intrusive_ptr<chorus::detail::suspension> suspended) {
        coroutine = std::move(suspended);
        if (!is_queued) coroutine->resume({});
    }
    /// Waits its turn, which costs the call none of its own time; one that has none left does not begin to.
    void queue() {
        const bool is_late = deadline <= since;
        limit_reason = is_late ? errc::deadline_exceeded : errc::pool_timed_out;
        limit.set<&waiter::ring>(is_late ? deadline : patience(), this);
    }
    /// Nobody could serve it at once.
    void tell() {
        if (message.listener == nullptr || !is_queued || turn != clock::time_point::max()) return;
        message.listener->queue_began();
        is_told = true;
    }
    void tell_end() {
        if (std::exchange(is_told, false)) message.listener->queue_ended();
    }
    /// A connection is being opened for its sake: what it waits from now on is the time of the call.
    void begin_opening() {
        tell_end();
        turn = home.timers_.now();
        limit_reason = errc::deadline_exceeded;
        limit.set<&waiter::ring>(chorus::detail::saturating_add(deadline, turn - since), this);
    }
    clock::duration queued() const noexcept { return std::min(turn, home.timers_.now()) - since; }
    clock::time_point patience() const noexcept { return chorus::detail::saturating_add(since, caps.pool_wait); }
    void grant(lease given) {
        granted = std::move(given);
        granted.queued_ = queued();
        granted.had_opening_ = turn != clock::time_point::max();
        finish();
    }
    void refuse(error why) {
        if (why.phase() == phase::none) why.phase(phase::pool);
        why.queued(queued());
        refused = std::move(why);
        finish();
    }
    void ring() {
        error late = home.timed_out(limit_reason);
        home.ledger_.abandon(message.origin, ticket);
        refuse(std::move(late));
    }
    void finish() {
        tell_end();
        is_queued = false;
        limit.clear();
        if (coroutine) coroutine->resume({});
    }

    pool& home;
    const http::request& message;
    const http::limits& caps;
    clock::time_point since;
    clock::time_point deadline;                         // but for the time in the queue
    clock::time_point turn = clock::time_point::max();  // when a connection began to be opened for it
    alarm limit;
    errc limit_reason{};
    std::uint64_t ticket = 0;
    bool is_queued = false;
    bool is_told = false;  // that it waits
    lease granted;
    error refused;
    boost::intrusive_ptr<chorus::detail::suspension> coroutine;
};

CHORUS_DECL pool::pool(executor ex, const policy::pool_options& options, opener open)
    : executor_(std::move(ex)),
      timers_(timer_service::of(executor_)),
      options_(options),
      open_(std::move(open)),
      ledger_(options) {}

CHORUS_DECL pool::~pool() {
    // An opening shares the pool: if one is left, it is its frame that is being destroyed, and nobody is there to
    // cancel.
    for (slot& each : slots_) {
        if (each.opening) std::move(*each.opening).detach();
    }
}

CHORUS_DECL lease pool::try_acquire(const http::origin& where) {
    if (closed_) return {};
    const clock::time_point time = timers_.now();
    if (const auto expiry = ledger_.next_expiry(); expiry && *expiry <= time) ledger_.expire(time);
    for (;;) {
        const auto id = ledger_.acquire(where, time);
        carry_out();
        if (id == policy::pool_ledger::no_connection) return {};
        lease idle(*this, id);
        if (is_fit(idle)) return idle;
    }
}

/// A connection that was open before may have been closed by the peer since.
CHORUS_DECL bool pool::is_fit(const lease& given) {
    if (given.is_first_) return true;
    if (!given->is_alive()) return false;
    ++reused_;
    return true;
}

namespace detail {

/// Made outside of the frame that each waiting call holds.
CHORUS_DECL error in_pool(errc what, clock::duration queued = {}) {
    error failed(what);
    failed.phase(phase::pool).queued(queued);
    return failed;
}

}  // namespace detail

CHORUS_DECL awaitable<result<lease>> pool::acquire(const http::request& message, const http::limits& caps,
                                                   clock::time_point deadline) {
    clock::time_point start = timers_.now();
    for (;;) {
        if (closed_) co_return detail::in_pool(errc::client_closed);
        waiter self(*this, message, caps, start, deadline);
        self.ticket = ledger_.enqueue(message.origin, &self);
        self.is_queued = true;
        self.queue();
        carry_out();
        self.tell();
        try {
            co_await chorus::detail::async_suspend(executor_, self);
        } catch (const boost::system::system_error&) {
            co_return detail::in_pool(errc::cancelled, self.queued());
        }
        if (!self.granted) co_return std::move(self.refused);
        if (is_fit(self.granted)) co_return std::move(self.granted);
        // It waits on as if it had begun later: an opening in between was no wait for its turn.
        start = timers_.now() - self.granted.queued();
    }
}

CHORUS_DECL pool_stats pool::stats() const noexcept {
    const auto& totals = ledger_.totals();
    pool_stats counts;
    counts.in_use = totals.in_use;
    counts.idle = totals.idle;
    counts.connecting = totals.connecting;
    counts.waiting = totals.waiting;
    counts.opened = totals.opened;
    counts.reused = reused_;
    counts.resumed = resumed_;
    return counts;
}

CHORUS_DECL awaitable<void> pool::close() {
    dismiss(errc::client_closed);
    cancel_openings();
    while (ledger_.totals().in_use + ledger_.totals().connecting > 0) {
        all_returned_.reset();
        co_await all_returned_.wait();
    }
}

CHORUS_DECL void pool::abort() noexcept {
    abandon();
    cancel_openings();
}

CHORUS_DECL void pool::abandon() noexcept {
    dismiss(errc::client_closed);
    for (slot& each : slots_) {
        if (each.link) each.link->abort(errc::client_closed);
    }
}

/// Sends everybody away who holds no lease.
CHORUS_DECL void pool::dismiss(errc reason) {
    closed_ = true;
    for (void* one : ledger_.dismiss_all()) static_cast<waiter*>(one)->refuse(error(reason));
    ledger_.retire_all();
    carry_out();
}

/// Ends what nobody waits for any more.
CHORUS_DECL void pool::cancel_openings() {
    for (slot& each : slots_) {
        if (each.opening && each.has_begun) each.opening->cancel();
    }
}

CHORUS_DECL void pool::carry_out() {
    using kind = policy::pool_ledger::action_kind;
    while (ledger_.has_actions()) {
        for (const auto& action : ledger_.take_actions()) {
            if (action.connection >= slots_.size()) slots_.resize(action.connection + 1);
            auto* const who = static_cast<waiter*>(action.waiter);
            switch (action.kind) {
                case kind::grant:
                    who->grant(lease(*this, action.connection));
                    break;
                case kind::close:
                    slots_[action.connection].link.reset();
                    break;
                case kind::open:
                    slots_[action.connection].has_begun = false;
                    slots_[action.connection].opening =
                        spawn(executor_, open_one(shared_from_this(), action.connection, *action.origin,
                                                  who->caps.connect, who->caps.tls));
                    who->begin_opening();
                    break;
            }
        }
    }
    if (closed_ && ledger_.totals().in_use + ledger_.totals().connecting == 0) all_returned_.set();
}

/// Cancels an opening whose present stage takes too long: TLS, or what comes before and after it.
struct pool::stage_limit final : opening_progress {
    stage_limit(pool& owner, policy::pool_ledger::connection_id opened, std::chrono::milliseconds connect,
                std::chrono::milliseconds tls)
        : home(owner), id(opened), connect_limit(connect), tls_limit(tls), limit(owner.executor_) {}

    void begins(phase next) override {
        if (has_passed) return;
        stage = next;
        limit.set<&stage_limit::ring>(chorus::detail::saturating_add(limit.now(), length()), this);
    }
    void ring() {
        has_passed = true;
        home.slots_[id].opening->cancel();
    }
    std::chrono::milliseconds length() const noexcept { return stage == phase::tls ? tls_limit : connect_limit; }
    error told(const error& cut, const http::origin& where) const {
        error late(stage == phase::tls ? errc::tls_timed_out : errc::connect_timed_out,
                   where.to_string() + " after " + std::to_string(length().count()) + " ms");
        // It knows best what it was waiting for, such as the answer of a proxy.
        return late.phase(cut.phase() == phase::none ? stage : cut.phase());
    }

    pool& home;
    policy::pool_ledger::connection_id id;
    std::chrono::milliseconds connect_limit;
    std::chrono::milliseconds tls_limit;
    alarm limit;
    phase stage = phase::none;
    bool has_passed = false;
};

/// Opens one connection, whoever will use it: a call that is cancelled does not waste it for the others.
CHORUS_DECL awaitable<void> pool::open_one(std::shared_ptr<pool> self, policy::pool_ledger::connection_id id,
                                           http::origin where, std::chrono::milliseconds connect,
                                           std::chrono::milliseconds tls) {
    result<std::unique_ptr<connection>> outcome = error(errc::cancelled);
    stage_limit limit(*self, id, connect, tls);
    self->slots_[id].has_begun = true;
    limit.begins(phase::connect);
    try {
        if (!self->closed_) outcome = co_await self->open_(where, limit);
    } catch (...) {
        outcome = error::from_exception(std::current_exception());
    }
    limit.limit.clear();
    if (limit.has_passed && !outcome && outcome.error() == condition::cancelled) {
        outcome = limit.told(outcome.error(), where);
    }
    self->finish_opening(id, std::move(outcome));
}

CHORUS_DECL void pool::finish_opening(policy::pool_ledger::connection_id id,
                                      result<std::unique_ptr<connection>> outcome) {
    std::move(*slots_[id].opening).detach();
    slots_[id].opening.reset();
    if (outcome) {
        const std::size_t capacity = (*outcome)->capacity();
        if ((*outcome)->opening.tls_resumed) ++resumed_;
        slots_[id].link = std::move(*outcome);
        ledger_.opened(id, capacity, timers_.now());
    } else {
        for (void* unlucky : ledger_.open_failed(id)) static_cast<waiter*>(unlucky)->refuse(outcome.error());
    }
    carry_out();
}

CHORUS_DECL void pool::give_back(policy::pool_ledger::connection_id id) noexcept {
    connection& returned = *slots_[id].link;
    --returned.use.under_way;
    ledger_.resize(id, returned.capacity());  // an HTTP/2 server may change it at any time
    ledger_.release(id, returned.is_reusable(), returned.keep_alive(), timers_.now());
    carry_out();
}

/// Says how full the pool is, because that is what the user has to change. Somebody waits.
CHORUS_DECL error pool::timed_out(errc limit) {
    const auto& totals = ledger_.totals();
    const clock::duration age = timers_.now() - static_cast<waiter*>(ledger_.longest_waiting())->since;
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(age);
    return error(limit, std::to_string(totals.in_use) + " connections in use, " + std::to_string(totals.connecting) +
                            " being opened, " + std::to_string(totals.waiting) + " calls waiting, the oldest for " +
                            std::to_string(waited.count()) + " ms, at most " +
                            std::to_string(options_.max_connections_per_origin) + " connections an origin and " +
                            std::to_string(options_.max_connections) + " in all");
}

}  // namespace chorus::net
