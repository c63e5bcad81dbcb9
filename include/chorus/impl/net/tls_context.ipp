// Options become an SSL_CTX one by one, and each refusal keeps the name of its option.
#pragma once

#include <chorus/net/detail/authority_files.hpp>
#include <chorus/net/detail/openssl_handle.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/shared_new.hpp>

#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace chorus::net {

namespace detail {

/// The text of an OpenSSL error code. System errors have no reason string in OpenSSL 3.
CHORUS_DECL std::string openssl_reason(unsigned long code) {
    if (code == 0) return "unknown reason";
    if (const char* reason = ERR_reason_error_string(code)) return reason;
    if (ERR_SYSTEM_ERROR(code)) {
        return boost::system::error_code(ERR_GET_REASON(code), boost::system::system_category()).message();
    }
    return "OpenSSL error " + std::to_string(code);
}

/// The first error of the queue is the root cause; what follows are its consequences.
CHORUS_DECL std::string take_openssl_reason() {
    const unsigned long code = ERR_peek_error();
    ERR_clear_error();
    return openssl_reason(code);
}

CHORUS_DECL bool wants_other_certificate(const boost::system::error_code& failure) noexcept {
    if (failure.category() != boost::asio::error::get_ssl_category()) return false;
    const int alert = ERR_GET_REASON(static_cast<unsigned long>(failure.value())) - SSL_AD_REASON_OFFSET;
    return alert == SSL_AD_CERTIFICATE_REQUIRED || (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_ACCESS_DENIED);
}

CHORUS_DECL std::string name_of(const X509_NAME* name) {
    const handle<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
    if (!memory || !name || X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
        return {};
    }
    char* text = nullptr;
    const auto length = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(length)};
}

/// Notes why a certificate is rejected, and whose it is: a proxy that intercepts TLS shows its name here.
CHORUS_DECL int on_certificate(int verified, X509_STORE_CTX* store) {
    if (verified == 1) return 1;
    auto* connection = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* peer = static_cast<tls_peer*>(SSL_get_app_data(connection));
    if (!peer || !peer->rejection.empty()) return 0;
    peer->rejection = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    if (X509* certificate = X509_STORE_CTX_get_current_cert(store)) {
        peer->rejection.append("; subject ").append(name_of(X509_get_subject_name(certificate)));
        peer->rejection.append(", issuer ").append(name_of(X509_get_issuer_name(certificate)));
    }
    return 0;
}

/// Verifies as OpenSSL does, and forgets which certificates lead to the authority: nobody asks for them later.
CHORUS_DECL int verify_and_forget(X509_STORE_CTX* store, void*) {
    const int verified = X509_verify_cert(store);
    X509_STORE_CTX_set0_verified_chain(store, nullptr);
    return verified;
}

CHORUS_DECL int on_new_session(SSL* connection, SSL_SESSION* session) {
    auto* peer = static_cast<tls_peer*>(SSL_get_app_data(connection));
    if (!peer || !peer->sessions || SSL_SESSION_is_resumable(session) != 1) return 0;
    peer->sessions->put(peer->name(), tls_session_cache::session(session, &SSL_SESSION_free));
    return 1;  // the reference is ours
}

