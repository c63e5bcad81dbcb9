#pragma once

#include <chorus/net/h1_connection.hpp>
#include <chorus/net/tls_context.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace chorus::net {

namespace detail {

CHORUS_DECL readiness wanted(io_status status) noexcept {
    return status == io_status::want_write ? readiness::write : readiness::read;
}

CHORUS_DECL error refused_by_proxy(const http::forwarding& via) {
    error refused(errc::proxy_failed);
    refused.phase(phase::proxy);
    return refused.cause(
        via.proxy + " answered 407 Proxy Authentication Required: it " +
        (via.credentials.empty() ? "asks for a user and password" : "does not take the user and password given"));
}

}  // namespace detail

/// Marks the connection as busy; what leaves early, by any way, leaves it unfit for reuse and without an alarm.
class h1_connection::exchange_scope {
 public:
    explicit exchange_scope(h1_connection& owner) noexcept : owner_(&owner) { owner.reusable_ = false; }
    exchange_scope(const exchange_scope&) = delete;
    exchange_scope& operator=(const exchange_scope&) = delete;
    ~exchange_scope() {
        if (owner_ == nullptr) return;
        owner_->alarm_.clear();
        owner_->pending_ = {};
    }

    h1_connection& connection() const noexcept { return *owner_; }
    /// The exchange is not over, and somebody else answers for it.
    void pass_on() noexcept { owner_ = nullptr; }

 private:
    h1_connection* owner_;
};

/// The body of a response whose head is there. It ends its exchange at the end of the body, at a failure, or with itself.
class h1_connection::body_reader final : public incoming_response {
 public:
    http::response take_head() noexcept override { return std::move(head_); }
    bool is_request_sent() const noexcept override { return !under_way_ || under_way_->connection().is_sent_; }
    bool is_complete() const noexcept override { return is_complete_; }

    /// The head has been received, and maybe more.
    void begin(h1_connection& link) {
        under_way_.emplace(link);
        has_unread_ = !link.pending_.empty();
        if (link.decoder_.is_complete()) finish();
    }

    awaitable<result<bool>> read(http::body_sink& into, time_limit limit) override {
        if (is_complete_) co_return false;
        if (!under_way_) {
            error over(errc::truncated);
            co_return over.phase(phase::read);
        }
        h1_connection& link = under_way_->connection();
        if (link.interruption_ != errc{}) co_return fail(link.failure(phase::read, {}));
        witness sink(into);
        if (std::exchange(has_unread_, false)) {
            const std::string unread = std::exchange(link.pending_, {});
            if (const auto taken = link.take_in(unread, &sink); !taken) co_return fail(taken.error());
        }
        while (!sink.has_taken && !link.decoder_.is_complete()) {
            // Without bytes inside the stream nothing is known to be there, and asking in vain costs a system call.
            if (link.last_step_.status == io_status::done && !link.stream_->has_buffered()) {
                link.last_step_.status = io_status::want_read;
            }
            if (link.must_wait()) {
                link.watch(limit);
                const auto [cut] = co_await link.stream_->async_wait(detail::wanted(link.last_step_.status),
                                                                     asio::as_tuple(asio::deferred));
                // The alarm stays set: for the next read it is early enough.
                link.limit_.reason = {};
                if (cut || link.interruption_ != errc{}) co_return fail(link.failure(phase::read, cut));
            }
            if (const auto received = link.receive(&sink); !received) co_return fail(received.error());
        }
        if (link.decoder_.is_complete()) finish();
        co_return sink.has_taken;
    }

 private:
    friend class h1_connection;
    struct witness final : http::body_sink {
        explicit witness(http::body_sink& sink) noexcept : into(sink) {}
        result<void> take(std::string_view bytes) override {
            has_taken = true;
            return into.take(bytes);
        }
        http::body_sink& into;
        bool has_taken = false;
    };

    void finish() {
        under_way_->connection().conclude();
        under_way_.reset();
        is_complete_ = true;
    }
    error fail(error why) {
        under_way_.reset();
        return why;
    }

    http::response head_;
    std::optional<exchange_scope> under_way_;
    bool has_unread_ = false;  // what came with the head
    bool is_complete_ = false;
};

