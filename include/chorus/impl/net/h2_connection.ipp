#pragma once

#include <chorus/async/detail/suspension.hpp>
#include <chorus/net/h2_connection.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace chorus::net {

/// What the waits on the stream share with the connection, which may go before they have ended.
class h2_connection::machinery : public std::enable_shared_from_this<machinery> {
 public:
    machinery(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
              const http::h2_options& options, const h2_health& health)
        : stream_(std::move(stream)),
          executor_(stream_->get_executor()),
          scratch_(std::move(scratch)),
          session_(options),
          health_(health),
          limits_(executor_),
          silence_(executor_) {}

    static awaitable<result<void>> prepare(std::shared_ptr<machinery> self) {
        self->flush();
        for (;;) {
            self->read_all();
            if (self->session_.has_settings()) self->flush();  // the acknowledgement
            if (self->is_broken_) {
                error failed(self->why_ ? errc::connection_lost : errc::protocol_error, "HTTP/2 preface");
                co_return failed.phase(phase::connect).cause(self->why_ ? self->why_.message() : std::string());
            }
            if (self->session_.has_settings()) co_return result<void>();
            const auto [failure] = co_await self->stream_->async_wait(readiness::read, asio::as_tuple(use_awaitable));
            if (failure) co_return error(errc::cancelled);
        }
    }
    /// Says goodbye, if nobody uses it any more, and lets the stream go.
    void shut_down() noexcept {
        if (!is_broken_) {
            session_.shut_down();
            flush();
        }
        fail_all(errc::client_closed);
        stream_->close();
    }

    /// One exchange, inside the frame of its call.
    struct exchange_state {
        explicit exchange_state(machinery& owner) : home(owner) {}
        exchange_state(const exchange_state&) = delete;
        exchange_state& operator=(const exchange_state&) = delete;
        ~exchange_state() { home.leave(*this); }

        void operator()(boost::intrusive_ptr<chorus::detail::suspension> suspended) {
            coroutine = std::move(suspended);
            if (is_done) coroutine->resume({});
        }
        void finish(result<http::response> how) {
            outcome = std::move(how);
            is_done = true;
            if (coroutine) coroutine->resume({});
        }

        machinery& home;
        http::h2_session::stream* stream = nullptr;
        bool is_done = false;
        bool is_listed = false;
        result<http::response> outcome = error(errc::cancelled);
        boost::intrusive_ptr<chorus::detail::suspension> coroutine;
        // Its limit: a place in the list of all, in order of time.
        clock::time_point limit{};
        errc limit_reason{};
        exchange_state* earlier = nullptr;
        exchange_state* later = nullptr;
        clock::time_point first_byte{};
        clock::time_point deadline{};
    };

    bool begin(exchange_state& one, const http::request& message, const http::limits& caps) {
        if (is_broken_) {
            one.finish(error(errc::refused, "the connection broke before the request was sent"));
            return false;
        }
        const auto submitted = session_.submit(message, caps, &one);
        if (!submitted) {
            one.finish(submitted.error());
            return false;
        }
        one.stream = *submitted;
        const clock::time_point time = limits_.now();
        const clock::time_point patience = chorus::detail::saturating_add(time, caps.first_byte);
        one.limit = std::min(patience, one.deadline);
        one.limit_reason = patience < one.deadline ? errc::first_byte_timed_out : errc::deadline_exceeded;
        enlist(one);
        schedule_flush();
        listen();
        return true;
    }

    void abort(errc reason) noexcept {
        stream_->close();
        fail_all(reason);
    }

    /// Looks at what came while nobody listened: a GOAWAY, or the end.
    bool is_alive() noexcept {
        if (is_broken_) return false;
        if (!is_listening_) read_all();
        return !is_broken_ && session_.is_accepting();
    }

    bool is_accepting() const noexcept { return !is_broken_ && session_.is_accepting(); }
    const http::h2_session& session() const noexcept { return session_; }
    clock::time_point now() const noexcept { return limits_.now(); }
    const executor& get_executor() const noexcept { return executor_; }

 private:
    friend struct exchange_state;

    void leave(exchange_state& one) {
        delist(one);
        if (one.stream != nullptr && !one.is_done) {
            session_.cancel(one.stream);
            schedule_flush();
        }
        // With nobody left to hear for, the wait would keep the loop from ending.
        if (first_ == nullptr && is_listening_) {
            silence_.clear();
            stream_->cancel();
        }
    }

    // --- output: gathered over one turn of the loop, so that many requests share a write ---

