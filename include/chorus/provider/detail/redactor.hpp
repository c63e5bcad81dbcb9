// What no error may show: some servers and proxies repeat the key that they refuse.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/headers.hpp>
#include <chorus/secret.hpp>

#include <string_view>
#include <vector>

namespace chorus::detail {

/// The secret in a header, without the scheme before it; empty for headers that hold none.
std::string_view secret_in_header(std::string_view name, std::string_view value) noexcept;

/// Texts that show in no error.
class redactor {
 public:
    /// A short text is passed over: it is a placeholder, and may be a word of any text.
    void add(std::string_view hidden);
    /// Takes them out of every part of an error.
    error cleaned(error failure) const;

 private:
    std::vector<secret> hidden_;  // the longest first, for one may begin another
};

/// Takes the secrets of a request out of the error that it met.
error without_secrets_of(const http::headers& request, error failure);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/redactor.ipp>
#endif
