// TLS over loopback: what is accepted, what is refused and why, and that bytes survive every interruption.
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <openssl/err.h>

#include <array>
#include <csignal>
#include <optional>
#include <string>

#include "unit/net/loopback.hpp"

namespace tls_stream_tests {

namespace {

using namespace loopback;
using chorus::errc;
using chorus::net::io_status;
using chorus::net::tls_context;
using chorus::net::tls_options;
using chorus::net::tls_version;
using chorus::testing::certificate_authority;
using chorus::testing::certificate_options;
using ::testing::HasSubstr;

/// Moves a byte each way, so that TLS 1.3 tickets arrive.
awaitable<void> exchange(tls_pair& ends) {
    EXPECT_FALSE(co_await write(*ends.server, "s"));
    EXPECT_EQ(co_await read_exactly(*ends.client, 1), "s");
    EXPECT_FALSE(co_await write(*ends.client, "c"));
    EXPECT_EQ(co_await read_exactly(*ends.server, 1), "c");
}

/// Shakes hands with a server that shows this certificate, and returns what the client makes of it.
awaitable<result<void>> try_certificate(chorus::executor executor, const world& trusted,
                                        const chorus::testing::certificate& shown,
                                        std::string_view host = "localhost") {
    const auto server = tls_context::server(world::server_options(shown)).value();
    tls_pair ends(executor, trusted.client(), server, host);
    auto outcomes = co_await ends.handshake();
    EXPECT_TRUE(outcomes.client || !outcomes.server) << "the server must learn of the refusal";
    co_return outcomes.client;
}

CHORUS_REAL_TIME_TEST(tls_stream, shakes_hands_and_carries_bytes_both_ways) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    const auto outcomes = co_await ends.handshake();
    CO_ASSERT_TRUE(outcomes.client.has_value());
    CO_ASSERT_TRUE(outcomes.server.has_value());
    EXPECT_EQ(ends.client->version(), "TLSv1.3");
    EXPECT_FALSE(ends.client->was_resumed());
    EXPECT_TRUE(ends.client->alpn().empty());
    co_await exchange(ends);
}

CHORUS_REAL_TIME_TEST(tls_stream, agrees_on_a_protocol_that_both_sides_speak) {
    const world certificates;
    const auto client = tls_context::client(certificates.client_options().alpn({"h2", "http/1.1"})).value();
    const auto server = tls_context::server(certificates.server_options().alpn({"http/1.1"})).value();
    tls_pair ends(get_executor(), client, server);
    co_await ends.handshake();
    EXPECT_EQ(ends.client->alpn(), "http/1.1");
    EXPECT_EQ(ends.server->alpn(), "http/1.1");
}

CHORUS_REAL_TIME_TEST(tls_stream, verifies_ip_addresses_as_addresses) {
    const world certificates;
    for (const char* host : {"127.0.0.1", "::1"}) {
        const auto accepted = co_await try_certificate(get_executor(), certificates, certificates.certificate, host);
        EXPECT_TRUE(accepted.has_value()) << host;
    }
    const auto refused = co_await try_certificate(get_executor(), certificates, certificates.certificate, "127.0.0.2");
    CO_ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(std::string(refused.error().cause()), HasSubstr("IP address mismatch"));
}

CHORUS_REAL_TIME_TEST(tls_stream, accepts_an_absolute_host_name) {
    const world certificates;
    const auto accepted =
        co_await try_certificate(get_executor(), certificates, certificates.certificate, "localhost.");
    EXPECT_TRUE(accepted.has_value());
}

CHORUS_REAL_TIME_TEST(tls_stream, refuses_a_certificate_of_another_host) {
    const world certificates;
    const auto refused =
        co_await try_certificate(get_executor(), certificates, certificates.certificate, "api.example.com");
    CO_ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error(), errc::certificate_rejected);
    EXPECT_EQ(refused.error().phase(), chorus::phase::tls);
    EXPECT_EQ(refused.error().text(), "api.example.com:443");
    EXPECT_THAT(std::string(refused.error().cause()), HasSubstr("hostname mismatch"));
}

CHORUS_REAL_TIME_TEST(tls_stream, refuses_an_unknown_authority_and_names_it) {
    const world certificates;
    const certificate_authority stranger("Intercepting Proxy CA");
    const auto refused = co_await try_certificate(get_executor(), certificates, stranger.issue());
    CO_ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error(), errc::certificate_rejected);
    EXPECT_THAT(std::string(refused.error().cause()), HasSubstr("unable to get local issuer certificate"));
    EXPECT_THAT(std::string(refused.error().cause()), HasSubstr("issuer CN=Intercepting Proxy CA"));
}