    void schedule_flush() {
        if (is_flush_scheduled_ || is_broken_) return;
        is_flush_scheduled_ = true;
        asio::post(executor_, [self = weak_from_this()] {
            if (const auto here = self.lock()) {
                here->is_flush_scheduled_ = false;
                here->flush();
            }
        });
    }

    void flush() {
        if (is_broken_ || is_writing_) return;
        for (;;) {
            if (unsent_.empty()) {
                std::string& out = scratch_->out;
                out.clear();
                session_.append_output(out);
                if (out.empty()) return;
                const io_result step = stream_->write_some(out);
                if (step.status == io_status::done && step.bytes == out.size()) continue;
                if (step.status == io_status::done) out.erase(0, step.bytes);
                unsent_ = std::exchange(out, {});
                if (step.status == io_status::done) continue;
                wait_to_write(step);
                return;
            }
            const io_result step = stream_->write_some(unsent_);
            if (step.status != io_status::done) {
                wait_to_write(step);
                return;
            }
            unsent_.erase(0, step.bytes);
        }
    }

    void wait_to_write(const io_result& step) {
        if (step.status == io_status::failed || step.status == io_status::end) {
            // What the peer sent before it closed may still be read: a GOAWAY says which requests it has seen.
            read_all();
            lose(step.error);
            return;
        }
        is_writing_ = true;
        const readiness what = step.status == io_status::want_read ? readiness::read : readiness::write;
        stream_->async_wait_ready(what, [self = shared_from_this()](boost::system::error_code failure) {
            self->is_writing_ = false;
            if (failure && failure != asio::error::operation_aborted) return self->lose(failure);
            self->flush();
        });
    }

    // --- input: read while somebody waits for something ---

    void listen() {
        if (is_listening_ || is_broken_ || session_.open_streams() == 0) return;
        is_listening_ = true;
        if (stream_->has_buffered()) {
            asio::post(executor_, [self = shared_from_this()] { self->hear({}); });
            return;
        }
        last_heard_ = limits_.now();
        watch_silence();
        stream_->async_wait_ready(
            readiness::read, [self = shared_from_this()](boost::system::error_code failure) { self->hear(failure); });
    }

    void hear(boost::system::error_code failure) {
        is_listening_ = false;
        if (is_broken_) return;
        if (failure == asio::error::operation_aborted) {
            if (first_ != nullptr) listen();
            return;
        }
        if (failure) return lose(failure);
        last_heard_ = limits_.now();
        read_all();
        if (is_broken_) return;
        flush();
        listen();
        if (!is_listening_) silence_.clear();
    }

    /// Reads what is there, and tells those whose exchange has ended.
    void read_all() {
        while (!is_broken_) {
            const io_result step = stream_->read_some(scratch_->in);
            if (step.status == io_status::want_read || step.status == io_status::want_write) return;
            if (step.status != io_status::done) {
                lose(step.error);
                return;
            }
            const auto fed = session_.feed({scratch_->in.data(), step.bytes});
            if (!fed) {
                flush();  // the GOAWAY that says why
                is_broken_ = true;
                session_.feed_end(fed.error().cause());
            }
            deliver();
            if (is_broken_) stream_->close();
            if (step.bytes < scratch_->in.size() && !stream_->has_buffered()) return;
        }
    }

    void deliver() {
        for (void* one : session_.take_first_bytes()) {
            auto& begun = *static_cast<exchange_state*>(one);
            begun.first_byte = limits_.now();
            delist(begun);
            begun.limit = begun.deadline;
            begun.limit_reason = errc::deadline_exceeded;
            enlist(begun);
        }
        for (auto& ended : session_.take_completions()) {
            auto& one = *static_cast<exchange_state*>(ended.exchange);
            delist(one);
            one.finish(std::move(ended.outcome));
        }
    }

    void lose(boost::system::error_code why) {
        if (is_broken_) return;
        is_broken_ = true;
        why_ = why ? why : boost::system::error_code(asio::error::eof);
        stream_->close();
        session_.feed_end(why ? why.message() : "the peer closed the connection");
        deliver();
        limits_.clear();
        silence_.clear();
    }

    void fail_all(errc reason) {
        is_broken_ = true;
        while (first_ != nullptr) {
            exchange_state& one = *first_;
            delist(one);
            session_.cancel(one.stream);
            error failed(reason);
            one.finish(failed.phase(phase::first_byte));
        }
        limits_.clear();
        silence_.clear();
    }

    // --- time: one alarm for the limits of all exchanges, one for the health of the peer ---

