#pragma once

#include <chorus/provider/detail/redactor.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace chorus::detail {

CHORUS_DECL std::string_view secret_in_header(std::string_view name, std::string_view value) noexcept {
    if (!http::holds_secret(name)) return {};
    value = trimmed(value);
    if (http::equal_names(name, "authorization") || http::equal_names(name, "proxy-authorization")) {
        // RFC 9110, 11.4: a scheme such as Bearer stands before the key.
        value.remove_prefix(std::min(value.find(' ') + 1, value.size()));
    }
    return trimmed(value);
}

CHORUS_DECL std::string without(std::string_view text, std::string_view hidden) {
    std::string copy;
    for (std::size_t at; (at = text.find(hidden)) != text.npos; text.remove_prefix(at + hidden.size())) {
        copy.append(text.substr(0, at)).append("***");
    }
    return copy.append(text);
}

CHORUS_DECL void redactor::add(std::string_view hidden) {
    constexpr std::size_t shortest = 8;
    if (hidden.size() < shortest) return;
    const auto shorter = std::find_if(hidden_.begin(), hidden_.end(),
                                      [&](const secret& each) { return each.expose().size() < hidden.size(); });
    hidden_.insert(shorter, secret(std::string(hidden)));
}

CHORUS_DECL error redactor::cleaned(error failure) const {
    for (const secret& each : hidden_) {
        const auto clean = [&](std::string_view text) { return without(text, each.expose()); };
        failure.text(clean(failure.text())).cause(clean(failure.cause())).body(clean(failure.body()));
        failure.type(clean(failure.type())).provider_code(clean(failure.provider_code()));
        failure.param(clean(failure.param())).request_id(clean(failure.request_id()));
    }
    return failure;
}

CHORUS_DECL error without_secrets_of(const http::headers& request, error failure) {
    redactor secrets;
    for (const http::header field : request) secrets.add(secret_in_header(field.name, field.value));
    return secrets.cleaned(std::move(failure));
}

}  // namespace chorus::detail
