#pragma once

#include <chorus/error.hpp>
#include <chorus/shared_new.hpp>

#include <boost/asio/error.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <algorithm>
#include <utility>

namespace chorus {

struct error::details : boost::intrusive_ref_counter<details> {
    chorus::phase phase = phase::none;
    int http_status = 0;
    int attempts = 0;
    std::chrono::nanoseconds queued{};
    std::string text;
    std::string cause;
    std::string type;
    std::string provider_code;
    std::string param;
    std::string request_id;
    std::string body;
    std::optional<std::chrono::milliseconds> retry_after;
    std::optional<bool> should_retry;
    std::vector<attempt> history;
    std::shared_ptr<const chat_response> partial;
    std::shared_ptr<const chat_request> conversation;
    std::exception_ptr exception;
};

CHORUS_DECL void intrusive_ptr_add_ref(const error::details* shared) noexcept {
    boost::sp_adl_block::intrusive_ptr_add_ref(shared);
}
CHORUS_DECL void intrusive_ptr_release(const error::details* shared) noexcept {
    boost::sp_adl_block::intrusive_ptr_release(shared);
}

namespace detail {

CHORUS_DECL const char* describe(errc code) noexcept {
    switch (code) {
        case errc::invalid_argument:
            return "invalid argument";
        case errc::client_closed:
            return "the client is closed";
        case errc::wrong_thread:
            return "a client belongs to one loop, and this call came from a thread that does not run it";
        case errc::cancelled:
            return "cancelled";
        case errc::exception:
            return "an exception was thrown";
        case errc::budget_exceeded:
            return "the budget does not allow the call";
        case errc::circuit_open:
            return "calls to this server are suspended";
        case errc::timed_out:
            return "timed out";
        case errc::pool_timed_out:
            return "timed out waiting for its turn";
        case errc::connect_timed_out:
            return "timed out connecting";
        case errc::tls_timed_out:
            return "timed out during the TLS handshake";
        case errc::first_byte_timed_out:
            return "timed out waiting for the first byte of the response";
        case errc::write_timed_out:
            return "timed out sending the request";
        case errc::content_timed_out:
            return "the stream brought no content for longer than the limit";
        case errc::idle_timed_out:
            return "the stream was silent for longer than the limit";
        case errc::deadline_exceeded:
            return "the total time limit of the call passed";
        case errc::resolve_failed:
            return "the host name could not be resolved";
        case errc::connect_failed:
            return "could not connect";
        case errc::proxy_failed:
            return "the proxy refused or broke the tunnel";
        case errc::tls_failed:
            return "the TLS handshake failed";
        case errc::certificate_rejected:
            return "the server's certificate was rejected";
        case errc::refused:
            return "the server did not process the request";
        case errc::connection_lost:
            return "the connection was lost before a response came";
        case errc::truncated:
            return "the response was cut off";
        case errc::protocol_error:
            return "the peer does not speak valid HTTP";
        case errc::head_too_large:
            return "the head of the response exceeds the limit";
        case errc::body_too_large:
            return "the body of the response exceeds the limit";
        case errc::decode_failed:
            return "the response could not be decoded";
        case errc::schema_mismatch:
            return "the answer does not fit the type asked for";
        case errc::refused_by_model:
            return "the model refused";
        case errc::cut_off:
            return "the answer was cut off at the limit of tokens";
        case errc::content_filtered:
            return "the answer was stopped by the content filter";
        case errc::no_answer:
            return "the response holds no answer";
        case errc::too_many_rounds:
            return "the model still calls tools";
        case errc::bad_request:
            return "the server refused the request";
        case errc::unauthenticated:
            return "the server refused the key";
        case errc::payment_required:
            return "the account has no credit";
        case errc::permission_denied:
            return "permission denied";
        case errc::not_found:
            return "not found";
        case errc::request_timeout:
            return "the server gave up waiting for the request";
        case errc::conflict:
            return "conflict";
        case errc::request_too_large:
            return "the request is too large for the server";
        case errc::unprocessable:
            return "the server could not process the request";
        case errc::rate_limited:
            return "rate limited";
        case errc::quota_exhausted:
            return "the quota is exhausted";
        case errc::server_error:
            return "server error";
        case errc::overloaded:
            return "the server is overloaded";
        case errc::unexpected_status:
            return "unexpected status";
    }
    return "unknown error";
}

CHORUS_DECL bool belongs(errc code, condition group) noexcept {
    switch (group) {
        case condition::timeout:
            return code == errc::timed_out || code == errc::pool_timed_out || code == errc::connect_timed_out ||
                   code == errc::tls_timed_out || code == errc::write_timed_out || code == errc::first_byte_timed_out ||
                   code == errc::idle_timed_out || code == errc::content_timed_out || code == errc::deadline_exceeded ||
                   code == errc::request_timeout;
        case condition::cancelled:
            return code == errc::cancelled;
        case condition::rate_limited:
            return code == errc::rate_limited;
        case condition::quota_exhausted:
            return code == errc::quota_exhausted || code == errc::payment_required;
        case condition::authentication:
            return code == errc::unauthenticated || code == errc::permission_denied;
        case condition::client_error:
            return code == errc::invalid_argument || (code >= errc::bad_request && code <= errc::quota_exhausted);
        case condition::server_error:
            return code == errc::server_error || code == errc::overloaded;
        case condition::truncated:
            return code == errc::truncated;
        case condition::retryable:
            switch (code) {
                case errc::circuit_open:
                case errc::pool_timed_out:
                case errc::connect_timed_out:
                case errc::tls_timed_out:
                case errc::first_byte_timed_out:
                case errc::write_timed_out:
                case errc::idle_timed_out:
                case errc::content_timed_out:
                case errc::resolve_failed:
                case errc::connect_failed:
                case errc::tls_failed:
                case errc::refused:
                case errc::connection_lost:
                case errc::truncated:
                case errc::request_timeout:
                case errc::conflict:
                case errc::rate_limited:
                case errc::server_error:
                case errc::overloaded:
                    return true;
                default:
                    return false;
            }
    }
    return false;
}

class error_category_type final : public boost::system::error_category {
 public:
    const char* name() const noexcept override { return "chorus"; }
    std::string message(int value) const override { return describe(static_cast<errc>(value)); }
    bool equivalent(int value, const boost::system::error_condition& wanted) const noexcept override {
        if (wanted.category() == condition_category()) {
            return belongs(static_cast<errc>(value), static_cast<condition>(wanted.value()));
        }
        return boost::system::error_category::equivalent(value, wanted);
    }
};

class condition_category_type final : public boost::system::error_category {
 public:
    const char* name() const noexcept override { return "chorus.condition"; }
    std::string message(int value) const override {
        switch (static_cast<condition>(value)) {
            case condition::timeout:
                return "timeout";
            case condition::cancelled:
                return "cancelled";
            case condition::rate_limited:
                return "rate limited";
            case condition::quota_exhausted:
                return "quota exhausted";
            case condition::authentication:
                return "authentication";
            case condition::client_error:
                return "client error";
            case condition::server_error:
                return "server error";
            case condition::truncated:
                return "truncated";
            case condition::retryable:
                return "retryable";
        }
        return "unknown condition";
    }
    /// Lets codes of Asio and of the system compare with our conditions.
    bool equivalent(const boost::system::error_code& code, int value) const noexcept override {
        namespace error = boost::asio::error;
        switch (static_cast<condition>(value)) {
            case condition::cancelled:
                return code == error::operation_aborted;
            case condition::timeout:
                return code == error::timed_out;
            case condition::retryable:
                return code == error::timed_out || code == error::connection_refused ||
                       code == error::connection_reset || code == error::connection_aborted ||
                       code == error::broken_pipe || code == error::eof || code == error::host_unreachable ||
                       code == error::network_unreachable;
            default:
                return false;
        }
    }
};

}  // namespace detail

CHORUS_DECL const boost::system::error_category& error_category() noexcept {
    static const detail::error_category_type category;
    return category;
}

CHORUS_DECL const boost::system::error_category& condition_category() noexcept {
    static const detail::condition_category_type category;
    return category;
}

CHORUS_DECL boost::system::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

CHORUS_DECL boost::system::error_condition make_error_condition(condition group) noexcept {
    return {static_cast<int>(group), condition_category()};
}

CHORUS_DECL std::string_view to_string(phase where) noexcept {
    switch (where) {
        case phase::none:
            return "";
        case phase::input:
            return "input";
        case phase::pool:
            return "pool";
        case phase::dns:
            return "dns";
        case phase::connect:
            return "connect";
        case phase::proxy:
            return "proxy";
        case phase::tls:
            return "tls";
        case phase::write:
            return "write";
        case phase::first_byte:
            return "first byte";
        case phase::read:
            return "read";
        case phase::decode:
            return "decode";
        case phase::status:
            return "status";
    }
    return "";
}

CHORUS_DECL error::error(boost::system::error_code code, std::string message)
    : code_(code.value()), category_(&code.category()) {
    if (!message.empty()) change().text = std::move(message);
}

CHORUS_DECL error error::from_exception(std::exception_ptr exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const api_error& thrown) {
        return thrown.error();
    } catch (const boost::system::system_error& thrown) {
        error captured(thrown.code());
        if (captured == condition::cancelled) return error(errc::cancelled);
        captured.change().exception = exception;
        return captured;
    } catch (const std::exception& thrown) {
        error captured(errc::exception, thrown.what());
        captured.change().exception = exception;
        return captured;
    } catch (...) {
        error captured(errc::exception);
        captured.change().exception = exception;
        return captured;
    }
}

