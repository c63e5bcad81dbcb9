// HTTP/1.1 over a stream: one exchange at a time.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/http/h1_codec.hpp>
#include <chorus/net/connection.hpp>
#include <chorus/net/scratch_buffers.hpp>
#include <chorus/net/stream.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace chorus::net {

/// An HTTP/1.1 connection (RFC 9112). Idle, it holds no buffer of its own.
class h1_connection final : public connection {
 public:
    /// With a proxy behind the stream that passes requests on: what it refuses is `errc::proxy_failed`.
    h1_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
                  std::unique_ptr<const http::forwarding> via = nullptr);
    ~h1_connection() override;

    std::size_t capacity() const noexcept override { return 1; }
    awaitable<result<void>> exchange(const http::request& message, const http::limits& caps, clock::time_point deadline,
                                     http::response& answer) override;
    awaitable<result<std::unique_ptr<incoming_response>>> open(const http::request& message, const http::limits& caps,
                                                               clock::time_point deadline) override;
    void abort(errc reason) noexcept override;
    bool is_reusable() const noexcept override { return reusable_; }
    bool is_alive() noexcept override;
    std::optional<std::chrono::seconds> keep_alive() const noexcept override { return keep_alive_; }

 private:
    class exchange_scope;
    class body_reader;
    enum class part { head, whole };

    awaitable<result<void>> converse(const http::request& message, const http::limits& caps, clock::time_point deadline,
                                     part wanted, http::response& answer);
    void watch(const time_limit& limit);
    void ring();
    void interrupt(errc reason) noexcept;
    bool must_wait() const noexcept;
    bool is_refused_by_proxy() const noexcept;
    result<void> receive(http::body_sink* body);
    result<void> take_in(std::string_view bytes, http::body_sink* body);
    void conclude();
    error failure(phase where, boost::system::error_code cause) const;

    std::unique_ptr<net::stream> stream_;
    std::shared_ptr<scratch_buffers> scratch_;
    std::unique_ptr<const http::forwarding> via_;  // null: the peer is the server itself, or a tunnel to it
    http::h1_response_decoder decoder_;
    alarm alarm_;
    clock::time_point rings_at_{};  // the alarm, where it is set: never later than the limit
    time_limit limit_;              // of what is awaited; without a reason where nothing is
    errc interruption_{};           // why the exchange was cut short, if by us
    std::string pending_;           // bytes of a line that is not yet complete, or of a body that nobody has read yet
    io_result last_step_;
    boost::system::error_code write_failure_;
    std::optional<std::chrono::seconds> keep_alive_;
    bool is_sent_ = false;
    bool reusable_ = true;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/h1_connection.ipp>
#endif
