#pragma once

#include <chorus/policy/pool_ledger.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace chorus::policy {

namespace detail {

/// `now + length`, or the end of time where the sum would overflow. Compared in milliseconds, which hold both.
CHORUS_DECL pool_ledger::time_point ledger_time_after(pool_ledger::time_point now,
                                                      std::chrono::milliseconds length) noexcept {
    constexpr auto end = pool_ledger::time_point::max();
    const auto elapsed = std::max(now.time_since_epoch(), pool_ledger::time_point::duration::zero());
    const auto room = std::chrono::floor<std::chrono::milliseconds>(end.time_since_epoch() - elapsed);
    return length >= room ? end : now + length;
}

}  // namespace detail

CHORUS_DECL pool_ledger::connection_id pool_ledger::acquire(const http::origin& where, time_point now) {
    audit();
    const auto origin = origins_.find(where);
    if (origin == origins_.end()) return no_connection;
    std::vector<connection_id>& available = origin->second.available;
    while (!available.empty()) {
        const connection_id candidate = available.back();
        if (!is_over(connections_[candidate], now)) {
            lease(candidate);
            return candidate;
        }
        drop(candidate);
    }
    return no_connection;
}

CHORUS_DECL std::uint64_t pool_ledger::enqueue(const http::origin& where, void* waiter) {
    origin_account& account = origins_[where];
    account.queue.push_back({++last_ticket_, waiter});
    ++account.waiting;
    ++totals_.waiting;
    open_for_waiters();
    return last_ticket_;
}

CHORUS_DECL void pool_ledger::abandon(const http::origin& where, std::uint64_t ticket) {
    audit();
    origin_account& account = origins_.find(where)->second;
    const auto found =
        std::lower_bound(account.queue.begin(), account.queue.end(), ticket,
                         [](const waiting_one& one, std::uint64_t wanted) { return one.ticket < wanted; });
    assert(found != account.queue.end() && found->ticket == ticket && found->waiter != nullptr);
    found->waiter = nullptr;
    --account.waiting;
    --totals_.waiting;
    front(account);  // drops abandoned places, so that the queue cannot grow by them alone
}

CHORUS_DECL void pool_ledger::opened(connection_id connection, std::size_t capacity, time_point now) {
    audit();
    assert(connections_[connection].origin != nullptr && connections_[connection].connecting);
    connection_account& account = connections_[connection];
    account.connecting = false;
    account.capacity = capacity;
    account.origin->second.capacity = capacity;
    account.retire_at = detail::ledger_time_after(now, options_.max_age);
    --account.origin->second.connecting;
    --totals_.connecting;
    ++totals_.opened;
    ++totals_.idle;
    if (account.retiring) {
        drop(connection);
        open_for_waiters();
        return;
    }
    account.origin->second.available.push_back(connection);
    rest(connection, std::nullopt, now);
    serve(*account.origin);
    open_for_waiters();
}

CHORUS_DECL void pool_ledger::resize(connection_id connection, std::size_t capacity) {
    assert(connections_[connection].origin != nullptr && !connections_[connection].connecting);
    connection_account& account = connections_[connection];
    if (capacity == account.capacity) return;
    std::vector<connection_id>& available = account.origin->second.available;
    const bool had_room = account.leases < account.capacity;
    const bool has_room = account.leases < capacity;
    account.capacity = account.origin->second.capacity = capacity;
    if (account.retiring) return;
    if (had_room && !has_room) std::erase(available, connection);
    if (!had_room && has_room) available.push_back(connection);
}

CHORUS_DECL std::vector<void*> pool_ledger::open_failed(connection_id connection) {
    audit();
    assert(connections_[connection].origin != nullptr && connections_[connection].connecting);
    origin_account& account = connections_[connection].origin->second;
    --account.connecting;
    --totals_.connecting;
    --account.connections;
    --held_;
    connections_[connection] = {};
    free_ids_.push_back(connection);
    std::vector<void*> unlucky;
    const std::size_t share = account.capacity == 0 ? account.waiting : std::min(account.capacity, account.waiting);
    while (unlucky.size() < share) unlucky.push_back(take_front(account));
    totals_.waiting -= unlucky.size();
    open_for_waiters();
    return unlucky;
}

CHORUS_DECL void pool_ledger::release(connection_id connection, bool reusable,
                                      std::optional<std::chrono::seconds> keep_alive, time_point now) {
    audit();
    assert(connections_[connection].leases > 0);
    connection_account& account = connections_[connection];
    origin_entry& origin = *account.origin;
    const bool was_full = account.leases == account.capacity;
    --account.leases;
    --totals_.leases;
    if (account.leases == 0) {
        --totals_.in_use;
        ++totals_.idle;
    }
    if (!reusable) account.retiring = true;
    if (account.retiring || (account.leases == 0 && now >= account.retire_at)) {
        if (account.leases == 0) {
            drop(connection);
        } else if (!was_full) {
            std::erase(origin.second.available, connection);
        }
        open_for_waiters();
        return;
    }
    if (was_full) origin.second.available.push_back(connection);
    rest(connection, keep_alive, now);
    // A waiter of another origin that has waited longer gets the room of this connection instead.
    const waiting_one* own = front(origin.second);
    origin_entry* other = longest_unserved();
    if (account.leases == 0 && other != nullptr && other != &origin && held_ >= options_.max_connections &&
        (own == nullptr || front(other->second)->ticket < own->ticket)) {
        drop(connection);
        open_for_waiters();
        return;
    }
    serve(origin);
    open_for_waiters();
}