CHORUS_DECL error::details& error::change() {
    if (!details_) {
        details_ = new details();
    } else if (details_->use_count() > 1) {
        details_ = new details(*details_);
    }
    return *details_;
}

CHORUS_DECL phase error::phase() const noexcept {
    return details_ ? details_->phase : phase::none;
}
CHORUS_DECL std::string_view error::text() const noexcept {
    return details_ ? std::string_view(details_->text) : std::string_view();
}
CHORUS_DECL std::string_view error::cause() const noexcept {
    return details_ ? std::string_view(details_->cause) : std::string_view();
}
CHORUS_DECL int error::http_status() const noexcept {
    return details_ ? details_->http_status : 0;
}
CHORUS_DECL std::string_view error::type() const noexcept {
    return details_ ? std::string_view(details_->type) : std::string_view();
}
CHORUS_DECL std::string_view error::provider_code() const noexcept {
    return details_ ? std::string_view(details_->provider_code) : std::string_view();
}
CHORUS_DECL std::string_view error::param() const noexcept {
    return details_ ? std::string_view(details_->param) : std::string_view();
}
CHORUS_DECL std::string_view error::request_id() const noexcept {
    return details_ ? std::string_view(details_->request_id) : std::string_view();
}
CHORUS_DECL std::string_view error::body() const noexcept {
    return details_ ? std::string_view(details_->body) : std::string_view();
}
CHORUS_DECL std::optional<std::chrono::milliseconds> error::retry_after() const noexcept {
    return details_ ? details_->retry_after : std::nullopt;
}
CHORUS_DECL std::optional<bool> error::should_retry() const noexcept {
    return details_ ? details_->should_retry : std::nullopt;
}
CHORUS_DECL int error::attempts() const noexcept {
    return details_ ? details_->attempts : 0;
}
CHORUS_DECL std::chrono::nanoseconds error::queued() const noexcept {
    return details_ ? details_->queued : std::chrono::nanoseconds();
}
CHORUS_DECL std::span<const attempt> error::history() const noexcept {
    return details_ ? std::span<const attempt>(details_->history) : std::span<const attempt>();
}
CHORUS_DECL const chat_response* error::partial() const noexcept {
    return details_ ? details_->partial.get() : nullptr;
}
CHORUS_DECL const chat_request* error::conversation() const noexcept {
    return details_ ? details_->conversation.get() : nullptr;
}
CHORUS_DECL std::exception_ptr error::exception() const noexcept {
    return details_ ? details_->exception : nullptr;
}

