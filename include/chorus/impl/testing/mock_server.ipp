#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/net/platform.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/certificates.hpp>
#include <chorus/testing/mock_http2_session.hpp>
#include <chorus/testing/mock_server.hpp>
#include <chorus/testing/mock_session.hpp>
#include <chorus/testing/problem_reporter.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <exception>
#include <list>
#include <optional>
#include <stdexcept>
#include <utility>

namespace chorus::testing {

/// Shared with the coroutines of the server, which may end after it.
struct mock_server::state : std::enable_shared_from_this<mock_server::state> {
    /// A connection from its acceptance to its end; `session` is empty until TLS is up.
    struct connection {
        std::unique_ptr<net::stream> stream;
        std::unique_ptr<detail::mock_session> session;
    };
    using connection_list = std::list<connection>;
    class listing;

    state(executor ex, const mock_options& options) : host(options), acceptor(ex) {
#ifndef CHORUS_WITH_HTTP2
        if (options.get().http2) throw std::runtime_error("mock server: HTTP/2 needs a build with CHORUS_WITH_HTTP2");
#endif
        if (!options.get().plain) set_up_tls();
        const asio::ip::tcp::endpoint loopback(asio::ip::address_v4::loopback(), options.get().port);
        acceptor.open(loopback.protocol());
        acceptor.set_option(asio::socket_base::reuse_address(true));
        acceptor.bind(loopback);
        acceptor.listen();
        port = acceptor.local_endpoint().port();
    }

    void set_up_tls() {
        const certificate_authority authority;
        const certificate identity = authority.issue();
        net::tls_options options;
        options.certificate_chain_pem(identity.certificate_pem()).private_key_pem(identity.private_key_pem());
        options.alpn(host.options.http2 ? std::vector<std::string>{"h2", "http/1.1"}
                                        : std::vector<std::string>{"http/1.1"});
        auto context = net::tls_context::server(options);
        if (!context) throw std::runtime_error("mock server: " + context.error().message());
        tls = std::move(*context);
        ca_pem = authority.pem();
    }

    awaitable<void> accept_all();
    awaitable<void> serve(asio::ip::tcp::socket socket);
    awaitable<bool> shake_hands(net::tls_stream& stream);
    std::unique_ptr<detail::mock_session> make_session(net::stream& stream, bool http2, std::string received);
    void part(net::stream& stream, detail::mock_session::ending how) const;
    awaitable<void> wait_for_departure(net::stream& stream);
    void start(awaitable<void> work);

    void stop() {
        boost::system::error_code ignored;
        acceptor.close(ignored);
        close_connections();
    }
    void close_connections() {
        for (connection& each : connections) each.stream->close();
    }

    detail::mock_host host;
    asio::ip::tcp::acceptor acceptor;
    std::optional<net::tls_context> tls;
    std::string ca_pem;
    std::uint16_t port = 0;
    connection_list connections;
    std::size_t drop_next = 0;
    std::size_t stall_next = 0;
    std::vector<std::string> callback_problems;
    std::function<void(std::string_view)> reporter;
    bool verified = false;
};

/// Takes a connection out of the list however its coroutine ends.
class mock_server::state::listing {
 public:
    listing(state& owner, asio::ip::tcp::socket socket) : owner_(owner) {
        owner_.connections.emplace_front();
        place_ = owner_.connections.begin();
        if (owner_.tls && owner_.stall_next == 0) {
            place_->stream = net::tls_stream::server(std::move(socket), *owner_.tls);
        } else {
            place_->stream = std::make_unique<net::tcp_stream>(std::move(socket));
        }
        auto& counters = owner_.host.service.counters();
        ++counters.connections;
        counters.peak_connections = std::max(counters.peak_connections, ++counters.open_connections);
    }
    ~listing() {
        --owner_.host.service.counters().open_connections;
        owner_.connections.erase(place_);
    }
    listing(const listing&) = delete;
    listing& operator=(const listing&) = delete;
    connection& operator*() const noexcept { return *place_; }

 private:
    state& owner_;
    connection_list::iterator place_;
};

CHORUS_DECL void mock_server::state::start(awaitable<void> work) {
    asio::co_spawn(acceptor.get_executor(), std::move(work), [self = shared_from_this()](std::exception_ptr thrown) {
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& failure) {
            self->callback_problems.push_back(std::string("a callback of the mock server threw: ") + failure.what());
        } catch (...) {
            self->callback_problems.emplace_back("a callback of the mock server threw");
        }
    });
}

CHORUS_DECL awaitable<void> mock_server::state::accept_all() {
    while (acceptor.is_open()) {
        boost::system::error_code failure;
        asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, failure));
        if (!acceptor.is_open()) break;
        if (failure) {  // most likely out of descriptors: connections that end give some back
            if (failure != asio::error::connection_aborted) co_await sleep_for(std::chrono::milliseconds(10));
            continue;
        }
        if (drop_next > 0) {
            --drop_next;
            ++host.service.counters().connections;
            continue;
        }
        socket.set_option(asio::ip::tcp::no_delay(true), failure);
        start(serve(std::move(socket)));
    }
}

