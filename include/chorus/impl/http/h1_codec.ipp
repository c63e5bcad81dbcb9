#pragma once

#include <chorus/http/h1_codec.hpp>

#include <boost/asio/error.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace chorus::http {

CHORUS_DECL void encode_h1(const request& message, std::string& out) {
    const std::string authority = message.origin.authority();
    char digits[20];
    const auto length = std::to_chars(digits, digits + sizeof digits, message.body.size());
    const bool has_body = !message.body.empty() || (message.method != "GET" && message.method != "DELETE");

    out.reserve(out.size() + message.method.size() + message.target.size() + authority.size() +
                message.headers.block().size() + message.body.size() + 80);
    out.append(message.method).append(" ").append(message.target).append(" HTTP/1.1\r\nHost: ").append(authority);
    out.append("\r\n").append(message.headers.block());
    if (has_body) out.append("Content-Length: ").append(digits, length.ptr).append("\r\n");
    out.append("\r\n").append(message.body);
}

/// Writes what Beast's push parser finds straight into our response, without Beast's own field container.
class h1_response_decoder::machine {
 public:
    void start(const limits& caps, bool is_streamed) {
        caps_ = caps;
        is_streamed_ = is_streamed;
        has_begun_ = false;
        ended_by_close_ = false;
        restart();
    }

    result<std::size_t> feed(std::string_view bytes) {
        std::size_t used = 0;
        while (used < bytes.size() && !parser_->is_done() && !(is_streamed_ && parser_->is_header_done())) {
            has_begun_ = true;
            boost::system::error_code failure;
            const std::string_view rest = bytes.substr(used);
            const std::size_t taken = parser_->put(boost::asio::const_buffer(rest.data(), rest.size()), failure);
            used += taken;
            if (!parser_->is_header_done()) {
                // Beast limits what is in the buffer, and forgets what it has consumed line by line.
                head_bytes_ += taken;
                if (head_bytes_ + (rest.size() - taken) > caps_.head_bytes) return error(errc::head_too_large);
            }
            if (failure == boost::beast::http::error::need_more) return keep(rest.size() - taken, used);
            if (failure) return translate(failure);
            if (parser_->is_done() && is_interim(parser_->message.status)) restart();
        }
        return used;
    }

    result<std::size_t> feed_body(std::string_view bytes, body_sink& into) {
        parser_->eager(true);
        parser_->sink = &into;
        std::size_t used = 0;
        boost::system::error_code failure;
        while (used < bytes.size() && !parser_->is_done() && !failure) {
            const std::string_view rest = bytes.substr(used);
            used += parser_->put(boost::asio::const_buffer(rest.data(), rest.size()), failure);
        }
        parser_->sink = nullptr;
        if (failure == boost::asio::error::operation_aborted) return std::move(parser_->refusal);
        if (failure == boost::beast::http::error::need_more) return keep(bytes.size() - used, used);
        if (failure) return translate(failure);
        return used;
    }

    result<void> feed_end() {
        if (!has_begun_) return error(errc::connection_lost);
        boost::system::error_code failure;
        if (parser_->got_some() && !parser_->is_done()) {
            parser_->put_eof(failure);
            ended_by_close_ = true;
        }
        if (failure || !parser_->is_done()) return error(errc::truncated);
        return {};
    }

    bool has_begun() const noexcept { return has_begun_; }
    bool has_head() const noexcept { return parser_ && parser_->is_header_done(); }
    bool is_complete() const noexcept { return parser_ && parser_->is_done(); }
    bool keep_alive() const noexcept { return parser_ && !ended_by_close_ && parser_->keep_alive(); }

    std::string_view keep_alive_field() const noexcept { return parser_->keep_alive_field; }
    response& message() noexcept { return parser_->message; }
    const response& message() const noexcept { return parser_->message; }

 private:
    class parser : public boost::beast::http::basic_parser<false> {
     public:
        parser() : sink(nullptr) {}  // clang knows no initialisers of members here before the machine is whole

        response message;
        std::string keep_alive_field;
        body_sink* sink;  // or the body is kept in the message
        error refusal;    // of the sink

     private:
        using error_code = boost::beast::error_code;
        using string_view = boost::beast::string_view;

        void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}
        void on_response_impl(int code, string_view, int, error_code&) override { message.status = code; }
        void on_field_impl(boost::beast::http::field field, string_view name, string_view value, error_code&) override {
            if (message.headers.empty()) message.headers.reserve(usual_head_bytes);
            message.headers.add({name.data(), name.size()}, {value.data(), value.size()});
            if (field == boost::beast::http::field::keep_alive) keep_alive_field.assign(value.data(), value.size());
        }
        void on_header_impl(error_code&) override {}
        void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
            // The peer's word alone must not make us allocate much.
            constexpr std::uint64_t trusted = 1024 * 1024;
            if (length && !sink) message.body.reserve(static_cast<std::size_t>(std::min(*length, trusted)));
        }
        std::size_t on_body_impl(string_view bytes, error_code& failure) override { return take(bytes, failure); }
        void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
        std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& failure) override {
            return take(bytes, failure);
        }
        void on_finish_impl(error_code&) override {}

        std::size_t take(string_view bytes, error_code& failure) {
            if (!sink) {
                message.body.append(bytes.data(), bytes.size());
            } else if (auto taken = sink->take({bytes.data(), bytes.size()}); !taken) {
                refusal = std::move(taken).error();
                failure = boost::asio::error::operation_aborted;
            }
            return bytes.size();
        }
    };

    /// Begins a message; `has_begun_` stays: also an interim response tells that the server has the request.
    void restart() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(caps_.head_bytes, UINT32_MAX)));
        if (is_streamed_) {
            parser_->body_limit(boost::none);
        } else {
            parser_->body_limit(caps_.body_bytes);
        }
        parser_->eager(!is_streamed_);  // a parser that is not stops behind the head
        head_bytes_ = 0;
    }

    /// Beast sets no limit to the line before a chunk, nor to the trailers.
    result<std::size_t> keep(std::size_t unfinished, std::size_t used) const {
        if (unfinished <= caps_.head_bytes) return used;
        error broken(errc::protocol_error);
        broken.cause("a line of the chunked body does not end");
        return broken;
    }

    static bool is_interim(int status) noexcept { return status >= 100 && status < 200; }

    static error translate(boost::system::error_code failure) {
        using beast = boost::beast::http::error;
        if (failure == beast::header_limit) return error(errc::head_too_large);
        if (failure == beast::body_limit) return error(errc::body_too_large);
        error broken(errc::protocol_error);
        broken.cause(failure.message());
        return broken;
    }

    std::optional<parser> parser_;
    limits caps_;
    std::size_t head_bytes_ = 0;
    bool is_streamed_ = false;
    bool has_begun_ = false;
    bool ended_by_close_ = false;
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
