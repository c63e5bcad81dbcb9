#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/detail/call_progress.hpp>
#include <chorus/detail/call_subject.hpp>
#include <chorus/net/incoming_response.hpp>
#include <chorus/provider/chat_stream_reader.hpp>
#include <chorus/provider/detail/redactor.hpp>

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
        : shared(std::move(client)), request(std::make_unique<chat_request>(std::move(asked))), wanted(options) {}

    CHORUS_LAZY awaitable<result<void>> open();
    CHORUS_LAZY awaitable<void> drain();
    bool is_to_read() const noexcept { return !reader->has_events() && !reader->is_complete(); }
    net::time_limit patience() const;
    result<void> look_at(const result<bool>& more, std::size_t contents, clock::duration waited);
    bool is_tried_again(const error& why);
    void complete();
    void fail(error why);

    std::shared_ptr<detail::client_state> shared;
    std::unique_ptr<chat_request> request;          // until it is encoded
    std::optional<detail::call_progress> progress;  // from then on
    std::unique_ptr<http::request> message;         // until it is sent whole, and has brought content
    http::origin where;
    stream_options wanted;
    bool is_under_way = false;             // an attempt
    std::chrono::nanoseconds fruitless{};  // the time waited since the last content
    std::chrono::nanoseconds total{};
    std::optional<chat_stream_reader> reader;
    std::unique_ptr<detail::redactor> secrets;  // of this request alone; the provider knows its own
    std::unique_ptr<net::incoming_response> incoming;
    std::optional<error> failure;
};

CHORUS_DECL chat_stream::chat_stream(std::shared_ptr<detail::client_state> shared, chat_request request,
                                     const stream_options& options)
    : state_(std::make_shared<state>(std::move(shared), std::move(request), options)) {}

CHORUS_DECL chat_stream::chat_stream(chat_stream&&) noexcept = default;
CHORUS_DECL chat_stream& chat_stream::operator=(chat_stream&&) noexcept = default;
CHORUS_DECL chat_stream::~chat_stream() = default;

/// One attempt, up to the head of its response.
CHORUS_LAZY_DECL awaitable<result<void>> chat_stream::state::open() {
    if (!progress) {
        if (const auto ready = shared->check(); !ready) co_return ready.error();
        progress.emplace(*shared, &request->options(), true);
        if (progress->is_watched()) progress->watch(detail::subject_of("chat", *request));
        auto encoded = shared->api->encode_stream(*request);
        if (!encoded) co_return encoded.error();
        message = std::make_unique<http::request>(std::move(*encoded));
        where = message->origin;
        for (const auto& [name, value] : request->options().headers) {
            const std::string_view hidden = detail::secret_in_header(name, value);
            if (hidden.empty()) continue;
            if (!secrets) secrets = std::make_unique<detail::redactor>();
            secrets->add(hidden);
        }
        request.reset();
    }
    if (!progress->try_begin(*message)) {
        result<void> begun;
        co_await progress->begin(*message, begun);
        if (!begun) co_return begun.error();
    }
    is_under_way = true;
    auto opened = co_await (*shared->transport)->open(*message, progress->limits());
    if (!opened) co_return opened.error();
    incoming = std::move(*opened);
    http::response head = incoming->take_head();
    head.headers.shrink_to_fit();  // it is held as long as the stream
    progress->answered(head);
    reader.emplace(*shared->api, std::move(head), wanted, std::chrono::system_clock::now(), progress->limits());
    co_return result<void>();
}

/// The nearest of the limits on what is read next.
CHORUS_DECL net::time_limit chat_stream::state::patience() const {
    const clock::time_point now = shared->timers.now();
    const http::limits& limits = progress->limits();
    const net::time_limit whole{progress->deadline(), errc::deadline_exceeded};
    return whole.or_after(limits.content_idle, now - fruitless, errc::content_timed_out)
        .or_after(limits.idle, now, errc::idle_timed_out);
}

/// Looks at what a read brought, which began with so many contents there.
CHORUS_DECL result<void> chat_stream::state::look_at(const result<bool>& more, std::size_t contents,
                                                     clock::duration waited) {
    progress->received(reader->take_byte_count());
    fruitless += waited;
    if (!more) return more.error();
    if (!*more) {
        if (const auto ended = reader->finish(); !ended) return ended;
    }
    if (reader->contents() == contents) return {};
    fruitless = {};
    if (contents == 0) progress->brought_content();
    if (message && incoming->is_request_sent()) message.reset();
    return {};
}

