// Every way in which a server's certificate may be bad, each refused with the host and the reason in the error; and what
// a connection is worth that was cut without a goodbye.
#include <chorus/net/h1_connection.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/gtest.hpp>

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "unit/net/loopback.hpp"

namespace tls_certificates_tests {

namespace {

using namespace loopback;
using chorus::errc;
using chorus::net::tls_context;
using chorus::net::tls_options;
using chorus::testing::certificate;
using chorus::testing::certificate_authority;
using chorus::testing::certificate_options;
using ::testing::HasSubstr;

/// What a server may do that ours refuses to: weak keys and old versions.
tls_context careless_server(const world& certificates, const certificate& shown) {
    auto server = certificates.server();
    SSL_CTX* const context = server.native_handle();
    SSL_CTX_set_security_level(context, 0);
    BIO* text = BIO_new_mem_buf(shown.certificate_pem().data(), -1);
    X509* const parsed = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
    EXPECT_EQ(SSL_CTX_use_certificate(context, parsed), 1);
    X509_free(parsed);
    BIO_free(text);
    text = BIO_new_mem_buf(shown.private_key_pem().data(), -1);
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(text, nullptr, nullptr, nullptr);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
    // The good certificate has a key of another kind, and stays beside this one.
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context, "rsa_pss_rsae_sha256"), 1);
    }
    EVP_PKEY_free(key);
    BIO_free(text);
    return server;
}

struct bad {
    certificate shown;
    const char* host;
    const char* reason;
    std::string chain;  // behind the certificate
};

CHORUS_REAL_TIME_TEST(tls_certificates, are_refused_with_the_host_and_the_reason) {
    const world certificates;
    const certificate_authority& root = certificates.authority;
    const certificate_authority between = root.intermediate("Some Intermediate");
    const certificate_authority impostor = root.impostor("No Authority");
    const certificate_authority stranger("Intercepting Proxy CA");
    using usage = certificate_options::usage;
    std::vector<bad> all;
    all.push_back({root.issue(certificate_options().expired()), "localhost", "certificate has expired", {}});
    all.push_back({root.issue(certificate_options().not_yet_valid()), "localhost", "certificate is not yet valid", {}});
    all.push_back({root.issue(), "api.example.com", "hostname mismatch", {}});
    all.push_back({root.issue(certificate_options().hosts({"127.0.0.1"})), "localhost", "hostname mismatch", {}});
    all.push_back({root.issue(certificate_options().hosts({"localhost"})), "127.0.0.1", "IP address mismatch", {}});
    all.push_back(
        {root.issue(certificate_options().hosts({"*.example.com"})), "a.b.example.com", "hostname mismatch", {}});
    all.push_back(
        {root.issue(certificate_options().hosts({"a*.example.com"})), "ab.example.com", "hostname mismatch", {}});
    all.push_back(
        {root.issue(certificate_options().hosts({}).common_name("localhost")), "localhost", "hostname mismatch", {}});
    all.push_back({chorus::testing::self_signed_certificate(), "localhost", "self-signed certificate", {}});
    all.push_back({stranger.issue(), "localhost", "issuer CN=Intercepting Proxy CA", {}});
    all.push_back({stranger.issue(), "localhost", "self-signed certificate in certificate chain", stranger.pem()});
    all.push_back({between.issue(), "localhost", "unable to get local issuer certificate", {}});
    all.push_back({impostor.issue(), "localhost", "invalid CA certificate", impostor.pem()});
    all.push_back({root.issue(certificate_options().extended_usage(usage::client)),
                   "localhost",
                   "unsuitable certificate purpose",
                   {}});
    all.push_back({root.issue(certificate_options().weak_key()), "localhost", "certificate key too weak", {}});
    all.push_back({between.issue(certificate_options().weak_signature()), "localhost", "digest algorithm too weak",
                   between.pem()});
    for (const bad& one : all) {
        const tls_context server = careless_server(certificates, one.shown);
        if (!one.chain.empty()) {
            BIO* const text = BIO_new_mem_buf(one.chain.data(), -1);
            EXPECT_EQ(
                SSL_CTX_add0_chain_cert(server.native_handle(), PEM_read_bio_X509(text, nullptr, nullptr, nullptr)), 1);
            BIO_free(text);
        }
        tls_pair ends(get_executor(), certificates.client(), server, one.host);
        const auto outcomes = co_await ends.handshake();
        EXPECT_FALSE(outcomes.client.has_value()) << one.reason;
        if (outcomes.client) continue;
        const chorus::error& refused = outcomes.client.error();
        EXPECT_EQ(refused, errc::certificate_rejected) << one.reason;
        EXPECT_EQ(refused.phase(), chorus::phase::tls);
        EXPECT_EQ(refused.text(), std::string(one.host) + ":443");
        EXPECT_THAT(std::string(refused.cause()), HasSubstr(one.reason));
        EXPECT_THAT(std::string(refused.cause()), HasSubstr("subject CN="));
        EXPECT_THAT(refused.message(), HasSubstr(one.host));
        EXPECT_FALSE(outcomes.server.has_value()) << "the server must learn of the refusal";
    }
}