CHORUS_DECL void pool_ledger::expire(time_point now) {
    audit();
    next_expiry_.reset();
    for (connection_id id = 0; id < connections_.size(); ++id) {
        const connection_account& account = connections_[id];
        if (account.origin == nullptr || account.connecting || account.leases > 0) continue;
        if (is_over(account, now)) {
            drop(id);
        } else {
            const time_point over = std::min(account.idle_until, account.retire_at);
            next_expiry_ = next_expiry_ ? std::min(*next_expiry_, over) : over;
        }
    }
    open_for_waiters();
}

CHORUS_DECL void pool_ledger::retire_all() {
    for (connection_id id = 0; id < connections_.size(); ++id) {
        connection_account& account = connections_[id];
        if (account.origin == nullptr) continue;
        if (account.connecting) {
            account.retiring = true;
        } else {
            drop(id);
        }
    }
    next_expiry_.reset();
}

CHORUS_DECL std::vector<void*> pool_ledger::dismiss_all() {
    std::vector<void*> waiters;
    for (origin_entry& entry : origins_) {
        for (const waiting_one& one : entry.second.queue) {
            if (one.waiter != nullptr) waiters.push_back(one.waiter);
        }
        entry.second.queue.clear();
        entry.second.waiting = 0;
    }
    totals_.waiting = 0;
    return waiters;
}

CHORUS_DECL std::vector<pool_ledger::action> pool_ledger::take_actions() noexcept {
    return std::exchange(actions_, {});
}

/// Its looks are paid for by as many changes.
CHORUS_DECL void pool_ledger::audit() noexcept {
    if (++unaudited_ < connections_.size() + totals_.waiting) return;
    unaudited_ = 0;
    assert(adds_up());
}

CHORUS_DECL bool pool_ledger::adds_up() noexcept {
    counts found;
    std::size_t with_room = 0;
    for (connection_id id = 0; id < connections_.size(); ++id) {
        const connection_account& each = connections_[id];
        if (each.origin == nullptr) continue;
        ++(each.connecting ? found.connecting : each.leases > 0 ? found.in_use : found.idle);
        found.leases += each.leases;
        if (!each.connecting && !each.retiring && each.leases < each.capacity) ++with_room;
    }
    std::size_t connections = 0;
    std::size_t connecting = 0;
    std::size_t available = 0;
    for (origin_entry& entry : origins_) {
        origin_account& account = entry.second;
        connections += account.connections;
        connecting += account.connecting;
        available += account.available.size();
        std::size_t waiting = 0;
        for (const waiting_one& one : account.queue) waiting += one.waiter != nullptr ? 1U : 0U;
        if (waiting != account.waiting) return false;
        found.waiting += waiting;
    }
    const bool is_counted = found.in_use == totals_.in_use && found.idle == totals_.idle &&
                            found.connecting == totals_.connecting && found.waiting == totals_.waiting &&
                            found.leases == totals_.leases;
    return is_counted && available == with_room && connecting == found.connecting && connections == held_ &&
           held_ == found.in_use + found.idle + found.connecting && held_ <= options_.max_connections &&
           held_ + free_ids_.size() == connections_.size();
}

CHORUS_DECL bool pool_ledger::is_over(const connection_account& account, time_point now) const noexcept {
    return now >= account.retire_at || (account.leases == 0 && now >= account.idle_until);
}

/// Leases the connection at the end of its origin's list of available ones.
CHORUS_DECL void pool_ledger::lease(connection_id connection) {
    connection_account& account = connections_[connection];
    if (account.leases++ == 0) {
        --totals_.idle;
        ++totals_.in_use;
    }
    ++totals_.leases;
    if (account.leases == account.capacity) account.origin->second.available.pop_back();
}

/// Takes a connection out of the hands of lessees: closed at once when nobody uses it, or else with its last lease.
CHORUS_DECL void pool_ledger::drop(connection_id connection) {
    connection_account& account = connections_[connection];
    std::erase(account.origin->second.available, connection);
    account.retiring = true;
    if (account.leases == 0) close(connection);
}

CHORUS_DECL void pool_ledger::close(connection_id connection) {
    --connections_[connection].origin->second.connections;
    --held_;
    --totals_.idle;
    connections_[connection] = {};
    free_ids_.push_back(connection);
    actions_.push_back({action_kind::close, connection});
}

