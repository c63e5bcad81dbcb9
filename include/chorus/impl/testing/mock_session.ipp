#pragma once

#include <chorus/testing/mock_session.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <limits>

namespace chorus::testing::detail {

/// What a client may send ahead while it waits for a reply.
constexpr std::size_t mock_sent_ahead_limit = 1024 * 1024;

/// Counts a request as ended however its coroutine ends.
class mock_flight {
 public:
    explicit mock_flight(mock_service& service) noexcept : service_(service) {}
    ~mock_flight() { service_.end(outcome); }
    mock_flight(const mock_flight&) = delete;
    mock_flight& operator=(const mock_flight&) = delete;

    mock_service::outcome outcome = mock_service::outcome::abandoned;

 private:
    mock_service& service_;
};

/// Counts a stream as ended however its coroutine ends.
class mock_stream_flight {
 public:
    explicit mock_stream_flight(mock_service& service) noexcept : service_(service) { service.stream_began(); }
    ~mock_stream_flight() { service_.stream_ended(); }
    mock_stream_flight(const mock_stream_flight&) = delete;
    mock_stream_flight& operator=(const mock_stream_flight&) = delete;

 private:
    mock_service& service_;
};

CHORUS_DECL mock_session::ending mock_session::ending_after(mock_fault fault) noexcept {
    switch (fault) {
        case mock_fault::reset:
            return ending::reset;
        case mock_fault::half_close:
            return ending::half;
        case mock_fault::noise:
            return ending::noisy;
        default:
            return ending::abrupt;
    }
}

CHORUS_DECL awaitable<bool> begins_with_http2(mock_host& host, net::stream& stream, std::string& received) {
    constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    alarm idle(stream.get_executor());
    if (host.options.idle_close.count() > 0) {
        idle.set(
            idle.now() + host.options.idle_close, [](void* idler) { static_cast<net::stream*>(idler)->close(); },
            &stream);
    }
    while (received.size() < preface.size() && preface.starts_with(received)) {
        const net::io_result arrived = stream.read_some(host.read_buffer);
        if (arrived.status == net::io_status::done) {
            received.append(host.read_buffer.data(), arrived.bytes);
            continue;
        }
        if (arrived.status == net::io_status::end || arrived.status == net::io_status::failed) break;
        boost::system::error_code failure;
        co_await stream.async_wait(net::readiness::read, asio::redirect_error(use_awaitable, failure));
        if (failure) break;
    }
    co_return received.starts_with(preface);
}

CHORUS_DECL http1_session::http1_session(mock_host& host, net::stream& stream, std::string received)
    : host_(host), stream_(stream), unparsed_(std::move(received)), timer_(stream.get_executor()) {}

CHORUS_DECL awaitable<mock_session::ending> http1_session::run() {
    while (keep_open_) {
        const bool received = co_await receive_request();  // not in the condition: g++ 12 would await regardless
        if (!received) break;
        if (parser_.failed_status() != 0) {
            co_await refuse();
            break;
        }
        ++served_;
        mock_flight flight(host_.service);
        host_.service.begin(parser_.request(), reply_);
        flight.outcome = co_await respond();
        if (flight.outcome == mock_service::outcome::dropped) co_return ending_after(reply_.fault);
        if (flight.outcome == mock_service::outcome::abandoned) break;
        parser_.next();
        reply_.clear();
    }
    co_return ending::orderly;
}

CHORUS_DECL awaitable<bool> http1_session::receive_request() {
    const bool may_time_out = host_.options.idle_close.count() > 0 && unparsed_.empty();
    if (may_time_out) wake_after(host_.options.idle_close);
    bool good = true;
    for (step next = receive(); good && next != step::ready; next = receive()) {
        if (next == step::gone || !co_await wait(next)) good = false;
        if (woken_) good = false;  // the timer is cleared with the first byte
    }
    if (may_time_out) timer_.clear();
    co_return good;
}

CHORUS_DECL http1_session::step http1_session::receive() {
    take_in({});
    while (!parser_.complete() && parser_.failed_status() == 0) {
        if (sent_ < output_.size()) {  // a `100 Continue` that did not fit
            if (const step sending = transmit(); sending != step::ready) return sending;
        }
        const net::io_result arrived = stream_.read_some(host_.read_buffer);
        switch (arrived.status) {
            case net::io_status::done:
                timer_.clear();
                take_in({host_.read_buffer.data(), arrived.bytes});
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

CHORUS_DECL void http1_session::take_in(std::string_view arrived) {
    if (unparsed_.empty()) {
        const std::size_t taken = parser_.feed(arrived);
        unparsed_.assign(arrived.substr(taken));
    } else {
        unparsed_.append(arrived);
        unparsed_.erase(0, parser_.feed(unparsed_));
    }
    if (parser_.take_expect_continue()) {
        output_ = "HTTP/1.1 100 Continue\r\n\r\n";
        sent_ = 0;
    }
}

CHORUS_DECL awaitable<mock_service::outcome> http1_session::respond() {
    using outcome = mock_service::outcome;
    if (reply_.hold || reply_.latency.value_or(std::chrono::nanoseconds::zero()).count() > 0) {
        held_ = reply_.hold;
        if (!held_) wake_after(*reply_.latency);
        if (!co_await client_waits()) co_return outcome::abandoned;
    }
    render();
    if (reply_.is_streamed()) {
        const bool all = co_await stream_body();
        if (!all) co_return outcome::abandoned;
    }
    for (step next = transmit(); next != step::ready; next = transmit()) {
        if (next == step::gone || !co_await wait(next)) co_return outcome::abandoned;
    }
    if (reply_.fault == mock_fault::none) co_return outcome::replied;
    if (reply_.fault != mock_fault::stall) co_return outcome::dropped;
    co_await client_waits();
    co_return outcome::abandoned;
}

// True once everything was sent, up to the fault; false if the client left before.
CHORUS_DECL awaitable<bool> http1_session::stream_body() {
    const int status = reply_.status;
    const bool has_body = parser_.request().method != "HEAD" && status >= 200 && status != 204 && status != 304;
    if (!has_body || reply_.raw) co_return true;
    const mock_stream_flight counted(host_.service);
    const bool faulty = reply_.fault != mock_fault::none;
    std::size_t left = faulty ? reply_.fault_after - output_.size() : std::numeric_limits<std::size_t>::max();
    reply_.stream->start(timer_.now());
    bool good = true;
    for (step next = transmit_stream(left); good && next != step::ready; next = transmit_stream(left)) {
        if (next == step::gone) {
            good = false;
        } else if (next == step::yield) {
            co_await asio::post(stream_.get_executor(), use_awaitable);
        } else if (next == step::wait_piece) {
            if (const auto due = reply_.stream->due()) timer_.set<&http1_session::wake>(*due, this);
            good = co_await client_waits();
        } else {
            good = co_await wait(next);
        }
    }
    timer_.clear();
    woken_ = false;
    co_return good;
}

// `left` is what may be sent before the fault.
CHORUS_DECL http1_session::step http1_session::transmit_stream(std::size_t& left) {
    constexpr int writes_in_a_row = 64;  // then it is the turn of others
    const std::size_t record = reply_.stream->record_bytes();
    for (int writes = 0; writes < writes_in_a_row; ++writes) {
        gather_pieces(left);
        const std::size_t rest = output_.size() - sent_;
        if (rest == 0) return left == 0 || reply_.stream->is_over() ? step::ready : step::wait_piece;
        const net::io_result moved =
            stream_.write_some({output_.data() + sent_, record > 0 ? std::min(record, rest) : rest});
        switch (moved.status) {
            case net::io_status::done:
                sent_ += moved.bytes;
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
    return step::yield;
}

CHORUS_DECL void http1_session::gather_pieces(std::size_t& left) {
    const std::size_t enough = std::max<std::size_t>(reply_.stream->record_bytes(), 1);
    if (left == 0 || output_.size() - sent_ >= enough) return;
    output_.erase(0, sent_);
    sent_ = 0;
    const std::size_t before = output_.size();
    host_.service.counters().chunks += append_http1_pieces(output_, enough, *reply_.stream, timer_.now());
    if (output_.size() - before > left) output_.resize(before + left);
    left -= output_.size() - before;
}

CHORUS_DECL void http1_session::render() {
    const std::size_t limit = host_.options.max_requests_per_connection;
    keep_open_ = parser_.keep_alive() && !reply_.close_after && (limit == 0 || served_ < limit);
    const std::string limits = keep_open_ && host_.options.keep_alive_header ? keep_alive_value() : std::string();
    output_.clear();
    sent_ = 0;
    append_http1_response(
        output_, reply_,
        {.keep_alive = keep_open_, .keep_alive_value = limits, .body = parser_.request().method != "HEAD"});
    if (reply_.fault != mock_fault::none) output_.resize(std::min(output_.size(), reply_.fault_after));
}

// What Apache and uvicorn's proxies send; RFC 2068 section 19.7.1.1 names the field.
CHORUS_DECL std::string http1_session::keep_alive_value() const {
    std::string value;
    if (const auto idle = host_.options.idle_close; idle.count() > 0) {
        value = "timeout=" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(idle).count());
    }
    if (const std::size_t limit = host_.options.max_requests_per_connection; limit > 0) {
        value += (value.empty() ? "max=" : ", max=") + std::to_string(limit - served_);
    }
    return value;
}

CHORUS_DECL http1_session::step http1_session::transmit() noexcept {
    while (sent_ < output_.size()) {
        const net::io_result moved = stream_.write_some({output_.data() + sent_, output_.size() - sent_});
        switch (moved.status) {
            case net::io_status::done:
                sent_ += moved.bytes;
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
    empty_kept(output_);
    sent_ = 0;
    return step::ready;
}

CHORUS_DECL awaitable<void> http1_session::refuse() {
    ++host_.service.counters().malformed;
    reply_.clear();
    reply_.status = parser_.failed_status();
    reply_.close_after = true;
    reply_.headers.add("content-type", "application/json");
    append_openai_error(reply_.body, "The request is not valid HTTP, or too large.", "invalid_request_error", {});
    render();
    for (step next = transmit(); next != step::ready; next = transmit()) {
        if (next == step::gone || !co_await wait(next)) co_return;
    }
    // Closing with unread bytes would reset the connection and take the answer with it (RFC 9112 section 9.6).
    wake_after(std::chrono::seconds(1));
    co_await client_waits();
}

// True once the session was woken; false if the client left before. The stream is watched all the while.
CHORUS_DECL awaitable<bool> http1_session::client_waits() {
    while (!woken_) {
        if (!co_await wait(step::wait_read)) break;
        if (!woken_ && look_for_departure() == step::gone) break;
    }
    const bool woken = woken_;
    woken_ = held_ = false;
    timer_.clear();
    co_return woken;
}

CHORUS_DECL http1_session::step http1_session::look_for_departure() {
    for (;;) {
        const net::io_result arrived = stream_.read_some(host_.read_buffer);
        if (arrived.status == net::io_status::want_read || arrived.status == net::io_status::want_write) {
            return step::wait_read;
        }
        if (arrived.status != net::io_status::done) return step::gone;
        unparsed_.append(host_.read_buffer.data(), arrived.bytes);
        if (unparsed_.size() > mock_sent_ahead_limit) return step::gone;
    }
}

// False if the stream was closed or cancelled from outside; waking cancels the wait too, and that is no failure.
CHORUS_DECL awaitable<bool> http1_session::wait(step reason) {
    boost::system::error_code failure;
    co_await stream_.async_wait(reason == step::wait_write ? net::readiness::write : net::readiness::read,
                                asio::redirect_error(use_awaitable, failure));
    co_return !failure || woken_;
}

CHORUS_DECL void http1_session::wake_after(std::chrono::nanoseconds time) {
    woken_ = false;
    timer_.set<&http1_session::wake>(timer_.now() + time, this);
}

CHORUS_DECL void http1_session::release() {
    if (held_) return wake();
    if (!reply_.stream || !reply_.stream->is_started()) return;
    reply_.stream->release();
    wake();
}

CHORUS_DECL void http1_session::wake() {
    woken_ = true;
    stream_.cancel();
}

}  // namespace chorus::testing::detail
