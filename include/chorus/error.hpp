// What can go wrong, as a value: a code to compare, and everything that is known about the cause.
#pragma once

#include <chorus/config.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

class chat_request;
class chat_response;

/// Names exactly what failed. Compare with `condition` unless this detail matters.
enum class errc {
    invalid_argument = 1,  ///< Refused before anything was sent; the error names the field.
    client_closed,         ///< The client was closed before or during the call.
    wrong_thread,          ///< The call came from a thread that does not run the client's loop.
    cancelled,             ///< The operation was cancelled by its owner.
    exception,             ///< A foreign exception was captured; `error::exception()` holds it.
    budget_exceeded,       ///< The call would pass a budget of tokens or money that the program set; nothing was sent.
    circuit_open,          ///< Too many calls to this server failed: for a while none is sent.

    timed_out,             ///< A limit set by `with_timeout` passed.
    pool_timed_out,        ///< The call did not come to its turn within the pool-wait limit.
    connect_timed_out,     ///< The host was not resolved, or none of its addresses answered, within the connect limit.
    tls_timed_out,         ///< The TLS handshake was not done within the limit.
    first_byte_timed_out,  ///< The request was sent and no byte of the response came within the limit.
    write_timed_out,       ///< The peer took no byte of the request within the limit.
    idle_timed_out,        ///< A response fell silent for longer than the limit: not even a sign of life came.
    content_timed_out,     ///< A stream brought signs of life, and no content within the limit.
    deadline_exceeded,     ///< The total limit of the call passed.

    resolve_failed,        ///< The host name could not be resolved.
    connect_failed,        ///< No address of the host accepted the connection.
    proxy_failed,          ///< The proxy refused to open a tunnel, or does not speak its protocol.
    tls_failed,            ///< The TLS handshake failed.
    certificate_rejected,  ///< The server's certificate did not verify.
    refused,               ///< The server says that it has not processed the request: it is safe to send it again.
    connection_lost,       ///< The connection broke before the first byte of the response.
    truncated,             ///< The connection broke in the middle of the response.
    protocol_error,        ///< The peer does not speak valid HTTP.
    head_too_large,        ///< The head of the response exceeds the limit.
    body_too_large,        ///< The body of the response exceeds the limit.

    decode_failed,    ///< A success status, and a body that is not the expected JSON.
    schema_mismatch,  ///< The answer is JSON, and does not fit the type: `error::param()` is the path of what does not.
    refused_by_model,   ///< The model declined to give the answer asked for; the text is its own.
    cut_off,            ///< The answer reached the limit of tokens before it was whole.
    content_filtered,   ///< The server's content filter ended the answer.
    no_answer,          ///< The response holds no text: it has no choice, or the model called a tool.
    too_many_rounds,    ///< The model still calls tools after as many requests as it was given.
    bad_request,        ///< 400, and other 4xx without a code of their own.
    unauthenticated,    ///< 401
    payment_required,   ///< 402
    permission_denied,  ///< 403
    not_found,          ///< 404
    request_timeout,    ///< 408, sent by the server.
    conflict,           ///< 409
    request_too_large,  ///< 413
    unprocessable,      ///< 422
    rate_limited,       ///< 429 that passes with time.
    quota_exhausted,    ///< 429 (or 402) that does not: the money is spent or a hard limit is reached.
    server_error,       ///< 5xx
    overloaded,         ///< 503 and 529: the server asks for patience.
    unexpected_status,  ///< Any other status that is no success (1xx, 3xx).
};

/// Groups of codes to compare with: `if (reply.error() == chorus::condition::timeout)`.
enum class condition {
    timeout = 1,      ///< Any limit of time, ours or the server's.
    cancelled,        ///< `errc::cancelled`, and `operation_aborted` of Asio.
    rate_limited,     ///< A 429 that passes with time.
    quota_exhausted,  ///< Out of money or over a hard limit: retrying is useless.
    authentication,   ///< 401 and 403.
    client_error,     ///< Any 4xx, and input refused before sending.
    server_error,     ///< Any 5xx.
    truncated,        ///< The response ended before it was complete.
    retryable,        ///< Trying again later may succeed.
};

/// Where in the life of a call it failed.
enum class phase {
    none,        ///< Outside of a call.
    input,       ///< Checking the request, before anything is sent.
    pool,        ///< Waiting for a connection.
    dns,         ///< Resolving the host name.
    connect,     ///< Connecting the socket.
    proxy,       ///< Having a proxy open a tunnel.
    tls,         ///< The TLS handshake.
    write,       ///< Sending the request; over HTTP/2 until the peer is heard again, whatever it says.
    first_byte,  ///< Waiting for the response.
    read,        ///< Receiving the response.
    decode,      ///< Understanding the response.
    status,      ///< The server answered with an error.
};

/// The name of a phase as it appears in messages, such as "first byte".
std::string_view to_string(phase where) noexcept;

const boost::system::error_category& error_category() noexcept;
const boost::system::error_category& condition_category() noexcept;

boost::system::error_code make_error_code(errc code) noexcept;
boost::system::error_condition make_error_condition(condition group) noexcept;

