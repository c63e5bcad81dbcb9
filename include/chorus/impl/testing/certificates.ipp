// X.509 by OpenSSL, step by step; whatever it refuses is thrown.
#pragma once

#include <chorus/testing/certificates.hpp>

#include <boost/asio/ip/address.hpp>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <string_view>
#include <utility>

namespace chorus::testing {

namespace detail {

/// The steps of making a certificate.
struct certificate_factory {
    using key = std::shared_ptr<EVP_PKEY>;
    using x509 = std::shared_ptr<X509>;

    /// Passes on what OpenSSL made, or throws its reason.
    template <class T>
    static T check(T made, const char* what) {
        if (made) return made;
        const char* reason = ERR_reason_error_string(ERR_peek_error());
        ERR_clear_error();
        throw std::runtime_error(std::string(what) + ": " + (reason ? reason : "unknown reason"));
    }

    static key make_key() { return {check(EVP_EC_gen("P-256"), "EVP_EC_gen"), &EVP_PKEY_free}; }
    static key make_key(const certificate_options& options) {
        if (!options.has_weak_key_) return make_key();
        return {check(EVP_RSA_gen(1024), "EVP_RSA_gen"), &EVP_PKEY_free};
    }

    static void add_extension(X509& leaf, X509& issuer, int id, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, &issuer, &leaf, nullptr, nullptr, 0);
        const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
            check(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()), value.c_str()), &X509_EXTENSION_free);
        check(X509_add_ext(&leaf, extension.get(), -1), value.c_str());
    }

    static std::string alternative_names(const std::vector<std::string>& hosts) {
        std::string names;
        for (const auto& host : hosts) {
            boost::system::error_code not_an_address;
            boost::asio::ip::make_address(host, not_an_address);
            names.append(names.empty() ? "" : ",").append(not_an_address ? "DNS:" : "IP:").append(host);
        }
        return names;
    }

    /// Fills in what every certificate has; `issuer` may be the certificate itself, given as null.
    static x509 make_certificate(const std::string& common_name, std::chrono::seconds from, std::chrono::seconds until,
                                 EVP_PKEY& subject_key, X509* issuer) {
        x509 made(check(X509_new(), "X509_new"), &X509_free);
        check(X509_set_version(made.get(), X509_VERSION_3), "X509_set_version");
        std::uint64_t serial = 0;
        check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "RAND_bytes");
        check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), serial >> 1), "serial number");
        check(X509_gmtime_adj(X509_getm_notBefore(made.get()), from.count()), "not before");
        check(X509_gmtime_adj(X509_getm_notAfter(made.get()), until.count()), "not after");
        X509_NAME* name = X509_get_subject_name(made.get());
        check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                         reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0),
              "common name");
        check(X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : name), "issuer");
        check(X509_set_pubkey(made.get(), &subject_key), "public key");
        return made;
    }

    static x509 make_leaf(const certificate_options& options, EVP_PKEY& subject_key, X509* issuer) {
        const auto leaf = make_certificate(options.common_name_, options.from_, options.until_, subject_key, issuer);
        X509& signer = issuer ? *issuer : *leaf;
        add_extension(*leaf, signer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(*leaf, signer, NID_key_usage, "critical,digitalSignature");
        add_extension(*leaf, signer, NID_ext_key_usage,
                      options.usage_ == certificate_options::usage::server ? "serverAuth" : "clientAuth");
        add_extension(*leaf, signer, NID_subject_key_identifier, "hash");
        if (!options.hosts_.empty()) {
            add_extension(*leaf, signer, NID_subject_alt_name, alternative_names(options.hosts_));
        }
        return leaf;
    }

    static void sign(X509& made, EVP_PKEY& signer, const EVP_MD* digest = EVP_sha256()) {
        check(X509_sign(&made, &signer, digest), "X509_sign");
    }

    template <class Write>
    static std::string to_pem(Write write) {
        const std::unique_ptr<BIO, void (*)(BIO*)> memory(check(BIO_new(BIO_s_mem()), "BIO_new"), &BIO_free_all);
        check(write(memory.get()) == 1, "writing PEM");
        char* text = nullptr;
        const auto length = BIO_get_mem_data(memory.get(), &text);
        return {text, static_cast<std::size_t>(length)};
    }

    static std::string to_pem(X509& made) {
        return to_pem([&](BIO* out) { return PEM_write_bio_X509(out, &made); });
    }

    static certificate finish(const certificate_options& options, X509& made, EVP_PKEY& subject_key, EVP_PKEY& signer) {
        sign(made, signer, options.has_weak_signature_ ? EVP_sha1() : EVP_sha256());
        certificate finished;
        finished.certificate_pem_ = to_pem(made);
        finished.private_key_pem_ = to_pem([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, &subject_key, nullptr, nullptr, 0, nullptr, nullptr);
        });
        return finished;
    }
};

}  // namespace detail

