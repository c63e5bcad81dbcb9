// Through proxies that do as they are told by the test: what reaches the origin, and every failure with its cause.
#include <chorus/async/task.hpp>
#include <chorus/net/connect.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/net/proxy.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/testing/gtest.hpp>

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "unit/net/loopback.hpp"

namespace proxy_tests {

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace loopback;
using chorus::errc;
using chorus::phase;
using chorus::net::address_list;
using chorus::net::resolver;
using chorus::policy::proxy_kind;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const auto here = asio::ip::make_address("127.0.0.1");
constexpr std::string_view tunnel_stands = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy, the origin behind it, and what the client has of both.
struct site {
    world certificates;
    net::tls_context client = certificates.client();
    net::tls_context server;
    tcp::acceptor acceptor;
    std::vector<std::string> questions;
    resolver names;
    chorus::policy::proxy via;
    chorus::http::origin origin;
    std::vector<std::string> requests;  // what the proxy was sent, a connection each

    explicit site(const chorus::executor& executor, proxy_kind kind = proxy_kind::http)
        : server(net::tls_context::server(certificates.server_options(certificates.authority.issue(
                                              chorus::testing::certificate_options().hosts({"api.example.com"}))))
                     .value()),
          acceptor(executor, tcp::endpoint(here, 0)),
          names(executor, {}, [](const std::string& host, auto) -> result<address_list> {
              if (host == "proxy.example") return address_list{here};
              if (host == "two.example.com") {
                  return address_list{asio::ip::make_address("10.0.0.1"), asio::ip::make_address("10.0.0.2")};
              }
              return chorus::error(errc::resolve_failed);
          }) {
        via.kind = kind;
        via.host = "proxy.example";
        via.port = acceptor.local_endpoint().port();
        via.user = chorus::secret("user");
        via.password = chorus::secret("hush");
        origin.host = "api.example.com";
    }

    std::string name() const { return via.to_string(); }

    /// Accepts a connection and, for each answer, takes so many bytes and then says it.
    struct turn {
        std::size_t takes;
        std::string says;
    };
    awaitable<net::tcp_stream> converse(std::vector<turn> turns) {
        net::tcp_stream wire(co_await acceptor.async_accept(chorus::use_awaitable));
        std::string& request = requests.emplace_back();
        for (const auto& each : turns) {
            std::string taken(each.takes, '\0');
            for (std::size_t size = 0; size < taken.size();) {
                const auto step = co_await read(wire, std::span(taken).subspan(size));
                if (step.status != net::io_status::done) break;
                size += step.bytes;
            }
            request += taken;
            co_await write(wire, each.says);
        }
        co_return std::move(wire);
    }
    std::size_t connect_size() const {
        return ("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nProxy-Authorization: Basic "
                "dXNlcjpodXNo\r\n\r\n"s)
            .size();
    }
    std::vector<turn> socks5_turns(std::string reply) const {
        return {{4, "\x05\x02"s}, {11, "\x01\x00"s}, {origin.host.size() + 7, std::move(reply)}};
    }

    /// The proxy does this, and ends.
    awaitable<void> serve(std::vector<turn> turns) { co_await converse(std::move(turns)); }
    /// The tunnel leads to a TLS server, which says a byte.
    awaitable<void> serve_tls(std::vector<turn> turns) {
        auto wire = co_await converse(std::move(turns));
        const auto end = net::tls_stream::server(std::move(wire.next_layer()), server);
        const auto done = co_await end->handshake();
        if (!done) co_return;
        co_await write(*end, "s");
        char byte;
        co_await read(*end, std::span(&byte, 1));
    }

