#pragma once

#include <chorus/net/detail/authority_files.hpp>
#include <chorus/net/platform.hpp>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <map>
#include <mutex>
#include <utility>

namespace chorus::net::detail {

using shared_authorities = std::vector<std::shared_ptr<x509_st>>;

CHORUS_DECL shared_authorities parse_authorities(const std::string& path) {
    shared_authorities found;
    const std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> parsed(X509_STORE_new(), &X509_STORE_free);
    if (parsed && X509_STORE_load_file(parsed.get(), path.c_str()) == 1) {
        STACK_OF(X509)* const all = X509_STORE_get1_all_certs(parsed.get());
        for (int i = 0; i < sk_X509_num(all); ++i) found.emplace_back(sk_X509_value(all, i), &X509_free);
        sk_X509_free(all);  // the certificates are ours now
    }
    ERR_clear_error();
    return found;
}

CHORUS_DECL void trust_authority_file(x509_store_st* store, const std::string& path) {
    struct entry {
        platform::file_stamp stamp;
        shared_authorities authorities;
    };
    static std::mutex guard;
    static std::map<std::string, entry> files;

    const std::lock_guard lock(guard);
    const platform::file_stamp stamp = platform::stamp_of(path);
    auto known = files.find(path);
    if (known == files.end() || known->second.stamp != stamp) {
        known = files.insert_or_assign(path, entry{stamp, parse_authorities(path)}).first;
    }
    for (const auto& authority : known->second.authorities) X509_STORE_add_cert(store, authority.get());
    ERR_clear_error();
}

}  // namespace chorus::net::detail
