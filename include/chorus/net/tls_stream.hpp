// TLS on a non-blocking socket: OpenSSL reads from and writes to the socket itself, with no copy in between.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/net/detail/openssl_handle.hpp>
#include <chorus/net/stream.hpp>
#include <chorus/net/tls_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;

namespace chorus::net {

namespace detail {
template <class Stream, class Buffer>
class step_operation;

/// Frees a connection, however it ended.
void discard_connection(ssl_st* connection) noexcept;
}  // namespace detail

/// A TLS connection, of either side. Its steps are those of `stream`; it also is an Asio AsyncReadStream and
/// AsyncWriteStream. `read_some` and `write_some` before `handshake` perform the handshake on their way, but the error
/// then is a bare code.
///
/// The end of the connection without TLS's own goodbye (close_notify) is `failed` with
/// `asio::ssl::error::stream_truncated`: an attacker can cause it, but HTTP servers do it too, and whether a message
/// was complete is for its reader to say.
///
/// Of the peer's certificates only its own is kept once they are verified; with TLS 1.2, all but those that the authority
/// of this side added.
///
/// Lifetimes: the stream is not moved, and outlives the waits on it.
/// Executor: the socket's.
class tls_stream final : public stream {
 public:
    using executor_type = executor;

    /// Prepares the client's side of a connection to `host`, which the certificate must name. A session that was kept
    /// for this host and port is offered for resumption. Throws `system_error` when OpenSSL is out of memory.
    static std::unique_ptr<tls_stream> client(asio::ip::tcp::socket socket, tls_context context, std::string_view host,
                                              std::uint16_t port);
    /// Prepares the server's side.
    static std::unique_ptr<tls_stream> server(asio::ip::tcp::socket socket, tls_context context);

    ~tls_stream() override;
    tls_stream(const tls_stream&) = delete;
    tls_stream& operator=(const tls_stream&) = delete;

    /// Performs the handshake, certificate check included.
    /// Cancellation: terminal; completes with `errc::cancelled`. The stream is of no use then.
    /// Errors: `errc::certificate_rejected` or `errc::tls_failed`; the text names the host, the cause is the reason of
    /// the certificate check, of OpenSSL or of the socket.
    awaitable<result<void>> handshake();

    /// Whether the handshake resumed an earlier session.
    bool was_resumed() const noexcept;
    /// The application protocol agreed on, or empty.
    std::string_view alpn() const noexcept override;
    /// "TLSv1.2" or "TLSv1.3".
    std::string_view version() const noexcept;

    io_result read_some(std::span<char> buffer) noexcept override;
    io_result write_some(std::span<const char> bytes) noexcept override;
    void async_wait_ready(readiness what, ready_handler handler) override;
    bool has_buffered() const noexcept override;
    void cancel() noexcept override;
    void close() noexcept override;
    bool is_idle_and_open() noexcept override;
    executor get_executor() noexcept override;

    asio::ip::tcp::socket& next_layer() noexcept { return socket_; }
    ssl_st* native_handle() noexcept { return ssl_.get(); }

    /// AsyncReadStream: reads at least one byte into the first buffer that has room; `eof` after close_notify.
    template <class MutableBufferSequence, class ReadToken>
    auto async_read_some(const MutableBufferSequence& buffers, ReadToken&& token) {
        return start<asio::mutable_buffer>(buffers, std::forward<ReadToken>(token));
    }

    /// AsyncWriteStream: writes at least one byte of the first buffer that has some.
    template <class ConstBufferSequence, class WriteToken>
    auto async_write_some(const ConstBufferSequence& buffers, WriteToken&& token) {
        return start<asio::const_buffer>(buffers, std::forward<WriteToken>(token));
    }

 private:
    struct bio;

    tls_stream(asio::ip::tcp::socket socket, tls_context context);

    io_result step_result(int returned) noexcept;
    error handshake_error(const boost::system::error_code& code) const;

    template <class Buffer, class BufferSequence, class Token>
    auto start(const BufferSequence& buffers, Token&& token) {
        Buffer chosen;
        for (auto next = asio::buffer_sequence_begin(buffers); next != asio::buffer_sequence_end(buffers); ++next) {
            if (chosen = Buffer(*next); chosen.size() != 0) break;
        }
        return asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
            detail::step_operation<tls_stream, Buffer>(*this, chosen), token, get_executor());
    }

    asio::ip::tcp::socket socket_;
    tls_context context_;
    detail::tls_peer peer_;
    detail::handle<ssl_st, detail::discard_connection> ssl_;
    boost::system::error_code socket_error_;  // why OpenSSL's last read or write of the socket failed
    bool socket_ended_ = false;               // the peer has sent FIN
    bool broken_ = false;                     // OpenSSL allows no further call after a fatal error
};

namespace detail {

/// One read or write as a composed operation: a step, and after each wait another.
template <class Stream, class Buffer>
class step_operation {
 public:
    step_operation(Stream& owner, Buffer buffer) noexcept : stream_(owner), buffer_(buffer) {}

    template <class Self>
    void operator()(Self& self, boost::system::error_code failure = {}) {
        if (finished_) return self.complete(outcome_.error, outcome_.bytes);
        if (failure) return self.complete(failure, 0);
        const bool inside_initiation = !started_;
        started_ = true;
        outcome_ = step();
        switch (outcome_.status) {
            case io_status::want_read:
                return stream_.async_wait_ready(readiness::read, ready_handler(std::move(self)));
            case io_status::want_write:
                return stream_.async_wait_ready(readiness::write, ready_handler(std::move(self)));
            case io_status::end:
                outcome_.error = asio::error::eof;
                break;
            case io_status::done:
            case io_status::failed:
                break;
        }
        if (!inside_initiation) return self.complete(outcome_.error, outcome_.bytes);
        finished_ = true;
        // Asio's rule: the handler is never invoked from inside the function that starts the operation.
        auto executor = stream_.get_executor();
        asio::post(executor, std::move(self));
    }

 private:
    io_result step() {
        if constexpr (std::is_same_v<Buffer, asio::mutable_buffer>) {
            return stream_.read_some({static_cast<char*>(buffer_.data()), buffer_.size()});
        } else {
            return stream_.write_some({static_cast<const char*>(buffer_.data()), buffer_.size()});
        }
    }

    Stream& stream_;
    Buffer buffer_;
    io_result outcome_;
    bool started_ = false;
    bool finished_ = false;
};

}  // namespace detail

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/tls_stream.ipp>
#endif
