#pragma once

#include <chorus/net/detail/authority_files.hpp>
#include <chorus/net/detail/openssl_handle.hpp>
#include <chorus/net/platform.hpp>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace chorus::net::detail {

using certificate_list = std::vector<handle<X509, X509_free>>;

CHORUS_DECL certificate_list parse_authorities(const std::string& path) {
    certificate_list found;
    const handle<X509_STORE, X509_STORE_free> parsed(X509_STORE_new());
    if (parsed && X509_STORE_load_file(parsed.get(), path.c_str()) == 1) {
        STACK_OF(X509)* const all = X509_STORE_get1_all_certs(parsed.get());
        for (int i = 0; i < sk_X509_num(all); ++i) found.emplace_back(sk_X509_value(all, i));
        sk_X509_free(all);  // the certificates are ours now
    }
    ERR_clear_error();
    return found;
}

CHORUS_DECL void trust_authority_file(x509_store_st* store, const std::string& path) {
    struct file {
        std::string path;
        platform::file_stamp stamp;
        certificate_list authorities;
    };
    static std::mutex guard;
    static std::vector<file> files;  // one or two

    const std::lock_guard lock(guard);
    auto known = std::find_if(files.begin(), files.end(), [&](const file& each) { return each.path == path; });
    if (known == files.end()) known = files.insert(files.end(), file{path, {}, {}});
    if (const auto stamp = platform::stamp_of(path); known->stamp != stamp) {
        known->authorities = parse_authorities(path);
        known->stamp = stamp;
    }
    for (const auto& authority : known->authorities) X509_STORE_add_cert(store, authority.get());
    ERR_clear_error();
}

}  // namespace chorus::net::detail
