// A world for one operation: a simulated network with a server, a client of it, and what both may share with others.
#pragma once

#include <chorus/async/event.hpp>
#include <chorus/async/semaphore.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/observe/otlp_exporter.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>
#include <chorus/testing/virtual_clock.hpp>
#include <chorus/traffic.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <support/scratch_directory.hpp>

namespace chorus::simulation {

/// Counts what a client tells, and may do something at a certain notification: in the middle of a running coroutine.
class watching final : public observer {
 public:
    void on_call(const call_info&) noexcept override { note(), ++calls; }
    void on_limited(const call_info&, std::chrono::nanoseconds) noexcept override { note(); }
    void on_attempt(const call_info&, int) noexcept override { note(); }
    void on_first_byte(const call_info&, std::chrono::nanoseconds) noexcept override { note(); }
    void on_first_token(const call_info&, std::chrono::nanoseconds) noexcept override { note(); }
    void on_retry(const call_info&, const error&, std::chrono::milliseconds) noexcept override { note(); }
    void on_end(const call_info&, const call_end&) noexcept override { ++ends, note(); }
    void on_connection(connection_event, const connection_info&) noexcept override { note(); }
    void on_server_limit(limit_event, const limit_info&) noexcept override { note(); }

    std::size_t calls = 0;
    std::size_t ends = 0;
    std::size_t notifications = 0;
    std::function<void()> on_note;

 private:
    void note() {
        ++notifications;
        if (on_note) on_note();
    }
};

/// What an operation finds. Its settings come first, then `open`, then what else it needs, then the operation.
struct stage {
    explicit stage(http::protocol version);
    ~stage();
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;

    /// Makes the server, the transport and the client.
    void open();
    /// Makes the other server and its client.
    void open_other();
    executor get_executor() { return loop.get_executor(); }

    static chat_request question();
    /// The server says what it was asked.
    static bool is_right(const chat_response& reply);
    /// Starts a call that must not suffer from what is done to others; or what else ends by `++neighbours_served`.
    void add_neighbour();
    void add_neighbour(awaitable<void> work);
    /// Steps on until then.
    template <class Condition>
    void run_until(Condition holds) {
        while (!holds()) {
            if (!step()) return complain("what the test waits for never comes");
        }
    }
    net::pool_stats pool_stats() const { return llm->pool_stats(); }
    /// Of its calls, in traffic control.
    traffic_key key() const;

    /// Makes a pool of one thread that does nothing until there is nothing else to happen.
    void occupy_threads();
    /// Runs what is ready, and stays at this moment.
    void run_ready();
    /// Runs one handler, or moves the time to the next deadline. False when nothing is left to happen.
    bool step();
    /// Runs until nothing is left to happen; complains if that takes longer than any answer does.
    void rest();
    /// Complains of what does not add up when no operation is under way.
    void check_ledgers();
    /// Complains if the client does not serve another call, or leaves something when it is closed.
    void check_use_and_end();
    void complain(std::string what) { problems.push_back(std::move(what)); }

    asio::io_context loop{1};
    testing::virtual_clock time{loop};
    http::protocol version;

    // Settings.
    testing::mock_options behaviour;
    client_options options;
    policy::pool_options pool;
    testing::simulated_connection wire;
    bool first_connection_hangs = false;
    bool is_closed_after = false;  // the operation closes the client

    // What is checked where it was made.
    std::shared_ptr<traffic_control> traffic;
    std::shared_ptr<circuit_breakers> breakers;
    std::shared_ptr<budget> money;
    std::unique_ptr<semaphore> permits;  // one
    std::unique_ptr<event> gate;
    std::unique_ptr<asio::thread_pool> threads;
    std::promise<void> released;
    std::unique_ptr<testing_support::scratch_directory> files;
    std::shared_ptr<otlp_exporter> traces;
    std::size_t spans_made = 0;
    // Lines; shared, for what is under way may be recorded when the world goes.
    std::shared_ptr<std::vector<std::string>> recorded = std::make_shared<std::vector<std::string>>();

    std::shared_ptr<watching> watcher = std::make_shared<watching>();
    std::shared_ptr<testing::simulated_network> network;
    std::unique_ptr<testing::simulated_server> server;
    std::unique_ptr<testing::simulated_server> other_server;
    std::shared_ptr<net::http_transport> transport;
    std::unique_ptr<client> llm;
    std::unique_ptr<client> other;  // of the other server, or with another API
    std::unique_ptr<client>
        recording;  // kept while a replay is asked: with a client its transport ends, which is shared
    std::vector<task<void>> neighbours;
    std::size_t neighbours_served = 0;
    std::vector<std::string> problems;

 private:
    void release_threads();
};

}  // namespace chorus::simulation
