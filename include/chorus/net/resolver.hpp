// From host names to addresses: look-ups on threads of their own, shared by those who ask for the same, remembered.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/net/platform.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chorus::net {

using address_list = std::vector<asio::ip::address>;

/// Remembers the addresses of hosts for a while. A machine: time is an argument.
class address_cache {
 public:
    explicit address_cache(clock::duration time_to_live, std::size_t capacity = 1024) noexcept
        : time_to_live_(time_to_live), capacity_(capacity) {}

    /// The addresses of a host, or null if none are remembered that are fresh. Valid until the next change.
    const address_list* find(const std::string& host, clock::time_point now) const;
    /// Remembers; when full, what expires first is dropped. With a time to live of zero it remembers nothing.
    void store(const std::string& host, address_list addresses, clock::time_point now);
    void forget(const std::string& host);
    std::size_t size() const noexcept { return entries_.size(); }

 private:
    struct entry {
        address_list addresses;
        clock::time_point expires;
    };

    clock::duration time_to_live_;
    std::size_t capacity_;
    std::map<std::string, entry, std::less<>> entries_;
};

struct resolver_options {
    /// How long addresses are used without asking again. The system does not tell what the name server allows.
    std::chrono::milliseconds time_to_live = std::chrono::seconds(30);
    /// How long the system may take before it is asked for IPv4 alone as well (RFC 8305, 3 and 8: 50 ms).
    std::chrono::milliseconds resolution_delay{50};
};

/// Resolves host names through the system, so that its files, name servers and order of preference count.
///
/// The system waits for the answers about IPv6 and IPv4 before it gives either, so a name server that is silent about
/// one holds up both, for seconds. After `resolution_delay` it is therefore asked for IPv4 alone as well, and what
/// brings addresses first is taken.
///
/// Lifetimes: its destructor makes those still waiting complete with `errc::cancelled`.
/// Executor: used from the thread of the executor it is made with. Each look-up blocks a thread of its own, for the
/// system offers no way to interrupt one; nobody waits for that thread, not even the end of the program.
class resolver {
 public:
    /// What asks the system. Called on another thread.
    using look_up_function =
        std::function<result<address_list>(const std::string& host, platform::address_families wanted)>;

    explicit resolver(const executor& ex, resolver_options options = {});
    /// With another source of addresses, as for tests.
    resolver(const executor& ex, resolver_options options, look_up_function look_up);
    ~resolver();
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// Completes with the addresses of a host, in the system's order of preference, each with the port. Addresses given
    /// as text and remembered ones take no look-up; callers that ask for the same host at once share one.
    /// Cancellation: total and prompt; gives `errc::cancelled`. The look-up goes on for the others, and for the cache.
    /// Errors: `errc::resolve_failed`; the text names the host, the cause is the system's reason for all families.
    awaitable<result<std::vector<asio::ip::tcp::endpoint>>> resolve(std::string host, std::uint16_t port);

    /// Asks anew the next time: what is remembered of a host turned out to be of no use.
    void forget(const std::string& host);

 private:
    struct look_up;
    struct state;

    std::shared_ptr<state> state_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/resolver.ipp>
#endif
