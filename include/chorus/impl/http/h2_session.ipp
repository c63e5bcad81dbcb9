#pragma once

#include <chorus/http/h2_session.hpp>

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace chorus::http {

namespace detail {

/// A header field as nghttp2 takes it. Nothing is copied: the views outlive the call.
CHORUS_DECL nghttp2_nv to_field(std::string_view name, std::string_view value,
                                std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) noexcept {
    auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

CHORUS_DECL std::string_view to_view(const std::uint8_t* bytes, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(bytes), size};
}

/// The largest head that a call takes, as SETTINGS_MAX_HEADER_LIST_SIZE counts it: 32 bytes more for each field
/// (RFC 9113, 6.5.2).
CHORUS_DECL std::uint32_t header_list_bytes(const limits& caps) noexcept {
    constexpr std::size_t most = 0xffff'ffff;
    constexpr std::size_t overhead = 32;
    const std::size_t fields = std::min(caps.head_fields, most / overhead / 2) * overhead;
    return static_cast<std::uint32_t>(std::min(caps.head_bytes, most - fields) + fields);
}

}  // namespace detail

class h2_session::machine {
    static constexpr int first_unknown_frame = NGHTTP2_CONTINUATION + 1;

 public:
    explicit machine(const h2_options& options) : options_(options) {
        nghttp2_option* settings = nullptr;
        nghttp2_option_new(&settings);
        nghttp2_option_set_peer_max_concurrent_streams(settings, options.assumed_streams);
        nghttp2_option_set_no_closed_streams(settings, 1);
        nghttp2_option_set_no_auto_window_update(settings, 1);
        // Frames that nobody knows are ignored (RFC 9113, 5.5), but counted.
        for (int type = first_unknown_frame; type <= 0xff; ++type) {
            nghttp2_option_set_user_recv_extension_type(settings, static_cast<std::uint8_t>(type));
        }
        nghttp2_session_client_new2(&session_, callbacks(), this, settings);
        nghttp2_option_del(settings);
        const std::array<nghttp2_settings_entry, 3> mine{{
            {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_list_bytes_},
        }};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, mine.data(), mine.size());
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                              static_cast<std::int32_t>(options.connection_window_bytes));
    }
    ~machine() {
        is_ending_ = true;
        nghttp2_session_del(session_);
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    result<void> submit(stream& one) {
        const request& message = one.message_;
        if (authority_.empty() || message.origin != origin_) {
            origin_ = message.origin;
            authority_ = origin_.authority();
        }
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, message.body.size()).ptr;
        fields_.clear();
        fields_.push_back(detail::to_field(":method", message.method));
        fields_.push_back(detail::to_field(":scheme", message.origin.tls ? "https" : "http"));
        fields_.push_back(detail::to_field(":authority", authority_));
        fields_.push_back(detail::to_field(":path", message.target));
        // HTTP/2 knows lower-case names only.
        names_.resize(message.headers.block().size());
        char* next_name = names_.data();
        for (const header field : message.headers) {
            const std::string_view name(next_name, field.name.size());
            next_name = std::transform(field.name.begin(), field.name.end(), next_name,
                                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
            // A secret must not enter the compression table (RFC 7541, 7.1.3), nor may what differs each time.
            const bool is_kept_out = holds_secret(name) || name == "x-client-request-id";
            fields_.push_back(detail::to_field(
                name, field.value,
                static_cast<std::uint8_t>(is_kept_out ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)));
        }
        if (!message.body.empty()) {
            fields_.push_back(detail::to_field("content-length", {digits, static_cast<std::size_t>(end - digits)}));
        }
        nghttp2_data_provider source{};
        source.source.ptr = &one;
        source.read_callback = &read_body;
        const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields_.data(), fields_.size(),
                                                       message.body.empty() ? nullptr : &source, &one);
        if (id < 0) return error(errc::refused, nghttp2_strerror(id));
        one.id_ = id;
        link(one);
        // A connection tells what usual calls take, and more when a call comes that takes more.
        if (const std::uint32_t taken = detail::header_list_bytes(one.caps_); taken > header_list_bytes_) {
            header_list_bytes_ = taken;
            const nghttp2_settings_entry larger{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, taken};
            nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &larger, 1);
        }
        return {};
    }

    void cancel(stream& one) noexcept {
        if (std::exchange(one.has_news_, false)) std::erase(news_, &one);
        if (!one.is_open_) {
            std::erase(completions_, &one);
            std::erase(first_bytes_, &one);
            return;
        }
        // Where both sides have said all they had to say, there is nothing to reset (RFC 9113, 5.1).
        const bool is_complete = one.is_complete_;
        close(one);
        if (!is_complete) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, one.id_, NGHTTP2_CANCEL);
    }

    result<void> feed(std::string_view bytes, time_point now) {
        if (failure_) return *failure_;
        now_ = now;
        const auto used =
            nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        if (used < 0) {
            // nghttp2 tells the peer nothing of these.
            constexpr int too_many_continuations = -905;  // NGHTTP2_ERR_TOO_MANY_CONTINUATIONS of newer versions
            const bool floods =
                used == NGHTTP2_ERR_CALLBACK_FAILURE || used == NGHTTP2_ERR_FLOODED || used == too_many_continuations;
            error broken(errc::protocol_error);
            broken.cause(floods ? "the peer floods the connection with frames that bring nothing"
                                : nghttp2_strerror(static_cast<int>(used)));
            nghttp2_session_terminate_session(session_, floods ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_INTERNAL_ERROR);
            failure_ = broken;
            return broken;
        }
        // nghttp2 answers most violations by itself, with a GOAWAY, and takes no further request.
        if (!goaway_ && !is_shut_down_ && nghttp2_session_check_request_allowed(session_) == 0) {
            failure_ = error(errc::protocol_error, "the server breaks the rules of HTTP/2");
            return *failure_;
        }
        return {};
    }

    void feed_end(std::string_view cause) {
        ended_ = true;
        while (first_ != nullptr) finish(*first_, failure_ ? errc::protocol_error : lost(*first_), cause);
    }

    bool append_output(std::string& out, time_point now, std::size_t enough) {
        now_ = now;
        const std::size_t start = out.size();
        while (out.size() - start < enough) {
            const std::uint8_t* bytes = nullptr;
            const auto size = nghttp2_session_mem_send(session_, &bytes);
            if (size <= 0) return false;
            out.append(detail::to_view(bytes, static_cast<std::size_t>(size)));
        }
        return nghttp2_session_want_write(session_) != 0;
    }

    std::vector<stream*> take_completions() noexcept { return std::exchange(completions_, {}); }
    std::vector<stream*> take_first_bytes() noexcept { return std::exchange(first_bytes_, {}); }

    std::vector<stream*> take_news() noexcept {
        for (stream* const one : news_) one->has_news_ = false;
        return std::exchange(news_, {});
    }

    bool consume(stream& one, std::size_t bytes) {
        if (!one.is_open_ || one.is_complete_) return false;
        nghttp2_session_consume_stream(session_, one.id_, bytes);
        return nghttp2_session_want_write(session_) != 0;
    }

    void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
    std::size_t pings_answered() const noexcept { return pings_answered_; }

    std::size_t capacity() const noexcept {
        return std::clamp(nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 1u,
                          options_.most_streams);
    }
    std::size_t open_streams() const noexcept { return open_; }
    bool is_accepting() const noexcept {
        return !ended_ && !failure_ && !goaway_ && !is_suspect_ && nghttp2_session_check_request_allowed(session_) != 0;
    }
    bool has_taken_up_streams() const noexcept { return has_taken_up_streams_; }
    bool has_settings() const noexcept { return has_settings_; }
    void shut_down() {
        is_shut_down_ = true;
        nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    }

 private:
    static machine& self(void* user_data) { return *static_cast<machine*>(user_data); }
    /// The same one again and again, while its headers and its body arrive.
    stream* find(std::int32_t id) {
        if (found_ == nullptr || found_->id_ != id) {
            found_ = static_cast<stream*>(nghttp2_session_get_stream_user_data(session_, id));
        }
        return found_;
    }

    void link(stream& one) noexcept {
        one.next_ = first_;
        if (first_ != nullptr) first_->previous_ = &one;
        first_ = &one;
        one.is_open_ = true;
        ++open_;
    }

    /// Nothing that nghttp2 does from now on concerns the exchange.
    void close(stream& one) noexcept {
        nghttp2_session_set_stream_user_data(session_, one.id_, nullptr);
        (one.previous_ != nullptr ? one.previous_->next_ : first_) = one.next_;
        if (one.next_ != nullptr) one.next_->previous_ = one.previous_;
        if (found_ == &one) found_ = nullptr;
        one.is_open_ = false;
        --open_;
    }

    errc lost(const stream& one) const noexcept {
        if (one.has_begun_) return errc::truncated;
        // nghttp2 makes a stream when it sends the head of the request: without one, the peer has not seen it.
        return nghttp2_session_find_stream(session_, one.id_) == nullptr ? errc::refused : errc::connection_lost;
    }

    void finish(stream& one, errc code, std::string_view cause = {}) {
        if (!one.is_complete_) {
            one.failure = error(code);
            if (!cause.empty()) one.failure.cause(std::string(cause));
        }
        close(one);
        completions_.push_back(&one);
    }

    /// Something of the response has come.
    void report(stream& one) {
        one.last_heard_ = now_;
        if (one.unread_ == nullptr || std::exchange(one.has_news_, true)) return;
        news_.push_back(&one);
    }

    /// Resets a stream whose response breaks a limit; the completion comes with its closing.
    int refuse(stream& one, errc limit) {
        one.broken_limit_ = limit;
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, one.id_, NGHTTP2_CANCEL);
        return 0;
    }

    /// Frames that bring nothing cost the peer little and us some work each: a peer that sends nothing else is stopped.
    int count_empty(bool is_empty) {
        empty_frames_ = is_empty ? empty_frames_ + 1 : 0;
        return empty_frames_ <= options_.empty_frames ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    /// A window given back for what was sent is of use, however small the pieces are in which servers do it.
    int count_window_update() {
        if (expected_updates_ == 0) return count_empty(true);
        --expected_updates_;
        return 0;
    }

    static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t room,
                             std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
        // The source would still be there after a cancellation; what it points at would not.
        machine& here = self(user_data);
        stream* const one = here.find(id);
        if (one == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t size = std::min(room, one->unsent_.size());
        here.expected_updates_ += 2 + size / 256;  // of the stream and of the connection
        std::memcpy(buffer, one->unsent_.data(), size);
        one->unsent_.remove_prefix(size);
        one->last_sent_ = here.now_;
        if (one->unsent_.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
        machine& here = self(user_data);
        stream* const one = here.find(frame->hd.stream_id);
        if (one == nullptr || one->broken_limit_ != errc{}) return 0;
        response& answer = one->answer_;
        // Trailers bring nothing that a chat response needs.
        if (one->has_head_) return 0;
        one->last_heard_ = here.now_;
        if (!one->has_begun_) {
            one->has_begun_ = true;
            head_listener* const listener = answer.listener;
            answer = {};  // it may hold what an earlier attempt received
            answer.listener = listener;
            here.first_bytes_.push_back(one);
        }
        const std::string_view field = detail::to_view(name, name_size);
        const std::string_view text = detail::to_view(value, value_size);
        // Of all heads together: interim responses may not go on for ever either.
        if (++one->head_fields_ > one->caps_.head_fields) {
            here.refuse(*one, errc::head_too_large);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        if (field == ":status") {
            // An interim response (1xx) is replaced by what follows it.
            answer.headers.clear();
            answer.headers.reserve(usual_head_bytes);
            std::from_chars(text.data(), text.data() + text.size(), answer.status);
            return 0;
        }
        if (answer.headers.block().size() + field.size() + text.size() + 4 > one->caps_.head_bytes) {
            here.refuse(*one, errc::head_too_large);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        if (field == "content-length") std::from_chars(text.data(), text.data() + text.size(), one->announced_bytes_);
        answer.headers.add(field, text);
        if (answer.status >= 200 && field == "content-encoding" && !detail::content_coding(answer.headers).empty()) {
            if (answer.status >= 300) {  // the status says more than its body
                one->is_body_dropped_ = true;
                return 0;
            }
            here.refuse(*one, errc::decode_failed);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                       void* user_data) {
        machine& here = self(user_data);
        stream* const one = here.find(id);
        const bool is_wanted =
            one != nullptr && one->has_begun_ && one->broken_limit_ == errc{} && !one->is_body_dropped_;
        if (is_wanted) here.report(*one);
        if (is_wanted && one->unread_ != nullptr) {
            // The window of the connection is given back at once: who is slow holds back nobody but himself.
            nghttp2_session_consume_connection(here.session_, size);
            one->unread_->append(detail::to_view(bytes, size));
            return 0;
        }
        nghttp2_session_consume(here.session_, id, size);
        if (!is_wanted) return 0;
        std::string& body = one->answer_.body;
        if (body.size() + size > one->caps_.body_bytes) return here.refuse(*one, errc::body_too_large);
        if (body.empty()) {
            // Most bodies come in one frame: what it holds is what is needed, unless the head says more.
            constexpr std::size_t trusted = 1024 * 1024;
            body.reserve(std::max(size, std::min(one->announced_bytes_, trusted)));
        }
        body.append(detail::to_view(bytes, size));
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
        machine& here = self(user_data);
        const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        switch (frame->hd.type) {
            case NGHTTP2_HEADERS:
            case NGHTTP2_DATA: {
                if (stream* const one = here.find(frame->hd.stream_id); one != nullptr && one->has_begun_) {
                    here.note_frame(*one, ends);
                }
                return here.count_empty(frame->hd.type == NGHTTP2_DATA && frame->hd.length <= frame->data.padlen &&
                                        !ends);
            }
            case NGHTTP2_SETTINGS:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) return 0;
                here.has_settings_ = true;
                return here.count_empty(true);
            case NGHTTP2_PING:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) return here.count_empty(true);
                ++here.pings_answered_;
                return 0;
            case NGHTTP2_GOAWAY:
                // nghttp2 closes the streams that the peer will not process, as refused.
                here.goaway_ = true;
                here.has_taken_up_streams_ = frame->goaway.last_stream_id > 0;
                return 0;
            case NGHTTP2_WINDOW_UPDATE:
                return 0;  // counted when it began
            case NGHTTP2_RST_STREAM:
                // The end of an exchange is news; each has one.
                return here.count_empty(here.find(frame->hd.stream_id) == nullptr);
            default:
                return here.count_empty(true);
        }
    }

    /// Window updates are counted here: `on_frame` does not see those of closed streams.
    static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
        return head->type == NGHTTP2_WINDOW_UPDATE ? self(user_data).count_window_update() : 0;
    }

    static int on_unknown_frame(nghttp2_session*, void**, const nghttp2_frame_hd*, void* user_data) {
        const int outcome = self(user_data).count_empty(true);
        return outcome != 0 ? outcome : NGHTTP2_ERR_CANCEL;  // it goes no further
    }

    void note_frame(stream& one, bool ends) {
        if (ends) one.is_complete_ = one.broken_limit_ == errc{};
        const bool is_new = !one.has_head_ && one.answer_.status >= 200;
        if (is_new) one.has_head_ = true;
        if (is_new && one.answer_.listener != nullptr) first_bytes_.push_back(&one);
        if (is_new || ends) report(one);
    }

    /// A GOAWAY came before the request was sent.
    static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
        if (frame->hd.type != NGHTTP2_HEADERS) return 0;
        if (stream* const one = self(user_data).find(frame->hd.stream_id)) one->was_not_sent_ = true;
        return 0;
    }

    static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user_data) {
        machine& here = self(user_data);
        stream* const one = here.is_ending_ ? nullptr : here.find(id);
        if (one == nullptr) return 0;
        if (one->broken_limit_ != errc{}) {
            here.finish(*one, one->broken_limit_);
            if (one->broken_limit_ == errc::decode_failed) {
                one->failure = detail::coded_body(detail::content_coding(one->answer_.headers));
            }
        } else if (one->was_not_sent_ || (code == NGHTTP2_REFUSED_STREAM && !one->has_begun_)) {
            here.finish(*one, errc::refused);
        } else if (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_NO_ERROR) {
            // What could be two messages to somebody behind the peer is reset by nghttp2 (RFC 9113, 8.1.1 and 10.3). The
            // other answers of such a peer are waited for, and no more are asked of it.
            here.is_suspect_ |= code == NGHTTP2_PROTOCOL_ERROR;
            here.finish(*one, errc::protocol_error, nghttp2_http2_strerror(code));
        } else {
            here.finish(*one, one->has_begun_ ? errc::truncated : errc::connection_lost, nghttp2_http2_strerror(code));
        }
        return 0;
    }

    static const nghttp2_session_callbacks* callbacks() {
        static nghttp2_session_callbacks* const made = [] {
            nghttp2_session_callbacks* fresh = nullptr;
            nghttp2_session_callbacks_new(&fresh);
            nghttp2_session_callbacks_set_on_header_callback(fresh, &on_header);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(fresh, &on_data);
            nghttp2_session_callbacks_set_on_begin_frame_callback(fresh, &on_begin_frame);
            nghttp2_session_callbacks_set_on_frame_recv_callback(fresh, &on_frame);
            nghttp2_session_callbacks_set_unpack_extension_callback(fresh, &on_unknown_frame);
            nghttp2_session_callbacks_set_on_frame_not_send_callback(fresh, &on_not_sent);
            nghttp2_session_callbacks_set_on_stream_close_callback(fresh, &on_stream_close);
            return fresh;
        }();
        return made;
    }

    h2_options options_;
    nghttp2_session* session_ = nullptr;
    stream* first_ = nullptr;
    stream* found_ = nullptr;
    std::size_t open_ = 0;
    std::size_t pings_answered_ = 0;
    std::size_t empty_frames_ = 0;
    std::size_t expected_updates_ = 0;
    std::uint32_t header_list_bytes_ = detail::header_list_bytes(limits());  // as the peer is told
    time_point now_{};
    std::vector<stream*> completions_;
    std::vector<stream*> first_bytes_;
    std::vector<stream*> news_;
    std::vector<nghttp2_nv> fields_;  // of the request being encoded
    std::string names_;
    origin origin_;  // of the last request; a connection hardly ever has another
    std::string authority_;
    std::optional<error> failure_;
    bool has_settings_ = false;
    bool goaway_ = false;
    bool has_taken_up_streams_ = false;
    bool ended_ = false;
    bool is_ending_ = false;
    bool is_shut_down_ = false;
    bool is_suspect_ = false;  // it has sent what is no HTTP
};