CHORUS_DECL certificate_options& certificate_options::hosts(std::vector<std::string> value) {
    hosts_ = std::move(value);
    return *this;
}

CHORUS_DECL certificate_options& certificate_options::common_name(std::string value) {
    common_name_ = std::move(value);
    return *this;
}

CHORUS_DECL certificate_options& certificate_options::validity(std::chrono::seconds from, std::chrono::seconds until) {
    from_ = from;
    until_ = until;
    return *this;
}

CHORUS_DECL certificate_options& certificate_options::expired() {
    return validity(-std::chrono::hours(48), -std::chrono::hours(1));
}

CHORUS_DECL certificate_options& certificate_options::not_yet_valid() {
    return validity(std::chrono::hours(1), std::chrono::hours(48));
}

CHORUS_DECL certificate_options& certificate_options::extended_usage(usage value) {
    usage_ = value;
    return *this;
}

CHORUS_DECL certificate_options& certificate_options::weak_key() {
    has_weak_key_ = true;
    return *this;
}

CHORUS_DECL certificate_options& certificate_options::weak_signature() {
    has_weak_signature_ = true;
    return *this;
}

CHORUS_DECL certificate_authority::certificate_authority(const std::string& common_name)
    : certificate_authority(common_name, nullptr, true) {}

CHORUS_DECL certificate_authority::certificate_authority(const std::string& common_name,
                                                         const certificate_authority* issuer, bool may_issue) {
    using factory = detail::certificate_factory;
    key_ = factory::make_key();
    certificate_ = factory::make_certificate(common_name, -std::chrono::hours(72), std::chrono::hours(72), *key_,
                                             issuer ? issuer->certificate_.get() : nullptr);
    X509& signer = issuer ? *issuer->certificate_ : *certificate_;
    factory::add_extension(*certificate_, signer, NID_basic_constraints,
                           may_issue ? "critical,CA:TRUE" : "critical,CA:FALSE");
    factory::add_extension(*certificate_, signer, NID_key_usage,
                           may_issue ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    factory::add_extension(*certificate_, signer, NID_subject_key_identifier, "hash");
    factory::sign(*certificate_, issuer ? *issuer->key_ : *key_);
    pem_ = factory::to_pem(*certificate_);
}

CHORUS_DECL certificate_authority certificate_authority::intermediate(const std::string& common_name) const {
    return certificate_authority(common_name, this, true);
}

CHORUS_DECL certificate_authority certificate_authority::impostor(const std::string& common_name) const {
    return certificate_authority(common_name, this, false);
}

CHORUS_DECL certificate certificate_authority::issue(const certificate_options& options) const {
    const auto key = detail::certificate_factory::make_key(options);
    const auto leaf = detail::certificate_factory::make_leaf(options, *key, certificate_.get());
    return detail::certificate_factory::finish(options, *leaf, *key, *key_);
}

CHORUS_DECL certificate self_signed_certificate(const certificate_options& options) {
    const auto key = detail::certificate_factory::make_key(options);
    const auto leaf = detail::certificate_factory::make_leaf(options, *key, nullptr);
    return detail::certificate_factory::finish(options, *leaf, *key, *key);
}

}  // namespace chorus::testing