CHORUS_REAL_TIME_TEST(tls_certificates, are_accepted_with_their_chain) {
    const world certificates;
    const certificate_authority between = certificates.authority.intermediate();
    const certificate leaf = between.issue();
    const auto server = tls_context::server(tls_options()
                                                .certificate_chain_pem(leaf.certificate_pem() + between.pem())
                                                .private_key_pem(leaf.private_key_pem()));
    tls_pair ends(get_executor(), certificates.client(), server.value());
    const auto outcomes = co_await ends.handshake();
    EXPECT_TRUE(outcomes.client.has_value());
}

CHORUS_REAL_TIME_TEST(tls_certificates, are_not_kept_but_for_the_peers_own) {
    const world certificates;
    const certificate_authority between = certificates.authority.intermediate();
    const certificate leaf = between.issue();
    const auto server = tls_context::server(tls_options()
                                                .certificate_chain_pem(leaf.certificate_pem() + between.pem())
                                                .private_key_pem(leaf.private_key_pem()));
    const tls_context client = certificates.client();  // with its sessions
    for (const bool is_resumed : {false, true}) {
        tls_pair ends(get_executor(), client, server.value());
        const auto outcomes = co_await ends.handshake();
        CO_ASSERT_TRUE(outcomes.client.has_value());
        EXPECT_FALSE(co_await write(*ends.server, "s"));  // and the tickets before it
        EXPECT_EQ(co_await read_exactly(*ends.client, 1), "s");
        CO_ASSERT_EQ(ends.client->was_resumed(), is_resumed);
        SSL* const connection = ends.client->native_handle();
        EXPECT_NE(SSL_get0_peer_certificate(connection), nullptr);
        EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(connection)), 0) << "popped, not replaced";
        EXPECT_EQ(SSL_get0_verified_chain(connection), nullptr);
    }
}

CHORUS_REAL_TIME_TEST(tls_certificates, are_not_even_looked_at_below_tls_1_2) {
    const world certificates;
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        const tls_context server = certificates.server();
        SSL_CTX_set_security_level(server.native_handle(), 0);
        SSL_CTX_set_min_proto_version(server.native_handle(), version);
        SSL_CTX_set_max_proto_version(server.native_handle(), version);
        tls_pair ends(get_executor(), certificates.client(), server);
        const auto outcomes = co_await ends.handshake();
        CO_ASSERT_FALSE(outcomes.client.has_value());
        EXPECT_EQ(outcomes.client.error(), errc::tls_failed);
        EXPECT_EQ(outcomes.client.error().text(), "localhost:443");
        EXPECT_THAT(std::string(outcomes.client.error().cause()), HasSubstr("protocol version"));
    }
}

/// Sends this as the answer to one request, and closes the socket with or without the goodbye of TLS.
awaitable<result<chorus::http::response>> cut_behind(chorus::executor executor, const world& certificates,
                                                     std::string answer, bool says_goodbye) {
    const tls_context server = certificates.server();
    tls_pair ends(executor, certificates.client(), server);
    const auto outcomes = co_await ends.handshake();
    if (!outcomes.client) co_return outcomes.client.error();
    const auto failure = co_await write(*ends.server, answer);
    EXPECT_FALSE(failure);
    if (says_goodbye) {
        ends.server->close();
    } else {
        ends.server.reset();
    }
    chorus::net::h1_connection link(std::move(ends.client), std::make_shared<chorus::net::scratch_buffers>());
    chorus::http::request question;
    question.method = "GET";
    question.origin = {true, "localhost", 443};
    const chorus::http::limits caps;
    chorus::http::response received;
    const auto done =
        co_await link.exchange(question, caps, chorus::now(executor) + std::chrono::seconds(30), received);
    if (!done) co_return done.error();
    co_return received;
}

CHORUS_REAL_TIME_TEST(tls_goodbye, is_missed_only_where_the_message_does_not_say_its_end) {
    const world certificates;
    struct row {
        const char* answer;
        bool ends_with_goodbye;
        bool ends_without;
    };
    for (const auto& [answer, ends_with_goodbye, ends_without] : {
             row{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, true},
             row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true, true},
             row{"HTTP/1.1 200 OK\r\n\r\nabc", true, false},
             row{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", false, false},
             row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, false},
         }) {
        for (const bool says_goodbye : {true, false}) {
            const auto received = co_await cut_behind(get_executor(), certificates, answer, says_goodbye);
            EXPECT_EQ(received.has_value(), says_goodbye ? ends_with_goodbye : ends_without) << answer;
            if (received) {
                EXPECT_EQ(received->body, "abc");
            } else {
                EXPECT_EQ(received.error(), errc::truncated) << received.error().message();
            }
        }
    }
}

}  // namespace

}  // namespace tls_certificates_tests