    awaitable<result<std::unique_ptr<net::stream>>> open(chorus::http::timing& times) {
        return net::open_stream(origin, names, &client, times, &via);
    }
};

const std::string stands = "\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"s;

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, talks_tls_to_an_origin_that_only_the_proxy_can_resolve) {
    for (const auto kind : {proxy_kind::http, proxy_kind::socks5h}) {
        site there(get_executor(), kind);
        auto turns = there.socks5_turns(stands);
        if (kind == proxy_kind::http) turns = {{there.connect_size(), std::string(tunnel_stands)}};
        auto serving = chorus::spawn(get_executor(), there.serve_tls(turns));
        chorus::http::timing times;
        const auto opened = co_await there.open(times);
        CO_ASSERT_TRUE(opened.has_value()) << opened.error().message();
        EXPECT_EQ(co_await read_exactly(**opened, 1), "s");
        (*opened)->close();
        co_await std::move(serving);
        EXPECT_GT(times.dns.count(), 0);
        EXPECT_GT(times.connect.count(), 0);
        EXPECT_GT(times.tls.count(), 0);
        EXPECT_THAT(there.requests.at(0), HasSubstr("api.example.com"));
    }
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, gives_a_tunnel_for_plain_http_from_its_first_byte_on) {
    site there(get_executor());
    there.origin.tls = false;
    there.origin.port = 443;
    auto serving = chorus::spawn(
        get_executor(), there.serve({{there.connect_size(), std::string(tunnel_stands) + "the origin speaks first"}}));
    chorus::http::timing times;
    const auto opened = co_await there.open(times);
    CO_ASSERT_TRUE(opened.has_value()) << opened.error().message();
    EXPECT_EQ(co_await read_exactly(**opened, 23), "the origin speaks first");
    co_await std::move(serving);
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, tries_each_address_that_it_has_resolved_itself) {
    site there(get_executor(), proxy_kind::socks5);
    there.origin.host = "two.example.com";
    there.origin.tls = false;
    there.origin.port = 80;
    std::vector<site::turn> first{{4, "\x05\x00"s}, {10, "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"s}};
    std::vector<site::turn> second{{4, "\x05\x00"s}, {10, stands}};
    auto serving = chorus::spawn(get_executor(), there.serve(first));
    chorus::http::timing times;
    auto opening = chorus::spawn(get_executor(), there.open(times));
    co_await std::move(serving);
    co_await there.serve(second);
    const auto opened = co_await std::move(opening);
    CO_ASSERT_TRUE(opened.has_value()) << opened.error().message();
    EXPECT_THAT(there.requests.at(0), HasSubstr("\x05\x01\x00\x01\x0a\x00\x00\x01"s));
    EXPECT_THAT(there.requests.at(1), HasSubstr("\x05\x01\x00\x01\x0a\x00\x00\x02"s));
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, fails_when_the_proxy_closes_at_any_byte) {
    for (const auto kind : {proxy_kind::http, proxy_kind::socks5h}) {
        const std::string answer = kind == proxy_kind::http ? std::string(tunnel_stands) : stands;
        for (std::size_t size = 0; size < answer.size(); ++size) {
            site there(get_executor(), kind);
            auto turns = there.socks5_turns(answer.substr(0, size));
            if (kind == proxy_kind::http) turns = {{there.connect_size(), answer.substr(0, size)}};
            auto serving = chorus::spawn(get_executor(), there.serve(turns));
            chorus::http::timing times;
            const auto opened = co_await there.open(times);
            co_await std::move(serving);
            CO_ASSERT_FALSE(opened.has_value());
            EXPECT_EQ(opened.error(), errc::connect_failed);
            EXPECT_EQ(opened.error(), chorus::condition::retryable);
            EXPECT_EQ(opened.error().phase(), phase::proxy);
            EXPECT_EQ(opened.error().text(), "https://api.example.com by the proxy " + there.name());
            EXPECT_EQ(opened.error().cause(), there.name() + " closed the connection during the handshake") << size;
        }
    }
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, says_what_the_proxy_answered_and_no_password) {
    struct example {
        const char* answer;
        errc code;
        const char* words;
    };
    for (const example& each : {
             example{"HTTP/1.1 407 dXNlcjpodXNo\r\n\r\n", errc::proxy_failed,
                     "answered 407: it does not take the user and password given"},
             {"HTTP/1.1 502 Bad Gateway\r\n\r\n", errc::connect_failed, "answered 502 Bad Gateway"},
             {"HTTP/1.1 403 hush\r\n\r\n", errc::proxy_failed, "answered 403"},
             {"220 mail.example ESMTP\r\n", errc::proxy_failed, "answered with no HTTP"},
         }) {
        site there(get_executor());
        auto serving = chorus::spawn(get_executor(), there.serve({{there.connect_size(), each.answer}}));
        chorus::http::timing times;
        const auto opened = co_await there.open(times);
        co_await std::move(serving);
        CO_ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error(), each.code);
        EXPECT_EQ(opened.error().cause(), there.name() + ' ' + each.words);
        EXPECT_THAT(opened.error().message(), AllOf(Not(HasSubstr("hush")), Not(HasSubstr("dXNlcjpodXNo"))));
    }
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, names_the_proxy_in_every_stage_that_fails) {
    const auto by = [](const site& there) { return " by the proxy " + there.name(); };
    chorus::http::timing times;

    site unknown(get_executor());
    unknown.via.host = "unknown.example";
    const auto unresolved = co_await unknown.open(times);
    CO_ASSERT_FALSE(unresolved.has_value());
    EXPECT_EQ(unresolved.error(), errc::resolve_failed);
    EXPECT_EQ(unresolved.error().phase(), phase::dns);
    EXPECT_EQ(unresolved.error().text(), "https://api.example.com" + by(unknown));
    EXPECT_THAT(std::string(unresolved.error().cause()), StartsWith("unknown.example"));

    site lost(get_executor(), proxy_kind::socks5);
    const auto origin_unresolved = co_await lost.open(times);
    CO_ASSERT_FALSE(origin_unresolved.has_value());
    EXPECT_EQ(origin_unresolved.error(), errc::resolve_failed);
    EXPECT_THAT(std::string(origin_unresolved.error().cause()), StartsWith("api.example.com"));

    site closed(get_executor());
    closed.acceptor.close();
    const auto unconnected = co_await closed.open(times);
    CO_ASSERT_FALSE(unconnected.has_value());
    EXPECT_EQ(unconnected.error(), errc::connect_failed);
    EXPECT_EQ(unconnected.error().phase(), phase::connect);
    EXPECT_EQ(unconnected.error().text(), "https://api.example.com" + by(closed));

    site mixing(get_executor());
    auto serving =
        chorus::spawn(get_executor(),
                      mixing.serve({{mixing.connect_size(), std::string(tunnel_stands) + "no TLS, but long enough"}}));
    const auto no_tls = co_await mixing.open(times);
    co_await std::move(serving);
    CO_ASSERT_FALSE(no_tls.has_value());
    EXPECT_EQ(no_tls.error(), errc::tls_failed);
    EXPECT_EQ(no_tls.error().text(), "https://api.example.com" + by(mixing));
}

