// HTTP/2 over a stream: as many exchanges at once as the peer allows.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>
#include <chorus/http/h2_session.hpp>
#include <chorus/net/connection.hpp>
#include <chorus/net/scratch_buffers.hpp>
#include <chorus/net/stream.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace chorus::net {

/// When a silent peer is asked for a sign of life, and how long it may take to give one.
struct h2_health {
    std::chrono::milliseconds ping_after = std::chrono::seconds(30);
    std::chrono::milliseconds ping_patience = std::chrono::seconds(10);
};

/// An HTTP/2 connection (RFC 9113). It reads while an exchange is under way and at no other time, so that an idle
/// connection is no work for the loop; what came meanwhile is seen at checkout. Of a response that is read piece by
/// piece it holds the window of one stream at most: a slow reader stalls only itself.
class h2_connection final : public connection {
 public:
    h2_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
                  const http::h2_options& options = {}, const h2_health& health = {});
    ~h2_connection() override;

    /// Sends the preface and completes when the peer's SETTINGS are there: they tell how many exchanges it takes.
    /// Cancellation: terminal. Errors: `errc::connection_lost`, `errc::protocol_error`.
    awaitable<result<void>> prepare();

    std::size_t capacity() const noexcept override;
    awaitable<result<void>> exchange(const http::request& message, const http::limits& caps, clock::time_point deadline,
                                     http::response& answer) override;
    awaitable<result<std::unique_ptr<incoming_response>>> open(const http::request& message, const http::limits& caps,
                                                               clock::time_point deadline) override;
    void abort(errc reason) noexcept override;
    bool is_reusable() const noexcept override;
    bool has_been_of_use() const noexcept override;
    bool is_alive() noexcept override;

 private:
    class machinery;
    std::shared_ptr<machinery> machinery_;
};

}  // namespace chorus::net

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/net/h2_connection.ipp>
#endif
