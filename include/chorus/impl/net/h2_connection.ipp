#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/detail/deadline_list.hpp>
#include <chorus/async/detail/post.hpp>
#include <chorus/async/detail/suspension.hpp>
#include <chorus/net/h2_connection.hpp>
#include <chorus/net/tls_context.hpp>
#include <chorus/shared_new.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
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
          deadlines_(executor_),
          silence_(executor_) {}

    static awaitable<result<void>> prepare(std::shared_ptr<machinery> self) {
        self->flush();
        for (;;) {
            self->read_all();
            if (self->session_.has_settings()) self->flush();  // the acknowledgement
            if (self->is_broken_) {
                error failed(self->why_ ? errc::connection_lost : errc::protocol_error, "HTTP/2 preface");
                failed.phase(phase::connect);
                if (detail::wants_other_certificate(self->why_)) {
                    failed = error(errc::tls_failed);
                    failed.phase(phase::tls);
                }
                co_return failed.cause(self->why_ ? self->why_.message() : std::string());
            }
            if (self->session_.has_settings()) co_return result<void>();
            const auto [failure] = co_await self->stream_->async_wait(readiness::read, asio::as_tuple(asio::deferred));
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

    /// One exchange: inside the frame of its call, or of one whose body is read piece by piece, with its reader.
    struct exchange_state final : http::h2_session::stream, chorus::detail::deadline_entry {
        exchange_state(machinery& owner, const http::request& message, const http::limits& caps, http::response& into)
            : stream(message, caps, into), home(owner), answer(into) {}
        exchange_state(machinery& owner, const http::request& message, const http::limits& caps, http::response& into,
                       std::string& unread)
            : stream(message, caps, into, unread), home(owner), answer(into) {}
        ~exchange_state() { home.leave(*this); }
        using stream::caps;
        using stream::size;

        /// The coroutine has suspended.
        void operator()(boost::intrusive_ptr<chorus::detail::suspension> suspended) {
            coroutine = std::move(suspended);
            if (is_done) wake();
        }
        void wake() {
            if (coroutine) std::exchange(coroutine, nullptr)->resume({});
        }
        void finish() {
            is_done = true;
            wake();
        }
        void fail(error why) {
            failure = std::move(why);
            finish();
        }
        /// Ends it from this side.
        void drop(errc why) {
            error cut(why);
            if (!is_done && !has_begun() && !is_taken()) cut.phase(phase::write);
            // Who takes nothing of one request would take nothing of the next.
            if (why == errc::write_timed_out) home.is_stuck_ = true;
            if (!is_done) home.session_.cancel(*this);
            fail(std::move(cut));
            home.schedule_flush();
        }
        void on_late() override {
            // What went and came has only noted its time: the limit that follows is worked out when it matters.
            if (!is_read_limited) limit = patience();
            if (limit.when > home.deadlines_.now()) {
                home.deadlines_.add(*this, limit.when);
            } else if (coroutine) {
                drop(limit.reason);
            }
        }
        bool has_begun() const noexcept { return first_byte != clock::time_point{}; }
        /// When the last of the request was given to the connection: its head, or bytes of its body.
        clock::time_point given() const noexcept { return std::max(sent, last_sent()); }
        /// Whether the peer has taken all of the request: its windows, and behind them the socket.
        bool is_taken() const noexcept {
            return is_request_sent() && (home.unsent_.empty() || given() < home.unsent_since_);
        }
        /// The limit on what comes next, by the limits of the call.
        time_limit patience() const noexcept {
            const time_limit whole{end, errc::deadline_exceeded};
            if (!has_begun() && !is_taken()) {
                const clock::time_point taken = home.unsent_.empty() ? given() : std::max(given(), home.last_taken_);
                return whole.or_after(caps().write, taken, errc::write_timed_out);
            }
            if (!has_begun()) return whole.or_after(caps().first_byte, given(), errc::first_byte_timed_out);
            if (has_ended()) return whole;  // and part of the request is still to be sent
            return whole.or_after(caps().idle, last_heard(), errc::idle_timed_out);
        }
        result<void> outcome() {
            if (failure.code()) {
                if (failure.phase() == phase::none) failure.phase(phase_of_failure());
                return std::move(failure);
            }
            answer.timing.first_byte = first_byte - sent;
            return {};
        }

        phase phase_of_failure() const noexcept {
            if (has_begun()) return phase::read;
            // Not a word from the peer since: it may have gone before the request arrived.
            const bool is_unheard = failure == errc::connection_lost && home.receptions_ == receptions_before;
            return is_unheard ? phase::write : phase::first_byte;
        }

        machinery& home;
        http::response& answer;
        std::size_t receptions_before = 0;
        boost::intrusive_ptr<chorus::detail::suspension> coroutine;
        clock::time_point sent{};
        clock::time_point first_byte{};
        clock::time_point end{};       // the deadline of the whole call, or of its head
        time_limit limit;              // of what is awaited now
        bool is_read_limited = false;  // by the limit of a read, not by those of the call
        bool is_begun = false;
        bool is_done = false;
    };

    bool begin(exchange_state& one) {
        if (is_broken_) {
            one.fail(error(errc::refused, "the connection broke before the request was sent"));
            return false;
        }
        if (const auto submitted = session_.submit(one); !submitted) {
            one.fail(submitted.error());
            return false;
        }
        one.is_begun = true;
        one.receptions_before = receptions_;
        one.sent = deadlines_.now();
        one.limit = one.patience();
        // Looked at no later than the limits that come next, so that neither the end of the request nor the first byte
        // moves anything in the list.
        deadlines_.add(one, one.limit.or_after(one.caps().write, one.sent, errc::write_timed_out)
                                .or_after(one.caps().first_byte, one.sent, errc::first_byte_timed_out)
                                .or_after(one.caps().idle, one.sent, errc::idle_timed_out)
                                .when);
        gathered_ += one.size();
        if (gathered_ < full_record) {
            schedule_flush();
        } else {
            flush();
        }
        listen();
        return true;
    }

    class body_reader;

    void abort(errc reason) noexcept {
        stream_->close();
        fail_all(reason);
    }

    /// Looks at what came while nobody listened: a GOAWAY, or the end.
    bool is_alive() noexcept {
        if (is_broken_) return false;
        if (!is_listening_) read_all();
        return is_accepting();
    }

    bool is_accepting() const noexcept { return !is_broken_ && !is_stuck_ && session_.is_accepting(); }
    const http::h2_session& session() const noexcept { return session_; }
    clock::time_point now() const noexcept { return deadlines_.now(); }
    const executor& get_executor() const noexcept { return executor_; }

 private:
    friend struct exchange_state;

    /// A limit that moves away stays in the list until its old time has come: most of what is awaited comes before.
    void expect(exchange_state& one, const time_limit& limit) {
        one.limit = limit;
        if (one.is_listed() && one.when() <= limit.when) return;
        deadlines_.remove(one);
        deadlines_.add(one, limit.when);
    }

    void leave(exchange_state& one) noexcept {
        deadlines_.remove(one);
        if (one.is_begun && !one.is_done) {
            session_.cancel(one);
            schedule_flush();
        }
        // With nobody left to hear for, the wait would keep the loop from ending.
        if (session_.open_streams() == 0 && is_listening_) {
            silence_.clear();
            stream_->cancel();
        }
    }

    // --- output: gathered over one turn of the loop, so that many requests share a write, but no longer than they fill a
    // record of TLS: a thousand calls that begin in one turn would be held twice ---
    static constexpr std::size_t full_record = 16 * 1024;

    void schedule_flush() {
        if (is_flush_scheduled_ || is_broken_) return;
        is_flush_scheduled_ = true;
        chorus::detail::post(executor_, [self = weak_from_this()] {
            if (const auto here = self.lock()) {
                here->is_flush_scheduled_ = false;
                here->flush();
            }
        });
    }

    void flush() {
        if (is_broken_ || is_writing_) return;
        write_out();
        deliver();  // a stream that this side resets ends when that is sent
    }

    void write_out() {
        gathered_ = 0;
        for (;;) {
            if (unsent_.empty()) {
                std::string& out = scratch_->out;
                out.clear();
                unsent_since_ = deadlines_.now();
                session_.append_output(out, unsent_since_);
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
            if (unsent_.empty()) std::string().swap(unsent_);  // its room too: the next may never come
            last_taken_ = deadlines_.now();
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
        stream_->async_wait_ready(what, ready_handler([self = shared_from_this()](boost::system::error_code failure) {
                                      self->is_writing_ = false;
                                      if (failure && failure != asio::error::operation_aborted)
                                          return self->lose(failure);
                                      self->flush();
                                  }));
    }

    // --- input: read while somebody waits for something ---

    void listen() {
        if (is_listening_ || is_broken_ || session_.open_streams() == 0) return;
        is_listening_ = true;
        if (stream_->has_buffered()) {
            chorus::detail::post(executor_, [self = shared_from_this()] { self->hear({}); });
            return;
        }
        last_heard_ = deadlines_.now();
        watch_silence();
        stream_->async_wait_ready(
            readiness::read,
            ready_handler([self = shared_from_this()](boost::system::error_code failure) { self->hear(failure); }));
    }

    void hear(boost::system::error_code failure) {
        is_listening_ = false;
        if (is_broken_) return;
        if (failure == asio::error::operation_aborted) return listen();
        if (failure) return lose(failure);
        read_all();
        if (is_broken_) return;
        flush();
        listen();
        if (!is_listening_) silence_.clear();
    }

    /// Reads what is there, and tells those whose exchange has ended.
    void read_all() {
        last_heard_ = deadlines_.now();
        while (!is_broken_) {
            const io_result step = stream_->read_some(scratch_->in);
            if (step.status == io_status::want_read || step.status == io_status::want_write) return;
            if (step.status != io_status::done) {
                lose(step.error);
                return;
            }
            ++receptions_;
            const auto fed = session_.feed({scratch_->in.data(), step.bytes}, last_heard_);
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
        for (auto* stream : session_.take_first_bytes()) {
            auto& begun = static_cast<exchange_state&>(*stream);
            if (!begun.has_begun()) {
                begun.first_byte = begun.last_heard();
                if (!begun.has_ended()) expect(begun, begun.patience());
            }
            if (begun.answer.listener != nullptr && begun.has_head()) {
                begun.answer.listener->head_came(begun.first_byte - begun.sent);
                begun.answer.listener = nullptr;
            }
        }
        for (auto* stream : session_.take_news()) static_cast<exchange_state&>(*stream).wake();
        for (auto* stream : session_.take_completions()) {
            auto& ended = static_cast<exchange_state&>(*stream);
            deadlines_.remove(ended);
            ended.finish();
        }
    }

    void lose(boost::system::error_code why) {
        if (is_broken_) return;
        is_broken_ = true;
        why_ = why ? why : boost::system::error_code(asio::error::eof);
        stream_->close();
        session_.feed_end(why ? why.message() : "the peer closed the connection");
        deliver();
        silence_.clear();
    }

    void fail_all(errc reason) {
        if (!is_broken_) session_.feed_end({});
        is_broken_ = true;
        for (auto* stream : session_.take_completions()) {
            auto& one = static_cast<exchange_state&>(*stream);
            deadlines_.remove(one);
            if (one.failure.code()) one.failure = error(reason);
            one.finish();
        }
        silence_.clear();
    }

    // --- the health of the peer ---

    void watch_silence() {
        if (!silence_.is_set()) silence_.set<&machinery::on_silence>(last_heard_ + health_.ping_after, this);
    }

    /// The peer was quiet: it may think, or be gone. A PING tells (RFC 9113, 6.7).
    void on_silence() {
        if (is_broken_ || !is_listening_) return;
        const clock::time_point time = deadlines_.now();
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
    chorus::detail::deadline_list deadlines_;
    alarm silence_;
    std::string unsent_;                // what the socket did not take
    clock::time_point unsent_since_{};  // when it was given to the connection, if there is some
    clock::time_point last_taken_{};    // of what was unsent
    std::size_t gathered_ = 0;          // bytes of requests since the last write, at most
    std::size_t receptions_ = 0;
    boost::system::error_code why_;  // the stream broke
    clock::time_point last_heard_{};
    clock::time_point pinged_at_{};
    bool is_flush_scheduled_ = false;
    bool is_writing_ = false;
    bool is_listening_ = false;
    bool is_pinging_ = false;
    bool is_broken_ = false;
    bool is_stuck_ = false;  // the peer took nothing of a request for too long
};

/// The body of a response whose head is there.
class h2_connection::machinery::body_reader final : public incoming_response {
 public:
    body_reader(std::shared_ptr<machinery> home, const http::request& message, const http::limits& caps)
        : home_(std::move(home)), state_(*home_, message, caps, head_, unread_) {}

    /// Sends the request and completes when the head is there.
    awaitable<result<void>> begin(clock::time_point deadline) {
        state_.end = deadline;
        if (home_->begin(state_)) {
            try {
                while (!state_.has_head() && !state_.is_done) {
                    co_await chorus::detail::async_suspend(home_->get_executor(), state_);
                }
            } catch (const boost::system::system_error&) {
                state_.drop(errc::cancelled);
            }
        }
        // What fails behind the head is for its reader to know.
        if (!state_.has_head()) co_return state_.outcome();
        head_.timing.first_byte = state_.first_byte - state_.sent;
        co_return result<void>();
    }

    http::response take_head() noexcept override { return std::move(head_); }
    bool is_request_sent() const noexcept override { return state_.is_request_sent(); }
    bool is_complete() const noexcept override { return unread_.empty() && state_.has_ended(); }

    awaitable<result<bool>> read(http::body_sink& into, time_limit limit) override {
        if (must_wait()) {
            state_.is_read_limited = true;
            home_->expect(state_, limit);
            try {
                while (must_wait()) co_await chorus::detail::async_suspend(home_->get_executor(), state_);
            } catch (const boost::system::system_error&) {
                unread_.clear();
                state_.drop(errc::cancelled);
            }
        }
        if (!unread_.empty()) {
            const auto given = give(into);
            if (!given) co_return given.error();
            co_return true;
        }
        if (state_.failure.code()) {
            error failed = state_.failure;
            if (failed.phase() == phase::none) failed.phase(phase::read);
            co_return failed;
        }
        co_return false;
    }

 private:
    bool must_wait() const noexcept { return unread_.empty() && !state_.is_done && !state_.has_ended(); }

    result<void> give(http::body_sink& into) {
        constexpr std::size_t kept_while_idle = 4 * 1024;
        const std::size_t size = unread_.size();
        auto taken = into.take(unread_);
        if (unread_.capacity() > kept_while_idle) std::string().swap(unread_);
        unread_.clear();
        if (!taken) {
            state_.drop(errc::cancelled);
        } else if (home_->session_.consume(state_, size)) {
            home_->schedule_flush();
        }
        return taken;
    }

    std::shared_ptr<machinery> home_;
    http::response head_;
    std::string unread_;
    exchange_state state_;  // goes first: it takes leave of the others
};

CHORUS_DECL h2_connection::h2_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
                                         const http::h2_options& options, const h2_health& health)
    : machinery_(chorus::detail::shared_new<machinery>(std::move(stream), std::move(scratch), options, health)) {}

CHORUS_DECL h2_connection::~h2_connection() {
    machinery_->shut_down();
}

CHORUS_DECL awaitable<result<void>> h2_connection::prepare() {
    return machinery::prepare(machinery_);
}

CHORUS_DECL std::size_t h2_connection::capacity() const noexcept {
    return machinery_->session().capacity();
}

CHORUS_DECL awaitable<result<void>> h2_connection::exchange(const http::request& message, const http::limits& caps,
                                                            clock::time_point deadline, http::response& answer) {
    const auto keep = machinery_;
    machinery::exchange_state self(*keep, message, caps, answer);
    self.end = deadline;
    if (keep->begin(self)) {
        try {
            co_await chorus::detail::async_suspend(keep->get_executor(), self);
        } catch (const boost::system::system_error&) {
            self.failure = error(errc::cancelled);
        }
    }
    co_return self.outcome();
}

CHORUS_DECL awaitable<result<std::unique_ptr<incoming_response>>> h2_connection::open(const http::request& message,
                                                                                      const http::limits& caps,
                                                                                      clock::time_point deadline) {
    auto reader = std::make_unique<machinery::body_reader>(machinery_, message, caps);
    const auto begun = co_await reader->begin(deadline);
    if (!begun) co_return begun.error();
    co_return std::unique_ptr<incoming_response>(std::move(reader));
}

CHORUS_DECL void h2_connection::abort(errc reason) noexcept {
    machinery_->abort(reason);
}

CHORUS_DECL bool h2_connection::is_reusable() const noexcept {
    return machinery_->is_accepting();
}

CHORUS_DECL bool h2_connection::has_been_of_use() const noexcept {
    return use.answered > 0 || machinery_->session().has_taken_up_streams();
}

CHORUS_DECL bool h2_connection::is_alive() noexcept {
    return machinery_->is_alive();
}

}  // namespace chorus::net