CHORUS_REAL_TIME_TEST(open_stream_by_proxy, can_be_cancelled_during_the_handshake) {
    for (const auto kind : {proxy_kind::http, proxy_kind::socks5h}) {
        site there(get_executor(), kind);
        chorus::http::timing times;
        auto opening = chorus::spawn(get_executor(), there.open(times));
        std::vector<site::turn> turns{{4, "\x05"}};
        if (kind == proxy_kind::http) turns = {{there.connect_size(), "HTTP/1.1 2"}};
        auto wire = co_await there.converse(turns);
        opening.cancel();
        const auto opened = co_await std::move(opening);
        CO_ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error(), errc::cancelled);
        EXPECT_EQ(opened.error().phase(), phase::proxy);
        char byte;
        const auto end = co_await read(wire, std::span(&byte, 1));
        EXPECT_NE(end.status, net::io_status::done) << "the connection to the proxy is closed";
    }
}

// --- requests that a proxy passes on --------------------------------------------------------------------------------

struct forwarded {
    site there;
    std::shared_ptr<net::http_transport> transport;
    chorus::http::request message;

    explicit forwarded(const chorus::executor& executor, const std::string& credentials = "user:hush@")
        : there(executor),
          transport(net::http_transport::create(executor, {}, {}, chorus::http::protocol::negotiate,
                                                chorus::policy::proxy_settings("http://" + credentials + "127.0.0.1:" +
                                                                               std::to_string(there.via.port)))
                        .value()) {
        message.origin.tls = false;
        message.origin.host = "api.example.com";
        message.origin.port = 80;
        message.target = "/v1/models";
        message.method = "GET";
    }
};