CHORUS_DECL void chat_stream::state::complete() {
    if (!is_under_way) return;
    is_under_way = false;
    total = shared->timers.now() - progress->started();
    if (incoming && incoming->is_complete()) incoming.reset();
    if (progress->is_watched()) {
        const chat_response whole = reader->response(total);
        progress->succeeded(whole);
    } else {
        progress->succeeded();
    }
}

/// An attempt failed. It can be made again as long as no content has been handed out.
CHORUS_DECL bool chat_stream::state::is_tried_again(const error& why) {
    if (!std::exchange(is_under_way, false)) return false;
    incoming.reset();
    if (reader && reader->contents() > 0) {
        progress->broke(why);
        return false;
    }
    if (!progress->failed(why)) return false;
    reader.reset();
    fruitless = {};
    return true;
}

CHORUS_LAZY_DECL awaitable<void> chat_stream::state::drain() {
    detail::drain rest;
    const net::time_limit limit{std::min(progress->deadline(), shared->timers.now() + detail::longest_drain),
                                errc::idle_timed_out};
    for (bool more = true; more;) {
        const auto step = co_await incoming->read(rest, limit);
        more = step && *step;
    }
}

CHORUS_DECL void chat_stream::state::fail(error why) {
    incoming.reset();
    if (reader) {
        if (why.text().empty()) why.text(where.to_string());
        if (why.request_id().empty()) why.request_id(std::string(reader->request_id()));
        total = shared->timers.now() - progress->started();
        if (!reader->is_empty()) why.partial(std::make_shared<const chat_response>(reader->response(total)));
    }
    failure = progress ? progress->conclude(std::move(why)) : std::move(why);
}

CHORUS_DECL bool chat_stream::poll(state& self, chat_event& out) {
    return self.reader && self.reader->next(out);
}

CHORUS_DECL bool chat_stream::poll(chat_event& out) {
    return poll(*state_, out);
}

/// Completes with true when there are events, and with false at the end.
CHORUS_LAZY_DECL awaitable<result<bool>> chat_stream::receive(std::shared_ptr<state> self) {
    // A class of its own, and here: the virtual functions of the reader would be compiled in programs without streams.
    struct to_reader final : http::body_sink {
        explicit to_reader(chat_stream_reader& one) noexcept : reader(one) {}
        result<void> take(std::string_view bytes) override { return reader.take(bytes); }
        chat_stream_reader& reader;
    };
    if (self->failure) co_return *self->failure;
    try {
        for (bool is_settled = false; !is_settled;) {
            result<void> step;
            if (!self->reader) step = co_await self->open();
            // Here and not in a coroutine of its own: each costs a frame for as long as a stream is read.
            while (step && self->is_to_read()) {
                const std::size_t contents = self->reader->contents();
                const clock::time_point asked = self->shared->timers.now();
                to_reader sink(*self->reader);
                const auto more = co_await self->incoming->read(sink, self->patience());
                step = self->look_at(more, contents, self->shared->timers.now() - asked);
            }
            if (!step && self->secrets) step = self->secrets->cleaned(step.error());
            if (step && self->reader->is_complete()) self->complete();
            is_settled = step || !self->is_tried_again(step.error());
            if (is_settled && !step) self->fail(step.error());
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

CHORUS_LAZY_DECL awaitable<result<std::optional<chat_event>>> chat_stream::advance(std::shared_ptr<state> self) {
    chat_event event;
    if (!poll(*self, event)) {
        const auto more = co_await receive(self);
        if (!more) co_return more.error();
        if (!*more) co_return std::optional<chat_event>();
        poll(*self, event);
    }
    co_return std::optional<chat_event>(event);
}

CHORUS_LAZY_DECL awaitable<std::optional<chat_event>> chat_stream::advance_or_throw(std::shared_ptr<state> self) {
    auto outcome = co_await advance(std::move(self));
    if (!outcome) throw_error(outcome.error());
    co_return *outcome;
}

CHORUS_LAZY_DECL awaitable<result<std::optional<chat_event>>> chat_stream::try_next() {
    return advance(state_);
}

CHORUS_LAZY_DECL awaitable<std::optional<chat_event>> chat_stream::next() {
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