CHORUS_DECL awaitable<void> mock_server::state::serve(asio::ip::tcp::socket socket) {
    const listing listed(*this, std::move(socket));
    connection& served = *listed;
    if (stall_next > 0) {
        --stall_next;
        co_await wait_for_departure(*served.stream);
        co_return;
    }
    bool http2 = false;
    std::string received;
    if (tls) {
        auto& secured = static_cast<net::tls_stream&>(*served.stream);
        if (!co_await shake_hands(secured)) co_return;
        http2 = secured.alpn() == "h2";
    } else if (host.options.http2) {
        http2 = co_await detail::begins_with_http2(host, *served.stream, received);
    }
    served.session = make_session(*served.stream, http2, std::move(received));
    const auto ending = co_await served.session->run();
    if (ending == detail::mock_session::ending::orderly) served.stream->close();
    part(*served.stream, ending);
    if (ending == detail::mock_session::ending::half) co_await wait_for_departure(*served.stream);
}

/// What a faulty end does to the socket below TLS.
CHORUS_DECL void mock_server::state::part(net::stream& stream, detail::mock_session::ending how) const {
    using ending = detail::mock_session::ending;
    constexpr std::string_view noise = "\x7f this was never encrypted, and is no record of TLS either \xff\xfe\xfd";
    asio::ip::tcp::socket& socket =
        tls ? static_cast<net::tls_stream&>(stream).next_layer() : static_cast<net::tcp_stream&>(stream).next_layer();
    boost::system::error_code ignored;
    if (how == ending::reset) socket.set_option(asio::socket_base::linger(true, 0), ignored);
    if (how == ending::half) socket.shutdown(asio::socket_base::shutdown_send, ignored);
    if (how == ending::noisy) static_cast<void>(net::platform::send(socket.native_handle(), noise));
}

CHORUS_DECL std::unique_ptr<detail::mock_session> mock_server::state::make_session(net::stream& stream, bool http2,
                                                                                   std::string received) {
#ifdef CHORUS_WITH_HTTP2
    if (http2) return std::make_unique<detail::http2_session>(host, stream, std::move(received));
#else
    static_cast<void>(http2);
#endif
    return std::make_unique<detail::http1_session>(host, stream, std::move(received));
}

CHORUS_DECL awaitable<bool> mock_server::state::shake_hands(net::tls_stream& stream) {
    auto& counters = host.service.counters();
    const result<void> agreed = co_await stream.handshake();
    if (!agreed) {
        ++counters.handshakes_failed;
    } else if (stream.was_resumed()) {
        ++counters.handshakes_resumed;
    } else {
        ++counters.handshakes_full;
    }
    co_return agreed.has_value();
}

CHORUS_DECL awaitable<void> mock_server::state::wait_for_departure(net::stream& stream) {
    for (;;) {
        const net::io_result arrived = stream.read_some(host.read_buffer);
        if (arrived.status == net::io_status::end || arrived.status == net::io_status::failed) co_return;
        if (arrived.status == net::io_status::done) continue;
        boost::system::error_code failure;
        co_await stream.async_wait(net::readiness::read, asio::redirect_error(use_awaitable, failure));
        if (failure) co_return;
    }
}

CHORUS_DECL mock_server::mock_server(executor ex, mock_options options)
    : state_(std::make_shared<state>(std::move(ex), options)) {
    state_->start(state_->accept_all());
}

CHORUS_DECL mock_server::~mock_server() {
    stop();
    if (state_->verified) return;
    for (const std::string& problem : problems()) {
        state_->reporter ? state_->reporter(problem) : report_problem(problem);
    }
}

CHORUS_DECL std::string mock_server::base_url(std::string_view host) const {
    std::string url = state_->tls ? "https://" : "http://";
    return url.append(host).append(":").append(std::to_string(state_->port)).append("/v1");
}

CHORUS_DECL std::uint16_t mock_server::port() const noexcept {
    return state_->port;
}

CHORUS_DECL const std::string& mock_server::ca_pem() const noexcept {
    return state_->ca_pem;
}

CHORUS_DECL mock_script& mock_server::script() noexcept {
    state_->verified = false;
    return state_->host.service.script();
}

CHORUS_DECL void mock_server::latency(mock_latency value) noexcept {
    state_->host.service.latency(value);
}

CHORUS_DECL void mock_server::release() {
    for (auto& each : state_->connections) {
        if (each.session) each.session->release();
    }
}

CHORUS_DECL void mock_server::on_request(std::function<void(const mock_request&)> observer) {
    state_->host.service.on_request(std::move(observer));
}

CHORUS_DECL void mock_server::drop_connections(std::size_t count) noexcept {
    state_->drop_next = count;
}

CHORUS_DECL void mock_server::stall_connections(std::size_t count) noexcept {
    state_->stall_next = count;
}

CHORUS_DECL void mock_server::close_connections() {
    state_->close_connections();
}

CHORUS_DECL const mock_counters& mock_server::counters() const noexcept {
    return state_->host.service.counters();
}

CHORUS_DECL const std::vector<mock_request>& mock_server::requests() const noexcept {
    return state_->host.service.requests();
}

CHORUS_DECL std::vector<std::string> mock_server::problems() const {
    std::vector<std::string> all = state_->host.service.script().problems();
    all.insert(all.end(), state_->callback_problems.begin(), state_->callback_problems.end());
    return all;
}

CHORUS_DECL std::vector<std::string> mock_server::verify() {
    state_->verified = true;
    return problems();
}

CHORUS_DECL void mock_server::on_problem(std::function<void(std::string_view)> reporter) {
    state_->reporter = std::move(reporter);
}

CHORUS_DECL void mock_server::stop() {
    state_->stop();
}

}  // namespace chorus::testing
