// A certificate authority made at run time, and the certificates it issues: good ones, and bad ones on purpose.
#pragma once

#include <chorus/config.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace chorus::testing {

namespace detail {
struct certificate_factory;
}

/// What a certificate says. The defaults make one that a client accepts for this machine's loopback names.
class certificate_options {
 public:
    /// What the certificate may be used for.
    enum class usage { server, client };

    /// The host names and IP addresses (as text) it is valid for. Default: localhost, 127.0.0.1, ::1.
    certificate_options& hosts(std::vector<std::string> value);
    /// The common name of its subject. Default: "chorus test".
    certificate_options& common_name(std::string value);
    /// From when and until when it is valid, counted from now. Default: an hour ago until a day from now.
    certificate_options& validity(std::chrono::seconds from, std::chrono::seconds until);
    /// Was valid until an hour ago.
    certificate_options& expired();
    /// Is valid from an hour from now on.
    certificate_options& not_yet_valid();
    /// Whether it identifies a server (the default) or a client; the other side refuses it.
    certificate_options& extended_usage(usage value);
    /// Whether it has an RSA key of 1024 bits, which clients refuse as too weak.
    certificate_options& weak_key();
    /// Whether it is signed with SHA-1, which clients refuse as too weak.
    certificate_options& weak_signature();

 private:
    friend struct detail::certificate_factory;

    std::vector<std::string> hosts_ = {"localhost", "127.0.0.1", "::1"};
    std::string common_name_ = "chorus test";
    std::chrono::seconds from_ = -std::chrono::hours(1);
    std::chrono::seconds until_ = std::chrono::hours(24);
    usage usage_ = usage::server;
    bool has_weak_key_ = false;
    bool has_weak_signature_ = false;
};

/// A certificate with its private key, as PEM text. Made for tests: the key protects nothing.
class certificate {
 public:
    const std::string& certificate_pem() const noexcept { return certificate_pem_; }
    const std::string& private_key_pem() const noexcept { return private_key_pem_; }

 private:
    friend struct detail::certificate_factory;

    std::string certificate_pem_;
    std::string private_key_pem_;
};

/// Makes an authority with a new EC P-256 key, and issues certificates that chain to it.
/// Throws `std::runtime_error` with OpenSSL's reason where OpenSSL refuses.
class certificate_authority {
 public:
    explicit certificate_authority(const std::string& common_name = "chorus test CA");

    /// The authority's own certificate: what a client adds to its trusted ones.
    const std::string& pem() const noexcept { return pem_; }

    /// Issues a certificate with a key of its own.
    certificate issue(const certificate_options& options = {}) const;

    /// Makes an authority whose own certificate this one signs. A server shows that behind its own.
    certificate_authority intermediate(const std::string& common_name = "chorus test intermediate") const;
    /// As `intermediate`, without the right to issue: clients refuse what it signs.
    certificate_authority impostor(const std::string& common_name = "chorus test impostor") const;

 private:
    certificate_authority(const std::string& common_name, const certificate_authority* issuer, bool may_issue);

    std::shared_ptr<evp_pkey_st> key_;
    std::shared_ptr<x509_st> certificate_;
    std::string pem_;
};

/// Makes a certificate that is its own authority.
certificate self_signed_certificate(const certificate_options& options = {});

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/certificates.ipp>
#endif
