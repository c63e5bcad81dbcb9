// The loop's side of a look-up, and the threads': they share nothing but the answer.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/detail/post.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/async/event.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/net/platform.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/shared_new.hpp>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace chorus::net {

namespace detail {

CHORUS_DECL std::vector<asio::ip::tcp::endpoint> with_port(const address_list& addresses, std::uint16_t port) {
    std::vector<asio::ip::tcp::endpoint> endpoints;
    endpoints.reserve(addresses.size());
    for (const auto& address : addresses) endpoints.emplace_back(address, port);
    return endpoints;
}

}  // namespace detail

CHORUS_DECL const address_list* address_cache::find(const std::string& host, clock::time_point now) const {
    const auto found = entries_.find(host);
    return found != entries_.end() && now < found->second.expires ? &found->second.addresses : nullptr;
}

CHORUS_DECL void address_cache::store(const std::string& host, address_list addresses, clock::time_point now) {
    if (time_to_live_ <= clock::duration::zero() || capacity_ == 0) return;
    entries_[host] = {std::move(addresses), chorus::detail::saturating_add(now, time_to_live_)};
    if (entries_.size() <= capacity_) return;
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& one, const auto& other) {
        return one.second.expires < other.second.expires;
    }));
}

CHORUS_DECL void address_cache::forget(const std::string& host) {
    entries_.erase(host);
}

/// What the system is asked about one host, and everybody who waits for the answer.
struct resolver::look_up : std::enable_shared_from_this<look_up> {
    look_up(std::string name, state& asker);

    void ask_for_ipv4_too();
    void finish(result<address_list> outcome) {
        resolution_delay.clear();
        answer = std::move(outcome);
        answered.set();
    }

    std::string host;
    state* owner;                 // null when it has gone
    alarm resolution_delay;       // set while somebody waits and the second question has not been asked
    int waiting = 0;              // callers; those whose coroutines were dropped count too
    int questions = 0;            // that the system has not answered yet
    std::optional<error> reason;  // why there are no addresses of any family
    event answered;
    std::optional<result<address_list>> answer;
};

struct resolver::state {
    executor ex;
    timer_service& timers;
    std::shared_ptr<chorus::detail::suspension_registry> context;
    look_up_function source;
    std::chrono::milliseconds resolution_delay;
    address_cache cache;
    std::vector<std::shared_ptr<look_up>> pending;  // few: one for each host that is being looked up

    state(const executor& chosen, resolver_options options, look_up_function system)
        : ex(chosen),
          timers(timer_service::of(chosen)),
          context(chorus::detail::suspension_registry::of(chosen)),
          source(std::move(system)),
          resolution_delay(options.resolution_delay),
          cache(options.time_to_live) {}

    std::shared_ptr<look_up> join(const std::string& host) {
        const auto found =
            std::find_if(pending.begin(), pending.end(), [&](const auto& shared) { return shared->host == host; });
        const auto joined = found != pending.end() ? *found : chorus::detail::shared_new<look_up>(host, *this);
        if (++joined->waiting == 1 && joined->questions < 2) {
            joined->resolution_delay.set<&look_up::ask_for_ipv4_too>(
                chorus::detail::saturating_add(timers.now(), resolution_delay), joined.get());
        }
        if (found == pending.end()) {
            pending.push_back(joined);
            ask(*joined, platform::address_families::all);
        }
        return joined;
    }

    static void leave(look_up& left) noexcept {
        if (--left.waiting == 0) left.resolution_delay.clear();
    }

    void ask(look_up& asked, platform::address_families wanted) {
        ++asked.questions;
        try {
            // The thread keeps nothing alive that belongs to the loop: either may end first.
            std::thread([host = asked.host, asker = asked.weak_from_this(), home = ex, system = source, loop = context,
                         wanted] {
                deliver(*loop, home, asker, answer_to(system, host, wanted), wanted);
            }).detach();
        } catch (const std::exception& failure) {
            error unable(errc::resolve_failed);
            take(asked, unable.cause(failure.what()), wanted);
        }
    }