CHORUS_REAL_TIME_TEST(tls_stream, refuses_certificates_that_are_bad_in_any_way) {
    const world certificates;
    struct bad {
        chorus::testing::certificate shown;
        const char* reason;
    };
    std::vector<bad> all;
    all.push_back({certificates.authority.issue(certificate_options().expired()), "certificate has expired"});
    all.push_back({certificates.authority.issue(certificate_options().not_yet_valid()), "not yet valid"});
    all.push_back(
        {certificates.authority.issue(certificate_options().extended_usage(certificate_options::usage::client)),
         "unsuitable certificate purpose"});
    all.push_back({chorus::testing::self_signed_certificate(), "self-signed certificate"});
    for (const auto& one : all) {
        const auto refused = co_await try_certificate(get_executor(), certificates, one.shown);
        CO_ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error(), errc::certificate_rejected);
        EXPECT_THAT(std::string(refused.error().cause()), HasSubstr(one.reason));
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, accepts_anything_only_with_verification_disabled) {
    const world certificates;
    const auto careless = tls_context::client(tls_options().dangerously_disable_verification()).value();
    const auto shown = chorus::testing::self_signed_certificate(certificate_options().expired());
    tls_pair ends(get_executor(), careless, tls_context::server(world::server_options(shown)).value(), "elsewhere");
    const auto outcomes = co_await ends.handshake();
    EXPECT_TRUE(outcomes.client.has_value());
}

CHORUS_REAL_TIME_TEST(tls_stream, shows_its_certificate_to_a_server_that_requires_one) {
    const world certificates;
    const auto identity =
        certificates.authority.issue(certificate_options().extended_usage(certificate_options::usage::client));
    const auto server = tls_context::server(
        certificates.server_options().ca_pem(certificates.authority.pem()).require_client_certificate());
    const auto client = tls_context::client(certificates.client_options()
                                                .certificate_chain_pem(identity.certificate_pem())
                                                .private_key_pem(identity.private_key_pem()));
    tls_pair ends(get_executor(), client.value(), server.value());
    const auto outcomes = co_await ends.handshake();
    EXPECT_TRUE(outcomes.client.has_value());
    CO_ASSERT_TRUE(outcomes.server.has_value());
    co_await exchange(ends);
}

