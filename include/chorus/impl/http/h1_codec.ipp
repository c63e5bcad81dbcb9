#pragma once

#include <chorus/http/h1_codec.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace chorus::http {

CHORUS_DECL void encode_h1(const request& message, std::string& out, const forwarding* via) {
    const std::string authority = message.origin.authority();
    char digits[20];
    const auto length = std::to_chars(digits, digits + sizeof digits, message.body.size());
    const bool has_body = !message.body.empty() || (message.method != "GET" && message.method != "DELETE");

    out.reserve(out.size() + message.method.size() + message.target.size() + authority.size() +
                message.headers.block().size() + message.body.size() + 80);
    out.append(message.method).append(" ");
    if (via != nullptr) out.append(message.origin.to_string());
    out.append(message.target).append(" HTTP/1.1\r\nHost: ").append(authority);
    out.append("\r\n").append(message.headers.block());
    if (via != nullptr && !via->credentials.empty()) {
        out.append("Proxy-Authorization: ").append(via->credentials.expose()).append("\r\n");
    }
    if (has_body) out.append("Content-Length: ").append(digits, length.ptr).append("\r\n");
    out.append("\r\n").append(message.body);
}

/// Line by line, and strict: what another reader on the way may take for something else is refused, or ends the use of the
/// connection where RFC 9112 has it read. A line is used up when it is whole, so that a cut leaves no trace.
class h1_response_decoder::machine {
 public:
    void start(const limits& caps, bool is_streamed) {
        caps_ = caps;
        is_streamed_ = is_streamed;
        has_begun_ = ended_by_close_ = is_doubtful_ = false;
        head_bytes_ = head_fields_ = 0;
        begin_head();
    }

    result<std::size_t> feed(std::string_view bytes) { return run(bytes, nullptr); }
    result<std::size_t> feed_body(std::string_view bytes, body_sink& into) { return run(bytes, &into); }

    result<void> feed_end() {
        if (!has_begun_) return error(errc::connection_lost);
        if (next_ == part::until_close) {
            next_ = part::complete;
            ended_by_close_ = true;
        }
        if (next_ != part::complete) return error(errc::truncated);
        return {};
    }

    bool has_begun() const noexcept { return has_begun_; }
    bool has_head() const noexcept { return next_ > part::fields; }
    bool is_complete() const noexcept { return next_ == part::complete; }
    bool keep_alive() const noexcept {
        return !ended_by_close_ && !is_doubtful_ && !says_close_ && (is_http_1_1_ || says_keep_alive_);
    }

    std::string_view keep_alive_field() const noexcept { return keep_alive_field_; }
    response& message() noexcept { return message_; }
    const response& message() const noexcept { return message_; }

 private:
    /// What comes next.
    enum class part { status_line, fields, body, until_close, chunk_line, chunk, chunk_end, trailers, complete };

    void begin_head() {
        next_ = part::status_line;
        message_ = {};
        keep_alive_field_.clear();
        searched_ = trailer_bytes_ = 0;
        length_.reset();
        is_chunked_ = may_be_coded_ = is_body_dropped_ = says_close_ = says_keep_alive_ = false;
    }

    result<std::size_t> run(std::string_view bytes, body_sink* sink) {
        const bool stops_behind_head = is_streamed_ && sink == nullptr;
        std::size_t used = 0;
        while (used < bytes.size() && !is_complete() && !(stops_behind_head && has_head())) {
            has_begun_ = true;
            const std::string_view rest = bytes.substr(used);
            const auto taken = step(rest, sink);
            if (!taken) return taken.error();
            if (*taken == 0) break;
            used += *taken;
        }
        return used;
    }

    /// Takes the next line or piece of a body; 0 if it is not whole.
    result<std::size_t> step(std::string_view rest, body_sink* sink) {
        switch (next_) {
            case part::body:
            case part::chunk:
                return take_counted(rest, sink);
            case part::until_close: {
                if (auto given = give(rest, sink); !given) return given.error();
                return rest.size();
            }
            case part::chunk_end:
                if (!std::string_view("\r\n").starts_with(rest.substr(0, 2)))
                    return broken("a chunk is longer than it says");
                if (rest.size() < 2) return std::size_t{0};
                next_ = part::chunk_line;
                return std::size_t{2};
            default:
                break;
        }
        constexpr std::string_view beginning = "HTTP/1.";
        if (next_ == part::status_line && !rest.starts_with(beginning.substr(0, rest.size()))) {
            return broken("the response does not begin with HTTP/1.0 or HTTP/1.1");
        }
        std::string_view line;
        const auto taken = find_line(rest, line);
        if (!taken) return taken;
        // A line that is not whole counts too: it may never end.
        if (auto small = check_size(*taken == 0 ? rest.size() : *taken); !small) return small.error();
        if (*taken == 0) return taken;
        searched_ = 0;
        is_folded_ = false;
        count_line(*taken);
        if (auto read = take_line(line); !read) return read.error();
        return taken;
    }

