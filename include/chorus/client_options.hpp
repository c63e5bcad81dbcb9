// What a client is made with, apart from the provider.
#pragma once

#include <chorus/http/limits.hpp>
#include <chorus/http/protocol.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/policy/pool_ledger.hpp>
#include <chorus/policy/proxy_settings.hpp>
#include <chorus/policy/retry.hpp>
#include <chorus/provider/environment.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

class call_gate;
class observer;

/// The limits, pool and TLS settings of a client. The defaults suit a service that talks to a public API.
///
///     auto options = chorus::client_options().timeout(30s).max_connections(200);
class client_options {
 public:
    /// The total limit of a call that has none of its own (`chat_request::timeout`). What it waits for its turn does not
    /// count: that has a limit of its own, `pool_timeout`.
    client_options& timeout(std::chrono::milliseconds total) & {
        limits_.total = total;
        return *this;
    }
    /// The limit on resolving the host, and on each of its addresses.
    client_options& connect_timeout(std::chrono::milliseconds limit) & {
        limits_.connect = limit;
        return *this;
    }
    /// The limit on the TLS handshake.
    client_options& tls_timeout(std::chrono::milliseconds limit) & {
        limits_.tls = limit;
        return *this;
    }
    /// The limit on the silence between the request and its response.
    client_options& first_byte_timeout(std::chrono::milliseconds limit) & {
        limits_.first_byte = limit;
        return *this;
    }
    /// The limit on the wait for a turn: for a free connection, and as much at the limits of a server.
    client_options& pool_timeout(std::chrono::milliseconds limit) & {
        limits_.pool_wait = limit;
        return *this;
    }
    /// How many connections may be open at once, and so how many calls may be under way over HTTP/1.1.
    client_options& max_connections(std::size_t count) & {
        pool_.max_connections = count;
        pool_.max_connections_per_origin = count;
        return *this;
    }
    /// Which version of HTTP to speak. Without HTTP/2 in the build (`CHORUS_WITH_HTTP2`) it is always HTTP/1.1.
    client_options& protocol(http::protocol choice) & {
        protocol_ = choice;
        return *this;
    }
    /// Every limit of a call at once.
    client_options& limits(http::limits all) & {
        limits_ = all;
        return *this;
    }
    /// Every setting of the pool at once.
    client_options& pool(policy::pool_options all) & {
        pool_ = all;
        return *this;
    }
    /// Whom to trust, and which certificate to show.
    client_options& tls(net::tls_options all) & {
        tls_ = std::move(all);
        return *this;
    }
    /// The proxy for every request, such as `http://user:password@proxy.example:3128` or `socks5h://127.0.0.1:1080`.
    /// Without it the environment says, where the client is made: see `policy::proxy_settings::from_environment`.
    client_options& proxy(std::string_view url) & { return proxy(policy::proxy_settings(url)); }
    /// Which proxy for which requests; `policy::proxy_settings::none()` for none, whatever the environment says.
    client_options& proxy(policy::proxy_settings all) & {
        proxy_ = std::move(all);
        return *this;
    }

    /// Whether and when a call that failed is sent again: up to three times in all, unless told otherwise. See
    /// `policy::retry`.
    client_options& retries(const policy::retry_options& how) & {
        retries_ = how;
        return *this;
    }
    /// How often one call may be sent; 1 for no retries. What a server has not taken up may be sent once more all the
    /// same: `policy::retry_options::level` forbids that.
    client_options& max_attempts(int count) & {
        retries_.max_attempts = count;
        return *this;
    }
    /// How many retries all calls of the client may share.
    client_options& retry_budget(const policy::retry_budget_options& how) & {
        retry_budget_ = how;
        return *this;
    }
    /// Adds a rule that may hold calls back, or refuse them, before they are sent: see <chorus/traffic.hpp>. Gates are
    /// asked in the order in which they were added.
    client_options& gate(std::shared_ptr<call_gate> next) & {
        gates_.push_back(std::move(next));
        return *this;
    }
    /// Who is told of each step of each call: see <chorus/observe.hpp>.
    client_options& observer(std::shared_ptr<chorus::observer> who) & {
        observer_ = std::move(who);
        return *this;
    }
    /// Makes what is drawn at random (waits before retries, names of calls) the same in each run; for tests.
    client_options& random_seed(std::uint64_t seed) & {
        random_seed_ = seed;
        return *this;
    }

    // The forms for temporaries.
    client_options&& timeout(std::chrono::milliseconds total) && { return std::move(timeout(total)); }
    client_options&& connect_timeout(std::chrono::milliseconds limit) && { return std::move(connect_timeout(limit)); }
    client_options&& tls_timeout(std::chrono::milliseconds limit) && { return std::move(tls_timeout(limit)); }
    client_options&& first_byte_timeout(std::chrono::milliseconds limit) && {
        return std::move(first_byte_timeout(limit));
    }
    client_options&& pool_timeout(std::chrono::milliseconds limit) && { return std::move(pool_timeout(limit)); }
    client_options&& max_connections(std::size_t count) && { return std::move(max_connections(count)); }
    client_options&& protocol(http::protocol choice) && { return std::move(protocol(choice)); }
    client_options&& limits(http::limits all) && { return std::move(limits(all)); }
    client_options&& pool(policy::pool_options all) && { return std::move(pool(all)); }
    client_options&& tls(net::tls_options all) && { return std::move(tls(std::move(all))); }
    client_options&& proxy(std::string_view url) && { return std::move(proxy(url)); }
    client_options&& proxy(policy::proxy_settings all) && { return std::move(proxy(std::move(all))); }

    client_options&& retries(const policy::retry_options& how) && { return std::move(retries(how)); }
    client_options&& max_attempts(int count) && { return std::move(max_attempts(count)); }
    client_options&& retry_budget(const policy::retry_budget_options& how) && { return std::move(retry_budget(how)); }
    client_options&& gate(std::shared_ptr<call_gate> next) && { return std::move(gate(std::move(next))); }
    client_options&& observer(std::shared_ptr<chorus::observer> who) && { return std::move(observer(std::move(who))); }
    client_options&& random_seed(std::uint64_t seed) && { return std::move(random_seed(seed)); }

    http::protocol protocol() const noexcept { return protocol_; }
    const policy::retry_options& retries() const noexcept { return retries_; }
    const policy::retry_budget_options& retry_budget() const noexcept { return retry_budget_; }
    const std::vector<std::shared_ptr<call_gate>>& gates() const noexcept { return gates_; }
    const std::shared_ptr<chorus::observer>& observer() const noexcept { return observer_; }
    const std::optional<std::uint64_t>& random_seed() const noexcept { return random_seed_; }
    const http::limits& limits() const noexcept { return limits_; }
    const policy::pool_options& pool() const noexcept { return pool_; }
    const net::tls_options& tls() const noexcept { return tls_; }
    policy::proxy_settings proxy() const {
        return proxy_ ? *proxy_ : policy::proxy_settings::from_environment(&process_environment);
    }

 private:
    http::limits limits_;
    http::protocol protocol_ = http::protocol::negotiate;
    policy::pool_options pool_;
    net::tls_options tls_;
    std::optional<policy::proxy_settings> proxy_;
    policy::retry_options retries_;
    policy::retry_budget_options retry_budget_;
    std::vector<std::shared_ptr<call_gate>> gates_;
    std::shared_ptr<chorus::observer> observer_;
    std::optional<std::uint64_t> random_seed_;
};

}  // namespace chorus