CHORUS_REAL_TIME_TEST(tls_stream, learns_that_a_client_certificate_is_required) {
    const world certificates;
    for (const auto version : {tls_version::v1_2, tls_version::v1_3}) {
        const auto server = tls_context::server(certificates.server_options()
                                                    .ca_pem(certificates.authority.pem())
                                                    .require_client_certificate()
                                                    .versions(version, version));
        tls_pair ends(get_executor(), certificates.client(), server.value());
        const auto outcomes = co_await ends.handshake();
        CO_ASSERT_FALSE(outcomes.server.has_value());
        EXPECT_EQ(outcomes.server.error(), errc::tls_failed);
        EXPECT_EQ(outcomes.server.error().cause(), "peer did not return a certificate");
        if (version == tls_version::v1_2) {
            CO_ASSERT_FALSE(outcomes.client.has_value());
            EXPECT_THAT(std::string(outcomes.client.error().cause()), HasSubstr("alert handshake failure"));
        } else {  // the client has finished its part by then: the refusal comes with the first read (RFC 8446, 4.6.2)
            CO_ASSERT_TRUE(outcomes.client.has_value());
            std::array<char, 1> byte;
            const auto step = co_await read(*ends.client, byte);
            EXPECT_EQ(step.status, io_status::failed);
            EXPECT_THAT(step.error.message(), HasSubstr("certificate required"));
        }
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, reports_versions_that_do_not_meet) {
    const world certificates;
    const auto client =
        tls_context::client(certificates.client_options().versions(tls_version::v1_3, tls_version::v1_3));
    const auto server =
        tls_context::server(certificates.server_options().versions(tls_version::v1_2, tls_version::v1_2));
    tls_pair ends(get_executor(), client.value(), server.value());
    const auto outcomes = co_await ends.handshake();
    CO_ASSERT_FALSE(outcomes.client.has_value());
    EXPECT_EQ(outcomes.client.error(), errc::tls_failed);
    EXPECT_THAT(std::string(outcomes.client.error().cause()), HasSubstr("protocol version"));
}

CHORUS_REAL_TIME_TEST(tls_stream, resumes_a_session_of_either_version) {
    const world certificates;
    for (const auto version : {tls_version::v1_2, tls_version::v1_3}) {
        const auto client = tls_context::client(certificates.client_options().versions(version, version)).value();
        const auto server = certificates.server();
        for (int connection = 0; connection < 4; ++connection) {
            tls_pair ends(get_executor(), client, server);
            const auto outcomes = co_await ends.handshake();
            CO_ASSERT_TRUE(outcomes.client.has_value());
            EXPECT_EQ(ends.client->was_resumed(), connection > 0);
            EXPECT_EQ(ends.server->was_resumed(), connection > 0);
            co_await exchange(ends);
            // Half of them are dropped without a goodbye, which must not spoil their sessions.
            if (connection % 2 == 0) ends.client->close();
        }
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, uses_each_ticket_once) {
    const world certificates;
    const auto client = certificates.client();
    const auto server = certificates.server();
    tls_pair first(get_executor(), client, server);
    co_await first.handshake();
    EXPECT_EQ(client.sessions().size(), 0u) << "tickets come with the first read";
    co_await exchange(first);
    const auto tickets = client.sessions().size();
    CO_ASSERT_GT(tickets, 0u);
    // These connections bring no new tickets, for nothing is read from them.
    std::vector<std::unique_ptr<tls_pair>> open;
    for (std::size_t i = 0; i < tickets + 1; ++i) {
        open.push_back(std::make_unique<tls_pair>(get_executor(), client, server));
        const auto outcomes = co_await open.back()->handshake();
        CO_ASSERT_TRUE(outcomes.client.has_value());
        EXPECT_EQ(open.back()->client->was_resumed(), i < tickets);
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, does_not_offer_a_session_to_another_host) {
    const world certificates;
    const auto client = certificates.client();
    const auto server = certificates.server();
    tls_pair first(get_executor(), client, server, "localhost");
    co_await first.handshake();
    co_await exchange(first);
    tls_pair second(get_executor(), client, server, "127.0.0.1");
    const auto outcomes = co_await second.handshake();
    EXPECT_TRUE(outcomes.client.has_value());
    EXPECT_FALSE(second.client->was_resumed());
}

CHORUS_REAL_TIME_TEST(tls_stream, does_not_resume_with_the_cache_switched_off) {
    const world certificates;
    const auto client = tls_context::client(certificates.client_options().session_cache_size(0)).value();
    const auto server = certificates.server();
    for (int connection = 0; connection < 2; ++connection) {
        tls_pair ends(get_executor(), client, server);
        co_await ends.handshake();
        co_await exchange(ends);
        EXPECT_FALSE(ends.client->was_resumed());
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, tells_a_goodbye_from_a_broken_connection) {
    const world certificates;
    std::array<char, 8> buffer;
    tls_pair polite(get_executor(), certificates.client(), certificates.server());
    co_await polite.handshake();
    co_await exchange(polite);
    polite.server->close();
    EXPECT_EQ((co_await read(*polite.client, buffer)).status, io_status::end);

    tls_pair abrupt(get_executor(), certificates.client(), certificates.server());
    co_await abrupt.handshake();
    co_await exchange(abrupt);
    abrupt.server->next_layer().close();
    const auto cut = co_await read(*abrupt.client, buffer);
    EXPECT_EQ(cut.status, io_status::failed);
    EXPECT_EQ(cut.error, asio::ssl::error::stream_truncated);

    tls_pair reset(get_executor(), certificates.client(), certificates.server());
    co_await reset.handshake();
    co_await exchange(reset);
    reset.server->next_layer().set_option(asio::socket_base::linger(true, 0));
    reset.server->next_layer().close();
    const auto torn = co_await read(*reset.client, buffer);
    EXPECT_EQ(torn.status, io_status::failed);
    EXPECT_EQ(torn.error, asio::error::connection_reset);
}

CHORUS_REAL_TIME_TEST(tls_stream, stays_failed_after_a_failure) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    ends.server->next_layer().close();
    std::array<char, 8> buffer;
    EXPECT_EQ((co_await read(*ends.client, buffer)).status, io_status::failed);
    EXPECT_EQ(ends.client->read_some(buffer).status, io_status::failed);
    EXPECT_EQ(ends.client->write_some(buffer).status, io_status::failed);
    EXPECT_FALSE(ends.client->is_idle_and_open());
    ends.client->close();
    ends.client->close();
}

CHORUS_REAL_TIME_TEST(tls_stream, reports_a_peer_that_does_not_speak_tls) {
    const world certificates;
    sockets ends(get_executor());
    asio::write(ends.server, asio::buffer(std::string_view("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const auto client = net::tls_stream::client(std::move(ends.client), certificates.client(), "localhost", 8080);
    const auto outcome = co_await client->handshake();
    CO_ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error(), errc::tls_failed);
    EXPECT_EQ(outcome.error().text(), "localhost:8080");
    EXPECT_EQ(outcome.error().cause(), "wrong version number");
}

CHORUS_REAL_TIME_TEST(tls_stream, reports_a_peer_that_leaves_during_the_handshake) {
    const world certificates;
    sockets ends(get_executor());
    ends.server.shutdown(tcp::socket::shutdown_send);
    const auto client = net::tls_stream::client(std::move(ends.client), certificates.client(), "localhost", 443);
    const auto outcome = co_await client->handshake();
    CO_ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error(), errc::tls_failed);
    EXPECT_THAT(std::string(outcome.error().cause()), HasSubstr("closed the connection"));
}

/// A small send buffer makes writes partial and waits frequent. (A receive buffer below the MSS would only stall TCP.)
void make_buffers_small(tls_pair& ends) {
    for (auto* end : {ends.client.get(), ends.server.get()}) {
        end->next_layer().set_option(asio::socket_base::send_buffer_size(8192));
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, moves_megabytes_in_steps) {
    using namespace asio::experimental::awaitable_operators;
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    make_buffers_small(ends);
    const std::string sent = noise(3'000'000);
    const auto [down_failure, down] = co_await (write(*ends.server, sent) && read_exactly(*ends.client, sent.size()));
    EXPECT_FALSE(down_failure);
    EXPECT_TRUE(down == sent);
    const auto [up_failure, up] = co_await (write(*ends.client, sent) && read_exactly(*ends.server, sent.size()));
    EXPECT_FALSE(up_failure);
    EXPECT_TRUE(up == sent);
}

CHORUS_REAL_TIME_TEST(tls_stream, is_an_asio_stream_in_both_directions_at_once) {
    using namespace asio::experimental::awaitable_operators;
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    make_buffers_small(ends);
    const std::string up = noise(2'000'000);
    const std::string down = noise(1'500'001);
    std::string came_up(up.size(), '\0');
    std::string came_down(down.size(), '\0');
    co_await (asio::async_write(*ends.client, asio::buffer(up), chorus::use_awaitable) &&
              asio::async_read(*ends.client, asio::buffer(came_down), chorus::use_awaitable) &&
              asio::async_write(*ends.server, asio::buffer(down), chorus::use_awaitable) &&
              asio::async_read(*ends.server, asio::buffer(came_up), chorus::use_awaitable));
    EXPECT_TRUE(came_up == up);
    EXPECT_TRUE(came_down == down);
    ends.server->close();
    boost::system::error_code failure;
    co_await asio::async_read(*ends.client, asio::buffer(came_down),
                              asio::redirect_error(chorus::use_awaitable, failure));
    EXPECT_EQ(failure, asio::error::eof);
}

CHORUS_REAL_TIME_TEST(tls_stream, asio_operations_never_complete_inline_and_accept_no_bytes) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    std::array<char, 1> byte{'x'};
    int completions = 0;
    const auto count = [&completions](boost::system::error_code failure, std::size_t) {
        EXPECT_FALSE(failure);
        ++completions;
    };
    ends.server->async_write_some(asio::buffer(byte), count);
    ends.server->async_write_some(asio::const_buffer(), count);
    ends.client->async_read_some(asio::mutable_buffer(), count);
    EXPECT_EQ(completions, 0);
    // The empty buffer in front is skipped.
    const std::array<asio::mutable_buffer, 2> buffers{asio::mutable_buffer(), asio::buffer(byte)};
    EXPECT_EQ(co_await ends.client->async_read_some(buffers, chorus::use_awaitable), 1u);
    EXPECT_EQ(completions, 3);
}

CHORUS_REAL_TIME_TEST(tls_stream, writes_to_a_peer_that_has_gone_without_a_signal) {
    CO_ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    co_await exchange(ends);
    ends.server.reset();
    const auto failure = co_await write(*ends.client, noise(4'000'000));
    EXPECT_TRUE(failure == asio::error::broken_pipe || failure == asio::error::connection_reset) << failure.message();
}

CHORUS_REAL_TIME_TEST(tls_stream, a_wait_ends_by_its_slot_by_cancel_and_by_close) {
    const world certificates;
    for (const char* how : {"slot", "cancel", "close"}) {
        tls_pair ends(get_executor(), certificates.client(), certificates.server());
        co_await ends.handshake();
        co_await exchange(ends);
        asio::cancellation_signal signal;
        std::optional<boost::system::error_code> outcome;
        ends.client->async_wait(
            net::readiness::read,
            asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code failure) { outcome = failure; }));
        if (how == std::string_view("slot")) signal.emit(asio::cancellation_type::total);
        if (how == std::string_view("cancel")) ends.client->cancel();
        if (how == std::string_view("close")) ends.client->close();
        EXPECT_FALSE(outcome) << "never from inside";
        while (!outcome) co_await asio::post(get_executor(), chorus::use_awaitable);
        EXPECT_EQ(*outcome, asio::error::operation_aborted) << how;
    }
}

CHORUS_REAL_TIME_TEST(tls_stream, goes_on_after_a_cancelled_wait) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    co_await exchange(ends);
    std::array<char, 1> byte;
    EXPECT_EQ(ends.client->read_some(byte).status, io_status::want_read);
    std::optional<boost::system::error_code> outcome;
    ends.client->async_wait(net::readiness::read, [&](boost::system::error_code failure) { outcome = failure; });
    ends.client->cancel();
    while (!outcome) co_await asio::post(get_executor(), chorus::use_awaitable);
    co_await exchange(ends);
}

CHORUS_REAL_TIME_TEST(tls_stream, a_handshake_can_be_cancelled) {
    const world certificates;
    sockets ends(get_executor());
    const auto client = net::tls_stream::client(std::move(ends.client), certificates.client(), "localhost", 443);
    asio::cancellation_signal signal;
    std::optional<result<void>> outcome;
    asio::co_spawn(get_executor(), client->handshake(),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown, result<void> value) {
                       EXPECT_FALSE(thrown);
                       outcome = value;
                   }));
    // The client has sent its hello and waits once the server's end can be read.
    co_await ends.server.async_wait(tcp::socket::wait_read, chorus::use_awaitable);
    signal.emit(asio::cancellation_type::terminal);
    while (!outcome) co_await asio::post(get_executor(), chorus::use_awaitable);
    CO_ASSERT_FALSE(outcome->has_value());
    EXPECT_EQ(outcome->error(), errc::cancelled);
    EXPECT_EQ(outcome->error().phase(), chorus::phase::tls);
}