/// One attempt of a call: what became of it.
struct attempt {
    boost::system::error_code code;
    chorus::phase phase = chorus::phase::none;
    int http_status = 0;                 ///< 0 where no response came
    std::chrono::milliseconds waited{};  ///< before the next one

    bool operator==(const attempt&) const = default;
};

/// Holds what failed, where, and why. A value: cheap to move and to copy (details are shared, and copied on change).
/// No accessor ever returns a secret: keys and tokens are not put in.
class error {
 public:
    error() noexcept = default;
    /// A template so that what merely converts to an enum, such as JSON, is no error to `result<nlohmann::json>`.
    template <std::same_as<errc> Code>
    error(Code code, std::string message = {}) : error(make_error_code(code), std::move(message)) {}
    /// Wraps an error code of another layer, such as Asio's.
    explicit error(boost::system::error_code code, std::string message = {});
    /// Captures any exception: an `api_error` gives its error back, a `system_error` its code.
    static error from_exception(std::exception_ptr exception) noexcept;

    boost::system::error_code code() const noexcept { return {code_, *category_}; }
    chorus::phase phase() const noexcept;
    /// One line that says it all: phase, message, status, provider code, request id, root cause, attempts.
    std::string message() const;
    /// The text of the server's error, or of the layer that failed; without the rest of `message()`.
    std::string_view text() const noexcept;
    /// The root cause as the lowest layer put it, such as OpenSSL's reason with the host.
    std::string_view cause() const noexcept;
    /// The HTTP status, or 0 where no response came.
    int http_status() const noexcept;
    /// The provider's own words: `error.type`, `error.code`, `error.param` of its body.
    std::string_view type() const noexcept;
    std::string_view provider_code() const noexcept;
    std::string_view param() const noexcept;
    std::string_view request_id() const noexcept;
    /// The first 64 KiB of the body of an error response, as received.
    std::string_view body() const noexcept;
    /// How long the server asks to wait.
    std::optional<std::chrono::milliseconds> retry_after() const noexcept;
    /// What the server says about sending the request again (`x-should-retry`), if it does.
    std::optional<bool> should_retry() const noexcept;
    /// How many times the request was sent.
    int attempts() const noexcept;
    /// How long the call waited for the limits of its server and for connections, in all its attempts.
    std::chrono::nanoseconds queued() const noexcept;
    /// The attempts of the call that failed, in order. Valid until the error is changed.
    std::span<const attempt> history() const noexcept;
    /// What had come of a response when it failed in its middle, or null.
    const chat_response* partial() const noexcept;
    /// Of a run with tools: the request with all messages up to where it failed, or null.
    const chat_request* conversation() const noexcept;
    /// The captured exception, or null.
    std::exception_ptr exception() const noexcept;

    // Setters, for the layers that know; each returns the error, so that they chain.
    error& phase(chorus::phase where) &;
    error& text(std::string value) &;
    error& cause(std::string value) &;
    error& http_status(int value) &;
    error& type(std::string value) &;
    error& provider_code(std::string value) &;
    error& param(std::string value) &;
    error& request_id(std::string value) &;
    error& body(std::string value) &;
    error& retry_after(std::chrono::milliseconds value) &;
    error& should_retry(bool value) &;
    error& attempts(int value) &;
    error& queued(std::chrono::nanoseconds value) &;
    error& history(std::vector<attempt> value) &;
    error& partial(std::shared_ptr<const chat_response> value) &;
    error& conversation(std::shared_ptr<const chat_request> value) &;

    friend bool operator==(const error& left, const boost::system::error_code& right) noexcept {
        return left.code() == right;
    }
    friend bool operator==(const error& left, const boost::system::error_condition& right) noexcept {
        return left.code() == right;
    }
    friend bool operator==(const error& left, errc right) noexcept { return left.code() == make_error_code(right); }
    friend bool operator==(const error& left, condition right) noexcept {
        return left.code() == make_error_condition(right);
    }

 private:
    struct details;
    friend void intrusive_ptr_add_ref(const details* shared) noexcept;
    friend void intrusive_ptr_release(const details* shared) noexcept;
    details& change();

    // Each call that waits holds several errors that did not happen: an error_code takes half as much again as its parts.
    int code_ = 0;
    const boost::system::error_category* category_ = &boost::system::system_category();
    boost::intrusive_ptr<details> details_;
};

/// Thrown where a function throws instead of returning: carries the whole error.
class api_error : public boost::system::system_error {
 public:
    explicit api_error(chorus::error details);
    const chorus::error& error() const noexcept { return error_; }
    const char* what() const noexcept override { return what_->c_str(); }

 private:
    chorus::error error_;
    std::shared_ptr<const std::string> what_;  // shared: copying an exception must not throw
};

/// Throws the error: a captured exception as itself, everything else as an `api_error`.
[[noreturn]] void throw_error(const error& failure);

}  // namespace chorus

template <>
struct boost::system::is_error_code_enum<chorus::errc> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<chorus::condition> : std::true_type {};

#include <chorus/result.hpp>  // who knows errors knows results

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/error.ipp>
#endif
