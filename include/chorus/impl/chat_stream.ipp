#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/async/timer_service.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/net/incoming_response.hpp>
#include <chorus/provider/chat_stream_reader.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <string_view>

namespace chorus {

namespace detail {

/// Bounds on what is read behind the end of an answer, for the sake of its connection. The last chunk of HTTP/1.1 often
/// comes a moment after the last event.
constexpr std::size_t most_drained_bytes = 64 * 1024;
constexpr std::chrono::milliseconds longest_drain(500);

/// Counts what nobody wants.
class drain final : public http::body_sink {
 public:
    result<void> take(std::string_view bytes) override {
        left_ -= std::min(left_, bytes.size());
        return left_ > 0 ? result<void>() : error(errc::body_too_large);
    }

 private:
    std::size_t left_ = most_drained_bytes;
};

}  // namespace detail

/// Shared with the operation under way.
struct chat_stream::state {
    state(std::shared_ptr<detail::client_state> client, chat_request asked, const stream_options& options)
        : shared(std::move(client)),
          timers(timer_service::of(shared->home)),
          request(std::move(asked)),
          wanted(options) {}

    awaitable<result<void>> open();
    awaitable<result<void>> read();
    awaitable<void> drain();
    void fail(error why);

    std::shared_ptr<detail::client_state> shared;
    timer_service& timers;
    std::optional<chat_request> request;
    stream_options wanted;
    http::request message;  // until the end: a server may answer while it is still being sent
    http::limits limits;
    clock::time_point started{};
    clock::time_point deadline{};
    std::chrono::nanoseconds total{};
    std::optional<chat_stream_reader> reader;
    std::unique_ptr<net::incoming_response> incoming;
    std::optional<error> failure;
};

CHORUS_DECL chat_stream::chat_stream(std::shared_ptr<detail::client_state> shared, chat_request request,
                                     const stream_options& options)
    : state_(std::make_shared<state>(std::move(shared), std::move(request), options)) {}

CHORUS_DECL chat_stream::chat_stream(chat_stream&&) noexcept = default;
CHORUS_DECL chat_stream& chat_stream::operator=(chat_stream&&) noexcept = default;
CHORUS_DECL chat_stream::~chat_stream() = default;

CHORUS_DECL awaitable<result<void>> chat_stream::state::open() {
    if (const auto ready = shared->check(); !ready) co_return ready.error();
    auto encoded = shared->api->encode_stream(*request);
    if (!encoded) co_return encoded.error();
    message = std::move(*encoded);
    limits = shared->limits_with(request->options().timeout);
    request.reset();
    started = timers.now();
    deadline = detail::saturating_add(started, limits.total);
    auto opened = co_await (*shared->transport)->open(message, limits);
    if (!opened) co_return opened.error();
    incoming = std::move(*opened);
    reader.emplace(*shared->api, incoming->head(), wanted, std::chrono::system_clock::now(), limits.body_bytes);
    co_return result<void>();
}

/// Reads until there are events, or the end.
CHORUS_DECL awaitable<result<void>> chat_stream::state::read() {
    while (!reader->has_events() && !reader->is_complete()) {
        const clock::time_point patience = detail::saturating_add(timers.now(), limits.idle);
        const net::time_limit limit = patience < deadline ? net::time_limit{patience, errc::idle_timed_out}
                                                          : net::time_limit{deadline, errc::deadline_exceeded};
        const auto more = co_await incoming->read(*reader, limit);
        if (!more) co_return more.error();
        if (!*more) {
            const auto ended = reader->finish();
            if (!ended) co_return ended.error();
        }
    }
    if (reader->is_complete()) {
        total = timers.now() - started;
        if (incoming && incoming->is_complete()) incoming.reset();
    }
    co_return result<void>();
}

CHORUS_DECL awaitable<void> chat_stream::state::drain() {
    detail::drain rest;
    const net::time_limit limit{std::min(deadline, timers.now() + detail::longest_drain), errc::idle_timed_out};
    for (bool more = true; more;) {
        const auto step = co_await incoming->read(rest, limit);
        more = step && *step;
    }
}

CHORUS_DECL void chat_stream::state::fail(error why) {
    incoming.reset();
    if (reader) {
        if (why.text().empty()) why.text(message.origin.to_string());
        if (why.request_id().empty()) why.request_id(std::string(reader->request_id()));
        total = timers.now() - started;
        if (!reader->is_empty()) why.partial(std::make_shared<const chat_response>(reader->response(total)));
    }
    failure = std::move(why);
}

CHORUS_DECL bool chat_stream::poll(state& self, chat_event& out) {
    return self.reader && self.reader->next(out);
}

CHORUS_DECL bool chat_stream::poll(chat_event& out) {
    return poll(*state_, out);
}

/// Completes with true when there are events, and with false at the end.
CHORUS_DECL awaitable<result<bool>> chat_stream::receive(std::shared_ptr<state> self) {
    if (self->failure) co_return *self->failure;
    try {
        if (!self->reader) {
            const auto opened = co_await self->open();
            if (!opened) self->fail(opened.error());
        }
        if (!self->failure) {
            const auto step = co_await self->read();
            if (!step) self->fail(step.error());
        }
    } catch (...) {
        // A cancellation that meets a completion on its way makes the next await throw, whichever it is.
        self->fail(error::from_exception(std::current_exception()));
    }
    // What came before a failure comes first.
    if (self->reader && self->reader->has_events()) co_return true;
    if (self->failure) co_return *self->failure;
    if (self->incoming) {
        try {
            co_await self->drain();
        } catch (const boost::system::system_error&) {
            // Cancelled: the answer is complete all the same, and the connection is lost.
        }
        self->incoming.reset();
    }
    co_return false;
}

CHORUS_DECL awaitable<result<std::optional<chat_event>>> chat_stream::advance(std::shared_ptr<state> self) {
    chat_event event;
    if (!poll(*self, event)) {
        const auto more = co_await receive(self);
        if (!more) co_return more.error();
        if (!*more) co_return std::optional<chat_event>();
        poll(*self, event);
    }
    co_return std::optional<chat_event>(event);
}

CHORUS_DECL awaitable<std::optional<chat_event>> chat_stream::advance_or_throw(std::shared_ptr<state> self) {
    auto outcome = co_await advance(std::move(self));
    if (!outcome) throw_error(outcome.error());
    co_return *outcome;
}

CHORUS_DECL awaitable<result<std::optional<chat_event>>> chat_stream::try_next() {
    return advance(state_);
}

CHORUS_DECL awaitable<std::optional<chat_event>> chat_stream::next() {
    return advance_or_throw(state_);
}

CHORUS_DECL error chat_stream::give_up(state& self, std::exception_ptr why) {
    self.fail(error::from_exception(why));
    return *self.failure;
}

CHORUS_DECL chat_response chat_stream::response_of(const state& self) {
    return self.reader ? self.reader->response(self.total) : chat_response();
}

CHORUS_DECL chat_response chat_stream::accumulated() const {
    return response_of(*state_);
}

}  // namespace chorus