CHORUS_DECL h1_connection::h1_connection(std::unique_ptr<net::stream> stream, std::shared_ptr<scratch_buffers> scratch,
                                         std::unique_ptr<const http::forwarding> via)
    : stream_(std::move(stream)), scratch_(std::move(scratch)), via_(std::move(via)), alarm_(stream_->get_executor()) {}

CHORUS_DECL h1_connection::~h1_connection() {
    stream_->close();
}

CHORUS_DECL awaitable<result<void>> h1_connection::exchange(const http::request& message, const http::limits& caps,
                                                            clock::time_point deadline, http::response& answer) {
    return converse(message, caps, deadline, part::whole, answer);
}

CHORUS_DECL awaitable<result<std::unique_ptr<incoming_response>>> h1_connection::open(const http::request& message,
                                                                                      const http::limits& caps,
                                                                                      clock::time_point deadline) {
    auto reader = std::make_unique<body_reader>();
    const auto done = co_await converse(message, caps, deadline, part::head, reader->head_);
    if (!done) co_return done.error();
    reader->begin(*this);
    co_return std::unique_ptr<incoming_response>(std::move(reader));
}

/// Sends a request and receives the part of the response that is wanted.
CHORUS_DECL awaitable<result<void>> h1_connection::converse(const http::request& message, const http::limits& caps,
                                                            clock::time_point deadline, part wanted,
                                                            http::response& answer) {
    exchange_scope scope(*this);
    if (interruption_ != errc{}) co_return failure(phase::write, {});
    if (wanted == part::whole) {
        decoder_.start(caps);
    } else {
        decoder_.start_streamed(caps);
    }
    const time_limit whole{deadline, errc::deadline_exceeded};

    // Most requests fit into the socket at once, so the shared buffer is enough; what does not fit is moved out.
    std::string& shared = scratch_->out;
    shared.clear();
    http::encode_h1(message, shared, via_.get());
    last_step_ = stream_->write_some(shared);
    is_sent_ = last_step_.status == io_status::done && last_step_.bytes == shared.size();
    if (!is_sent_) {
        std::string own = std::exchange(shared, {});
        std::string_view rest = own;
        for (;;) {
            if (last_step_.status == io_status::done) {
                rest.remove_prefix(last_step_.bytes);
                is_sent_ = rest.empty();
            } else if (must_wait()) {
                watch(whole.or_after(caps.write, alarm_.now(), errc::write_timed_out));
                const auto [cut] =
                    co_await stream_->async_wait(detail::wanted(last_step_.status), asio::as_tuple(asio::deferred));
                if (cut || interruption_ != errc{}) co_return failure(phase::write, cut);
            }
            // A server that refuses a request may answer and close before it has read it all: the answer is read.
            if (is_sent_ || last_step_.status == io_status::failed || last_step_.status == io_status::end) break;
            last_step_ = stream_->write_some(rest);
        }
    }
    write_failure_ = last_step_.error;

    const clock::time_point sent = alarm_.now();
    clock::time_point first_byte{};
    time_limit patience = whole.or_after(caps.first_byte, sent, errc::first_byte_timed_out);
    // The answer cannot be here yet: asking for it would cost a system call. Bytes that came early are seen by then.
    last_step_.status = is_sent_ && !stream_->has_buffered() ? io_status::want_read : io_status::done;
    while (!(wanted == part::whole ? decoder_.is_complete() : decoder_.has_head()) && !is_refused_by_proxy()) {
        if (must_wait()) {
            const phase where = decoder_.has_begun() ? phase::read : phase::first_byte;
            watch(patience);
            const auto [cut] =
                co_await stream_->async_wait(detail::wanted(last_step_.status), asio::as_tuple(asio::deferred));
            if (cut || interruption_ != errc{}) co_return failure(where, cut);
        }
        if (const auto received = receive(nullptr); !received) co_return received.error();
        if (last_step_.status == io_status::done) {
            const clock::time_point heard = alarm_.now();
            if (first_byte == clock::time_point{}) first_byte = heard;
            patience = whole.or_after(caps.idle, heard, errc::idle_timed_out);
        }
        if (answer.listener != nullptr && decoder_.has_head()) {
            answer.listener->head_came(first_byte - sent);
            answer.listener = nullptr;
        }
    }

    if (is_refused_by_proxy()) co_return detail::refused_by_proxy(*via_);
    if (wanted == part::whole) {
        conclude();
    } else {
        limit_.reason = {};
        scope.pass_on();
    }
    answer = decoder_.take();
    answer.timing.first_byte = first_byte - sent;
    co_return result<void>();
}