/// Waits until something for this end has arrived in the kernel.
awaitable<void> arrival(net::tls_stream& end) {
    co_await end.next_layer().async_wait(tcp::socket::wait_read, chorus::use_awaitable);
}

CHORUS_REAL_TIME_TEST(tls_stream, is_idle_and_open_until_the_server_closes_or_talks) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    co_await arrival(*ends.client);
    EXPECT_TRUE(ends.client->is_idle_and_open()) << "unread tickets are no data";
    co_await exchange(ends);
    EXPECT_TRUE(ends.client->is_idle_and_open());

    co_await write(*ends.server, "unasked");
    co_await arrival(*ends.client);
    EXPECT_FALSE(ends.client->is_idle_and_open());
    EXPECT_EQ(co_await read_exactly(*ends.client, 7), "unasked") << "asking takes nothing away";
    EXPECT_TRUE(ends.client->is_idle_and_open());

    ends.server->close();
    co_await arrival(*ends.client);
    EXPECT_FALSE(ends.client->is_idle_and_open());
}

CHORUS_REAL_TIME_TEST(tls_stream, is_not_open_after_a_close_without_goodbye) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    co_await exchange(ends);
    ends.server->next_layer().close();
    co_await arrival(*ends.client);
    EXPECT_FALSE(ends.client->is_idle_and_open());
    ends.client->close();
    EXPECT_FALSE(ends.client->is_idle_and_open());
}

CHORUS_REAL_TIME_TEST(tls_stream, is_not_confused_by_errors_that_others_left_in_the_queue) {
    const world certificates;
    tls_pair ends(get_executor(), certificates.client(), certificates.server());
    co_await ends.handshake();
    co_await exchange(ends);
    std::array<char, 1> byte;
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    EXPECT_EQ(ends.client->read_some(byte).status, io_status::want_read);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    EXPECT_TRUE(ends.client->is_idle_and_open());
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    EXPECT_EQ(ends.client->write_some(byte).status, io_status::done);
}

}  // namespace

}  // namespace tls_stream_tests