CHORUS_DECL error& error::phase(chorus::phase where) & {
    change().phase = where;
    return *this;
}
CHORUS_DECL error& error::text(std::string value) & {
    change().text = std::move(value);
    return *this;
}
CHORUS_DECL error& error::cause(std::string value) & {
    change().cause = std::move(value);
    return *this;
}
CHORUS_DECL error& error::http_status(int value) & {
    change().http_status = value;
    return *this;
}
CHORUS_DECL error& error::type(std::string value) & {
    change().type = std::move(value);
    return *this;
}
CHORUS_DECL error& error::provider_code(std::string value) & {
    change().provider_code = std::move(value);
    return *this;
}
CHORUS_DECL error& error::param(std::string value) & {
    change().param = std::move(value);
    return *this;
}
CHORUS_DECL error& error::request_id(std::string value) & {
    change().request_id = std::move(value);
    return *this;
}
CHORUS_DECL error& error::body(std::string value) & {
    constexpr std::size_t limit = 64 * 1024;
    // A copy, because a string that is cut keeps its memory.
    change().body = value.size() > limit ? value.substr(0, limit) : std::move(value);
    return *this;
}
CHORUS_DECL error& error::retry_after(std::chrono::milliseconds value) & {
    change().retry_after = value;
    return *this;
}
CHORUS_DECL error& error::should_retry(bool value) & {
    change().should_retry = value;
    return *this;
}
CHORUS_DECL error& error::attempts(int value) & {
    change().attempts = value;
    return *this;
}
CHORUS_DECL error& error::queued(std::chrono::nanoseconds value) & {
    change().queued = value;
    return *this;
}
CHORUS_DECL error& error::history(std::vector<attempt> value) & {
    change().history = std::move(value);
    return *this;
}
CHORUS_DECL error& error::partial(std::shared_ptr<const chat_response> value) & {
    change().partial = std::move(value);
    return *this;
}