CHORUS_DECL void pool_ledger::rest(connection_id connection, std::optional<std::chrono::seconds> keep_alive,
                                   time_point now) {
    connection_account& account = connections_[connection];
    if (account.leases > 0) return;
    std::chrono::milliseconds patience =
        account.origin->first.tls ? options_.idle_timeout : options_.idle_timeout_plain;
    // The server counts from when it sent the answer, which is earlier than now: a second is kept in hand.
    if (keep_alive) {
        constexpr std::chrono::seconds margin{1};
        patience =
            std::min<std::chrono::milliseconds>(patience, std::max(*keep_alive - margin, std::chrono::seconds{0}));
    }
    account.idle_until = detail::ledger_time_after(now, patience);
    const time_point over = std::min(account.idle_until, account.retire_at);
    next_expiry_ = next_expiry_ ? std::min(*next_expiry_, over) : over;
}

/// Hands the free leases of an origin to its waiters, in order.
CHORUS_DECL void pool_ledger::serve(origin_entry& origin) {
    origin_account& account = origin.second;
    while (!account.available.empty()) {
        if (front(account) == nullptr) return;
        const connection_id chosen = account.available.back();
        actions_.push_back({action_kind::grant, chosen, take_front(account)});
        --totals_.waiting;
        lease(chosen);
    }
}

/// Opens as many connections as waiters lack, in the order in which they came, as far as the limits allow.
CHORUS_DECL void pool_ledger::open_for_waiters() {
    while (totals_.connecting < options_.max_connecting) {
        origin_entry* const origin = longest_unserved();
        if (origin == nullptr) return;
        if (held_ >= options_.max_connections && !make_room()) return;
        connection_id id;
        if (free_ids_.empty()) {
            id = static_cast<connection_id>(connections_.size());
            connections_.emplace_back();
        } else {
            id = free_ids_.back();
            free_ids_.pop_back();
        }
        connections_[id].origin = origin;
        origin_account& account = origin->second;
        actions_.push_back({action_kind::open, id, first_unserved(account).waiter, &origin->first});
        ++account.connections;
        ++account.connecting;
        ++held_;
        ++totals_.connecting;
    }
}

/// Closes the connection that has been idle longest, whatever its origin.
CHORUS_DECL bool pool_ledger::make_room() {
    if (totals_.idle == 0) return false;
    connection_id oldest = no_connection;
    for (connection_id id = 0; id < connections_.size(); ++id) {
        const connection_account& account = connections_[id];
        if (account.origin == nullptr || account.connecting || account.leases > 0) continue;
        if (oldest == no_connection || account.idle_until < connections_[oldest].idle_until) oldest = id;
    }
    drop(oldest);
    return true;
}

/// The origin whose first waiter has no connection on the way and may have one; of several, who has waited longest.
CHORUS_DECL pool_ledger::origin_entry* pool_ledger::longest_unserved() noexcept {
    origin_entry* chosen = nullptr;
    std::uint64_t ticket = 0;
    for (origin_entry& entry : origins_) {
        origin_account& account = entry.second;
        if (!lacks_connections(account) || account.connections >= options_.max_connections_per_origin) continue;
        const std::uint64_t first = first_unserved(account).ticket;
        if (chosen == nullptr || first < ticket) {
            chosen = &entry;
            ticket = first;
        }
    }
    return chosen;
}

CHORUS_DECL void* pool_ledger::longest_waiting() noexcept {
    const waiting_one* longest = nullptr;
    for (origin_entry& entry : origins_) {
        const waiting_one* const first = front(entry.second);
        if (first != nullptr && (longest == nullptr || first->ticket < longest->ticket)) longest = first;
    }
    return longest != nullptr ? longest->waiter : nullptr;
}

CHORUS_DECL pool_ledger::waiting_one* pool_ledger::front(origin_account& account) noexcept {
    while (!account.queue.empty() && account.queue.front().waiter == nullptr) account.queue.pop_front();
    return account.queue.empty() ? nullptr : &account.queue.front();
}

CHORUS_DECL void* pool_ledger::take_front(origin_account& account) noexcept {
    void* const first = front(account)->waiter;
    account.queue.pop_front();
    --account.waiting;
    return first;
}

/// Who waits longest of those whom no connection on its way will serve; there is one, see `lacks_connections`.
CHORUS_DECL pool_ledger::waiting_one& pool_ledger::first_unserved(origin_account& account) noexcept {
    std::size_t served = account.connecting * account.capacity;
    if (account.queue.size() == account.waiting) return account.queue[served];  // nobody has left his place
    auto one = account.queue.begin();
    while (one->waiter == nullptr || served-- > 0) ++one;
    return *one;
}

/// Whether more wait than the connections on their way will serve.
CHORUS_DECL bool pool_ledger::lacks_connections(const origin_account& account) noexcept {
    if (account.capacity == 0) return account.waiting > 0 && account.connections == 0;
    return account.waiting > account.connecting * account.capacity;
}

}  // namespace chorus::policy