CHORUS_DECL int on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                        unsigned offered_size, void* argument) {
    const auto& accepted = *static_cast<const std::string*>(argument);
    const int outcome = SSL_select_next_proto(const_cast<unsigned char**>(chosen), chosen_size,
                                              reinterpret_cast<const unsigned char*>(accepted.data()),
                                              static_cast<unsigned>(accepted.size()), offered, offered_size);
    // RFC 7301, 3.2: without a common protocol the server ends the handshake.
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace detail

CHORUS_DECL tls_options& tls_options::ca_file(std::string path) {
    authorities_.push_back({"ca_file", std::move(path), {}});
    return *this;
}
CHORUS_DECL tls_options& tls_options::ca_pem(std::string text) {
    authorities_.push_back({"ca_pem", {}, std::move(text)});
    return *this;
}
CHORUS_DECL tls_options& tls_options::certificate_chain_file(std::string path) {
    chain_ = {"certificate_chain_file", std::move(path), {}};
    return *this;
}
CHORUS_DECL tls_options& tls_options::certificate_chain_pem(std::string text) {
    chain_ = {"certificate_chain_pem", {}, std::move(text)};
    return *this;
}
CHORUS_DECL tls_options& tls_options::private_key_file(std::string path) {
    key_ = {"private_key_file", std::move(path), {}};
    return *this;
}
CHORUS_DECL tls_options& tls_options::private_key_pem(std::string text) {
    key_ = {"private_key_pem", {}, std::move(text)};
    return *this;
}
CHORUS_DECL tls_options& tls_options::versions(tls_version lowest, tls_version highest) {
    lowest_ = lowest;
    highest_ = highest;
    return *this;
}
CHORUS_DECL tls_options& tls_options::alpn(std::vector<std::string> protocols) {
    alpn_ = std::move(protocols);
    return *this;
}
CHORUS_DECL tls_options& tls_options::session_cache_size(std::size_t sessions) {
    session_cache_size_ = sessions;
    return *this;
}
CHORUS_DECL tls_options& tls_options::require_client_certificate() {
    require_client_certificate_ = true;
    return *this;
}
CHORUS_DECL tls_options& tls_options::dangerously_disable_verification() {
    verify_ = false;
    return *this;
}

CHORUS_DECL void tls_session_cache::put(std::string_view key, session kept) {
    if (capacity_ == 0) return;
    if (entries_.size() >= capacity_) entries_.erase(entries_.begin());
    entries_.push_back({std::string(key), std::move(kept)});
}

CHORUS_DECL tls_session_cache::session tls_session_cache::take(std::string_view key) {
    const long now = static_cast<long>(std::time(nullptr));
    for (auto newest = entries_.size(); newest-- > 0;) {
        if (entries_[newest].key != key) continue;
        session found = entries_[newest].kept;
        const bool usable = SSL_SESSION_is_resumable(found.get()) == 1 &&
                            now - SSL_SESSION_get_time(found.get()) < SSL_SESSION_get_timeout(found.get());
        if (!usable || SSL_SESSION_get_protocol_version(found.get()) >= TLS1_3_VERSION) {
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(newest));
        }
        if (usable) return found;
    }
    return nullptr;
}

CHORUS_DECL tls_context::tls_context(std::shared_ptr<ssl_ctx_st> handle,
                                     std::shared_ptr<tls_session_cache> sessions) noexcept
    : handle_(std::move(handle)), sessions_(std::move(sessions)) {}

/// Builds a context option by option.
struct tls_context::maker {
    using pem = tls_options::pem;
    using certificate = detail::handle<X509, X509_free>;

    const tls_options& options;
    SSL_CTX* context;

    static error refuse(const pem& source, std::string cause) {
        error refused(errc::invalid_argument, source.path.empty() ? source.option : source.option + " " + source.path);
        refused.phase(phase::tls).cause(std::move(cause));
        return refused;
    }

    static error refuse(std::string_view option, std::string cause) {
        return refuse(pem{std::string(option), {}, {}}, std::move(cause));
    }

    /// Keys that ask for a pass phrase fail; OpenSSL's default would ask on the terminal.
    static int no_pass_phrase(char*, int, int, void*) { return -1; }

    static result<std::string> load(const pem& source) {
        if (source.path.empty()) return source.text;
        errno = 0;
        const detail::handle<std::FILE, std::fclose> file(std::fopen(source.path.c_str(), "rb"));
        std::string text;
        char block[4096];
        while (const std::size_t count = file ? std::fread(block, 1, sizeof block, file.get()) : 0) {
            text.append(block, count);
        }
        if (!file || std::ferror(file.get()) != 0) {
            return refuse(source, boost::system::error_code(errno, boost::system::system_category()).message());
        }
        if (text.empty()) return refuse(source, "the file is empty");
        return text;
    }

