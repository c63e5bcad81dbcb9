// The system calls: what they come to when there is nothing, when the peer is gone, and that nothing blocks or kills.
#include <chorus/net/platform.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>

#include "unit/net/loopback.hpp"
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace platform_tests {

namespace {

using namespace std::chrono_literals;
using chorus::net::io_status;
namespace platform = chorus::net::platform;
namespace asio = boost::asio;

class platform_test : public ::testing::Test {
 protected:
    asio::io_context loop;
    loopback::sockets ends{loop.get_executor()};
    platform::native_socket client = ends.client.native_handle();
    platform::native_socket server = ends.server.native_handle();
    std::array<char, 16> buffer{};

    int option(int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        EXPECT_EQ(::getsockopt(client, level, name, &value, &size), 0);
        return value;
    }
    /// Loopback delivers before the sender's call returns, but a FIN or RST may take a moment.
    void arrival() {
        ends.client.non_blocking(false);
        ends.client.wait(asio::ip::tcp::socket::wait_read);
    }
};

TEST_F(platform_test, receives_what_was_sent) {
    const auto sent = platform::send(server, std::string_view("hello"));
    EXPECT_EQ(sent.status, io_status::done);
    EXPECT_EQ(sent.bytes, 5u);
    arrival();
    const auto received = platform::receive(client, buffer);
    EXPECT_EQ(received.status, io_status::done);
    EXPECT_EQ(std::string_view(buffer.data(), received.bytes), "hello");
}

TEST_F(platform_test, does_not_block_on_a_blocking_socket) {
    EXPECT_EQ(platform::receive(client, buffer).status, io_status::want_read);
    const std::string much(1 << 20, 'x');
    auto sent = platform::send(client, much);
    for (int i = 0; i < 1000 && sent.status == io_status::done; ++i) sent = platform::send(client, much);
    EXPECT_EQ(sent.status, io_status::want_write);
}

TEST_F(platform_test, tells_the_end_from_having_nothing_to_do) {
    EXPECT_EQ(platform::receive(client, {}).status, io_status::done);
    EXPECT_EQ(platform::send(client, {}).status, io_status::done);
    ends.server.close();
    arrival();
    EXPECT_EQ(platform::receive(client, buffer).status, io_status::end);
}

TEST_F(platform_test, sends_to_a_peer_that_has_gone_without_a_signal) {
    ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
    ends.server.set_option(asio::socket_base::linger(true, 0));
    ends.server.close();
    arrival();
    const auto first = platform::send(client, std::string_view("x"));
    EXPECT_EQ(first.status, io_status::failed);
    EXPECT_TRUE(first.error == asio::error::connection_reset || first.error == asio::error::broken_pipe);
    EXPECT_EQ(platform::send(client, std::string_view("x")).error, asio::error::broken_pipe);
}

TEST_F(platform_test, looks_at_an_idle_socket_without_taking_from_it) {
    EXPECT_EQ(platform::look_at(client), platform::idle_state::quiet);
    platform::send(server, std::string_view("hello"));
    arrival();
    EXPECT_EQ(platform::look_at(client), platform::idle_state::readable);
    EXPECT_EQ(platform::receive(client, buffer).bytes, 5u);
    EXPECT_EQ(platform::look_at(client), platform::idle_state::quiet);
    ends.server.close();
    arrival();
    EXPECT_EQ(platform::look_at(client), platform::idle_state::closed);
    EXPECT_EQ(platform::look_at(-1), platform::idle_state::closed);
}

TEST_F(platform_test, sets_the_socket_options) {
    EXPECT_FALSE(platform::set_options(client));
    EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 60);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 5);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 360'000);
    EXPECT_FALSE(platform::set_options(client, {.idle = 10s, .interval = 5s, .probes = 2, .user_timeout = 20s}));
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 10);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
}

TEST(platform, reports_an_option_that_cannot_be_set) {
    EXPECT_EQ(platform::set_options(-1), boost::system::errc::bad_file_descriptor);
}

TEST(platform, looks_up_names_of_this_machine) {
    const auto found = platform::look_up("localhost", platform::address_families::all);
    ASSERT_TRUE(found.has_value()) << found.error().message();
    ASSERT_FALSE(found->empty());
    for (const auto& address : *found) EXPECT_TRUE(address.is_loopback()) << address;
    const auto literal = platform::look_up("2001:db8::1", platform::address_families::all);
    ASSERT_TRUE(literal.has_value());
    EXPECT_THAT(*literal, ::testing::ElementsAre(asio::ip::make_address("2001:db8::1")));
}

TEST(platform, looks_up_ipv4_alone) {
    const auto found = platform::look_up("localhost", platform::address_families::ipv4);
    ASSERT_TRUE(found.has_value()) << found.error().message();
    EXPECT_THAT(*found, ::testing::Each(asio::ip::make_address("127.0.0.1")));
    EXPECT_FALSE(platform::look_up("2001:db8::1", platform::address_families::ipv4).has_value());
}

TEST(platform, names_the_host_that_has_no_address) {
    // Too long for a label (RFC 1035, 2.3.4): refused without asking any server.
    const std::string host(70, 'x');
    const auto found = platform::look_up(host, platform::address_families::all);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error(), chorus::errc::resolve_failed);
    EXPECT_EQ(found.error().phase(), chorus::phase::dns);
    EXPECT_EQ(found.error().text(), host);
    EXPECT_FALSE(found.error().cause().empty());
}

}  // namespace

}  // namespace platform_tests