    /// Most limits are as long as the others, so that the place is nearly always at the end.
    void enlist(exchange_state& one) {
        exchange_state* before = last_;
        while (before != nullptr && before->limit > one.limit) before = before->earlier;
        one.earlier = before;
        one.later = before != nullptr ? before->later : first_;
        (before != nullptr ? before->later : first_) = &one;
        (one.later != nullptr ? one.later->earlier : last_) = &one;
        one.is_listed = true;
        if (first_ == &one) limits_.set<&machinery::ring>(one.limit, this);
    }

    void delist(exchange_state& one) noexcept {
        if (!one.is_listed) return;
        one.is_listed = false;
        (one.earlier != nullptr ? one.earlier->later : first_) = one.later;
        (one.later != nullptr ? one.later->earlier : last_) = one.earlier;
        one.earlier = one.later = nullptr;
        // An alarm set too early does no harm: it looks again.
        if (first_ == nullptr) limits_.clear();
    }

    void ring() {
        const clock::time_point time = limits_.now();
        while (first_ != nullptr && first_->limit <= time) {
            exchange_state& late = *first_;
            delist(late);
            session_.cancel(late.stream);
            error failed(late.limit_reason);
            late.finish(failed.phase(late.first_byte == clock::time_point{} ? phase::first_byte : phase::read));
        }
        if (first_ != nullptr) limits_.set<&machinery::ring>(first_->limit, this);
        schedule_flush();
    }

    void watch_silence() {
        if (!silence_.is_set()) silence_.set<&machinery::on_silence>(last_heard_ + health_.ping_after, this);
    }

    /// The peer was quiet: it may think, or be gone. A PING tells (RFC 9113, 6.7).
    void on_silence() {
        if (is_broken_ || !is_listening_) return;
        const clock::time_point time = limits_.now();
        if (is_pinging_ && last_heard_ <= pinged_at_) {
            lose(asio::error::timed_out);
            return;
        }
        is_pinging_ = false;
        if (time < last_heard_ + health_.ping_after) {
            silence_.set<&machinery::on_silence>(last_heard_ + health_.ping_after, this);
            return;
        }
        is_pinging_ = true;
        pinged_at_ = time;
        session_.ping();
        schedule_flush();
        silence_.set<&machinery::on_silence>(time + health_.ping_patience, this);
    }

    std::unique_ptr<net::stream> stream_;
    executor executor_;
    std::shared_ptr<scratch_buffers> scratch_;
    http::h2_session session_;
    h2_health health_;
    alarm limits_;
    alarm silence_;
    exchange_state* first_ = nullptr;
    exchange_state* last_ = nullptr;
    std::string unsent_;             // what the socket did not take
    boost::system::error_code why_;  // the stream broke
    clock::time_point last_heard_{};
    clock::time_point pinged_at_{};
    bool is_flush_scheduled_ = false;
    bool is_writing_ = false;
    bool is_listening_ = false;
    bool is_pinging_ = false;
    bool is_broken_ = false;
};

CHORUS_DECL h2_connection::h2_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
                                         const http::h2_options& options, const h2_health& health)
    : machinery_(std::make_shared<machinery>(std::move(stream), std::move(scratch), options, health)) {}

CHORUS_DECL h2_connection::~h2_connection() {
    machinery_->shut_down();
}

CHORUS_DECL awaitable<result<void>> h2_connection::prepare() {
    return machinery::prepare(machinery_);
}

CHORUS_DECL std::size_t h2_connection::capacity() const noexcept {
    return machinery_->session().capacity();
}

CHORUS_DECL awaitable<result<http::response>> h2_connection::exchange(const http::request& message,
                                                                      const http::limits& caps,
                                                                      clock::time_point deadline) {
    ++served;
    const auto keep = machinery_;
    machinery::exchange_state self(*keep);
    self.deadline = deadline;
    const clock::time_point sent = keep->now();
    if (keep->begin(self, message, caps)) {
        try {
            co_await chorus::detail::async_suspend(keep->get_executor(), self);
        } catch (const boost::system::system_error&) {
            error cancelled(errc::cancelled);
            co_return cancelled.phase(phase::first_byte);
        }
    }
    if (self.outcome) {
        self.outcome->timing.first_byte = self.first_byte - sent;
    } else if (self.outcome.error().phase() == phase::none) {
        error failed = self.outcome.error();
        co_return failed.phase(failed == errc::truncated ? phase::read : phase::first_byte);
    }
    co_return std::move(self.outcome);
}

CHORUS_DECL void h2_connection::abort(errc reason) noexcept {
    machinery_->abort(reason);
}

CHORUS_DECL bool h2_connection::is_reusable() const noexcept {
    return machinery_->is_accepting();
}

CHORUS_DECL bool h2_connection::is_alive() noexcept {
    return machinery_->is_alive();
}

}  // namespace chorus::net