CHORUS_DECL error& error::conversation(std::shared_ptr<const chat_request> value) & {
    change().conversation = std::move(value);
    return *this;
}

CHORUS_DECL std::string error::message() const {
    std::string line;
    if (phase() != phase::none) line.append(to_string(phase())).append(": ");
    line += code().message();
    if (!text().empty() && text() != line) line.append(": ").append(text());
    if (!cause().empty()) line.append(" (").append(cause()).append(")");
    const char* separator = " [";
    auto fact = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        line.append(separator).append(name).append(" ").append(value);
        separator = ", ";
    };
    fact("status", http_status() != 0 ? std::to_string(http_status()) : std::string());
    fact("type", type());
    fact("code", provider_code());
    fact("param", param());
    fact("request", request_id());
    if (retry_after()) fact("retry after", std::to_string(retry_after()->count()) + " ms");
    const std::size_t failures = history().size();
    if (attempts() > 1 && failures < 2) fact("attempts", std::to_string(attempts()));
    if (*separator == ',') line += ']';
    if (failures > 1) {
        line.append("; ").append(std::to_string(failures)).append(" attempts");
        separator = ": ";
        for (const attempt& each : history()) {
            // Under a success status it is the body that says what failed.
            const bool by_status = each.http_status >= 400;
            line.append(separator).append(by_status ? std::to_string(each.http_status) : each.code.message());
            separator = ", ";
        }
    }
    // A server's words may hold line breaks, or worse for a terminal.
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    std::replace_if(line.begin(), line.end(), is_control, ' ');
    return line;
}

CHORUS_DECL api_error::api_error(chorus::error details)
    : system_error(details.code()),
      error_(std::move(details)),
      what_(detail::shared_new<const std::string>(error_.message())) {}

CHORUS_DECL void throw_error(const error& failure) {
    if (failure.exception()) std::rethrow_exception(failure.exception());
    throw api_error(failure);
}

}  // namespace chorus
