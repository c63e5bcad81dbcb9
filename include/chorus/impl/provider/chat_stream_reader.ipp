#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/provider/chat_stream_reader.hpp>

#include <algorithm>
#include <utility>

namespace chorus {

namespace detail {

CHORUS_DECL error in_stream(error failure, std::string_view request_id) {
    if (failure.request_id().empty()) failure.request_id(std::string(request_id));
    if (failure.phase() == phase::none) failure.phase(phase::read);
    return failure;
}

}  // namespace detail

CHORUS_DECL chat_stream_reader::chat_stream_reader(const provider& api, http::response head, chat_event_options wanted,
                                                   std::chrono::system_clock::time_point received_at,
                                                   const http::limits& caps)
    : api_(api),
      head_(std::move(head)),
      wanted_(wanted),
      received_at_(received_at),
      most_bytes_(caps.body_bytes),
      stream_bytes_left_(caps.stream_bytes),
      kind_(is_success() ? body_kind::unknown : body_kind::whole),
      accumulator_(wanted) {}

CHORUS_DECL result<void> chat_stream_reader::take(std::string_view bytes) {
    byte_count_ += bytes.size();
    if (is_complete_) return {};
    if (kind_ == body_kind::unknown) {
        // Blank lines and a byte order mark mean nothing in either kind; servers send the lines as signs of life.
        bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf"), bytes.size()));
        if (bytes.empty()) return {};
        kind_ = kind_of(bytes);
    }
    return kind_ == body_kind::events ? take_events(bytes) : take_whole(bytes);
}

/// No line of an event stream that means something begins like JSON or HTML.
CHORUS_DECL chat_stream_reader::body_kind chat_stream_reader::kind_of(std::string_view bytes) {
    if (bytes.front() == '{' || bytes.front() == '[' || bytes.front() == '<') return body_kind::whole;
    decoder_ = api_.make_stream_decoder();
    return body_kind::events;
}

CHORUS_DECL result<void> chat_stream_reader::take_events(std::string_view bytes) {
    if (bytes.size() > stream_bytes_left_) {
        return detail::in_stream(error(errc::body_too_large, "the stream exceeds the limit on its bytes"),
                                 request_id());
    }
    stream_bytes_left_ -= bytes.size();
    events_.feed(bytes);
    for (sse::event next; !is_complete_;) {
        switch (events_.next(next)) {
            case sse::step::event:
                if (const auto understood = understand(next); !understood) return understood;
                break;
            case sse::step::comment:
                accumulator_.add_heartbeat();
                break;
            case sse::step::more:
                return {};
            case sse::step::failed:
                return detail::in_stream(events_.failure(), request_id());
        }
    }
    return {};
}

CHORUS_DECL result<void> chat_stream_reader::understand(const sse::event& next) {
    if (wanted_.raw_events) accumulator_.add_raw(next.type, next.data);
    if (const auto read = decoder_->read(next, accumulator_); !read) {
        return detail::in_stream(read.error(), request_id());
    }
    if (decoder_->is_complete()) {
        is_complete_ = true;
        accumulator_.end();
    }
    return {};
}

CHORUS_DECL result<void> chat_stream_reader::take_whole(std::string_view bytes) {
    if (is_success()) {
        if (whole_.size() + bytes.size() > most_bytes_) {
            return detail::in_stream(error(errc::body_too_large), request_id());
        }
        whole_.append(bytes);
        return {};
    }
    whole_.append(bytes.substr(0, most_error_bytes - whole_.size()));
    return whole_.size() == most_error_bytes ? finish_whole() : result<void>();
}

CHORUS_DECL result<void> chat_stream_reader::finish() {
    if (is_complete_) return {};
    if (kind_ == body_kind::whole) return finish_whole();
    if (kind_ == body_kind::unknown) return detail::in_stream(error(errc::truncated), request_id());
    // The last event may lack the empty line behind it. If it was cut off, it says nothing.
    sse::event last;
    if (events_.finish(last) && (json::is_complete(last.data) || last.data.starts_with("[DONE]"))) {
        if (const auto understood = understand(last); !understood) return understood;
    }
    if (!is_complete_) {
        if (const auto ended = decoder_->finish(accumulator_); !ended) {
            return detail::in_stream(ended.error(), request_id());
        }
        is_complete_ = true;
        accumulator_.end();
    }
    return {};
}

CHORUS_DECL result<void> chat_stream_reader::finish_whole() {
    http::response received = head_;
    received.body = std::move(whole_);
    auto decoded = api_.decode(std::move(received), received_at_);
    if (!decoded) return decoded.error();
    accumulator_.add_whole(decoded->completion());
    is_complete_ = true;
    return {};
}

CHORUS_DECL chat_response chat_stream_reader::response(std::chrono::nanoseconds total) const {
    http::response received = head_;
    received.timing.total = total;
    return chat_response(accumulator_.so_far(), std::move(received), &policy::parse_rate_limits, received_at_);
}

}  // namespace chorus
