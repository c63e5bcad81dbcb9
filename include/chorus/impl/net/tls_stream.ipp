// Each step is one OpenSSL call on the socket, and its verdict says what to wait for.
#pragma once

#include <chorus/impl/net/tls_context.ipp>
#include <chorus/net/platform.hpp>
#include <chorus/net/tls_stream.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

namespace chorus::net {

namespace detail {

/// The queue of errors belongs to the thread, so to thousands of streams; clearing it costs more than to look.
CHORUS_DECL void forget_openssl_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
}

/// Lets go of the certificates that came with the peer's own: kilobytes each for as long as the connection. OpenSSL has no
/// function for it, but the list it shows is the one it keeps. With TLS 1.2, or when a session is resumed, others may use
/// that session already.
CHORUS_DECL void drop_peer_chain(SSL* connection) noexcept {
    if (SSL_version(connection) < TLS1_3_VERSION || SSL_session_reused(connection) == 1) return;
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
    while (chain && sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
}

}  // namespace detail

/// OpenSSL's way to the socket. Its own socket BIO writes with write(2), which kills the process with SIGPIPE.
struct tls_stream::bio {
    static tls_stream& owner(BIO* end) { return *static_cast<tls_stream*>(BIO_get_data(end)); }

    static int finish(BIO* end, const io_result& moved, int retry) {
        BIO_clear_retry_flags(end);
        switch (moved.status) {
            case io_status::done:
                return static_cast<int>(moved.bytes);
            case io_status::want_read:
            case io_status::want_write:
                BIO_set_flags(end, retry | BIO_FLAGS_SHOULD_RETRY);
                return -1;
            case io_status::end:
                owner(end).socket_ended_ = true;
                return 0;
            case io_status::failed:
                owner(end).socket_error_ = moved.error;
                return -1;
        }
        return -1;
    }

    static int read(BIO* end, char* buffer, int size) {
        const std::span<char> room(buffer, static_cast<std::size_t>(size));
        return finish(end, platform::receive(owner(end).socket_.native_handle(), room), BIO_FLAGS_READ);
    }

    static int write(BIO* end, const char* bytes, int size) {
        const std::span<const char> all(bytes, static_cast<std::size_t>(size));
        return finish(end, platform::send(owner(end).socket_.native_handle(), all), BIO_FLAGS_WRITE);
    }

    static long control(BIO* end, int command, long, void*) {
        if (command == BIO_CTRL_EOF) return owner(end).socket_ended_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    /// Never freed: streams with static storage duration may end after everything else.
    static BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "chorus socket");
            if (fresh) {
                BIO_meth_set_read(fresh, &bio::read);
                BIO_meth_set_write(fresh, &bio::write);
                BIO_meth_set_ctrl(fresh, &bio::control);
            }
            return fresh;
        }();
        return made;
    }
};