/// RFC 9110, 15.5.8: only a proxy answers so. Its body is of no interest, and may be cut by the reset that follows where
/// it has not read the request.
CHORUS_DECL bool h1_connection::is_refused_by_proxy() const noexcept {
    return via_ && decoder_.has_head() && decoder_.status() == 407;
}

/// The response is complete: notes what it means for the next one.
CHORUS_DECL void h1_connection::conclude() {
    keep_alive_ = decoder_.keep_alive_timeout();
    const bool has_ended = last_step_.status == io_status::end || last_step_.status == io_status::failed;
    reusable_ = is_sent_ && !has_ended && decoder_.keep_alive() && pending_.empty();
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
///
/// A limit that moves away leaves the alarm where it is: most of what is awaited comes before.
CHORUS_DECL void h1_connection::watch(const time_limit& limit) {
    limit_ = limit;
    if (alarm_.is_set() && rings_at_ <= limit.when) return;
    rings_at_ = limit.when;
    alarm_.set<&h1_connection::ring>(limit.when, this);
}

CHORUS_DECL void h1_connection::ring() {
    if (limit_.reason == errc{}) return;
    if (limit_.when > alarm_.now()) return watch(limit_);
    interrupt(limit_.reason);
}

CHORUS_DECL void h1_connection::interrupt(errc reason) noexcept {
    interruption_ = reason;
    stream_->cancel();
}

CHORUS_DECL bool h1_connection::must_wait() const noexcept {
    return last_step_.status == io_status::want_read || last_step_.status == io_status::want_write;
}

/// Reads what is there and decodes it, or draws the conclusion from an end that was met before.
CHORUS_DECL result<void> h1_connection::receive(http::body_sink* body) {
    if (last_step_.status == io_status::end || last_step_.status == io_status::failed) {
        const phase where = decoder_.has_begun() ? phase::read : phase::first_byte;
        if (!is_sent_) return failure(phase::write, write_failure_);
        if (last_step_.status == io_status::failed) return failure(where, last_step_.error);
        const auto ended = decoder_.feed_end();
        if (ended) return {};
        error cut = ended.error();
        return cut.phase(where);
    }
    // What is left of the last read goes before what comes.
    std::vector<char>& in = scratch_->in;
    std::size_t size = pending_.size();
    if (size > in.size() / 2) in.resize(2 * in.size());
    pending_.copy(in.data(), size);
    const std::size_t kept = size;
    // TLS gives record by record: who reads piece by piece is given all that are there at once.
    do {
        last_step_ = stream_->read_some(std::span(in).subspan(size));
        if (last_step_.status == io_status::done) size += last_step_.bytes;
    } while (body != nullptr && last_step_.status == io_status::done && size < in.size() && stream_->has_buffered());
    if (size == kept) return {};
    return take_in({in.data(), size}, body);
}

CHORUS_DECL result<void> h1_connection::take_in(std::string_view bytes, http::body_sink* body) {
    const auto used = body != nullptr ? decoder_.feed_body(bytes, *body) : decoder_.feed(bytes);
    if (!used) {
        error broken = used.error();
        if (broken.phase() == phase::none) broken.phase(phase::read);
        return broken;
    }
    pending_.assign(bytes.substr(*used));
    return {};
}

CHORUS_DECL error h1_connection::failure(phase where, boost::system::error_code cause) const {
    errc code = decoder_.has_begun() ? errc::truncated : errc::connection_lost;
    if (interruption_ != errc{}) {
        code = interruption_;
    } else if (cause == asio::error::operation_aborted) {
        code = errc::cancelled;
    } else if (code == errc::connection_lost && detail::wants_other_certificate(cause)) {
        code = errc::tls_failed;
        where = phase::tls;
    }
    error failed(code);
    failed.phase(where);
    if (interruption_ == errc{} && code != errc::cancelled) failed.cause(cause.message());
    return failed;
}

}  // namespace chorus::net
