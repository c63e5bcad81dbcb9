#pragma once

#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>

#include <boost/asio/io_context.hpp>

#include <utility>

namespace chorus {

struct client::state {
    executor home;
    std::shared_ptr<const provider> api;
    result<std::shared_ptr<net::transport>> transport;
    http::limits limits;
};

namespace detail {

CHORUS_DECL result<std::shared_ptr<net::transport>> make_transport(const executor& ex, const client_options& options) {
    auto made = net::http_transport::create(ex, options.pool(), options.tls(), options.protocol());
    if (!made) {
        error refused = made.error();
        return refused.phase(phase::input);
    }
    return std::shared_ptr<net::transport>(std::move(*made));
}

/// Tells whether the calling thread runs the loop of the executor, where that can be known.
CHORUS_DECL bool runs_here(const executor& ex) noexcept {
    const auto* loop = ex.target<asio::io_context::executor_type>();
    return loop == nullptr || loop->running_in_this_thread();
}

}  // namespace detail

CHORUS_DECL client::client(executor ex, std::shared_ptr<const provider> api, const client_options& options)
    : state_(
          std::make_shared<state>(state{ex, std::move(api), detail::make_transport(ex, options), options.limits()})) {}

CHORUS_DECL client::client(executor ex, std::shared_ptr<const provider> api, std::shared_ptr<net::transport> transport,
                           const client_options& options)
    : state_(std::make_shared<state>(state{std::move(ex), std::move(api), std::move(transport), options.limits()})) {}

CHORUS_DECL client::client(client&&) noexcept = default;

CHORUS_DECL client& client::operator=(client&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

CHORUS_DECL client::~client() {
    if (state_ && state_->transport) (*state_->transport)->abort();
}

CHORUS_DECL awaitable<result<chat_response>> client::try_complete(chat_request request) {
    return call(state_, std::move(request));
}

CHORUS_DECL awaitable<chat_response> client::complete(chat_request request) {
    return call_or_throw(state_, std::move(request));
}

CHORUS_DECL net::pool_stats client::pool_stats() const {
    return state_->transport ? (*state_->transport)->pool_stats() : net::pool_stats();
}

CHORUS_DECL awaitable<void> client::close() {
    return close(state_);
}

CHORUS_DECL awaitable<void> client::close(std::shared_ptr<state> shared) {
    if (shared->transport) co_await (*shared->transport)->close();
}

CHORUS_DECL executor client::get_executor() const noexcept {
    return state_->home;
}

CHORUS_DECL const executor& client::home_of(const state& shared) noexcept {
    return shared.home;
}

CHORUS_DECL result<http::request> client::encode(const state& shared, const chat_request& request) {
    if (!detail::runs_here(shared.home)) return error(errc::wrong_thread);
    if (!shared.transport) return shared.transport.error();
    return shared.api->encode(request);
}

CHORUS_DECL awaitable<result<chat_response>> client::call(std::shared_ptr<state> shared, chat_request request) {
    auto message = encode(*shared, request);
    if (!message) co_return message.error();
    http::limits limits = shared->limits;
    if (const auto& own = request.options().timeout) limits.total = *own;
    request = {};  // it is in the encoded body now; a call that waits holds it once
    http::response answer;
    result<void> sent;
    try {
        sent = co_await (*shared->transport)->send(*message, limits, answer);
    } catch (...) {
        // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
        sent = error::from_exception(std::current_exception());
    }
    if (!sent) co_return sent.error();
    co_return shared->api->decode(std::move(answer), std::chrono::system_clock::now());
}

CHORUS_DECL awaitable<chat_response> client::call_or_throw(std::shared_ptr<state> shared, chat_request request) {
    auto outcome = co_await call(std::move(shared), std::move(request));
    if (!outcome) throw_error(outcome.error());
    co_return std::move(*outcome);
}

}  // namespace chorus
