#pragma once

#include <chorus/policy/fallback.hpp>

namespace chorus::policy {

CHORUS_DECL bool is_fault_of_route(const error& failed) noexcept {
    if (failed == condition::retryable || failed == condition::quota_exhausted || failed == condition::authentication) {
        return true;
    }
    if (failed.code().category() != error_category()) return false;
    switch (static_cast<errc>(failed.code().value())) {
        case errc::not_found:
        case errc::certificate_rejected:
        case errc::proxy_failed:
        case errc::protocol_error:
        case errc::decode_failed:
        case errc::unexpected_status:
            return true;
        default:
            return false;
    }
}

}  // namespace chorus::policy
