#pragma once

#include <chorus/testing/mock_http2.hpp>

#ifdef CHORUS_WITH_HTTP2

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <new>
#include <utility>

namespace chorus::testing::detail {

/// What is gathered before it is written: four records of TLS.
constexpr std::size_t mock_http2_batch = 64 * 1024;
constexpr std::size_t mock_http2_body_limit = 64 * 1024 * 1024;
constexpr std::size_t mock_http2_spare_requests = 64;

constexpr std::size_t mock_frame_head = 9;  // RFC 9113 section 4.1

/// What goes into a DATA frame of a stream: a piece, or what fills a record.
CHORUS_DECL std::size_t stream_frame(const mock_stream& stream) noexcept {
    const std::size_t record = stream.record_bytes();
    if (record == 0) return std::numeric_limits<std::size_t>::max();
    return std::max(record, mock_frame_head + 1) - mock_frame_head;
}

/// A test may cancel all it likes: resets are counted, not punished. The limit came with nghttp2 1.57 and, by way of
/// distributions, with older versions, so that only the compiler knows whether it is there.
template <class Option>
auto allow_any_number_of_resets(Option* options, int)
    -> decltype(nghttp2_option_set_stream_reset_rate_limit(options, 0, 0)) {
    nghttp2_option_set_stream_reset_rate_limit(options, std::numeric_limits<std::int64_t>::max(), 1);
}
template <class Option>
void allow_any_number_of_resets(Option*, long) {}

/// A stream from its first header to its end.
struct http2_server::exchange {
    std::int32_t id;
    std::uint32_t place;  // in open_
    bool begun = false;   // the service knows of it
    bool held = false;
    bool with_body = true;
    bool streaming = false;  // its head went out
    mock_service::outcome outcome = mock_service::outcome::replied;
    std::size_t sent = 0;                   // of the body
    std::unique_ptr<mock_request> request;  // while it arrives
    std::unique_ptr<mock_reply> reply;      // none while only `owed` waits
    mock_completion owed;

    /// Where the body ends, or the fault cuts it off.
    std::size_t end() const noexcept {
        if (!with_body) return 0;
        const std::size_t size = reply->is_streamed() ? std::numeric_limits<std::size_t>::max() : reply->body.size();
        return reply->fault == mock_fault::none ? size : std::min(size, reply->fault_after);
    }
};

/// nghttp2's callbacks. Exceptions wait in `thrown_` until nghttp2 has returned.
struct http2_server::hooks {
    static http2_server& owner(void* data) noexcept { return *static_cast<http2_server*>(data); }

    template <class Function>
    static int guarded(http2_server& session, Function&& function) noexcept {
        try {
            function();
            return 0;
        } catch (...) {
            session.thrown_ = std::current_exception();
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        http2_server& self = owner(data);
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        return guarded(self, [&] { self.open(frame->hd.stream_id); });
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
        http2_server& self = owner(data);
        exchange* of = self.find(frame->hd.stream_id);
        const bool is_head = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
        if (of == nullptr || !of->request || !is_head) return 0;
        const std::string_view key(reinterpret_cast<const char*>(name), name_size);
        const std::string_view text(reinterpret_cast<const char*>(value), value_size);
        return guarded(self, [&] {
            if (key == ":method") {
                of->request->method = text;
            } else if (key == ":path") {
                of->request->target = text;
            } else if (key == ":authority") {
                of->request->headers.add("host", text);
            } else if (!key.starts_with(':')) {
                of->request->headers.add(key, text);
            }
        });
    }

    static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                       std::size_t size, void* data) {
        http2_server& self = owner(data);
        exchange* of = self.find(id);
        if (of == nullptr || !of->request) return 0;
        if (of->request->body.size() + size > mock_http2_body_limit) {
            ++self.host_.service.counters().malformed;
            of->request.reset();
            return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        return guarded(self, [&] { of->request->body.append(reinterpret_cast<const char*>(bytes), size); });
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        http2_server& self = owner(data);
        if (frame->hd.type == NGHTTP2_RST_STREAM) return on_reset(self, frame->hd.stream_id);
        const bool of_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!of_request || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        exchange* of = self.find(frame->hd.stream_id);
        if (of == nullptr || !of->request) return 0;
        return guarded(self, [&] { self.complete(*of); });
    }

    static int on_reset(http2_server& self, std::int32_t id) {
        auto& counters = self.host_.service.counters();
        ++counters.resets_received;
        if (exchange* of = self.find(id)) {
            of->outcome = mock_service::outcome::abandoned;
            return 0;
        }
        const bool was_served = id <= self.newest_;
        const auto& reset = self.reset_here_;
        if (was_served && std::find(reset.begin(), reset.end(), id) == reset.end()) ++counters.resets_after_end;
        return 0;
    }

    static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
            ++owner(data).host_.service.counters().malformed;
        }
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* data) {
        http2_server& self = owner(data);
        exchange* of = self.find(id);
        if (of == nullptr) return 0;
        using outcome = mock_service::outcome;
        if (!of->begun && error_code == NGHTTP2_PROTOCOL_ERROR && of->outcome != outcome::abandoned) {
            ++self.host_.service.counters().malformed;
        }
        const bool ended_early = error_code != NGHTTP2_NO_ERROR && of->outcome == outcome::replied;
        if (error_code != NGHTTP2_NO_ERROR && of->outcome != outcome::abandoned) self.reset_here_.push_back(id);
        self.forget(*of, ended_early ? outcome::dropped : of->outcome);
        return 0;
    }

