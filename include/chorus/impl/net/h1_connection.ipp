#pragma once

#include <chorus/net/h1_connection.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace chorus::net {

namespace detail {

CHORUS_DECL readiness wanted(io_status status) noexcept {
    return status == io_status::want_write ? readiness::write : readiness::read;
}

}  // namespace detail

/// Marks the connection as busy; what leaves early, by any way, leaves it unfit for reuse and without an alarm.
class h1_connection::exchange_scope {
 public:
    explicit exchange_scope(h1_connection& owner) noexcept : owner_(owner) { owner_.reusable_ = false; }
    ~exchange_scope() {
        owner_.alarm_.clear();
        owner_.pending_ = {};
    }
    exchange_scope(const exchange_scope&) = delete;
    exchange_scope& operator=(const exchange_scope&) = delete;

 private:
    h1_connection& owner_;
};

CHORUS_DECL h1_connection::h1_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch)
    : stream_(std::move(stream)), scratch_(std::move(scratch)), alarm_(stream_->get_executor()) {}

CHORUS_DECL h1_connection::~h1_connection() {
    stream_->close();
}

CHORUS_DECL awaitable<result<void>> h1_connection::exchange(const http::request& message, const http::limits& caps,
                                                            clock::time_point deadline, http::response& answer) {
    exchange_scope scope(*this);
    if (interruption_ != errc{}) co_return failure(phase::write, {});
    decoder_.start(caps);
    watch(deadline, errc::deadline_exceeded);

    // Most requests fit into the socket at once, so the shared buffer is enough; what does not fit is moved out.
    std::string& shared = scratch_->out;
    shared.clear();
    http::encode_h1(message, shared);
    io_result step = stream_->write_some(shared);
    bool is_sent = step.status == io_status::done && step.bytes == shared.size();
    if (!is_sent) {
        std::string own = std::exchange(shared, {});
        std::string_view rest = own;
        for (;;) {
            if (step.status == io_status::done) {
                rest.remove_prefix(step.bytes);
                is_sent = rest.empty();
            } else if (step.status == io_status::want_read || step.status == io_status::want_write) {
                const auto [cut] =
                    co_await stream_->async_wait(detail::wanted(step.status), asio::as_tuple(asio::deferred));
                if (cut || interruption_ != errc{}) co_return failure(phase::write, cut);
            }
            // A server that refuses a request may answer and close before it has read it all: the answer is read.
            if (is_sent || step.status == io_status::failed || step.status == io_status::end) break;
            step = stream_->write_some(rest);
        }
    }
    const boost::system::error_code write_failure = step.error;

    const clock::time_point sent = alarm_.now();
    const clock::time_point patience = chorus::detail::saturating_add(sent, caps.first_byte);
    watch(std::min(deadline, patience), patience < deadline ? errc::first_byte_timed_out : errc::deadline_exceeded);
    clock::time_point first_byte{};
    // The answer cannot be here yet: asking for it would cost a system call. Bytes that came early are seen by then.
    io_status next = is_sent && !stream_->has_buffered() ? io_status::want_read : io_status::done;
    while (!decoder_.is_complete()) {
        const phase where = decoder_.has_begun() ? phase::read : phase::first_byte;
        if (next != io_status::done) {
            const auto [cut] = co_await stream_->async_wait(detail::wanted(next), asio::as_tuple(asio::deferred));
            if (cut || interruption_ != errc{}) co_return failure(where, cut);
        }
        step = stream_->read_some(scratch_->in);
        next = step.status;
        if (step.status == io_status::done) {
            if (const auto taken = take_in({scratch_->in.data(), step.bytes}); !taken) {
                error broken = taken.error();
                co_return broken.phase(phase::read);
            }
            if (first_byte == clock::time_point{}) {
                first_byte = alarm_.now();
                watch(deadline, errc::deadline_exceeded);
            }
        } else if (step.status == io_status::end && is_sent) {
            if (const auto ended = decoder_.feed_end(); !ended) {
                error cut = ended.error();
                co_return cut.phase(where);
            }
        } else if (step.status == io_status::end || step.status == io_status::failed) {
            co_return failure(is_sent ? where : phase::write, is_sent ? step.error : write_failure);
        }
    }

    keep_alive_ = decoder_.keep_alive_timeout();
    reusable_ = is_sent && decoder_.keep_alive() && pending_.empty();
    answer = decoder_.take();
    answer.timing.first_byte = first_byte - sent;
    co_return result<void>();
}

CHORUS_DECL bool h1_connection::is_alive() noexcept {
    return reusable_ = reusable_ && stream_->is_idle_and_open();
}

CHORUS_DECL void h1_connection::abort(errc reason) noexcept {
    interrupt(reason);
    reusable_ = false;
    stream_->close();
}

/// An alarm that rings while nothing is awaited still counts: the exchange sees it after its next suspension at the
/// latest, for only a suspension lets an alarm ring.
CHORUS_DECL void h1_connection::watch(clock::time_point when, errc reason) {
    alarm_reason_ = reason;
    alarm_.set<&h1_connection::ring>(when, this);
}

CHORUS_DECL void h1_connection::interrupt(errc reason) noexcept {
    interruption_ = reason;
    stream_->cancel();
}

CHORUS_DECL result<void> h1_connection::take_in(std::string_view bytes) {
    if (!pending_.empty()) bytes = pending_.append(bytes);
    const auto used = decoder_.feed(bytes);
    if (!used) return used.error();
    bytes.remove_prefix(*used);
    pending_ = std::string(bytes);
    return {};
}

CHORUS_DECL error h1_connection::failure(phase where, boost::system::error_code cause) const {
    errc code = decoder_.has_begun() ? errc::truncated : errc::connection_lost;
    if (interruption_ != errc{}) {
        code = interruption_;
    } else if (cause == asio::error::operation_aborted) {
        code = errc::cancelled;
    }
    error failed(code);
    failed.phase(where);
    if (code == errc::truncated || code == errc::connection_lost) failed.cause(cause.message());
    return failed;
}

}  // namespace chorus::net
