// A plain TCP stream over loopback.
#include <chorus/net/tcp_stream.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/post.hpp>

#include <array>
#include <optional>
#include <string>

#include "unit/net/loopback.hpp"

namespace tcp_stream_tests {

namespace {

using namespace loopback;
using chorus::net::io_status;
using chorus::net::tcp_stream;

struct tcp_pair {
    std::unique_ptr<tcp_stream> client;
    std::unique_ptr<tcp_stream> server;

    explicit tcp_pair(const chorus::executor& executor) {
        sockets ends(executor);
        client = std::make_unique<tcp_stream>(std::move(ends.client));
        server = std::make_unique<tcp_stream>(std::move(ends.server));
    }
};

CHORUS_REAL_TIME_TEST(tcp_stream, moves_megabytes_in_steps) {
    using namespace asio::experimental::awaitable_operators;
    tcp_pair ends(get_executor());
    ends.client->next_layer().set_option(asio::socket_base::send_buffer_size(8192));
    const std::string sent = noise(3'000'000);
    const auto [failure, received] = co_await (write(*ends.client, sent) && read_exactly(*ends.server, sent.size()));
    EXPECT_FALSE(failure);
    EXPECT_TRUE(received == sent);
}

CHORUS_REAL_TIME_TEST(tcp_stream, says_what_to_wait_for) {
    tcp_pair ends(get_executor());
    std::array<char, 8> buffer;
    EXPECT_EQ(ends.client->read_some(buffer).status, io_status::want_read);
    const std::string much = noise(1 << 20);
    auto step = ends.client->write_some(much);
    while (step.status == io_status::done) step = ends.client->write_some(much);
    EXPECT_EQ(step.status, io_status::want_write);
    co_return;
}

CHORUS_REAL_TIME_TEST(tcp_stream, ends_when_the_peer_closes_and_fails_when_it_resets) {
    std::array<char, 8> buffer;
    tcp_pair closed(get_executor());
    closed.server->close();
    EXPECT_EQ((co_await read(*closed.client, buffer)).status, io_status::end);

    tcp_pair reset(get_executor());
    reset.server->next_layer().set_option(asio::socket_base::linger(true, 0));
    reset.server->close();
    const auto torn = co_await read(*reset.client, buffer);
    EXPECT_EQ(torn.status, io_status::failed);
    EXPECT_EQ(torn.error, asio::error::connection_reset);
}

CHORUS_REAL_TIME_TEST(tcp_stream, fails_after_close) {
    tcp_pair ends(get_executor());
    ends.client->close();
    ends.client->close();
    std::array<char, 8> buffer{};
    EXPECT_EQ(ends.client->read_some(buffer).status, io_status::failed);
    EXPECT_EQ(ends.client->write_some(buffer).status, io_status::failed);
    EXPECT_FALSE(ends.client->is_idle_and_open());
    EXPECT_TRUE(co_await wait(*ends.client, io_status::want_read));
}

CHORUS_REAL_TIME_TEST(tcp_stream, a_wait_ends_by_cancel_and_by_close_and_never_from_inside) {
    for (const bool by_close : {false, true}) {
        tcp_pair ends(get_executor());
        std::optional<boost::system::error_code> outcome;
        ends.client->async_wait(net::readiness::read, [&](boost::system::error_code failure) { outcome = failure; });
        by_close ? ends.client->close() : ends.client->cancel();
        EXPECT_FALSE(outcome);
        while (!outcome) co_await asio::post(get_executor(), chorus::use_awaitable);
        EXPECT_EQ(*outcome, asio::error::operation_aborted);
    }
}

CHORUS_REAL_TIME_TEST(tcp_stream, is_idle_and_open_until_the_server_talks_or_closes) {
    tcp_pair ends(get_executor());
    EXPECT_TRUE(ends.client->is_idle_and_open());
    co_await write(*ends.server, "unasked");
    co_await wait(*ends.client, io_status::want_read);
    EXPECT_FALSE(ends.client->is_idle_and_open());
    EXPECT_EQ(co_await read_exactly(*ends.client, 7), "unasked");
    EXPECT_TRUE(ends.client->is_idle_and_open());
    ends.server->close();
    co_await wait(*ends.client, io_status::want_read);
    EXPECT_FALSE(ends.client->is_idle_and_open());
}

}  // namespace

}  // namespace tcp_stream_tests
