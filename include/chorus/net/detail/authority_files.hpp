// The system's certificate authorities, parsed once a process and shared by all TLS contexts.
#pragma once

#include <chorus/config.hpp>

#include <memory>
#include <string>
#include <vector>

struct x509_st;
struct x509_store_st;

namespace chorus::net::detail {

/// Adds the authorities of a PEM file to a store. The file is parsed when it is first asked for, and again when it has
/// changed: parsing the usual bundle of a system takes tens of milliseconds, adding what was parsed less than one.
/// A file that is missing or holds nothing adds nothing. May be called from any thread.
void trust_authority_file(x509_store_st* store, const std::string& path);

}  // namespace chorus::net::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/authority_files.ipp>
#endif
