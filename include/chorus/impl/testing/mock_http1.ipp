#pragma once

#include <chorus/testing/mock_http1.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace chorus::testing {

namespace detail {

constexpr std::uint32_t mock_head_limit = 64 * 1024;

/// Beast's push parser, writing into a request whose memory is kept.
class mock_beast_parser final : public boost::beast::http::basic_parser<true> {
    using text = boost::beast::string_view;
    using failure = boost::beast::error_code;

 public:
    explicit mock_beast_parser(mock_request& into) : into_(into) {}
    bool expects_continue() const noexcept { return expects_continue_; }

 private:
    void on_request_impl(boost::beast::http::verb, text method, text target, int, failure&) override {
        into_.method.assign(method.data(), method.size());
        into_.target.assign(target.data(), target.size());
    }
    void on_response_impl(int, text, int, failure&) override {}
    void on_field_impl(boost::beast::http::field name, text spelt, text value, failure&) override {
        into_.headers.add(std::string_view(spelt.data(), spelt.size()), std::string_view(value.data(), value.size()));
        if (name == boost::beast::http::field::expect) {
            expects_continue_ = boost::beast::iequals(value, "100-continue");
        }
    }
    void on_header_impl(failure&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, failure&) override {
        constexpr std::uint64_t trusted = 1024 * 1024;  // the length is only the client's word
        if (length) into_.body.reserve(static_cast<std::size_t>(std::min(*length, trusted)));
    }
    std::size_t on_body_impl(text part, failure&) override {
        into_.body.append(part.data(), part.size());
        return part.size();
    }
    void on_chunk_header_impl(std::uint64_t, text, failure&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, text part, failure&) override {
        into_.body.append(part.data(), part.size());
        return part.size();
    }
    void on_finish_impl(failure&) override {}

    mock_request& into_;
    bool expects_continue_ = false;
};

constexpr std::string_view mock_last_chunk = "0\r\n\r\n";

CHORUS_DECL void append_chunk(std::string& out, std::string_view chunk) {
    char size[16];
    out.append(size, std::to_chars(size, size + sizeof size, chunk.size(), 16).ptr)
        .append("\r\n")
        .append(chunk)
        .append("\r\n");
}

CHORUS_DECL void append_chunks(std::string& out, std::string_view body, std::size_t chunk_bytes) {
    for (; !body.empty(); body.remove_prefix(std::min(chunk_bytes, body.size()))) {
        append_chunk(out, body.substr(0, chunk_bytes));
    }
    out.append(mock_last_chunk);
}

}  // namespace detail

struct http1_request_parser::machine {
    explicit machine(std::size_t limit) : body_limit(limit) { begin(); }
    void begin() {
        parser.emplace(request);
        parser->eager(true);
        parser->header_limit(detail::mock_head_limit);
        parser->body_limit(body_limit);
    }

    std::size_t body_limit;
    mock_request request;
    std::optional<detail::mock_beast_parser> parser;
    int failed_status = 0;
    bool continue_taken = false;
};

CHORUS_DECL http1_request_parser::http1_request_parser(std::size_t body_limit)
    : machine_(std::make_unique<machine>(body_limit)) {}
CHORUS_DECL http1_request_parser::~http1_request_parser() = default;
CHORUS_DECL http1_request_parser::http1_request_parser(http1_request_parser&&) noexcept = default;
CHORUS_DECL http1_request_parser& http1_request_parser::operator=(http1_request_parser&&) noexcept = default;

CHORUS_DECL std::size_t http1_request_parser::feed(std::string_view bytes) {
    namespace http = boost::beast::http;
    std::size_t consumed = 0;
    while (consumed < bytes.size() && !complete() && machine_->failed_status == 0) {
        boost::beast::error_code failure;
        const std::string_view rest = bytes.substr(consumed);
        const std::size_t step = machine_->parser->put(boost::asio::buffer(rest.data(), rest.size()), failure);
        consumed += step;
        if (failure == http::error::need_more || (!failure && step == 0)) break;
        if (failure) {
            machine_->failed_status = failure == http::error::body_limit     ? 413
                                      : failure == http::error::header_limit ? 431
                                                                             : 400;
        }
    }
    return consumed;
}

CHORUS_DECL bool http1_request_parser::complete() const noexcept {
    return machine_->parser->is_done();
}

CHORUS_DECL int http1_request_parser::failed_status() const noexcept {
    return machine_->failed_status;
}

CHORUS_DECL bool http1_request_parser::take_expect_continue() noexcept {
    if (machine_->continue_taken || !machine_->parser->is_header_done()) return false;
    machine_->continue_taken = true;
    return machine_->parser->expects_continue() && !complete();
}

CHORUS_DECL bool http1_request_parser::keep_alive() const noexcept {
    return machine_->failed_status == 0 && machine_->parser->keep_alive();
}

CHORUS_DECL mock_request& http1_request_parser::request() noexcept {
    return machine_->request;
}

CHORUS_DECL void http1_request_parser::next() {
    machine_->request.clear();
    machine_->continue_taken = false;
    machine_->begin();
}

CHORUS_DECL void append_http1_response(std::string& out, const mock_reply& reply, const http1_framing& framing) {
    if (reply.raw) {
        out.append(*reply.raw);
        return;
    }
    out.append("HTTP/1.1 ").append(std::to_string(reply.status));
    const auto reason =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(reply.status)));
    out.append(" ").append(reason.data(), reason.size()).append("\r\n").append(reply.headers.block());
    if (!framing.keep_alive) {
        out.append("connection: close\r\n");
    } else if (!framing.keep_alive_value.empty()) {
        out.append("keep-alive: ").append(framing.keep_alive_value).append("\r\n");
    }
    // RFC 9110 section 8.6: neither field in a response that cannot have content.
    if (reply.status == 204 || reply.status == 304 || reply.status < 200) {
        out.append("\r\n");
        return;
    }
    if (reply.is_streamed()) {
        out.append("transfer-encoding: chunked\r\n\r\n");
        return;
    }
    if (reply.chunk_bytes > 0) {
        out.append("transfer-encoding: chunked\r\n\r\n");
        if (framing.body) detail::append_chunks(out, reply.body, reply.chunk_bytes);
        return;
    }
    out.append("content-length: ").append(std::to_string(reply.body.size())).append("\r\n\r\n");
    if (framing.body) out.append(reply.body);
}

CHORUS_DECL std::size_t append_http1_pieces(std::string& out, std::size_t enough, mock_stream& stream,
                                            clock::time_point now) {
    std::size_t pieces = 0;
    std::string piece;
    while (out.size() < enough && stream.may_take(now)) {
        piece.clear();
        stream.take(piece);
        ++pieces;
        if (!piece.empty()) detail::append_chunk(out, piece);  // an empty chunk would be the last one
        if (stream.is_over()) out.append(detail::mock_last_chunk);
    }
    return pieces;
}

}  // namespace chorus::testing
