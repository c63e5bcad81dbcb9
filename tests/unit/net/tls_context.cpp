// Contexts: every option that cannot be honoured is named, trust is added to and not replaced, sessions are kept well.
#include <chorus/net/tls_context.hpp>
#include <chorus/testing/gtest.hpp>

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "unit/net/loopback.hpp"
#include <support/scratch_directory.hpp>
#include <unistd.h>

namespace tls_context_tests {

namespace {

using namespace loopback;
using chorus::errc;
using chorus::net::tls_context;
using chorus::net::tls_options;
using chorus::net::tls_session_cache;
using chorus::net::tls_version;
using chorus::testing::certificate_authority;
using chorus::testing_support::scratch_directory;
using ::testing::HasSubstr;
using ::testing::Not;

/// An environment variable for the time of one test.
class environment_variable {
 public:
    environment_variable(const char* name, const std::string& value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        ::setenv(name, value.c_str(), 1);
    }
    ~environment_variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
    const char* name_;
    std::optional<std::string> old_;
};

std::string refusal(const tls_options& options) {
    const auto made = tls_context::client(options);
    if (made) return "accepted";
    EXPECT_EQ(made.error(), errc::invalid_argument);
    EXPECT_EQ(made.error().phase(), chorus::phase::tls);
    return std::string(made.error().text()) + ": " + std::string(made.error().cause());
}

TEST(tls_context, names_the_file_that_cannot_be_read) {
    EXPECT_EQ(refusal(tls_options().ca_file("/nowhere/ca.pem")), "ca_file /nowhere/ca.pem: No such file or directory");
    const world good;
    EXPECT_EQ(refusal(good.server_options().certificate_chain_file("/nowhere/chain.pem")),
              "certificate_chain_file /nowhere/chain.pem: No such file or directory");
    EXPECT_EQ(refusal(good.server_options().private_key_file("/nowhere/key.pem")),
              "private_key_file /nowhere/key.pem: No such file or directory");
    const scratch_directory files;
    const auto empty = files.write("empty.pem", "");
    EXPECT_EQ(refusal(tls_options().ca_file(empty)), "ca_file " + empty + ": the file is empty");
    EXPECT_EQ(refusal(tls_options().ca_file(files.path())), "ca_file " + files.path() + ": Is a directory");
}

TEST(tls_context, names_the_option_whose_pem_is_not_good) {
    const world good;
    EXPECT_EQ(refusal(tls_options().ca_pem("no PEM at all")), "ca_pem: it holds no certificate in PEM format");
    std::string damaged = good.authority.pem();
    damaged[damaged.size() / 2] = '!';
    EXPECT_EQ(refusal(tls_options().ca_pem(good.authority.pem() + damaged)), "ca_pem: bad base64 decode");
    EXPECT_EQ(refusal(good.server_options().certificate_chain_pem("")),
              "certificate_chain_pem: it holds no certificate in PEM format");
    EXPECT_EQ(refusal(good.server_options().private_key_pem("nothing")),
              "private_key_pem: it holds no private key in PEM format");
}

TEST(tls_context, wants_certificate_and_key_together_and_matching) {
    const world good;
    const auto other = good.authority.issue();
    EXPECT_EQ(refusal(tls_options().certificate_chain_pem(good.certificate.certificate_pem())),
              "certificate_chain_pem: its private key is missing");
    EXPECT_EQ(refusal(tls_options().private_key_pem(good.certificate.private_key_pem())),
              "private_key_pem: its certificate chain is missing");
    EXPECT_EQ(refusal(good.server_options().private_key_pem(other.private_key_pem())),
              "private_key_pem: key values mismatch");
    const auto server = tls_context::server({});
    ASSERT_FALSE(server.has_value());
    EXPECT_EQ(server.error().text(), "certificate_chain");
}

TEST(tls_context, refuses_an_encrypted_key_instead_of_asking_for_its_pass_phrase) {
    const world good;
    const std::string& pem = good.certificate.private_key_pem();
    BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
    BIO* out = BIO_new(BIO_s_mem());
    char pass[] = "secret";
    ASSERT_EQ(PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(), nullptr, 0, nullptr, pass), 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out, &text);
    EXPECT_THAT(refusal(good.server_options().private_key_pem(std::string(text, static_cast<std::size_t>(size)))),
                HasSubstr("private_key_pem: "));
    BIO_free(in);
    BIO_free(out);
    EVP_PKEY_free(key);
}

TEST(tls_context, never_quotes_a_private_key) {
    const world good;
    std::string damaged = good.certificate.private_key_pem();
    damaged.insert(damaged.size() / 2, "!");
    const std::string refused = refusal(good.server_options().private_key_pem(damaged));
    EXPECT_THAT(refused, Not(HasSubstr("PRIVATE KEY")));
    EXPECT_THAT(refused, Not(HasSubstr(damaged.substr(40, 10))));
}

TEST(tls_context, refuses_what_makes_no_sense) {
    EXPECT_THAT(refusal(tls_options().versions(tls_version::v1_3, tls_version::v1_2)), HasSubstr("versions"));
    EXPECT_THAT(refusal(tls_options().alpn({"h2", ""})), HasSubstr("alpn"));
    EXPECT_THAT(refusal(tls_options().alpn({std::string(256, 'x')})), HasSubstr("alpn"));
}

TEST(tls_context, leaves_no_error_behind_in_the_queue_of_the_thread) {
    ASSERT_TRUE(tls_context::client().has_value());
    EXPECT_EQ(ERR_peek_error(), 0u);
    ASSERT_FALSE(tls_context::client(tls_options().ca_pem("nothing")).has_value());
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(tls_context, shows_the_intermediates_that_follow_the_certificate) {
    const world good;
    const auto server = tls_context::server(
        good.server_options().certificate_chain_pem(good.certificate.certificate_pem() + good.authority.pem()));
    ASSERT_TRUE(server.has_value());
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(server->native_handle(), &chain);
    EXPECT_EQ(sk_X509_num(chain), 1);
}

awaitable<bool> trusts(chorus::executor executor, const tls_context& client, const certificate_authority& authority) {
    const auto server = tls_context::server(world::server_options(authority.issue())).value();
    tls_pair ends(executor, client, server);
    const auto outcomes = co_await ends.handshake();
    co_return outcomes.client.has_value();
}

CHORUS_REAL_TIME_TEST(tls_context, trusts_authorities_that_variables_name_and_options_add) {
    const certificate_authority named("named"), directory("directory"), file("file"), text("text"), unknown("unknown");
    const scratch_directory files;
    const environment_variable named_file("SSL_CERT_FILE", files.write("named.pem", named.pem()));
    // OpenSSL finds authorities in a directory by the hash of their names.
    BIO* pem = BIO_new_mem_buf(directory.pem().data(), static_cast<int>(directory.pem().size()));
    X509* certificate = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
    char name[32];
    std::snprintf(name, sizeof name, "%08lx.0",
                  X509_NAME_hash_ex(X509_get_subject_name(certificate), nullptr, nullptr, nullptr));
    X509_free(certificate);
    BIO_free(pem);
    files.write(name, directory.pem());
    const environment_variable named_directory("SSL_CERT_DIR", files.path());

    auto options = tls_options();
    options.ca_file(files.write("added.pem", file.pem())).ca_pem(text.pem());
    const auto client = tls_context::client(options).value();
    EXPECT_TRUE(co_await trusts(get_executor(), client, named));
    EXPECT_TRUE(co_await trusts(get_executor(), client, directory));
    EXPECT_TRUE(co_await trusts(get_executor(), client, file));
    EXPECT_TRUE(co_await trusts(get_executor(), client, text));
    EXPECT_FALSE(co_await trusts(get_executor(), client, unknown));
}

using x509 = std::unique_ptr<X509, void (*)(X509*)>;

/// A certificate of the system's store; null where there is none.
x509 any_system_authority() {
    std::error_code missing;
    std::vector<std::filesystem::path> places{X509_get_default_cert_file()};
    for (const auto& entry : std::filesystem::directory_iterator(X509_get_default_cert_dir(), missing)) {
        if (entry.path().extension() == ".0") places.push_back(entry.path());
    }
    for (const auto& place : places) {
        const std::unique_ptr<BIO, void (*)(BIO*)> file(BIO_new_file(place.c_str(), "r"), &BIO_free_all);
        if (!file) continue;
        if (x509 found(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr), &X509_free); found) return found;
    }
    return {nullptr, &X509_free};
}

/// Whether a client has the certificate among its authorities.
bool knows(const tls_context& client, X509* authority) {
    const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> search(X509_STORE_CTX_new(), &X509_STORE_CTX_free);
    X509_STORE_CTX_init(search.get(), SSL_CTX_get_cert_store(client.native_handle()), nullptr, nullptr);
    const std::unique_ptr<X509_OBJECT, void (*)(X509_OBJECT*)> found(
        X509_STORE_CTX_get_obj_by_subject(search.get(), X509_LU_X509, X509_get_subject_name(authority)),
        &X509_OBJECT_free);
    return found != nullptr;
}

TEST(tls_context, adds_authorities_to_those_of_the_system) {
    const x509 system = any_system_authority();
    if (!system) GTEST_SKIP() << "this system has no certificate authorities";
    const scratch_directory files;
    const certificate_authority named("named"), added("added");
    const environment_variable named_file("SSL_CERT_FILE", files.write("named.pem", named.pem()));
    const environment_variable named_directory("SSL_CERT_DIR", files.path());
    EXPECT_TRUE(knows(tls_context::client().value(), system.get()));
    EXPECT_TRUE(knows(tls_context::client(tls_options().ca_pem(added.pem())).value(), system.get()));
    const environment_variable no_file("SSL_CERT_FILE", files.path() + "/missing");
    EXPECT_TRUE(knows(tls_context::client().value(), system.get()));
    EXPECT_EQ(ERR_peek_error(), 0u);
}

CHORUS_REAL_TIME_TEST(tls_context, reads_certificate_and_key_from_files) {
    const world good;
    const scratch_directory files;
    auto options = tls_options();
    options.certificate_chain_file(files.write("chain.pem", good.certificate.certificate_pem()))
        .private_key_file(files.write("key.pem", good.certificate.private_key_pem()));
    tls_pair ends(get_executor(), good.client(), tls_context::server(options).value());
    const auto outcomes = co_await ends.handshake();
    EXPECT_TRUE(outcomes.client.has_value());
}

tls_session_cache::session make_session(int version, long age_in_seconds = 0) {
    SSL_SESSION* made = SSL_SESSION_new();
    static constexpr unsigned char id[] = {1, 2, 3};
    SSL_SESSION_set1_id(made, id, sizeof id);
    SSL_SESSION_set_protocol_version(made, version);
    SSL_SESSION_set_timeout(made, 300);
    SSL_SESSION_set_time(made, static_cast<long>(std::time(nullptr)) - age_in_seconds);
    return {made, &SSL_SESSION_free};
}

TEST(tls_session_cache, hands_out_a_tls_1_3_session_once_and_the_newest_first) {
    tls_session_cache cache(8);
    const auto older = make_session(TLS1_3_VERSION);
    const auto newer = make_session(TLS1_3_VERSION);
    cache.put("host:443", older);
    cache.put("host:443", newer);
    EXPECT_EQ(cache.take("host:443"), newer);
    EXPECT_EQ(cache.take("host:443"), older);
    EXPECT_EQ(cache.take("host:443"), nullptr);
}

TEST(tls_session_cache, hands_out_a_tls_1_2_session_again) {
    tls_session_cache cache(8);
    const auto session = make_session(TLS1_2_VERSION);
    cache.put("host:443", session);
    EXPECT_EQ(cache.take("host:443"), session);
    EXPECT_EQ(cache.take("host:443"), session);
}

TEST(tls_session_cache, keeps_hosts_apart) {
    tls_session_cache cache(8);
    cache.put("host:443", make_session(TLS1_3_VERSION));
    EXPECT_EQ(cache.take("host:8443"), nullptr);
    EXPECT_EQ(cache.take("other:443"), nullptr);
    EXPECT_NE(cache.take("host:443"), nullptr);
}

TEST(tls_session_cache, passes_over_what_has_expired) {
    tls_session_cache cache(8);
    const auto fresh = make_session(TLS1_3_VERSION, 299 - 60);
    cache.put("host:443", fresh);
    cache.put("host:443", make_session(TLS1_3_VERSION, 301));
    EXPECT_EQ(cache.take("host:443"), fresh);
    EXPECT_EQ(cache.size(), 0u);
}

TEST(tls_session_cache, drops_the_oldest_beyond_its_capacity) {
    tls_session_cache cache(2);
    for (const char* key : {"a:1", "b:1", "c:1"}) cache.put(key, make_session(TLS1_3_VERSION));
    EXPECT_EQ(cache.size(), 2u);
    EXPECT_EQ(cache.take("a:1"), nullptr);
    EXPECT_NE(cache.take("b:1"), nullptr);
    EXPECT_NE(cache.take("c:1"), nullptr);
    tls_session_cache none(0);
    none.put("a:1", make_session(TLS1_3_VERSION));
    EXPECT_EQ(none.size(), 0u);
}

}  // namespace

}  // namespace tls_context_tests
