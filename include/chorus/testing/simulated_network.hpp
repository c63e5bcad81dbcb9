// A network in memory, on the time of a loop: latency, narrow buffers and faults, the same in every run.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>
#include <chorus/net/dialer.hpp>
#include <chorus/net/stream.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace chorus::testing {

/// What becomes of the bytes of one direction, from some byte on.
enum class simulated_fault : std::uint8_t {
    none,
    reset,       ///< Both ends find the connection reset.
    end,         ///< The receiver finds the end of the stream, and the sender a reset.
    half_close,  ///< The receiver finds the end of the stream; the sender notices nothing, and its bytes are lost.
    stall,       ///< They come later, or never; a sender that goes away is noticed all the same.
    garbage,     ///< They arrive as noise.
};

/// One direction of a simulated connection. Latency and buffer size as they are, a write takes what fits.
struct simulated_direction {
    std::chrono::nanoseconds latency{0};
    std::size_t bytes_per_second = 0;      ///< 0: as fast as they are sent.
    std::size_t segment_bytes = 1460;      ///< A read gives no more than one segment.
    std::size_t buffer_bytes = 64 * 1024;  ///< What may be sent and not yet read; then the sender waits.
    simulated_fault fault = simulated_fault::none;
    std::size_t fault_after = 0;                                           ///< How many bytes travel before it.
    std::chrono::nanoseconds stall_for = std::chrono::nanoseconds::max();  ///< The default stands for ever.
    std::uint64_t noise = 1;                                               ///< The seed of `simulated_fault::garbage`.
};

/// What happens to an attempt to connect.
enum class simulated_opening : std::uint8_t {
    accepted,
    refused,  ///< `errc::connect_failed`
    hangs,    ///< Nothing, until who waits gives up.
};

/// One simulated connection.
struct simulated_connection {
    simulated_opening opening = simulated_opening::accepted;
    std::chrono::nanoseconds opens_after{0};  ///< Until it stands, or is refused.
    simulated_direction to_server;
    simulated_direction to_client;
};

/// Carries streams between the clients and servers of one loop. Under a `virtual_clock` a run is a pure function of
/// what the program does: nothing waits for the machine.
///
/// A stream behaves as TCP does: closing it with unread bytes, or writing to a peer that closed, resets the
/// connection, and a reset overtakes what was not read yet.
///
/// Lifetimes: shared by its transports; streams may outlive it.
/// Executor: that of the loop, run by one thread.
///
///     auto network = std::make_shared<chorus::testing::simulated_network>(executor);
///     chorus::testing::simulated_server server(*network, "api.test");
///     auto transport = chorus::net::http_transport::create(executor, {}, {}, {}, {}, network).value();
///     chorus::client llm(executor, chorus::openai().base_url(server.base_url()).api_key("key"), transport);
class simulated_network final : public net::dialer {
 public:
    /// Takes over the server's end of a connection.
    using acceptor = std::function<void(std::unique_ptr<net::stream>)>;
    /// Decides what the next connection to an origin is like.
    using planner = std::function<simulated_connection(const http::origin&)>;

    explicit simulated_network(executor ex) : executor_(std::move(ex)) {}

    /// Connections to this origin go to `accept` from now on; with an empty function they are refused.
    void listen(const http::origin& where, acceptor accept);
    /// Without a planner every connection is the default one.
    void plan(planner decide) { decide_ = std::move(decide); }

    awaitable<result<std::unique_ptr<net::stream>>> dial(const http::origin& where, http::timing& times) override;

    executor get_executor() const noexcept { return executor_; }
    /// Ends of streams that exist now: two a connection, until their owners destroy them.
    std::size_t open_ends() const noexcept { return *open_ends_; }

 private:
    executor executor_;
    std::map<http::origin, acceptor> listeners_;
    planner decide_;
    std::shared_ptr<std::size_t> open_ends_ = std::make_shared<std::size_t>(0);
};

/// The two ends of a connection that stands, for tests that need no network around it.
struct simulated_ends {
    std::unique_ptr<net::stream> client;
    std::unique_ptr<net::stream> server;
};
simulated_ends make_simulated_ends(const executor& ex, const simulated_connection& plan = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/simulated_network.ipp>
#endif
