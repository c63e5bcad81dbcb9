#pragma once

#include <chorus/testing/mock_http2_session.hpp>
#include <chorus/testing/mock_session.hpp>
#include <chorus/testing/simulated_server.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <list>
#include <stdexcept>
#include <utility>

namespace chorus::testing {

/// Shared with the coroutines of the connections, which may end after the server.
struct simulated_server::state {
    explicit state(const mock_options& options) : host(options) {
#ifndef CHORUS_WITH_HTTP2
        if (options.get().http2) throw std::runtime_error("HTTP/2 needs a build with CHORUS_WITH_HTTP2");
#endif
    }

    class listing;
    static awaitable<void> serve(std::shared_ptr<state> self, std::unique_ptr<net::stream> stream);
    void close_connections() {
        for (net::stream* each : connections) each->close();
    }

    detail::mock_host host;
    std::list<net::stream*> connections;
    std::vector<std::string> callback_problems;
};

/// Takes a connection out of the list however its coroutine ends.
class simulated_server::state::listing {
 public:
    listing(state& owner, net::stream& stream)
        : owner_(owner), place_(owner.connections.insert(owner.connections.end(), &stream)) {
        mock_counters& counters = owner_.host.service.counters();
        ++counters.connections;
        counters.peak_connections = std::max(counters.peak_connections, ++counters.open_connections);
    }
    ~listing() {
        --owner_.host.service.counters().open_connections;
        owner_.connections.erase(place_);
    }
    listing(const listing&) = delete;
    listing& operator=(const listing&) = delete;

 private:
    state& owner_;
    std::list<net::stream*>::iterator place_;
};

CHORUS_DECL awaitable<void> simulated_server::state::serve(std::shared_ptr<state> self,
                                                           std::unique_ptr<net::stream> stream) {
    const listing listed(*self, *stream);
    std::string received;
    [[maybe_unused]] bool is_http2 = false;
    if (self->host.options.http2) is_http2 = co_await detail::begins_with_http2(self->host, *stream, received);
    std::unique_ptr<detail::mock_session> session;
#ifdef CHORUS_WITH_HTTP2
    if (is_http2) session = std::make_unique<detail::http2_session>(self->host, *stream, std::move(received));
#endif
    if (!session) session = std::make_unique<detail::http1_session>(self->host, *stream, std::move(received));
    co_await session->run();
}

CHORUS_DECL simulated_server::simulated_server(simulated_network& network, std::string host, mock_options options)
    : network_(network), where_{false, std::move(host), 80}, state_(std::make_shared<state>(options)) {
    network_.listen(where_, [shared = state_, home = network_.get_executor()](std::unique_ptr<net::stream> stream) {
        asio::co_spawn(home, state::serve(shared, std::move(stream)), [shared](std::exception_ptr thrown) {
            if (!thrown) return;
            try {
                std::rethrow_exception(thrown);
            } catch (const std::exception& failure) {
                shared->callback_problems.push_back(std::string("a callback threw: ") + failure.what());
            }
        });
    });
}

CHORUS_DECL simulated_server::~simulated_server() {
    network_.listen(where_, {});
    close_connections();
}

CHORUS_DECL std::string simulated_server::base_url() const {
    return where_.to_string() + "/v1";
}

CHORUS_DECL mock_service& simulated_server::service() noexcept {
    return state_->host.service;
}

CHORUS_DECL void simulated_server::close_connections() {
    state_->close_connections();
}

CHORUS_DECL std::vector<std::string> simulated_server::problems() const {
    std::vector<std::string> all = state_->host.service.script().problems();
    all.insert(all.end(), state_->callback_problems.begin(), state_->callback_problems.end());
    return all;
}

}  // namespace chorus::testing