    /// Reads the certificates of a PEM text, at least one.
    static result<std::vector<certificate>> read_certificates(const pem& source) {
        auto text = load(source);
        if (!text) return text.error();
        ERR_clear_error();
        const detail::handle<BIO, BIO_free_all> memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
        std::vector<certificate> found;
        while (X509* next = PEM_read_bio_X509_AUX(memory.get(), nullptr, &no_pass_phrase, nullptr)) {
            found.emplace_back(next);
        }
        // "No start line" is how the end of the text looks.
        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
            return refuse(source, detail::take_openssl_reason());
        }
        ERR_clear_error();
        if (found.empty()) return refuse(source, "it holds no certificate in PEM format");
        return found;
    }

    /// Missing files are no error: they differ between systems, and added authorities may be all there is. What the
    /// variables name comes on top of OpenSSL's defaults, not in their place.
    void trust_system() {
        X509_STORE* const store = SSL_CTX_get_cert_store(context);
        const char* const named_file = std::getenv(X509_get_default_cert_file_env());
        for (const char* file : {X509_get_default_cert_file(), named_file}) {
            if (file != nullptr) detail::trust_authority_file(store, file);
        }
        // A directory is only looked into when a certificate is to be verified.
        const char* const named_directory = std::getenv(X509_get_default_cert_dir_env());
        for (const char* directory : {X509_get_default_cert_dir(), named_directory}) {
            if (directory != nullptr) X509_STORE_load_path(store, directory);
        }
        ERR_clear_error();
    }

    result<void> trust() {
        X509_STORE* store = SSL_CTX_get_cert_store(context);
        for (const pem& source : options.authorities_) {
            auto certificates = read_certificates(source);
            if (!certificates) return certificates.error();
            for (const auto& authority : *certificates) {
                if (X509_STORE_add_cert(store, authority.get()) != 1) {
                    return refuse(source, detail::take_openssl_reason());
                }
            }
        }
        return {};
    }

    result<void> identify() {
        if (!options.chain_ && !options.key_) return {};
        if (!options.key_) return refuse(options.chain_, "its private key is missing");
        if (!options.chain_) return refuse(options.key_, "its certificate chain is missing");
        auto chain = read_certificates(options.chain_);
        if (!chain) return chain.error();
        for (auto next = chain->begin(); next != chain->end(); ++next) {
            const bool added = next == chain->begin() ? SSL_CTX_use_certificate(context, next->get()) == 1
                                                      : SSL_CTX_add1_chain_cert(context, next->get()) == 1;
            if (!added) return refuse(options.chain_, detail::take_openssl_reason());
        }
        auto text = load(options.key_);
        if (!text) return text.error();
        if (text->find("PRIVATE KEY-----") == std::string::npos) {
            return refuse(options.key_, "it holds no private key in PEM format");
        }
        ERR_clear_error();
        const detail::handle<BIO, BIO_free_all> memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
        const detail::handle<EVP_PKEY, EVP_PKEY_free> key(
            PEM_read_bio_PrivateKey(memory.get(), nullptr, &no_pass_phrase, nullptr));
        // Fails too when the key is not the certificate's.
        if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
            return refuse(options.key_, detail::take_openssl_reason());
        }
        return {};
    }

    result<std::string> alpn_wire_format() const {
        std::string wire;
        for (const auto& protocol : options.alpn_) {
            if (protocol.empty() || protocol.size() > 255) return refuse("alpn", "a name has 1 to 255 bytes");
            wire.append(1, static_cast<char>(protocol.size())).append(protocol);
        }
        return wire;
    }

    /// What clients and servers have in common.
    result<void> configure() {
        // A connection that is idle keeps no buffers; the buffer to write from may move between attempts.
        SSL_CTX_set_mode(
            context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        // One recv takes whatever has arrived, several records at once.
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
        const auto number = [](tls_version version) {
            return version == tls_version::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        };
        if (options.lowest_ > options.highest_) return refuse("versions", "the lowest is above the highest");
        if (SSL_CTX_set_min_proto_version(context, number(options.lowest_)) != 1 ||
            SSL_CTX_set_max_proto_version(context, number(options.highest_)) != 1) {
            return refuse("versions", detail::take_openssl_reason());
        }
        if (auto done = trust(); !done) return done;
        return identify();
    }

    result<void> configure_client() {
        // Without keys and digests below 112 bits, such as RSA with 1024 and SHA-1, whatever this OpenSSL was built with.
        constexpr int least_security = 2;
        if (SSL_CTX_get_security_level(context) < least_security) SSL_CTX_set_security_level(context, least_security);
        if (options.verify_) trust_system();
        if (auto done = configure(); !done) return done;
        SSL_CTX_set_verify(context, options.verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                           options.verify_ ? &detail::on_certificate : nullptr);
        SSL_CTX_set_cert_verify_callback(context, &detail::verify_and_forget, nullptr);
        // Sessions go to our cache only: OpenSSL's own knows no hosts and is of no use to a client.
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, &detail::on_new_session);
        auto wire = alpn_wire_format();
        if (!wire) return wire.error();
        // Returns 0 on success, unlike its neighbours.
        if (!wire->empty() && SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire->data()),
                                                      static_cast<unsigned>(wire->size())) != 0) {
            return refuse("alpn", detail::take_openssl_reason());
        }
        return {};
    }

    result<void> configure_server(std::string& alpn) {
        if (!options.chain_) return refuse("certificate_chain", "a server needs one");
        if (auto done = configure(); !done) return done;
        if (options.require_client_certificate_) {
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, &detail::on_certificate);
        }
        // Sessions live in the tickets, which only this context can open; the server stores nothing.
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        static constexpr unsigned char name[] = "chorus";
        SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
        auto wire = alpn_wire_format();
        if (!wire) return wire.error();
        alpn = std::move(*wire);
        if (!alpn.empty()) SSL_CTX_set_alpn_select_cb(context, &detail::on_alpn, &alpn);
        return {};
    }

    struct owner {
        detail::handle<SSL_CTX, SSL_CTX_free> context;
        std::string alpn;  // OpenSSL keeps a pointer to a server's protocols
    };

    static result<std::shared_ptr<owner>> make(const SSL_METHOD* method) {
        ERR_clear_error();
        auto made = chorus::detail::shared_new<owner>();
        made->context = detail::handle<SSL_CTX, SSL_CTX_free>(SSL_CTX_new(method));
        if (!made->context) {
            error failure(errc::tls_failed);
            failure.phase(phase::tls).cause(detail::take_openssl_reason());
            return failure;
        }
        return made;
    }
};

CHORUS_DECL result<tls_context> tls_context::client(const tls_options& options) {
    auto made = maker::make(TLS_client_method());
    if (!made) return made.error();
    SSL_CTX* const context = (*made)->context.get();
    if (auto done = maker{options, context}.configure_client(); !done) return done.error();
    ERR_clear_error();
    return tls_context(std::shared_ptr<SSL_CTX>(std::move(*made), context),
                       chorus::detail::shared_new<tls_session_cache>(options.session_cache_size_));
}

CHORUS_DECL result<tls_context> tls_context::server(const tls_options& options) {
    auto made = maker::make(TLS_server_method());
    if (!made) return made.error();
    SSL_CTX* const context = (*made)->context.get();
    if (auto done = maker{options, context}.configure_server((*made)->alpn); !done) return done.error();
    ERR_clear_error();
    return tls_context(std::shared_ptr<SSL_CTX>(std::move(*made), context),
                       chorus::detail::shared_new<tls_session_cache>(0u));
}

}  // namespace chorus::net
