// The loop's side of a look-up, and the thread's: they share nothing but the answer.
#pragma once

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

/// One question to the system, and everybody who waits for the answer.
struct resolver::look_up {
    explicit look_up(std::string name, state& asker) : host(std::move(name)), owner(&asker) {}

    void finish(result<address_list> outcome) {
        answer = std::move(outcome);
        answered.set();
    }

    std::string host;
    state* owner;  // null when it has gone
    event answered;
    std::optional<result<address_list>> answer;
};

struct resolver::state {
    executor ex;
    timer_service& timers;
    std::shared_ptr<chorus::detail::suspension_registry> context;
    look_up_function ask;
    address_cache cache;
    std::vector<std::shared_ptr<look_up>> pending;  // few: one for each host that is being looked up

    state(const executor& chosen, resolver_options options, look_up_function source)
        : ex(chosen),
          timers(timer_service::of(chosen)),
          context(chorus::detail::suspension_registry::of(chosen)),
          ask(std::move(source)),
          cache(options.time_to_live) {}

    std::shared_ptr<look_up> join(const std::string& host) {
        for (const auto& shared : pending) {
            if (shared->host == host) return shared;
        }
        auto begun = chorus::detail::shared_new<look_up>(host, *this);
        pending.push_back(begun);
        begin(begun);
        return begun;
    }

    void begin(const std::shared_ptr<look_up>& begun) {
        try {
            // The thread keeps nothing alive that belongs to the loop: either may end first.
            std::thread([host = begun->host, asked = std::weak_ptr(begun), home = ex, source = ask, loop = context] {
                deliver(*loop, home, asked, answer_to(source, host));
            }).detach();
        } catch (const std::exception& failure) {
            error unable(errc::resolve_failed);
            answered(*begun, unable.cause(failure.what()));
        }
    }

    static result<address_list> answer_to(const look_up_function& source, const std::string& host) noexcept {
        try {
            return source(host);
        } catch (...) {
            return error::from_exception(std::current_exception());
        }
    }

    static void deliver(chorus::detail::suspension_registry& loop, const executor& home,
                        const std::weak_ptr<look_up>& asked, result<address_list> outcome) {
        loop.if_open([&] {
            chorus::detail::post(home, [asked, outcome = std::move(outcome)]() mutable {
                const auto begun = asked.lock();
                if (begun && begun->owner != nullptr) begun->owner->answered(*begun, std::move(outcome));
            });
        });
    }

    void answered(look_up& asked, result<address_list> outcome) {
        if (outcome && outcome->empty()) outcome = error(errc::resolve_failed);
        if (outcome) {
            cache.store(asked.host, *outcome, timers.now());
        } else {
            error failure = outcome.error();
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
        if (!asked->answer) {
            error cancelled(errc::cancelled);
            cancelled.phase(phase::dns).text(host);
            co_return cancelled;
        }
        if (!*asked->answer) co_return asked->answer->error();
        co_return detail::with_port(**asked->answer, port);
    }
};

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