    static result<address_list> answer_to(const look_up_function& system, const std::string& host,
                                          platform::address_families wanted) noexcept {
        try {
            return system(host, wanted);
        } catch (...) {
            return error::from_exception(std::current_exception());
        }
    }

    static void deliver(chorus::detail::suspension_registry& loop, const executor& home,
                        const std::weak_ptr<look_up>& asker, result<address_list> outcome,
                        platform::address_families wanted) {
        loop.if_open([&] {
            chorus::detail::post(home, [asker, outcome = std::move(outcome), wanted]() mutable {
                const auto asked = asker.lock();
                if (!asked || asked->owner == nullptr || asked->answer) return;
                asked->owner->take(*asked, std::move(outcome), wanted);
            });
        });
    }

    /// Takes the answer to one question: addresses end the look-up, the lack of them only if no other answer can come.
    void take(look_up& asked, result<address_list> outcome, platform::address_families wanted) {
        --asked.questions;
        if (outcome && outcome->empty()) outcome = error(errc::resolve_failed);
        if (outcome) {
            cache.store(asked.host, *outcome, timers.now());
        } else {
            if (wanted == platform::address_families::all) asked.reason = outcome.error();
            if (asked.questions > 0) return;
            error failure = *asked.reason;
            if (failure.text().empty()) failure.text(asked.host);
            outcome = failure.phase(phase::dns);
        }
        asked.finish(std::move(outcome));
        for (auto place = pending.begin(); place != pending.end(); ++place) {
            if (place->get() != &asked) continue;
            pending.erase(place);
            break;
        }
    }

    static awaitable<result<std::vector<asio::ip::tcp::endpoint>>> resolve(std::shared_ptr<state> self,
                                                                           std::string host, std::uint16_t port) {
        boost::system::error_code not_an_address;
        const auto literal = asio::ip::make_address(host, not_an_address);
        if (!not_an_address) co_return std::vector{asio::ip::tcp::endpoint(literal, port)};
        if (const auto* remembered = self->cache.find(host, self->timers.now())) {
            co_return detail::with_port(*remembered, port);
        }
        const auto asked = self->join(host);
        self.reset();
        try {
            co_await asked->answered.wait();
        } catch (const boost::system::system_error&) {  // cancelled
        }
        leave(*asked);
        if (!asked->answer) {
            error cancelled(errc::cancelled);
            cancelled.phase(phase::dns).text(host);
            co_return cancelled;
        }
        if (!*asked->answer) co_return asked->answer->error();
        co_return detail::with_port(**asked->answer, port);
    }
};

CHORUS_DECL resolver::look_up::look_up(std::string name, state& asker)
    : host(std::move(name)), owner(&asker), resolution_delay(asker.ex) {}

CHORUS_DECL void resolver::look_up::ask_for_ipv4_too() {
    owner->ask(*this, platform::address_families::ipv4);
}

CHORUS_DECL resolver::resolver(const executor& ex, resolver_options options)
    : resolver(ex, options, &platform::look_up) {}

CHORUS_DECL resolver::resolver(const executor& ex, resolver_options options, look_up_function look_up)
    : state_(chorus::detail::shared_new<state>(ex, options, std::move(look_up))) {}

CHORUS_DECL resolver::~resolver() {
    for (const auto& asked : state_->pending) {
        error cancelled(errc::cancelled);
        asked->owner = nullptr;
        asked->finish(cancelled.phase(phase::dns).text(asked->host));
    }
    state_->pending.clear();
}

CHORUS_DECL awaitable<result<std::vector<asio::ip::tcp::endpoint>>> resolver::resolve(std::string host,
                                                                                      std::uint16_t port) {
    return state::resolve(state_, std::move(host), port);
}

CHORUS_DECL void resolver::forget(const std::string& host) {
    state_->cache.forget(host);
}

}  // namespace chorus::net