    /// Finds a line and returns its size with its end, or 0. A field may go on in the next line (RFC 9112, 5.2), so that
    /// only the byte behind its line tells that it is whole.
    result<std::size_t> find_line(std::string_view rest, std::string_view& line) {
        const bool may_be_folded = next_ == part::fields || next_ == part::trailers;
        for (;;) {
            const std::size_t end = rest.find('\n', searched_);
            searched_ = std::min(end, rest.size());
            if (end == rest.npos) return std::size_t{0};
            if (end == 0 || rest[end - 1] != '\r') {
                if (auto small = check_size(end + 1); !small) return small.error();
                return broken("a line ends without CR");
            }
            line = rest.substr(0, end - 1);
            if (!may_be_folded || line.empty()) return end + 1;
            if (end + 1 == rest.size()) return std::size_t{0};
            if (is_blank(rest[end + 1])) {
                searched_ = end + 1;
                is_folded_ = true;
                continue;
            }
            if (is_folded_) line = unfolded(line);
            return end + 1;
        }
    }

    std::string_view unfolded(std::string_view line) {
        is_doubtful_ = true;
        unfolded_ = line;
        for (std::size_t fold = 0; (fold = unfolded_.find("\r\n", fold)) != unfolded_.npos;)
            unfolded_.replace(fold, 2, 2, ' ');
        return unfolded_;
    }

    result<void> check_size(std::size_t line_bytes) const {
        if (!has_head()) {
            if (head_bytes_ + line_bytes > caps_.head_bytes) return error(errc::head_too_large);
        } else if (trailer_bytes_ + line_bytes > caps_.head_bytes) {
            return broken(next_ == part::trailers ? "the trailers do not end"
                                                  : "a line of the chunked body does not end");
        }
        return {};
    }

    void count_line(std::size_t bytes) noexcept {
        if (!has_head()) head_bytes_ += bytes;
        if (next_ == part::trailers) trailer_bytes_ += bytes;
    }

    result<void> take_line(std::string_view line) {
        switch (next_) {
            case part::status_line:
                return take_status(line);
            case part::fields:
                return line.empty() ? end_head() : take_field(line);
            case part::chunk_line:
                return take_chunk_line(line);
            default: {  // RFC 9110, 6.5.1: trailers must not be taken for headers
                if (line.empty()) {
                    next_ = part::complete;
                    return {};
                }
                std::string_view value;
                const auto name = split_field(line, value);
                if (!name) return name.error();
                return {};
            }
        }
    }

    result<void> take_status(std::string_view line) {
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        // Some servers leave out the blank that belongs behind the status.
        constexpr std::size_t shortest = std::string_view("HTTP/1.1 200").size();
        if (line.size() < shortest || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
            !std::all_of(line.begin() + 9, line.begin() + 12, is_digit) ||
            (line.size() > shortest && line[12] != ' ') || !headers::is_valid_value(line)) {
            return broken("the response does not begin with a status line of HTTP/1.0 or HTTP/1.1");
        }
        is_http_1_1_ = line[7] == '1';
        std::from_chars(line.data() + 9, line.data() + 12, message_.status);
        if (message_.status < 100) return broken("the status is no status of HTTP");
        if (message_.status == 101) return broken("the server switches protocols unasked");
        message_.headers.reserve(usual_head_bytes);
        next_ = part::fields;
        return {};
    }

    static bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

    static result<std::string_view> split_field(std::string_view line, std::string_view& value) {
        // RFC 9112, 5.1: no white space before the colon, for readers differ in what they make of it.
        const auto colon = static_cast<std::size_t>(
            std::find_if_not(line.begin(), line.end(), [](char c) { return headers::is_name_character(c); }) -
            line.begin());
        const std::string_view name = line.substr(0, colon);
        if (name.empty() || colon == line.size() || line[colon] != ':')
            return broken("a header field has no valid name");
        value = line.substr(colon + 1);
        if (!headers::is_valid_value(value)) return broken("a header field holds a control character");
        while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
        while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
        return name;
    }

