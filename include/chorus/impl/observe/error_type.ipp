#pragma once

#include <chorus/observe/error_type.hpp>

namespace chorus {

namespace detail {

struct named_errc {
    errc code;
    std::string_view name;
};

inline constexpr named_errc errc_names[] = {
    {errc::invalid_argument, "invalid_argument"},
    {errc::client_closed, "client_closed"},
    {errc::wrong_thread, "wrong_thread"},
    {errc::cancelled, "cancelled"},
    {errc::exception, "exception"},
    {errc::budget_exceeded, "budget_exceeded"},
    {errc::circuit_open, "circuit_open"},
    {errc::timed_out, "timed_out"},
    {errc::pool_timed_out, "pool_timed_out"},
    {errc::connect_timed_out, "connect_timed_out"},
    {errc::tls_timed_out, "tls_timed_out"},
    {errc::first_byte_timed_out, "first_byte_timed_out"},
    {errc::write_timed_out, "write_timed_out"},
    {errc::idle_timed_out, "idle_timed_out"},
    {errc::content_timed_out, "content_timed_out"},
    {errc::deadline_exceeded, "deadline_exceeded"},
    {errc::resolve_failed, "resolve_failed"},
    {errc::connect_failed, "connect_failed"},
    {errc::proxy_failed, "proxy_failed"},
    {errc::tls_failed, "tls_failed"},
    {errc::certificate_rejected, "certificate_rejected"},
    {errc::refused, "refused"},
    {errc::connection_lost, "connection_lost"},
    {errc::truncated, "truncated"},
    {errc::protocol_error, "protocol_error"},
    {errc::head_too_large, "head_too_large"},
    {errc::body_too_large, "body_too_large"},
    {errc::decode_failed, "decode_failed"},
    {errc::schema_mismatch, "schema_mismatch"},
    {errc::refused_by_model, "refused_by_model"},
    {errc::cut_off, "cut_off"},
    {errc::content_filtered, "content_filtered"},
    {errc::no_answer, "no_answer"},
    {errc::too_many_rounds, "too_many_rounds"},
    {errc::bad_request, "bad_request"},
    {errc::unauthenticated, "unauthenticated"},
    {errc::payment_required, "payment_required"},
    {errc::permission_denied, "permission_denied"},
    {errc::not_found, "not_found"},
    {errc::request_timeout, "request_timeout"},
    {errc::conflict, "conflict"},
    {errc::request_too_large, "request_too_large"},
    {errc::unprocessable, "unprocessable"},
    {errc::rate_limited, "rate_limited"},
    {errc::quota_exhausted, "quota_exhausted"},
    {errc::server_error, "server_error"},
    {errc::overloaded, "overloaded"},
    {errc::unexpected_status, "unexpected_status"},
};

}  // namespace detail

CHORUS_DECL std::string_view name_of(errc code) noexcept {
    for (const auto& known : detail::errc_names) {
        if (known.code == code) return known.name;
    }
    return {};
}

CHORUS_DECL std::optional<errc> errc_named(std::string_view name) noexcept {
    for (const auto& known : detail::errc_names) {
        if (known.name == name) return known.code;
    }
    return std::nullopt;
}

CHORUS_DECL std::string_view error_type(const boost::system::error_code& code) noexcept {
    if (!code) return "ok";
    if (code.category() == error_category()) {
        const std::string_view name = name_of(static_cast<errc>(code.value()));
        return name.empty() ? "other" : name;
    }
    return code == condition::cancelled ? "cancelled" : "other";
}

}  // namespace chorus