CHORUS_DECL void detail::discard_connection(ssl_st* connection) noexcept {
    // Without this OpenSSL takes a connection that was dropped for a failed one and spoils its session.
    SSL_set_shutdown(connection, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(connection);
}

CHORUS_DECL tls_stream::tls_stream(asio::ip::tcp::socket socket, tls_context context)
    : socket_(std::move(socket)), context_(std::move(context)) {
    ERR_clear_error();
    ssl_ = detail::handle<ssl_st, detail::discard_connection>(SSL_new(context_.native_handle()));
    BIO* end = ssl_ ? BIO_new(bio::method()) : nullptr;
    if (!end) {
        const boost::system::error_code code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
        throw boost::system::system_error(code, "tls_stream");
    }
    BIO_set_data(end, this);
    BIO_set_init(end, 1);
    SSL_set_bio(ssl_.get(), end, end);
    SSL_set_app_data(ssl_.get(), &peer_);
}

CHORUS_DECL std::unique_ptr<tls_stream> tls_stream::client(asio::ip::tcp::socket socket, tls_context context,
                                                           std::string_view host, std::uint16_t port) {
    std::unique_ptr<tls_stream> made(new tls_stream(std::move(socket), std::move(context)));
    SSL* connection = made->ssl_.get();
    // A dot at the end makes a name absolute in DNS, and is no part of it in certificates and SNI (RFC 6066, 3).
    if (host.ends_with('.')) host.remove_suffix(1);
    auto& peer = made->peer_;
    peer.host = host;
    peer.port = std::to_string(port);
    peer.sessions = &made->context_.sessions();

    X509_VERIFY_PARAM* expected = SSL_get0_param(connection);
    bool accepted = X509_VERIFY_PARAM_set1_ip_asc(expected, peer.host.c_str()) == 1;
    if (!accepted) {  // a name, then; SNI is for names only (RFC 6066, 3)
        // RFC 9525, 6.3: the common name of a subject is no host name.
        X509_VERIFY_PARAM_set_hostflags(expected,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        accepted = X509_VERIFY_PARAM_set1_host(expected, peer.host.data(), peer.host.size()) == 1 &&
                   SSL_set_tlsext_host_name(connection, peer.host.c_str()) == 1;
    }
    if (!accepted) {
        const boost::system::error_code code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
        throw boost::system::system_error(code, "tls_stream: host");
    }
    if (const auto session = peer.sessions->take(peer.name())) SSL_set_session(connection, session.get());
    SSL_set_connect_state(connection);
    ERR_clear_error();
    return made;
}

CHORUS_DECL std::unique_ptr<tls_stream> tls_stream::server(asio::ip::tcp::socket socket, tls_context context) {
    std::unique_ptr<tls_stream> made(new tls_stream(std::move(socket), std::move(context)));
    SSL_set_accept_state(made->ssl_.get());
    return made;
}

CHORUS_DECL tls_stream::~tls_stream() = default;

/// Reads OpenSSL's verdict on a call that did not succeed.
CHORUS_DECL io_result tls_stream::step_result(int returned) noexcept {
    const int verdict = SSL_get_error(ssl_.get(), returned);
    switch (verdict) {
        case SSL_ERROR_WANT_READ:
            return {.status = io_status::want_read};
        case SSL_ERROR_WANT_WRITE:
            return {.status = io_status::want_write};
        case SSL_ERROR_ZERO_RETURN:
            return {.status = io_status::end};
        default:
            break;
    }
    broken_ = true;
    const unsigned long reason = ERR_peek_error();
    ERR_clear_error();
    if (socket_error_) return {.status = io_status::failed, .error = socket_error_};
    if (socket_ended_ &&
        (verdict == SSL_ERROR_SYSCALL || ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        return {.status = io_status::failed, .error = asio::ssl::error::stream_truncated};
    }
    if (reason == 0) return {.status = io_status::failed, .error = asio::ssl::error::unexpected_result};
    return {.status = io_status::failed, .error = {static_cast<int>(reason), asio::error::get_ssl_category()}};
}

CHORUS_DECL io_result tls_stream::read_some(std::span<char> buffer) noexcept {
    if (buffer.empty()) return {};
    if (broken_) return {.status = io_status::failed, .error = asio::error::not_connected};
    detail::forget_openssl_errors();
    std::size_t bytes = 0;
    const int returned = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
    const io_result step = returned == 1 ? io_result{.bytes = bytes} : step_result(returned);
    // A session ticket on the way makes OpenSSL allocate a write buffer, which would stay until the next write. Within
    // a record, between its header and its body, versions before 3.0.14 free a buffer that is in use (CVE-2024-4741).
    const bool may_rest = step.status == io_status::done || step.status == io_status::want_read;
    if (may_rest && SSL_has_pending(ssl_.get()) == 0 && SSL_rstate_string(ssl_.get())[1] != 'B') {
        SSL_free_buffers(ssl_.get());
    }
    return step;
}

CHORUS_DECL io_result tls_stream::write_some(std::span<const char> bytes) noexcept {
    if (bytes.empty()) return {};
    if (broken_) return {.status = io_status::failed, .error = asio::error::not_connected};
    detail::forget_openssl_errors();
    std::size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    if (returned == 1) return {.bytes = written};
    return step_result(returned);
}

CHORUS_DECL void tls_stream::async_wait_ready(readiness what, ready_handler handler) {
    socket_.async_wait(what == readiness::read ? asio::socket_base::wait_read : asio::socket_base::wait_write,
                       std::move(handler));
}

CHORUS_DECL void tls_stream::cancel() noexcept {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

CHORUS_DECL void tls_stream::close() noexcept {
    if (!socket_.is_open()) return;
    if (!broken_ && SSL_is_init_finished(ssl_.get()) == 1) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    broken_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

CHORUS_DECL bool tls_stream::is_idle_and_open() noexcept {
    if (broken_ || !socket_.is_open() || SSL_get_shutdown(ssl_.get()) != 0) return false;
    if (SSL_has_pending(ssl_.get()) == 0) {
        switch (platform::look_at(socket_.native_handle())) {
            case platform::idle_state::quiet:
                return true;
            case platform::idle_state::closed:
                return false;
            case platform::idle_state::readable:
                break;
        }
    }
    // What has arrived may be TLS's own (a session ticket, a key update), which does no harm; anything else does.
    char byte;
    std::size_t bytes = 0;
    ERR_clear_error();
    const int returned = SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
    return returned != 1 && step_result(returned).status == io_status::want_read;
}

CHORUS_DECL bool tls_stream::has_buffered() const noexcept {
    return SSL_has_pending(ssl_.get()) == 1;
}

CHORUS_DECL executor tls_stream::get_executor() noexcept {
    return socket_.get_executor();
}

CHORUS_DECL bool tls_stream::was_resumed() const noexcept {
    return SSL_session_reused(ssl_.get()) == 1;
}

CHORUS_DECL std::string_view tls_stream::alpn() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

CHORUS_DECL std::string_view tls_stream::version() const noexcept {
    return SSL_get_version(ssl_.get());
}

CHORUS_DECL awaitable<result<void>> tls_stream::handshake() {
    for (;;) {
        ERR_clear_error();
        const int returned = SSL_do_handshake(ssl_.get());
        if (returned == 1) {
            detail::drop_peer_chain(ssl_.get());
            co_return result<void>();
        }
        const io_result step = step_result(returned);
        if (step.status != io_status::want_read && step.status != io_status::want_write) {
            co_return handshake_error(step.status == io_status::end ? asio::error::eof : step.error);
        }
        boost::system::error_code failure;
        co_await async_wait(step.status == io_status::want_read ? readiness::read : readiness::write,
                            asio::redirect_error(use_awaitable, failure));
        if (failure) co_return handshake_error(failure);
    }
}

CHORUS_DECL error tls_stream::handshake_error(const boost::system::error_code& code) const {
    error failure(peer_.rejection.empty() ? errc::tls_failed : errc::certificate_rejected);
    if (code == asio::error::operation_aborted) failure = errc::cancelled;
    failure.phase(phase::tls).text(peer_.name());
    if (failure == errc::cancelled) return failure;
    if (!peer_.rejection.empty()) {
        failure.cause(peer_.rejection);
    } else if (code == asio::ssl::error::stream_truncated) {
        failure.cause("the peer closed the connection during the handshake");
    } else {
        failure.cause(code.category() == asio::error::get_ssl_category()
                          ? detail::openssl_reason(static_cast<unsigned int>(code.value()))
                          : code.message());
    }
    return failure;
}

}  // namespace chorus::net