    // Says how much goes into the next DATA frame; `send_data` then moves it, without a copy in nghttp2's buffer.
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room, std::uint32_t* flags,
                             nghttp2_data_source* source, void* data) {
        auto& of = *static_cast<exchange*>(source->ptr);
        const bool faulty = of.reply->fault != mock_fault::none;
        const std::size_t rest = of.end() - of.sent;
        if (rest == 0 && faulty) {
            owner(data).fail(of);
            return NGHTTP2_ERR_DEFERRED;
        }
        std::size_t count = std::min(rest, room);
        if (of.reply->chunk_bytes > 0) count = std::min(count, of.reply->chunk_bytes);
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (count == rest && !faulty) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    // The same for a stream: pieces are made here, as many as there is room for and as may be sent now.
    static ssize_t read_stream(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t room, std::uint32_t* flags,
                               nghttp2_data_source* source, void* data) {
        http2_server& self = owner(data);
        auto& of = *static_cast<exchange*>(source->ptr);
        mock_stream& stream = *of.reply->stream;
        const bool faulty = of.reply->fault != mock_fault::none;
        if (of.sent == of.end()) {
            self.fail(of);
            return NGHTTP2_ERR_DEFERRED;
        }
        if (const int failure = guarded(self, [&] { self.make_pieces(stream, room); }); failure != 0) return failure;
        const std::size_t count = std::min({stream.unsent.size(), room, stream_frame(stream), of.end() - of.sent});
        const bool all = stream.is_over() && count == stream.unsent.size();
        if (count == 0 && (!all || faulty)) {
            if (all) {
                self.fail(of);
            } else if (const auto due = stream.due()) {
                self.wait_until(of, *due);
            }
            return NGHTTP2_ERR_DEFERRED;
        }
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (all && !faulty) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                         nghttp2_data_source* source, void* data) {
        http2_server& self = owner(data);
        std::string& batch = self.host_.write_buffer;
        if (batch.size() >= mock_http2_batch || self.cut_) return NGHTTP2_ERR_WOULDBLOCK;
        auto& of = *static_cast<exchange*>(source->ptr);
        if (of.streaming && !batch.empty() &&
            batch.size() + mock_frame_head + size > of.reply->stream->record_bytes()) {
            return NGHTTP2_ERR_WOULDBLOCK;  // it goes into the next record
        }
        batch.append(reinterpret_cast<const char*>(head), mock_frame_head);
        if (of.streaming) {
            batch.append(of.reply->stream->unsent, 0, size);
            of.reply->stream->sent(size);
        } else {
            batch.append(of.reply->body, of.sent, size);
        }
        of.sent += size;
        if (of.reply->fault != mock_fault::none && of.sent == of.end()) self.fail(of);
        return 0;
    }
};

