// From origin to stream: the first address that answers wins, and every failure says where and why.
#include <chorus/async/clock.hpp>
#include <chorus/net/connect.hpp>
#include <chorus/net/opening_progress.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unit/net/loopback.hpp"
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace connect_tests {

namespace {

using namespace std::chrono_literals;
using namespace loopback;
using chorus::errc;
using chorus::net::address_list;
using chorus::net::resolver;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const auto here = asio::ip::make_address("127.0.0.1");

tcp::acceptor listen(const chorus::executor& executor) {
    return {executor, tcp::endpoint(here, 0)};
}

/// A port of loopback where nobody listens, kept from others by being bound.
struct closed_port {
    tcp::socket bound;
    tcp::endpoint endpoint;

    explicit closed_port(const chorus::executor& executor)
        : bound(executor, tcp::endpoint(here, 0)), endpoint(bound.local_endpoint()) {}
};

/// A port whose queue of new connections is full: attempts neither succeed nor fail.
struct silent_port {
    tcp::acceptor acceptor;
    std::vector<tcp::socket> filling;

    explicit silent_port(const chorus::executor& executor) : acceptor(executor) {
        acceptor.open(tcp::v4());
        acceptor.bind(tcp::endpoint(here, 0));
        acceptor.listen(0);
        for (int i = 0; i < 2; ++i) {
            filling.emplace_back(executor);
            filling.back().async_connect(acceptor.local_endpoint(), [](boost::system::error_code) {});
        }
    }
    tcp::endpoint endpoint() const { return acceptor.local_endpoint(); }
};

/// An operation that runs on its own and can be cancelled.
template <class T>
class background {
 public:
    background(chorus::executor executor, awaitable<T> operation) {
        asio::co_spawn(
            executor, keep(std::move(operation), outcome),
            asio::bind_cancellation_slot(signal_.slot(), [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); }));
    }
    void cancel() { signal_.emit(asio::cancellation_type::terminal); }
    awaitable<void> end() {
        while (!outcome) co_await asio::post(co_await chorus::this_coro::executor, chorus::use_awaitable);
    }

    std::optional<T> outcome;

 private:
    static awaitable<void> keep(awaitable<T> operation, std::optional<T>& outcome) {
        outcome.emplace(co_await std::move(operation));
    }

    asio::cancellation_signal signal_;
};

CHORUS_REAL_TIME_TEST(connect, gives_a_connected_socket) {
    auto server = listen(get_executor());
    const std::vector<tcp::endpoint> endpoints{server.local_endpoint()};
    const auto socket = co_await net::connect(endpoints);
    CO_ASSERT_TRUE(socket.has_value());
    EXPECT_EQ(socket->remote_endpoint(), server.local_endpoint());
}

CHORUS_REAL_TIME_TEST(connect, goes_on_to_the_next_address_when_one_refuses) {
    const closed_port closed(get_executor());
    auto server = listen(get_executor());
    std::vector<tcp::endpoint> endpoints{closed.endpoint, server.local_endpoint()};
    const auto socket = co_await net::connect(endpoints);
    CO_ASSERT_TRUE(socket.has_value());
    EXPECT_EQ(socket->remote_endpoint(), server.local_endpoint());
}

CHORUS_TEST(connect, tries_the_next_address_when_the_first_is_silent_for_its_head_start) {
    const silent_port silent(get_executor());
    auto server = listen(get_executor());
    std::vector<tcp::endpoint> endpoints{silent.endpoint(), server.local_endpoint()};
    const auto begun = test_clock().now();
    const auto socket = co_await net::connect(endpoints);
    CO_ASSERT_TRUE(socket.has_value());
    EXPECT_EQ(socket->remote_endpoint(), server.local_endpoint());
    EXPECT_EQ(test_clock().now() - begun, 250ms);
}

CHORUS_REAL_TIME_TEST(connect, names_every_address_and_its_reason) {
    const closed_port one(get_executor());
    const closed_port other(get_executor());
    std::vector<tcp::endpoint> endpoints{one.endpoint, other.endpoint};
    const auto socket = co_await net::connect(endpoints);
    CO_ASSERT_FALSE(socket.has_value());
    EXPECT_EQ(socket.error(), errc::connect_failed);
    EXPECT_EQ(socket.error().phase(), chorus::phase::connect);
    for (const auto& endpoint : endpoints) {
        EXPECT_THAT(std::string(socket.error().cause()),
                    HasSubstr("127.0.0.1:" + std::to_string(endpoint.port()) + ": Connection refused"));
    }
}

CHORUS_REAL_TIME_TEST(connect, fails_without_addresses) {
    std::vector<tcp::endpoint> none;
    const auto socket = co_await net::connect(none);
    CO_ASSERT_FALSE(socket.has_value());
    EXPECT_EQ(socket.error(), errc::connect_failed);
}

CHORUS_REAL_TIME_TEST(connect, can_be_cancelled_while_attempts_are_under_way) {
    const silent_port silent(get_executor());
    std::vector<tcp::endpoint> endpoints{silent.endpoint(), silent.endpoint()};
    background<result<tcp::socket>> attempt(get_executor(), net::connect(endpoints, {.attempt_delay = 0ms}));
    for (int i = 0; i < 5; ++i) co_await asio::post(get_executor(), chorus::use_awaitable);
    EXPECT_FALSE(attempt.outcome);
    attempt.cancel();
    co_await attempt.end();
    auto& outcome = attempt.outcome;
    CO_ASSERT_FALSE(outcome->has_value());
    EXPECT_EQ(outcome->error(), errc::cancelled);
    EXPECT_EQ(outcome->error().phase(), chorus::phase::connect);
}

TEST(connect, leaves_nothing_in_the_loop_after_cancellation) {
    asio::io_context loop;
    std::optional<silent_port> silent(loop.get_executor());
    std::vector<tcp::endpoint> endpoints{silent->endpoint(), silent->endpoint(), silent->endpoint()};
    background<result<tcp::socket>> attempt(loop.get_executor(), net::connect(endpoints));
    loop.poll();
    attempt.cancel();
    silent.reset();
    loop.run();  // returns only if no attempt and no alarm is left
    EXPECT_TRUE(attempt.outcome.has_value());
}

/// Sends every name to loopback, and counts the questions.
resolver::look_up_function to_loopback(const std::shared_ptr<std::atomic<int>>& questions) {
    return [questions](const std::string&, auto) -> result<address_list> {
        ++*questions;
        return address_list{here};
    };
}

/// Each name is one question, however long its thread takes to start.
constexpr net::resolver_options patient{.resolution_delay = std::chrono::hours(24)};

struct site {
    world certificates;
    net::tls_context client = certificates.client();
    net::tls_context server = certificates.server();
    tcp::acceptor acceptor;
    std::shared_ptr<std::atomic<int>> questions = std::make_shared<std::atomic<int>>(0);
    resolver names;

    explicit site(const chorus::executor& executor)
        : acceptor(listen(executor)), names(executor, patient, to_loopback(questions)) {}

    chorus::http::origin origin(bool tls, std::string host = "localhost") const {
        chorus::http::origin made;
        made.tls = tls;
        made.host = std::move(host);
        made.port = acceptor.local_endpoint().port();
        return made;
    }

    /// Accepts one connection, shakes hands and says a byte, so that tickets arrive; then waits for the end.
    awaitable<void> serve_tls() {
        tcp::socket accepted = co_await acceptor.async_accept(chorus::use_awaitable);
        const auto end = net::tls_stream::server(std::move(accepted), server);
        const auto done = co_await end->handshake();
        if (!done) co_return;
        co_await write(*end, "s");
        char byte;
        co_await read(*end, std::span(&byte, 1));
    }
};

CHORUS_REAL_TIME_TEST(open_stream, opens_plain_tcp) {
    site there(get_executor());
    const auto origin = there.origin(false);
    chorus::http::timing times;
    const auto opened = co_await net::open_stream(origin, there.names, nullptr, times);
    CO_ASSERT_TRUE(opened.has_value());
    tcp::socket accepted = co_await there.acceptor.async_accept(chorus::use_awaitable);
    asio::write(accepted, asio::buffer("hello", 5));
    EXPECT_EQ(co_await read_exactly(**opened, 5), "hello");
    EXPECT_GT(times.dns.count(), 0);
    EXPECT_GT(times.connect.count(), 0);
    EXPECT_EQ(times.tls.count(), 0);
}

CHORUS_REAL_TIME_TEST(open_stream, opens_tls_and_resumes_the_second_time) {
    site there(get_executor());
    const auto origin = there.origin(true);
    for (const bool is_second : {false, true}) {
        asio::co_spawn(get_executor(), there.serve_tls(), asio::detached);
        chorus::http::timing times;
        const auto opened = co_await net::open_stream(origin, there.names, &there.client, times);
        CO_ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(co_await read_exactly(**opened, 1), "s");
        EXPECT_GT(times.tls.count(), 0);
        EXPECT_EQ(times.tls_resumed, is_second);
        (*opened)->close();
    }
    EXPECT_EQ(*there.questions, 1) << "the address is remembered";
}

/// Remembers what it is told.
struct stages_seen final : net::opening_progress {
    void begins(chorus::phase stage) override { all.push_back(stage); }
    std::vector<chorus::phase> all;
};

CHORUS_REAL_TIME_TEST(connect, tells_of_each_address_that_it_tries) {
    const closed_port closed(get_executor());
    tcp::acceptor open = listen(get_executor());
    const std::vector<tcp::endpoint> endpoints{closed.endpoint, closed.endpoint, open.local_endpoint()};
    stages_seen seen;
    const auto connected = co_await net::connect(endpoints, {}, &seen);
    CO_ASSERT_TRUE(connected.has_value());
    EXPECT_EQ(seen.all, std::vector(3, chorus::phase::connect));
}

CHORUS_REAL_TIME_TEST(open_stream, tells_of_the_handshake) {
    site there(get_executor());
    const auto origin = there.origin(true);
    asio::co_spawn(get_executor(), there.serve_tls(), asio::detached);
    chorus::http::timing times;
    stages_seen seen;
    const auto opened = co_await net::open_stream(origin, there.names, &there.client, times, nullptr, &seen);
    CO_ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(seen.all, (std::vector{chorus::phase::connect, chorus::phase::tls}));
}

CHORUS_REAL_TIME_TEST(open_stream, sets_the_options_of_its_socket) {
    site there(get_executor());
    const auto origin = there.origin(true);
    asio::co_spawn(get_executor(), there.serve_tls(), asio::detached);
    chorus::http::timing times;
    const auto opened = co_await net::open_stream(origin, there.names, &there.client, times);
    CO_ASSERT_TRUE(opened.has_value());
    auto& socket = dynamic_cast<net::tls_stream&>(**opened).next_layer();
    tcp::no_delay no_delay;
    asio::socket_base::keep_alive probes;
    socket.get_option(no_delay);
    socket.get_option(probes);
    EXPECT_TRUE(no_delay.value());
    EXPECT_TRUE(probes.value());
}

CHORUS_REAL_TIME_TEST(open_stream, says_which_stage_failed_and_for_whom) {
    site there(get_executor());
    chorus::http::timing times;

    chorus::error unknown(errc::resolve_failed);
    unknown.cause("Name or service not known");
    resolver no_names(get_executor(), {},
                      [unknown](const std::string&, auto) -> result<address_list> { return unknown; });
    const auto lost = there.origin(true, "lost.example.com");
    const auto unresolved = co_await net::open_stream(lost, no_names, &there.client, times);
    CO_ASSERT_FALSE(unresolved.has_value());
    EXPECT_EQ(unresolved.error(), errc::resolve_failed);
    EXPECT_EQ(unresolved.error().text(), "lost.example.com");

    const closed_port closed(get_executor());
    auto refusing = there.origin(true, "refusing.example.com");
    refusing.port = closed.endpoint.port();
    const auto unconnected = co_await net::open_stream(refusing, there.names, &there.client, times);
    CO_ASSERT_FALSE(unconnected.has_value());
    EXPECT_EQ(unconnected.error(), errc::connect_failed);
    EXPECT_EQ(unconnected.error().text(), refusing.to_string());
    EXPECT_THAT(std::string(unconnected.error().cause()), StartsWith("127.0.0.1:"));

    asio::co_spawn(get_executor(), there.serve_tls(), asio::detached);
    const auto impostor = there.origin(true, "impostor.example.com");
    const auto rejected = co_await net::open_stream(impostor, there.names, &there.client, times);
    CO_ASSERT_FALSE(rejected.has_value());
    EXPECT_EQ(rejected.error(), errc::certificate_rejected);
    EXPECT_THAT(std::string(rejected.error().text()), StartsWith("impostor.example.com:"));

    const auto bare = co_await net::open_stream(impostor, there.names, nullptr, times);
    CO_ASSERT_FALSE(bare.has_value());
    EXPECT_EQ(bare.error(), errc::invalid_argument);
}

CHORUS_REAL_TIME_TEST(open_stream, asks_anew_for_a_host_that_did_not_answer) {
    site there(get_executor());
    const closed_port closed(get_executor());
    auto refusing = there.origin(false);
    refusing.port = closed.endpoint.port();
    chorus::http::timing times;
    for (int attempt = 1; attempt <= 2; ++attempt) {
        const auto opened = co_await net::open_stream(refusing, there.names, nullptr, times);
        EXPECT_FALSE(opened.has_value());
        EXPECT_EQ(*there.questions, attempt);
    }
}

CHORUS_REAL_TIME_TEST(open_stream, can_be_cancelled_in_every_stage) {
    using chorus::phase;
    site there(get_executor());
    const silent_port silent(get_executor());
    auto connecting = there.origin(true);
    connecting.port = silent.endpoint().port();
    const auto shaking_hands = there.origin(true);  // nobody accepts
    const auto gate = std::make_shared<std::atomic<bool>>(false);
    resolver slow_names(get_executor(), {}, [gate](const std::string&, auto) -> result<address_list> {
        gate->wait(false);
        return address_list{here};
    });
    for (const phase stage : {phase::dns, phase::connect, phase::tls}) {
        const auto& origin = stage == phase::connect ? connecting : shaking_hands;
        auto& names = stage == phase::dns ? slow_names : there.names;
        chorus::http::timing times;
        background<result<std::unique_ptr<net::stream>>> opening(get_executor(),
                                                                 net::open_stream(origin, names, &there.client, times));
        // The stages before this one have ended when the server's end, or the times, say so.
        if (stage == phase::tls) {
            tcp::socket accepted = co_await there.acceptor.async_accept(chorus::use_awaitable);
            co_await accepted.async_wait(tcp::socket::wait_read, chorus::use_awaitable);
            opening.cancel();
        } else {
            while (stage == phase::connect && times.dns.count() == 0) {
                co_await asio::post(get_executor(), chorus::use_awaitable);
            }
            co_await asio::post(get_executor(), chorus::use_awaitable);
            opening.cancel();
        }
        co_await opening.end();
        auto& outcome = opening.outcome;
        CO_ASSERT_FALSE(outcome->has_value());
        EXPECT_EQ(outcome->error(), errc::cancelled);
        EXPECT_EQ(outcome->error().phase(), stage);
    }
    *gate = true;
    gate->notify_all();
}

}  // namespace

}  // namespace connect_tests
