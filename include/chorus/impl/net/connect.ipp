// Attempts race as callbacks that one coroutine watches over.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/event.hpp>
#include <chorus/net/connect.hpp>
#include <chorus/net/opening_progress.hpp>
#include <chorus/net/platform.hpp>
#include <chorus/net/proxy.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/shared_new.hpp>

#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace chorus::net {

namespace detail {

CHORUS_DECL std::vector<policy::address_family> families_of(const std::vector<asio::ip::tcp::endpoint>& endpoints) {
    std::vector<policy::address_family> families;
    for (const auto& endpoint : endpoints) {
        families.push_back(endpoint.address().is_v4() ? policy::address_family::ipv4 : policy::address_family::ipv6);
    }
    return families;
}

/// The attempts to connect to one host. Shared with their completions, which may come when nobody is interested.
class connect_race : public std::enable_shared_from_this<connect_race> {
 public:
    connect_race(executor ex, std::vector<asio::ip::tcp::endpoint> endpoints, policy::happy_eyeballs_options options,
                 opening_progress* progress)
        : executor_(std::move(ex)),
          progress_(progress),
          endpoints_(std::move(endpoints)),
          order_(families_of(endpoints_), options),
          sockets_(endpoints_.size()) {}

    awaitable<result<asio::ip::tcp::socket>> run() {
        alarm next_attempt(executor_);
        for (;;) {
            while (const auto index = order_.next(next_attempt.now())) start(*index);
            if (winner_) co_return std::move(*sockets_[*winner_]);
            if (order_.is_exhausted()) {
                error failure(errc::connect_failed);
                co_return failure.phase(phase::connect).cause(causes_.empty() ? "the host has no address" : causes_);
            }
            next_attempt.clear();
            if (const auto when = order_.next_at()) next_attempt.set<&connect_race::wake>(*when, this);
            changed_.reset();
            bool is_cancelled = false;
            try {
                co_await changed_.wait();
            } catch (const boost::system::system_error&) {
                is_cancelled = true;
            }
            if (is_cancelled) {
                error failure(errc::cancelled);
                co_return failure.phase(phase::connect);
            }
        }
    }

    void close_all() noexcept {
        boost::system::error_code ignored;
        for (auto& socket : sockets_) {
            if (socket) socket->close(ignored);
        }
    }

 private:
    void wake() { changed_.set(); }

    void start(std::size_t index) {
        if (progress_ != nullptr) progress_->begins(phase::connect);
        sockets_[index].emplace(executor_);
        sockets_[index]->async_connect(
            endpoints_[index],
            [self = shared_from_this(), index](boost::system::error_code failure) { self->finish(index, failure); });
    }

    void finish(std::size_t index, boost::system::error_code failure) {
        if (!failure) {
            if (winner_) return;
            winner_ = index;
            order_.succeeded();
        } else {
            std::ostringstream cause;
            cause << (causes_.empty() ? "" : "; ") << endpoints_[index] << ": " << failure.message();
            causes_ += cause.str();
            sockets_[index].reset();
            order_.failed();
        }
        wake();
    }

    executor executor_;
    opening_progress* progress_;  // used by `run` alone: attempts that lose may end later than it
    std::vector<asio::ip::tcp::endpoint> endpoints_;
    policy::happy_eyeballs order_;
    std::vector<std::optional<asio::ip::tcp::socket>> sockets_;
    std::optional<std::size_t> winner_;
    std::string causes_;
    event changed_;
};

/// Closes the attempts that lost, also when the coroutine is destroyed while it waits.
struct losers_closer {
    connect_race& race;
    ~losers_closer() { race.close_all(); }
};

/// Measures stages, each from the end of the one before.
class stage_clock {
 public:
    explicit stage_clock(const executor& ex) : executor_(ex), last_(now(ex)) {}

    void ends(std::chrono::nanoseconds& stage) {
        const auto time = now(executor_);
        stage = time - std::exchange(last_, time);
    }
    void restart() { last_ = now(executor_); }

 private:
    executor executor_;
    clock::time_point last_;
};

}  // namespace detail

CHORUS_DECL awaitable<result<asio::ip::tcp::socket>> connect(std::vector<asio::ip::tcp::endpoint> endpoints,
                                                             policy::happy_eyeballs_options options,
                                                             opening_progress* progress) {
    const auto race = chorus::detail::shared_new<detail::connect_race>(co_await this_coro::executor,
                                                                       std::move(endpoints), options, progress);
    const detail::losers_closer closer{*race};
    co_return co_await race->run();
}

CHORUS_DECL awaitable<result<std::unique_ptr<stream>>> open_stream(const http::origin& where, resolver& names,
                                                                   const tls_context* tls, http::timing& times,
                                                                   const policy::proxy* via,
                                                                   opening_progress* progress) {
    if (where.tls && tls == nullptr) {
        co_return error(errc::invalid_argument, where.to_string() + " needs a TLS context");
    }
    detail::stage_clock time(co_await this_coro::executor);
    result<asio::ip::tcp::socket> socket = error(errc::connect_failed);
    if (via != nullptr) {
        socket = co_await connect_through(*via, where, names, times, progress);
        if (!socket) co_return told_of_proxy(socket.error(), where, *via);
        time.restart();
    } else {
        auto endpoints = co_await names.resolve(where.host, where.port);
        time.ends(times.dns);
        if (!endpoints) co_return endpoints.error();
        socket = co_await connect(std::move(*endpoints), {}, progress);
        time.ends(times.connect);
        if (!socket) {
            // The host may have moved: what is remembered of it is asked for anew.
            if (socket.error() == errc::connect_failed) names.forget(where.host);
            error failure = socket.error();
            co_return failure.text(where.to_string());
        }
    }
    // A socket on which an option cannot be set still does its work.
    static_cast<void>(platform::set_options(socket->native_handle()));
    if (!where.tls) co_return std::make_unique<tcp_stream>(std::move(*socket));

    if (progress != nullptr) progress->begins(phase::tls);
    auto secure = tls_stream::client(std::move(*socket), *tls, where.host, where.port);
    const auto done = co_await secure->handshake();
    time.ends(times.tls);
    if (!done) co_return via != nullptr ? told_of_proxy(done.error(), where, *via) : done.error();
    times.tls_resumed = secure->was_resumed();
    co_return std::move(secure);
}

}  // namespace chorus::net