CHORUS_REAL_TIME_TEST(http_transport_by_proxy, names_the_origin_in_requests_that_are_passed_on) {
    forwarded by(get_executor());
    const std::string request =
        "GET http://api.example.com/v1/models HTTP/1.1\r\nHost: api.example.com\r\n"
        "Proxy-Authorization: Basic dXNlcjpodXNo\r\n\r\n";
    const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    auto serving = chorus::spawn(get_executor(), by.there.serve({{request.size(), reply}, {request.size(), reply}}));
    const chorus::http::limits caps;
    for (int i = 0; i < 2; ++i) {
        chorus::http::response answer;
        const auto sent = co_await by.transport->send(by.message, caps, answer);
        CO_ASSERT_TRUE(sent.has_value()) << sent.error().message();
        EXPECT_EQ(answer.body, "hi");
        EXPECT_EQ(answer.timing.reused, i == 1);
    }
    co_await std::move(serving);
    EXPECT_EQ(by.there.requests.at(0), request + request);
}

CHORUS_REAL_TIME_TEST(http_transport_by_proxy, tells_a_proxy_that_refuses_from_a_server_that_does) {
    for (const std::string& credentials : {"user:hush@"s, ""s}) {
        forwarded by(get_executor(), credentials);
        const std::string reply = "HTTP/1.1 407 hush\r\nContent-Length: 4\r\n\r\nhush";
        const chorus::http::limits caps;
        auto serving = chorus::spawn(get_executor(), by.there.serve({{60, reply}}));
        chorus::http::response answer;
        const auto sent = co_await by.transport->send(by.message, caps, answer);
        co_await std::move(serving);
        CO_ASSERT_FALSE(sent.has_value());
        EXPECT_EQ(sent.error(), errc::proxy_failed);
        EXPECT_EQ(sent.error().phase(), phase::proxy);
        EXPECT_NE(sent.error(), chorus::condition::retryable);
        EXPECT_THAT(std::string(sent.error().cause()), HasSubstr(" answered 407 Proxy Authentication Required: it "));
        EXPECT_THAT(sent.error().message(), Not(HasSubstr("hush")));

        auto again = chorus::spawn(get_executor(), by.there.serve({{60, reply}}));
        const auto opened = co_await by.transport->open(by.message, caps);
        co_await std::move(again);
        CO_ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error(), errc::proxy_failed);
        EXPECT_EQ(by.transport->pool_stats().in_use + by.transport->pool_stats().idle, 0u);
    }
}

CHORUS_REAL_TIME_TEST(http_transport_by_proxy, names_the_proxy_that_is_silent) {
    forwarded by(get_executor());
    by.message.origin.tls = true;
    by.message.origin.port = 443;
    chorus::http::limits caps;
    caps.connect = 20ms;
    chorus::http::response answer;
    const auto sent = co_await by.transport->send(by.message, caps, answer);
    CO_ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error(), errc::connect_timed_out);
    EXPECT_EQ(sent.error().text(),
              "https://api.example.com after 20 ms by the proxy 127.0.0.1:" + std::to_string(by.there.via.port));
}

CHORUS_REAL_TIME_TEST(http_transport_by_proxy, refuses_a_malformed_proxy_before_anything_is_sent) {
    const auto transport = net::http_transport::create(get_executor(), {}, {}, chorus::http::protocol::negotiate,
                                                       chorus::policy::proxy_settings("ftp://user:hush@proxy"))
                               .value();
    chorus::http::request message;
    message.origin.host = "api.example.com";
    const chorus::http::limits caps;
    chorus::http::response answer;
    const auto sent = co_await transport->send(message, caps, answer);
    CO_ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error(), errc::invalid_argument);
    EXPECT_EQ(sent.error().phase(), phase::input);
    EXPECT_EQ(sent.error().param(), "proxy");
    EXPECT_THAT(sent.error().message(), Not(HasSubstr("hush")));
}

}  // namespace

}  // namespace proxy_tests