CHORUS_DECL h2_session::h2_session(const h2_options& options) : machine_(std::make_unique<machine>(options)) {}
CHORUS_DECL h2_session::~h2_session() = default;

CHORUS_DECL result<void> h2_session::submit(stream& one) {
    return machine_->submit(one);
}
CHORUS_DECL void h2_session::cancel(stream& one) noexcept {
    machine_->cancel(one);
}
CHORUS_DECL result<void> h2_session::feed(std::string_view bytes, time_point now) {
    return machine_->feed(bytes, now);
}
CHORUS_DECL void h2_session::feed_end(std::string_view cause) {
    machine_->feed_end(cause);
}
CHORUS_DECL bool h2_session::append_output(std::string& out, time_point now, std::size_t enough) {
    return machine_->append_output(out, now, enough);
}
CHORUS_DECL std::vector<h2_session::stream*> h2_session::take_completions() noexcept {
    return machine_->take_completions();
}
CHORUS_DECL std::vector<h2_session::stream*> h2_session::take_first_bytes() noexcept {
    return machine_->take_first_bytes();
}
CHORUS_DECL std::vector<h2_session::stream*> h2_session::take_news() noexcept {
    return machine_->take_news();
}
CHORUS_DECL bool h2_session::consume(stream& one, std::size_t bytes) {
    return machine_->consume(one, bytes);
}
CHORUS_DECL void h2_session::ping() {
    machine_->ping();
}
CHORUS_DECL std::size_t h2_session::pings_answered() const noexcept {
    return machine_->pings_answered();
}
CHORUS_DECL std::size_t h2_session::capacity() const noexcept {
    return machine_->capacity();
}
CHORUS_DECL std::size_t h2_session::open_streams() const noexcept {
    return machine_->open_streams();
}
CHORUS_DECL bool h2_session::is_accepting() const noexcept {
    return machine_->is_accepting();
}
CHORUS_DECL bool h2_session::has_taken_up_streams() const noexcept {
    return machine_->has_taken_up_streams();
}
CHORUS_DECL bool h2_session::has_settings() const noexcept {
    return machine_->has_settings();
}
CHORUS_DECL void h2_session::shut_down() {
    machine_->shut_down();
}

}  // namespace chorus::http
