// Contracts of the rule that tells faults of a route from faults of a call: each code is on one side.
#include <chorus/policy/fallback.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <set>

namespace chorus::policy::fallback_tests {
namespace {

TEST(fallback_rule, moves_on_after_what_is_wrong_with_the_route_alone) {
    const std::set<errc> of_route = {
        errc::circuit_open,         errc::pool_timed_out,  errc::connect_timed_out, errc::first_byte_timed_out,
        errc::tls_timed_out,        errc::write_timed_out, errc::idle_timed_out,    errc::content_timed_out,
        errc::resolve_failed,       errc::connect_failed,  errc::proxy_failed,      errc::tls_failed,
        errc::certificate_rejected, errc::refused,         errc::connection_lost,   errc::truncated,
        errc::protocol_error,       errc::decode_failed,   errc::unauthenticated,   errc::payment_required,
        errc::permission_denied,    errc::not_found,       errc::request_timeout,   errc::conflict,
        errc::rate_limited,         errc::quota_exhausted, errc::server_error,      errc::overloaded,
        errc::unexpected_status,
    };
    for (int value = 1; value <= static_cast<int>(errc::unexpected_status); ++value) {
        const auto code = static_cast<errc>(value);
        EXPECT_EQ(is_fault_of_route(error(code)), of_route.contains(code)) << error(code).message();
    }
}

TEST(fallback_rule, knows_the_codes_of_asio) {
    EXPECT_TRUE(is_fault_of_route(error(make_error_code(boost::asio::error::connection_reset))));
    EXPECT_FALSE(is_fault_of_route(error(make_error_code(boost::asio::error::operation_aborted))));
}

}  // namespace
}  // namespace chorus::policy::fallback_tests
