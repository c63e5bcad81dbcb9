// What TLS connections have in common: trust, identity, versions, and the sessions that can be resumed.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_session_st;

namespace chorus::net {

enum class tls_version { v1_2, v1_3 };

/// How TLS connections are made. The defaults are right for a client of public servers.
/// A PEM text and a file may both be given where several make sense (authorities); else the last call counts.
class tls_options {
 public:
    /// Trusts the authorities of this PEM file too. The system's stay trusted.
    tls_options& ca_file(std::string path);
    /// Trusts the authorities of this PEM text too. The system's stay trusted.
    tls_options& ca_pem(std::string text);
    /// The certificate to show, followed by its intermediates. A server needs one.
    tls_options& certificate_chain_file(std::string path);
    tls_options& certificate_chain_pem(std::string text);
    /// The private key of that certificate, not encrypted.
    tls_options& private_key_file(std::string path);
    tls_options& private_key_pem(std::string text);
    /// The versions to speak. Default: TLS 1.2 to TLS 1.3.
    tls_options& versions(tls_version lowest, tls_version highest);
    /// The application protocols to offer (client) or accept (server), best first, such as "h2", "http/1.1".
    tls_options& alpn(std::vector<std::string> protocols);
    /// How many resumable sessions a client keeps, all hosts together. Default: 256; 0 switches resumption off.
    tls_options& session_cache_size(std::size_t sessions);
    /// Server only: refuses clients without a certificate from one of the given authorities.
    tls_options& require_client_certificate();
    /// Client only: accepts any certificate from anyone. Whoever is on the path can then read and change everything,
    /// API keys included. To trust a private authority use `ca_file`.
    tls_options& dangerously_disable_verification();

 private:
    friend class tls_context;

    struct pem {
        std::string option;  // as the caller knows it, for errors
        std::string path;    // read when the context is made; empty: `text` was given
        std::string text;
        explicit operator bool() const noexcept { return !option.empty(); }
    };

    std::vector<pem> authorities_;
    pem chain_;
    pem key_;
    tls_version lowest_ = tls_version::v1_2;
    tls_version highest_ = tls_version::v1_3;
    std::vector<std::string> alpn_;
    std::size_t session_cache_size_ = 256;
    bool require_client_certificate_ = false;
    bool verify_ = true;
};

/// Keeps the sessions that clients may resume, newest first, by host and port. A TLS 1.3 ticket is handed out once
/// (RFC 8446, C.4: a second use would let an observer link the connections); a TLS 1.2 session serves until it expires.
class tls_session_cache {
 public:
    explicit tls_session_cache(std::size_t capacity) noexcept : capacity_(capacity) {}
    tls_session_cache(const tls_session_cache&) = delete;
    tls_session_cache& operator=(const tls_session_cache&) = delete;

    using session = std::shared_ptr<ssl_session_st>;

    /// Keeps a session, and drops the oldest of all beyond the capacity.
    void put(std::string_view key, session kept);
    /// Hands out the newest usable session of a key, or null.
    session take(std::string_view key);
    std::size_t size() const noexcept { return entries_.size(); }

 private:
    struct entry {
        std::string key;
        session kept;
    };

    std::size_t capacity_;
    std::vector<entry> entries_;  // oldest first; some hundreds at most, so that a scan is cheaper than an index
};

/// Holds the configuration that connections share. Copies share one configuration and one session cache.
/// Belongs to one thread, as the connections made with it do.
class tls_context {
 public:
    /// Makes the context of a client. It trusts the system's authorities, those that the environment variables
    /// SSL_CERT_FILE and SSL_CERT_DIR name, and those added by the options.
    /// Errors: `errc::invalid_argument`; the text names the option, the cause is OpenSSL's or the system's reason.
    static result<tls_context> client(const tls_options& options = {});

    /// Makes the context of a server; its certificate and key are required, and it issues session tickets.
    /// Errors: as of `client`.
    static result<tls_context> server(const tls_options& options);

    ssl_ctx_st* native_handle() const noexcept { return handle_.get(); }
    tls_session_cache& sessions() const noexcept { return *sessions_; }

 private:
    tls_context(std::shared_ptr<ssl_ctx_st> handle, std::shared_ptr<tls_session_cache> sessions) noexcept;

    struct maker;

    std::shared_ptr<ssl_ctx_st> handle_;
    std::shared_ptr<tls_session_cache> sessions_;
};

namespace detail {

/// What OpenSSL's callbacks need to know about the connection they are called for: its application data.
struct tls_peer {
    tls_session_cache* sessions = nullptr;  // null: of a server, or resumption is off
    std::string host;
    std::string port;
    std::string rejection;  // why its certificate did not verify

    std::string name() const { return host.empty() ? host : host + ":" + port; }
};

/// Whether this is an alert of a server that wants another certificate of the client, or one at all. Over TLS 1.3 the
/// client's part of the handshake is over by then (RFC 8446, 4.4.2.4), and the alert meets who reads next.
bool wants_other_certificate(const boost::system::error_code& failure) noexcept;

}  // namespace detail

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/tls_context.ipp>
#endif
