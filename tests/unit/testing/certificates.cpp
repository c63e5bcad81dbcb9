// The test authority: what it issues verifies, and each way of being bad is bad in that way.
#include <chorus/testing/certificates.hpp>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace certificates_tests {

namespace {

using chorus::testing::certificate_authority;
using chorus::testing::certificate_options;

using x509 = std::unique_ptr<X509, void (*)(X509*)>;

x509 parse(const std::string& pem) {
    BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    x509 parsed(PEM_read_bio_X509(memory, nullptr, nullptr, nullptr), &X509_free);
    BIO_free(memory);
    return parsed;
}

/// Verifies as a TLS client would, and returns OpenSSL's verdict.
int verify(const std::string& authority_pem, const std::string& pem, const char* host, int purpose) {
    const x509 authority = parse(authority_pem);
    const x509 leaf = parse(pem);
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, authority.get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host) != 1) X509_VERIFY_PARAM_set1_host(wanted, host, 0);
    X509_verify_cert(context);
    const int verdict = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return verdict;
}

int verify_server(const certificate_authority& authority, const certificate_options& options,
                  const char* host = "localhost") {
    return verify(authority.pem(), authority.issue(options).certificate_pem(), host, X509_PURPOSE_SSL_SERVER);
}

TEST(certificate_authority, issues_for_the_loopback_names_by_default) {
    const certificate_authority authority;
    for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
        EXPECT_EQ(verify_server(authority, {}, host), X509_V_OK) << host;
    }
}

TEST(certificate_authority, issues_only_for_the_hosts_asked_for) {
    const certificate_authority authority;
    const auto options = certificate_options().hosts({"api.example.com", "192.0.2.1"});
    EXPECT_EQ(verify_server(authority, options, "api.example.com"), X509_V_OK);
    EXPECT_EQ(verify_server(authority, options, "192.0.2.1"), X509_V_OK);
    EXPECT_EQ(verify_server(authority, options, "localhost"), X509_V_ERR_HOSTNAME_MISMATCH);
    EXPECT_EQ(verify_server(authority, options, "127.0.0.1"), X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST(certificate_authority, issues_certificates_bad_in_time) {
    const certificate_authority authority;
    EXPECT_EQ(verify_server(authority, certificate_options().expired()), X509_V_ERR_CERT_HAS_EXPIRED);
    EXPECT_EQ(verify_server(authority, certificate_options().not_yet_valid()), X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST(certificate_authority, issues_certificates_for_one_side_only) {
    const certificate_authority authority;
    const auto client = certificate_options().extended_usage(certificate_options::usage::client);
    EXPECT_EQ(verify_server(authority, client), X509_V_ERR_INVALID_PURPOSE);
    EXPECT_EQ(verify(authority.pem(), authority.issue(client).certificate_pem(), "localhost", X509_PURPOSE_SSL_CLIENT),
              X509_V_OK);
}

TEST(certificate_authority, is_unknown_to_another_authority) {
    const certificate_authority one("one");
    const certificate_authority other("other");
    EXPECT_EQ(verify(other.pem(), one.issue().certificate_pem(), "localhost", X509_PURPOSE_SSL_SERVER),
              X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

TEST(self_signed_certificate, chains_to_nothing_but_itself) {
    const certificate_authority authority;
    const auto alone = chorus::testing::self_signed_certificate();
    EXPECT_EQ(verify(authority.pem(), alone.certificate_pem(), "localhost", X509_PURPOSE_SSL_SERVER),
              X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

TEST(certificate, comes_with_the_key_that_belongs_to_it) {
    const certificate_authority authority;
    const auto issued = authority.issue();
    BIO* memory = BIO_new_mem_buf(issued.private_key_pem().data(), static_cast<int>(issued.private_key_pem().size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
    BIO_free(memory);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(X509_check_private_key(parse(issued.certificate_pem()).get(), key), 1);
    EVP_PKEY_free(key);
}

}  // namespace

}  // namespace certificates_tests
