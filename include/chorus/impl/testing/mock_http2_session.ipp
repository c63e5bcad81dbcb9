#pragma once

#include <chorus/testing/mock_http2_session.hpp>

#ifdef CHORUS_WITH_HTTP2

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <chrono>
#include <utility>

namespace chorus::testing::detail {

/// Closing with unread bytes would reset the connection and take the last frames with it.
constexpr std::chrono::seconds mock_http2_linger(1);

CHORUS_DECL http2_session::http2_session(mock_host& host, net::stream& stream, std::string received)
    : host_(host),
      stream_(stream),
      server_(host),
      received_(std::move(received)),
      timer_(stream.get_executor()),
      idle_since_(timer_.now()) {}

CHORUS_DECL awaitable<mock_session::ending> http2_session::run() {
    gone_ = !server_.feed(std::exchange(received_, {}), timer_.now());
    for (step next = advance(); next != step::gone; next = advance()) {
        if (next == step::yield) {
            co_await asio::post(stream_.get_executor(), use_awaitable);
            continue;
        }
        boost::system::error_code failure;
        co_await stream_.async_wait(next == step::wait_write ? net::readiness::write : net::readiness::read,
                                    asio::redirect_error(use_awaitable, failure));
        const bool woken = std::exchange(woken_, false);
        if (failure && !woken) break;  // closed from outside
    }
    server_.rethrow();
    co_return ending_;
}

// Does all that can be done now, and says what to wait for.
CHORUS_DECL http2_session::step http2_session::advance() {
    for (;;) {
        if (gone_) return step::gone;
        const step incoming = blocked_ ? step::wait_read : receive();
        if (incoming == step::gone) return step::gone;
        const step outgoing = transmit();
        if (outgoing == step::gone) return step::gone;
        set_timer();
        if (blocked_) return step::wait_write;
        if (more_) return step::yield;
        if (incoming != step::ready) return incoming;
    }
}

CHORUS_DECL http2_session::step http2_session::receive() {
    constexpr int reads_in_a_row = 8;  // then it is time to answer
    for (int reads = 0; reads < reads_in_a_row; ++reads) {
        const net::io_result arrived = stream_.read_some(host_.read_buffer);
        switch (arrived.status) {
            case net::io_status::done:
                if (!server_.feed({host_.read_buffer.data(), arrived.bytes}, timer_.now())) return step::gone;
                if (!stream_.has_buffered()) return step::wait_read;
                break;
            case net::io_status::want_read:
                return step::wait_read;
            case net::io_status::want_write:
                return step::wait_write;
            case net::io_status::end:
            case net::io_status::failed:
                return step::gone;
        }
    }
    return step::ready;
}

CHORUS_DECL http2_session::step http2_session::transmit() {
    constexpr int writes_in_a_row = 64;  // then it is the turn of others
    more_ = false;
    for (int writes = 0;; ++writes) {
        if (sent_ < output_.size()) {
            if (const step sending = send(output_, sent_); sending != step::ready) return sending;
            std::string().swap(output_);
            sent_ = 0;
        }
        blocked_ = false;
        if (server_.is_cut()) break;
        if (writes == writes_in_a_row) {
            more_ = true;
            return step::ready;
        }
        const std::string_view batch = server_.gather();
        if (server_.has_failed()) return step::gone;
        if (batch.empty()) break;
        std::size_t sent = 0;
        const step sending = send(batch, sent);
        if (sending == step::gone) return sending;
        if (sending == step::wait_write) output_.assign(batch.substr(sent));
    }
    if (server_.is_dropped()) {
        ending_ = ending_after(server_.dropped_by());
        return step::gone;
    }
    if (!lingering_ && server_.is_over()) {
        lingering_ = true;
        timer_.clear();
        timer_set_for_.reset();
    }
    return step::ready;
}

CHORUS_DECL http2_session::step http2_session::send(std::string_view bytes, std::size_t& sent) noexcept {
    while (sent < bytes.size()) {
        const net::io_result moved = stream_.write_some(bytes.substr(sent));
        switch (moved.status) {
            case net::io_status::done:
                sent += moved.bytes;
                break;
            case net::io_status::want_read:
            case net::io_status::want_write:
                blocked_ = true;
                return step::wait_write;
            case net::io_status::end:
            case net::io_status::failed:
                return step::gone;
        }
    }
    return step::ready;
}

// What a timer or a test set going outside the coroutine; the coroutine is woken only for what it must wait for.
CHORUS_DECL void http2_session::pump() {
    if (server_.is_busy() || blocked_ || more_) return;  // the coroutine transmits, now or when it can
    const step outgoing = transmit();
    if (outgoing == step::gone) gone_ = true;
    set_timer();
    if (gone_ || blocked_ || more_) wake();
}

CHORUS_DECL void http2_session::release() {
    if (server_.release(timer_.now())) pump();
}

CHORUS_DECL void http2_session::wake() noexcept {
    woken_ = true;
    stream_.cancel();
}

CHORUS_DECL void http2_session::set_timer() {
    const auto idle = host_.options.idle_close;
    std::optional<clock::time_point> wanted = server_.next_due();
    if (lingering_) {
        wanted = timer_set_for_ ? *timer_set_for_ : timer_.now() + mock_http2_linger;
    } else if (!wanted && idle.count() > 0) {
        const std::size_t seen_before = std::exchange(seen_, server_.accepted_requests());
        if (seen_ != seen_before || server_.open_requests() > 0) idle_since_ = timer_.now();
        if (server_.open_requests() == 0) wanted = idle_since_ + idle;
    }
    if (wanted == timer_set_for_) return;
    timer_set_for_ = wanted;
    wanted ? timer_.set<&http2_session::on_time>(*wanted, this) : timer_.clear();
}

CHORUS_DECL void http2_session::on_time() {
    timer_set_for_.reset();
    if (lingering_) {
        gone_ = true;
        return wake();
    }
    const clock::time_point now = timer_.now();
    const bool was_idle = server_.open_requests() == 0;
    server_.answer_due(now);
    const auto idle = host_.options.idle_close;
    if (was_idle && idle.count() > 0 && now - idle_since_ >= idle) server_.go_away();
    pump();
}

}  // namespace chorus::testing::detail

#endif