    result<void> take_field(std::string_view line) {
        if (++head_fields_ > caps_.head_fields) {
            error many(errc::head_too_large);
            return many.cause("more than " + std::to_string(caps_.head_fields) + " header fields");
        }
        std::string_view value;
        const auto name = split_field(line, value);
        if (!name) return name.error();
        message_.headers.add(*name, value);
        switch (name->size()) {
            case std::string_view("connection").size():
                if (equal_names(*name, "keep-alive")) keep_alive_field_ = value;
                if (equal_names(*name, "connection")) take_connection(value);
                break;
            case std::string_view("content-length").size():
                if (equal_names(*name, "content-length")) return take_lengths(value);
                break;
            case std::string_view("content-encoding").size():
                if (equal_names(*name, "content-encoding")) may_be_coded_ = true;
                break;
            case std::string_view("transfer-encoding").size():
                if (equal_names(*name, "transfer-encoding")) return take_transfer_coding(value);
                break;
            default:
                break;
        }
        return {};
    }

    static std::string_view take_element(std::string_view& list) noexcept {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view element = chorus::detail::trimmed(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        return element;
    }

    void take_connection(std::string_view list) {
        while (!list.empty()) {
            const std::string_view option = take_element(list);
            if (equal_names(option, "close")) says_close_ = true;
            if (equal_names(option, "keep-alive")) says_keep_alive_ = true;
        }
    }

    /// RFC 9112, 6.3: the same length again, as some forwarders write it, is no conflict.
    result<void> take_lengths(std::string_view list) {
        if (is_chunked_) return broken(two_framings);
        if (list.empty() || list.ends_with(',')) return broken(no_length);
        while (!list.empty()) {
            const std::string_view digits = take_element(list);
            std::uint64_t length = 0;
            const char* const last = digits.data() + digits.size();
            const auto [end, failure] = std::from_chars(digits.data(), last, length);
            if (failure != std::errc() || end != last) return broken(no_length);
            if (length_ && *length_ != length) return broken("the response says two lengths");
            is_doubtful_ |= length_.has_value();
            length_ = length;
        }
        return {};
    }

    /// RFC 9112, 6.1: `chunked` alone is what every client must know, and no request asks for more.
    result<void> take_transfer_coding(std::string_view coding) {
        if (length_ || is_chunked_) return broken(two_framings);
        if (!equal_names(coding, "chunked"))
            return broken("the transfer coding is not chunked: " + detail::quoted(coding));
        is_chunked_ = true;
        is_doubtful_ |= !is_http_1_1_;
        return {};
    }

    result<void> end_head() {
        if (message_.status < 200) {
            begin_head();
            return {};
        }
        if (may_be_coded_) {
            const std::string_view coding = detail::content_coding(message_.headers);
            if (!coding.empty() && message_.status < 300) return detail::coded_body(coding);
            is_body_dropped_ = !coding.empty();  // the status says more than its body
        }
        if (message_.status == 204 || message_.status == 304) {
            // RFC 9112, 6.3: there is no body, whatever the head says. It must not say so with a 204 (RFC 9110, 8.6).
            is_doubtful_ |= is_chunked_ || (message_.status == 204 && length_.value_or(0) > 0);
            next_ = part::complete;
        } else if (is_chunked_) {
            next_ = part::chunk_line;
        } else if (!length_) {
            next_ = part::until_close;
            is_doubtful_ = true;
        } else {
            next_ = *length_ == 0 ? part::complete : part::body;
            return announce(*length_);
        }
        return {};
    }

    /// So many bytes of the body follow, as the peer says.
    result<void> announce(std::uint64_t bytes) {
        rest_ = bytes;
        if (is_streamed_ || is_body_dropped_) return {};
        if (bytes > caps_.body_bytes - message_.body.size()) return error(errc::body_too_large);
        // The peer's word alone must not make us allocate much.
        constexpr std::uint64_t trusted = 1024 * 1024;
        if (!is_chunked_) message_.body.reserve(static_cast<std::size_t>(std::min(bytes, trusted)));
        return {};
    }

    result<void> take_chunk_line(std::string_view line) {
        std::uint64_t size = 0;
        const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        if (failure != std::errc()) return broken("a chunk has no valid size");
        line.remove_prefix(static_cast<std::size_t>(end - line.data()));
        // RFC 9112, 7.1.1: extensions that one does not know are ignored.
        const std::size_t extension = line.find_first_not_of(" \t");
        const bool is_extended = extension != line.npos && line[extension] == ';';
        if (!line.empty() && (!is_extended || !headers::is_valid_value(line)))
            return broken("a chunk has no valid size");
        next_ = size == 0 ? part::trailers : part::chunk;
        return announce(size);
    }

    result<std::size_t> take_counted(std::string_view rest, body_sink* sink) {
        const std::string_view piece =
            rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(rest_, rest.size())));
        if (auto given = give(piece, sink); !given) return given.error();
        rest_ -= piece.size();
        if (rest_ == 0) next_ = next_ == part::body ? part::complete : part::chunk_end;
        return piece.size();
    }

    result<void> give(std::string_view piece, body_sink* sink) {
        if (is_body_dropped_) return {};
        if (sink != nullptr) return sink->take(piece);
        if (piece.size() > caps_.body_bytes - message_.body.size()) return error(errc::body_too_large);
        message_.body.append(piece);
        return {};
    }

    static error broken(std::string why) {
        error refused(errc::protocol_error);
        return refused.cause(std::move(why));
    }

    static constexpr const char* two_framings = "the response says its length in two ways";
    static constexpr const char* no_length = "the Content-Length is no length";

    limits caps_;
    part next_ = part::status_line;
    response message_;
    std::string keep_alive_field_;
    std::string unfolded_;
    std::size_t searched_ = 0;     // of a line that is not whole
    bool is_folded_ = false;       // the line that is searched
    std::size_t head_bytes_ = 0;   // of all heads, interim ones too
    std::size_t head_fields_ = 0;  // likewise
    std::size_t trailer_bytes_ = 0;
    std::optional<std::uint64_t> length_;
    std::uint64_t rest_ = 0;  // of the body, or of its chunk
    bool is_streamed_ = false;
    bool has_begun_ = false;
    bool ended_by_close_ = false;
    bool is_http_1_1_ = false;
    bool is_chunked_ = false;
    bool is_doubtful_ = false;  // readable, and somebody on the way may read it differently
    bool may_be_coded_ = false;
    bool is_body_dropped_ = false;
    bool says_close_ = false;
    bool says_keep_alive_ = false;
};

