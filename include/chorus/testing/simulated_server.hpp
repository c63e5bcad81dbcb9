// The mock server on a simulated network: the same answers, scripts and faults, without sockets.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/http/url.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/mock_script.hpp>
#include <chorus/testing/mock_service.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace chorus::testing {

/// Answers as `mock_server` does, over plain HTTP; with `mock_options::http2` also HTTP/2 with clients that begin with
/// it. Port, TLS and what concerns them in the options do not count.
///
/// Executor: that of the network.
/// Lifetimes: may be destroyed at any moment; connections are closed then, and new ones refused. The network outlives it.
class simulated_server {
 public:
    simulated_server(simulated_network& network, std::string host, mock_options options = {});
    ~simulated_server();
    simulated_server(const simulated_server&) = delete;
    simulated_server& operator=(const simulated_server&) = delete;

    /// `http://<host>:80/v1`
    std::string base_url() const;
    const http::origin& where() const noexcept { return where_; }
    /// Script, counters and the observer of requests.
    mock_service& service() noexcept;
    /// Closes every open connection, as a server does that restarts; new ones are welcome.
    void close_connections();
    /// What the script has to complain about, and exceptions in callbacks.
    std::vector<std::string> problems() const;

 private:
    struct state;
    simulated_network& network_;
    http::origin where_;
    std::shared_ptr<state> state_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/simulated_server.ipp>
#endif
