// A client made of nghttp2 and nothing of chorus but its streams, for the tests of the mock server over HTTP/2.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/net/tcp_stream.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus_test {

using chorus::awaitable;
namespace asio = boost::asio;

/// What came on one stream.
struct http2_answer {
    std::map<std::string, std::string> headers;
    std::string body;
    std::vector<std::size_t> frames;  ///< Sizes of the DATA frames.
    bool closed = false;
    std::uint32_t error_code = 0;

    std::string text() const { return closed && error_code == 0 ? body : std::string(); }
};

/// The client's side of a connection without any I/O.
class http2_peer {
 public:
    explicit http2_peer(std::uint32_t window = 65535) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
        nghttp2_session* session = nullptr;
        nghttp2_session_client_new(&session, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        session_.reset(session);
        const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &setting, 1);
    }
    http2_peer(const http2_peer&) = delete;
    http2_peer& operator=(const http2_peer&) = delete;

    /// Starts a chat completion; it is sent with what `output` gives next.
    std::int32_t ask(std::string_view prompt, std::string_view method = "POST") {
        return post("/v1/chat/completions", chat_body(prompt), method);
    }
    std::int32_t ask_streamed(std::string_view prompt) {
        return post("/v1/chat/completions", chat_body(prompt, R"(,"stream":true)"));
    }

    std::int32_t post(std::string_view path, std::string content, std::string_view method = "POST") {
        auto body = std::make_unique<std::string>(std::move(content));
        const auto field = [](std::string_view name, std::string_view value) {
            const auto bytes = [](std::string_view text) {
                return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
            };
            return nghttp2_nv{bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
        };
        const std::array fields = {field(":method", method),    field(":scheme", "https"),
                                   field(":authority", "test"), field(":path", path),
                                   field("x-test", "yes"),      field("anthropic-version", "1")};
        nghttp2_data_provider provider{};
        provider.source.ptr = body.get();
        provider.read_callback = &read_body;
        const auto id = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), &provider, this);
        bodies_.push_back(std::move(body));
        return id;
    }

    static std::string chat_body(std::string_view prompt, std::string_view more = {}) {
        std::string body = R"({"model":"m","messages":[{"role":"user","content":")";
        return body.append(prompt).append("\"}]").append(more).append("}");
    }

    /// Widens the window of the connection.
    void widen(std::int32_t bytes) {
        nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, bytes);
    }
    void reset(std::int32_t stream) {
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    }

    /// What is to be sent next, valid until the next call; empty if there is nothing.
    std::string_view output() {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
        if (size < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(size)));
        return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
    }
    void input(std::string_view arrived) {
        const auto taken = nghttp2_session_mem_recv(
            session_.get(), reinterpret_cast<const std::uint8_t*>(arrived.data()), arrived.size());
        if (taken < 0) throw std::runtime_error(nghttp2_strerror(static_cast<int>(taken)));
    }

    std::size_t closed() const {
        std::size_t count = 0;
        for (const auto& [id, stream] : streams) count += stream.closed ? 1 : 0;
        return count;
    }
    std::uint32_t stream_limit() const {
        return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    }

    std::map<std::int32_t, http2_answer> streams;
    std::optional<std::int32_t> last_stream;  ///< What GOAWAY said.
    std::uint32_t goaway_code = 0;
    bool settings_arrived = false;

 private:
    static http2_peer& self(void* data) { return *static_cast<http2_peer*>(data); }
    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
        self(data).streams[frame->hd.stream_id].headers[{reinterpret_cast<const char*>(name), name_size}] = {
            reinterpret_cast<const char*>(value), value_size};
        return 0;
    }
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                       void* data) {
        self(data).streams[id].body.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        if (frame->hd.type == NGHTTP2_DATA) self(data).streams[frame->hd.stream_id].frames.push_back(frame->hd.length);
        if (frame->hd.type == NGHTTP2_SETTINGS) self(data).settings_arrived = true;
        if (frame->hd.type == NGHTTP2_GOAWAY) {
            self(data).last_stream = frame->goaway.last_stream_id;
            self(data).goaway_code = frame->goaway.error_code;
        }
        return 0;
    }
    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* data) {
        self(data).streams[id].closed = true;
        self(data).streams[id].error_code = error_code;
        return 0;
    }
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) {
        auto& body = *static_cast<std::string*>(source->ptr);
        const std::size_t count = body.copy(reinterpret_cast<char*>(room), size);
        body.erase(0, count);
        if (body.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    struct deleter {
        void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
    };
    std::unique_ptr<nghttp2_session, deleter> session_;
    std::vector<std::unique_ptr<std::string>> bodies_;
};

/// The same on a socket.
class http2_client : public http2_peer {
 public:
    explicit http2_client(chorus::executor ex, std::uint32_t window = 65535)
        : http2_peer(window), socket_(std::move(ex)) {}

    awaitable<void> connect(const chorus::testing::mock_server& server) {
        return connect(server.port(), server.ca_pem(), std::vector<std::string>(1, "h2"));
    }

    awaitable<void> connect(std::uint16_t port, std::string ca_pem, std::vector<std::string> protocols) {
        const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), port);
        co_await socket_.async_connect(where, chorus::use_awaitable);
        socket_.set_option(asio::ip::tcp::no_delay(true));
        if (ca_pem.empty()) {
            stream_ = std::make_unique<chorus::net::tcp_stream>(std::move(socket_));
            co_return;
        }
        chorus::net::tls_options options;
        options.ca_pem(std::move(ca_pem)).alpn(std::move(protocols));
        const auto context = chorus::net::tls_context::client(options).value();
        auto secured = chorus::net::tls_stream::client(std::move(socket_), context, "127.0.0.1", port);
        const chorus::result<void> agreed = co_await secured->handshake();
        if (!agreed) throw std::runtime_error(agreed.error().message());
        alpn = secured->alpn();
        stream_ = std::move(secured);
    }

    /// Sends and receives until something is so. False if the connection ended before.
    awaitable<bool> until(std::function<bool()> holds) {
        for (;;) {
            const bool sent = co_await flush();
            if (!sent) co_return false;
            if (holds()) co_return true;
            const auto arrived = stream_->read_some(buffer_);
            if (arrived.status == chorus::net::io_status::done) {
                input({buffer_.data(), arrived.bytes});
                continue;
            }
            const bool more = co_await wait(arrived.status);
            if (!more) {
                ending = arrived.status;
                co_return false;
            }
        }
    }

    /// Until a stream is closed; returns what came on it.
    awaitable<http2_answer> answer(std::int32_t stream) {
        co_await until([&] { return streams[stream].closed; });
        co_return streams[stream];
    }

    /// Until the connection ends.
    awaitable<void> end() {
        co_await until([] { return false; });
    }

    awaitable<bool> flush() {
        for (std::string_view rest = output(); !rest.empty(); rest = output()) {
            while (!rest.empty()) {
                const auto moved = stream_->write_some(rest);
                if (moved.status == chorus::net::io_status::done) {
                    rest.remove_prefix(moved.bytes);
                    continue;
                }
                const bool more = co_await wait(moved.status);
                if (!more) co_return false;
            }
        }
        co_return true;
    }

    void close() { stream_->close(); }

    std::string alpn;
    chorus::net::io_status ending = chorus::net::io_status::done;

 private:
    awaitable<bool> wait(chorus::net::io_status reason) {
        using chorus::net::io_status;
        if (reason != io_status::want_read && reason != io_status::want_write) co_return false;
        boost::system::error_code failure;
        co_await stream_->async_wait(
            reason == io_status::want_read ? chorus::net::readiness::read : chorus::net::readiness::write,
            asio::redirect_error(chorus::use_awaitable, failure));
        co_return !failure;
    }

    asio::ip::tcp::socket socket_;
    std::unique_ptr<chorus::net::stream> stream_;
    std::array<char, 16 * 1024> buffer_{};
};

}  // namespace chorus_test