CHORUS_DECL h1_response_decoder::h1_response_decoder() : machine_(std::make_unique<machine>()) {}
CHORUS_DECL h1_response_decoder::~h1_response_decoder() = default;
CHORUS_DECL h1_response_decoder::h1_response_decoder(h1_response_decoder&&) noexcept = default;
CHORUS_DECL h1_response_decoder& h1_response_decoder::operator=(h1_response_decoder&&) noexcept = default;

CHORUS_DECL void h1_response_decoder::start(const limits& caps) {
    machine_->start(caps, false);
}
CHORUS_DECL void h1_response_decoder::start_streamed(const limits& caps) {
    machine_->start(caps, true);
}
CHORUS_DECL result<std::size_t> h1_response_decoder::feed(std::string_view bytes) {
    return machine_->feed(bytes);
}
CHORUS_DECL result<std::size_t> h1_response_decoder::feed_body(std::string_view bytes, body_sink& into) {
    return machine_->feed_body(bytes, into);
}
CHORUS_DECL result<void> h1_response_decoder::feed_end() {
    return machine_->feed_end();
}
CHORUS_DECL bool h1_response_decoder::has_begun() const noexcept {
    return machine_->has_begun();
}
CHORUS_DECL bool h1_response_decoder::has_head() const noexcept {
    return machine_->has_head();
}
CHORUS_DECL int h1_response_decoder::status() const noexcept {
    return machine_->message().status;
}
CHORUS_DECL bool h1_response_decoder::is_complete() const noexcept {
    return machine_->is_complete();
}
CHORUS_DECL bool h1_response_decoder::keep_alive() const noexcept {
    return machine_->keep_alive();
}
CHORUS_DECL response h1_response_decoder::take() noexcept {
    return std::move(machine_->message());
}

CHORUS_DECL std::optional<std::chrono::seconds> h1_response_decoder::keep_alive_timeout() const noexcept {
    std::string_view parameters = machine_->keep_alive_field();
    while (!parameters.empty()) {
        const auto comma = parameters.find(',');
        std::string_view parameter = parameters.substr(0, comma);
        parameters.remove_prefix(comma == parameters.npos ? parameters.size() : comma + 1);
        parameter.remove_prefix(std::min(parameter.find_first_not_of(" \t"), parameter.size()));
        constexpr std::string_view name = "timeout=";
        if (!equal_names(parameter.substr(0, name.size()), name)) continue;
        parameter.remove_prefix(name.size());
        int seconds = 0;
        const auto [end, failure] = std::from_chars(parameter.data(), parameter.data() + parameter.size(), seconds);
        if (failure == std::errc() && seconds >= 0) return std::chrono::seconds(seconds);
    }
    return std::nullopt;
}

}  // namespace chorus::http