CHORUS_DECL void http2_server::session_deleter::operator()(nghttp2_session* session) const noexcept {
    nghttp2_session_del(session);
}

CHORUS_DECL http2_server::http2_server(mock_host& host) : host_(host), number_(++host.http2_connections) {
    nghttp2_session_callbacks* raw_callbacks = nullptr;
    nghttp2_option* raw_options = nullptr;
    if (nghttp2_session_callbacks_new(&raw_callbacks) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> callbacks(
        raw_callbacks, &nghttp2_session_callbacks_del);
    if (nghttp2_option_new(&raw_options) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_option, void (*)(nghttp2_option*)> options(raw_options, &nghttp2_option_del);

    nghttp2_session_callbacks_set_on_begin_headers_callback(raw_callbacks, &hooks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(raw_callbacks, &hooks::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw_callbacks, &hooks::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(raw_callbacks, &hooks::on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(raw_callbacks, &hooks::on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(raw_callbacks, &hooks::on_close);
    nghttp2_session_callbacks_set_send_data_callback(raw_callbacks, &hooks::send_data);
    // Closed streams are kept for the priority tree only, which nobody uses.
    nghttp2_option_set_no_closed_streams(raw_options, 1);
    allow_any_number_of_resets(raw_options, 0);

    nghttp2_session* session = nullptr;
    if (nghttp2_session_server_new2(&session, raw_callbacks, this, raw_options) != 0) throw std::bad_alloc();
    session_.reset(session);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, host.options.max_concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1024 * 1024},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 16 * 1024 * 1024);
}

CHORUS_DECL http2_server::~http2_server() {
    while (!open_.empty()) {
        exchange& last = *open_.back();
        using outcome = mock_service::outcome;
        forget(last, last.outcome == outcome::replied ? outcome::abandoned : last.outcome);
    }
}

CHORUS_DECL bool http2_server::feed(std::string_view arrived, clock::time_point now) {
    now_ = now;
    receiving_ = true;
    const auto taken =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(arrived.data()), arrived.size());
    receiving_ = false;
    rethrow();
    if (taken < 0) ++host_.service.counters().malformed;
    return taken >= 0;
}

CHORUS_DECL std::string_view http2_server::gather() {
    std::string& batch = host_.write_buffer;
    batch.clear();
    gathering_ = true;
    while (batch.size() < mock_http2_batch && !cut_) {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
        if (size <= 0) break;
        batch.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    gathering_ = false;
    batch.append(std::exchange(raw_, {}));
    return batch;
}

CHORUS_DECL void http2_server::rethrow() {
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

CHORUS_DECL void http2_server::make_pieces(mock_stream& stream, std::size_t room) {
    const std::size_t frame = std::min(room, stream_frame(stream));
    if (stream.record_bytes() > 0 && stream.unsent.size() < frame) stream.unsent.reserve(frame);
    while (stream.may_take(now_) &&
           (stream.unsent.empty() || (stream.record_bytes() > 0 && stream.unsent.size() < frame))) {
        stream.take(stream.unsent);
        ++host_.service.counters().chunks;
    }
}

CHORUS_DECL bool http2_server::is_over() const noexcept {
    if (going_away_ && open_.empty()) return true;
    return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
}

CHORUS_DECL http2_server::exchange* http2_server::find(std::int32_t stream) const noexcept {
    return static_cast<exchange*>(nghttp2_session_get_stream_user_data(session_.get(), stream));
}

CHORUS_DECL void http2_server::open(std::int32_t stream) {
    if (going_away_ && stream > last_) return;
    auto added = std::make_unique<exchange>();
    added->id = stream;
    added->place = static_cast<std::uint32_t>(open_.size());
    auto& spare = host_.spare_requests;
    if (spare.empty()) {
        added->request = std::make_unique<mock_request>();
    } else {
        added->request = std::move(spare.back());
        spare.pop_back();
    }
    nghttp2_session_set_stream_user_data(session_.get(), stream, added.get());
    open_.push_back(std::move(added));
    newest_ = stream;
    if (++accepted_ == host_.options.max_requests_per_connection) go_away_after(stream);
}

CHORUS_DECL void http2_server::complete(exchange& of) {
    if (dropping_ || (going_away_ && of.id > last_)) return;
    of.begun = true;
    of.request->connection = number_;
    of.request->stream_id = of.id;
    of.reply = std::make_unique<mock_reply>();
    host_.service.begin(*of.request, *of.reply, of.owed);
    of.with_body = of.request->method != "HEAD";
    of.request->clear();
    if (host_.spare_requests.size() < mock_http2_spare_requests) host_.spare_requests.push_back(std::move(of.request));
    of.request.reset();
    if (of.reply->hold) {
        of.held = true;
    } else if (const auto latency = of.reply->latency.value_or(std::chrono::nanoseconds::zero()); latency.count() > 0) {
        wait_until(of, now_ + latency);
        const bool by_default = of.owed.number != 0 && of.reply->headers.empty() && !of.reply->close_after &&
                                of.reply->fault == mock_fault::none && !of.reply->stream &&
                                of.reply->chunk_bytes == host_.options.chunk_bytes;
        if (by_default) of.reply.reset();
    } else {
        answer(of);
    }
}

CHORUS_DECL bool http2_server::release(clock::time_point now) {
    now_ = now;
    std::vector<std::int32_t> held;  // an answer may close streams
    for (const auto& each : open_) {
        if (each->held || each->streaming) held.push_back(each->id);
    }
    std::sort(held.begin(), held.end());
    for (const std::int32_t id : held) {
        exchange* of = find(id);
        if (of == nullptr) continue;
        if (of->held) {
            answer(*of);
        } else {
            of->reply->stream->release();
            resume(*of);
        }
    }
    return !held.empty();
}

CHORUS_DECL void http2_server::answer(exchange& of) {
    of.held = false;
    if (dropping_) return;
    if (!of.reply) {
        of.reply = std::make_unique<mock_reply>();
        of.reply->chunk_bytes = host_.options.chunk_bytes;
    }
    host_.service.write(of.owed, *of.reply);
    of.owed = {};
    if (of.reply->raw) return answer_raw(of);
    if (of.reply->fault != mock_fault::none && of.reply->fault_after == 0) return fail(of);
    submit(of);
    if (of.reply->close_after) go_away_after(newest_);
}

// Bytes go between two frames. nghttp2 knows nothing of them, so the stream is done with.
CHORUS_DECL void http2_server::answer_raw(exchange& of) {
    const mock_fault fault = of.reply->fault;
    raw_.append(*of.reply->raw, 0, fault == mock_fault::none ? std::string::npos : of.reply->fault_after);
    if (fault != mock_fault::none) return fail(of);
    reset_here_.push_back(of.id);  // by the client's lights it may be open, and a reset of it no offence
    if (of.reply->close_after && !going_away_) {
        going_away_ = true;
        last_ = newest_;
    }
    forget(of, mock_service::outcome::replied);
}

CHORUS_DECL void http2_server::submit(exchange& of) {
    std::vector<nghttp2_nv> fields;
    fields.reserve(16);
    const auto add = [&](std::string_view name, std::string_view value) {
        const auto bytes = [](std::string_view text) {
            return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 copies them
        };
        fields.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    };
    char status[16];
    char length[24];
    const auto digits = [](auto& room, auto number) {
        return std::string_view(room, std::to_chars(std::begin(room), std::end(room), number).ptr);
    };
    add(":status", digits(status, of.reply->status));
    bool has_length = false;
    for (const http::header field : of.reply->headers) {
        // RFC 9113 section 8.2.2: fields of a connection have no place in HTTP/2.
        const bool of_connection =
            http::equal_names(field.name, "connection") || http::equal_names(field.name, "keep-alive") ||
            http::equal_names(field.name, "transfer-encoding") || http::equal_names(field.name, "upgrade");
        if (of_connection) continue;
        has_length = has_length || http::equal_names(field.name, "content-length");
        add(field.name, field.value);
    }
    const bool streamed = of.reply->is_streamed();
    // RFC 9110 section 8.6: no length in a response that cannot have content.
    const int code = of.reply->status;
    if (code == 204 || code == 304 || code < 200) {
        of.with_body = false;
    } else if (!has_length && of.reply->chunk_bytes == 0 && !streamed) {
        add("content-length", digits(length, of.reply->body.size()));
    }
    nghttp2_data_provider body{};
    body.source.ptr = &of;
    body.read_callback = &hooks::read_body;
    const bool only_head = of.end() == 0 && of.reply->fault == mock_fault::none;
    if (streamed && of.with_body) {
        body.read_callback = &hooks::read_stream;
        of.streaming = true;
        of.reply->stream->start(now_);
        host_.service.stream_began();
        // RFC 9218 section 4.2: without this the first of several streams would be sent to its end before the next.
        const nghttp2_extpri side_by_side{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
        nghttp2_session_change_extpri_stream_priority(session_.get(), of.id, &side_by_side, 1);
    }
    nghttp2_submit_response(session_.get(), of.id, fields.data(), fields.size(), only_head ? nullptr : &body);
    if (of.streaming) of.reply->headers = {};  // a stream may stay open for long
}

// Nothing happens to a stream that waits for nothing.
CHORUS_DECL void http2_server::resume(exchange& of) noexcept {
    nghttp2_session_resume_data(session_.get(), of.id);
}

// The fault of a reply, when as much of it was sent as shall be.
CHORUS_DECL void http2_server::fail(exchange& of) {
    if (of.outcome == mock_service::outcome::dropped) return;
    if (of.reply->fault != mock_fault::stall) of.outcome = mock_service::outcome::dropped;
    switch (of.reply->fault) {
        case mock_fault::none:
        case mock_fault::stall:
            break;
        case mock_fault::drop:
        case mock_fault::half_close:
        case mock_fault::noise:
            dropping_ = true;
            dropped_by_ = of.reply->fault;
            cut_ = gathering_;
            break;
        case mock_fault::reset:
            nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, of.id, of.reply->error_code);
            break;
        case mock_fault::go_away:
            go_away_after(std::max(of.id - 2, 0));
            break;
    }
}

CHORUS_DECL void http2_server::forget(exchange& of, mock_service::outcome how) noexcept {
    if (of.begun) host_.service.end(how);
    if (of.streaming) host_.service.stream_ended();
    nghttp2_session_set_stream_user_data(session_.get(), of.id, nullptr);
    const auto place = of.place;
    std::swap(open_[place], open_.back());
    open_[place]->place = place;
    open_.pop_back();
    if (open_.empty()) due_.clear();
}

// Streams beyond `stream` are not served, and nghttp2 closes those that are open when the frame is sent.
CHORUS_DECL void http2_server::go_away_after(std::int32_t stream) {
    if (going_away_ && stream >= last_) return;
    going_away_ = true;
    last_ = stream;
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR, nullptr, 0);
}

CHORUS_DECL void http2_server::wait_until(exchange& of, clock::time_point when) {
    constexpr std::size_t few = 64;
    if (due_.size() > 2 * open_.size() + few) {
        std::erase_if(due_, [this](const due& each) { return find(each.stream) == nullptr; });
        std::make_heap(due_.begin(), due_.end(), std::greater<>());
    }
    due_.push_back({when, of.id});
    std::push_heap(due_.begin(), due_.end(), std::greater<>());
}

CHORUS_DECL std::optional<clock::time_point> http2_server::next_due() const noexcept {
    if (due_.empty()) return std::nullopt;
    return due_.front().when;
}

CHORUS_DECL void http2_server::answer_due(clock::time_point now) {
    now_ = now;
    while (!due_.empty() && due_.front().when <= now) {
        const std::int32_t stream = due_.front().stream;
        std::pop_heap(due_.begin(), due_.end(), std::greater<>());
        due_.pop_back();
        exchange* of = find(stream);
        if (of == nullptr) continue;
        of->streaming ? resume(*of) : answer(*of);
    }
}

}  // namespace chorus::testing::detail

#endif
