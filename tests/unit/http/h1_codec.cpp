#include <chorus/http/h1_codec.hpp>

#include <gtest/gtest.h>

#include <string>

namespace chorus::http::h1_codec_tests {
namespace {

/// Feeds `text` in pieces of `size` bytes, as a socket would: unused bytes are passed again with the next piece.
result<void> feed_in_pieces(h1_response_decoder& decoder, std::string_view text, std::size_t size) {
    std::string pending;
    for (std::size_t at = 0; at < text.size() && !decoder.is_complete(); at += size) {
        pending += text.substr(at, size);
        const auto used = decoder.feed(pending);
        if (!used) return used.error();
        pending.erase(0, *used);
    }
    return {};
}

response decode(std::string_view text, std::size_t piece = std::string_view::npos / 2) {
    h1_response_decoder decoder;
    decoder.start({});
    const auto fed = feed_in_pieces(decoder, text, piece);
    EXPECT_TRUE(fed) << (fed ? "" : fed.error().message());
    EXPECT_TRUE(decoder.is_complete());
    return decoder.take();
}

error refusal(std::string_view text, const limits& caps = {}) {
    h1_response_decoder decoder;
    decoder.start(caps);
    const auto fed = feed_in_pieces(decoder, text, text.size());
    return fed ? error() : fed.error();
}

constexpr std::string_view with_length =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: r1\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view with_chunks =
    "HTTP/1.1 429 Too Many\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: "
    "x\r\n\r\n";

request example() {
    request message;
    message.origin = url::parse("https://host.example:8443/v1")->origin();
    message.target = "/v1/chat/completions?x=1";
    message.headers.add("Content-Type", "application/json");
    message.body = "{}";
    return message;
}

TEST(h1_encode, writes_request_line_host_headers_length_and_body) {
    std::string out;
    encode_h1(example(), out);
    EXPECT_EQ(out,
              "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: host.example:8443\r\n"
              "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(h1_encode, appends_to_what_is_there) {
    std::string out = "before";
    encode_h1(example(), out);
    EXPECT_TRUE(out.starts_with("beforePOST "));
}

TEST(h1_encode, names_the_origin_to_a_proxy_that_passes_on) {
    request message = example();
    message.origin.tls = false;
    forwarding via;
    std::string out;
    encode_h1(message, out, &via);
    EXPECT_EQ(out,
              "POST http://host.example:8443/v1/chat/completions?x=1 HTTP/1.1\r\nHost: host.example:8443\r\n"
              "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    via.credentials = secret("Basic dXNlcjpodXNo");
    out.clear();
    encode_h1(message, out, &via);
    EXPECT_NE(out.find("\r\nProxy-Authorization: Basic dXNlcjpodXNo\r\n"), out.npos);
}

TEST(h1_encode, sends_no_length_for_a_get_and_zero_for_an_empty_post) {
    request message = example();
    message.body.clear();
    std::string post;
    encode_h1(message, post);
    EXPECT_NE(post.find("Content-Length: 0\r\n"), post.npos);
    message.method = "GET";
    std::string get;
    encode_h1(message, get);
    EXPECT_EQ(get.find("Content-Length"), get.npos);
}

TEST(h1_decode, is_the_same_for_every_size_of_the_pieces) {
    for (const auto text : {with_length, with_chunks}) {
        const response whole = decode(text);
        for (std::size_t piece = 1; piece < text.size(); ++piece) {
            const response cut = decode(text, piece);
            EXPECT_EQ(cut.status, whole.status);
            EXPECT_EQ(cut.headers.block(), whole.headers.block());
            EXPECT_EQ(cut.body, whole.body);
        }
    }
    EXPECT_EQ(decode(with_length).body, "hello");
    EXPECT_EQ(decode(with_length).headers.get("X-Request-Id"), "r1");
    EXPECT_EQ(decode(with_chunks).body, "abc0123456789");
    EXPECT_EQ(decode(with_chunks).status, 429);
}

TEST(h1_decode, is_truncated_at_every_byte_but_the_last) {
    for (const auto text : {with_length, with_chunks}) {
        for (std::size_t size = 1; size < text.size(); ++size) {
            h1_response_decoder decoder;
            decoder.start({});
            ASSERT_TRUE(feed_in_pieces(decoder, text.substr(0, size), size));
            ASSERT_FALSE(decoder.is_complete()) << size;
            EXPECT_TRUE(decoder.has_begun());
            const auto ended = decoder.feed_end();
            ASSERT_FALSE(ended) << "cut after " << size;
            EXPECT_EQ(ended.error(), errc::truncated);
        }
    }
}

TEST(h1_decode, tells_a_connection_lost_before_the_response_from_one_cut_in_it) {
    h1_response_decoder decoder;
    decoder.start({});
    EXPECT_FALSE(decoder.has_begun());
    EXPECT_EQ(decoder.feed_end().error(), errc::connection_lost);
}

TEST(h1_decode, leaves_the_bytes_behind_the_response) {
    h1_response_decoder decoder;
    decoder.start({});
    const std::string two = std::string(with_length) + "HTTP/1.1";
    EXPECT_EQ(*decoder.feed(two), with_length.size());
    EXPECT_TRUE(decoder.is_complete());
}

TEST(h1_decode, takes_a_body_that_ends_with_the_connection_and_does_not_keep_it) {
    h1_response_decoder decoder;
    decoder.start({});
    ASSERT_TRUE(decoder.feed("HTTP/1.1 200 OK\r\nX: y\r\n\r\npart one, "));
    ASSERT_TRUE(decoder.feed("part two"));
    EXPECT_FALSE(decoder.is_complete());
    ASSERT_TRUE(decoder.feed_end());
    EXPECT_TRUE(decoder.is_complete());
    EXPECT_FALSE(decoder.keep_alive());
    EXPECT_EQ(decoder.take().body, "part one, part two");
}

TEST(h1_decode, passes_over_interim_responses) {
    const response message =
        decode("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + std::string(with_length));
    EXPECT_EQ(message.status, 200);
    EXPECT_FALSE(message.headers.contains("Link"));
}

TEST(h1_decode, takes_an_interim_response_for_the_beginning_of_the_answer) {
    h1_response_decoder decoder;
    decoder.start({});
    ASSERT_TRUE(decoder.feed("HTTP/1.1 103 Early Hints\r\n\r\n"));
    EXPECT_TRUE(decoder.has_begun()) << "the server has the request: it must not be sent again unasked";
    EXPECT_EQ(decoder.feed_end().error(), errc::truncated);
}

TEST(h1_decode, knows_whether_the_connection_may_be_kept) {
    auto keeps = [](std::string_view head) {
        h1_response_decoder decoder;
        decoder.start({});
        EXPECT_TRUE(decoder.feed(std::string(head) + "Content-Length: 0\r\n\r\n"));
        return decoder.keep_alive();
    };
    EXPECT_TRUE(keeps("HTTP/1.1 200 OK\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0 200 OK\r\n"));
    EXPECT_TRUE(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"));
}

TEST(h1_decode, reads_the_timeout_of_keep_alive) {
    auto timeout = [](std::string_view value) {
        h1_response_decoder decoder;
        decoder.start({});
        EXPECT_TRUE(decoder.feed("HTTP/1.1 204 No Content\r\nKeep-Alive: " + std::string(value) + "\r\n\r\n"));
        return decoder.keep_alive_timeout();
    };
    EXPECT_EQ(timeout("timeout=5, max=100"), std::chrono::seconds(5));
    EXPECT_EQ(timeout("max=5, Timeout=75"), std::chrono::seconds(75));
    EXPECT_EQ(timeout("max=5"), std::nullopt);
    EXPECT_EQ(timeout("timeout=soon"), std::nullopt);
    EXPECT_EQ(timeout("timeout=-1"), std::nullopt);
}

TEST(h1_decode, refuses_what_is_not_http) {
    EXPECT_EQ(refusal("SSH-2.0-OpenSSH_9.2\r\n\r\n"), errc::protocol_error);
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), errc::protocol_error);
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), errc::protocol_error);
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), errc::protocol_error);
}

TEST(h1_decode, limits_the_head_however_it_is_cut) {
    limits caps;
    caps.head_bytes = 1000;
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 100; ++i) head += "X-Header-Number-" + std::to_string(i) + ": value\r\n";
    head += "\r\n";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}, head.size()}) {
        h1_response_decoder decoder;
        decoder.start(caps);
        const auto fed = feed_in_pieces(decoder, head, piece);
        ASSERT_FALSE(fed) << piece;
        EXPECT_EQ(fed.error(), errc::head_too_large);
    }
}

TEST(h1_decode, limits_the_body_of_either_framing) {
    limits caps;
    caps.body_bytes = 8;
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n012345678", caps), errc::body_too_large);
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n", caps),
              errc::body_too_large);
}

TEST(h1_decode, decodes_one_response_after_the_other) {
    h1_response_decoder decoder;
    for (int i = 0; i < 3; ++i) {
        decoder.start({});
        ASSERT_TRUE(decoder.feed(with_length));
        ASSERT_TRUE(decoder.keep_alive());
        EXPECT_EQ(decoder.take().body, "hello");
    }
}

/// Keeps what it is given, and refuses from some point on.
struct collector final : body_sink {
    result<void> take(std::string_view bytes) override {
        if (bytes.empty()) ADD_FAILURE() << "nothing was given";
        body += bytes;
        if (body.size() >= refuses_at) return error(errc::decode_failed, "no more");
        return {};
    }
    std::string body;
    std::size_t refuses_at = std::string::npos;
};

TEST(h1_decode_streamed, stops_behind_the_head_and_gives_the_body_to_the_sink) {
    for (const auto text : {with_length, with_chunks}) {
        h1_response_decoder decoder;
        decoder.start_streamed({});
        const auto head = decoder.feed(text);
        ASSERT_TRUE(head);
        EXPECT_EQ(*head, text.find("\r\n\r\n") + 4);
        EXPECT_TRUE(decoder.has_head());
        EXPECT_FALSE(decoder.is_complete());
        const response answer = decoder.take();
        EXPECT_EQ(answer.status, text == with_length ? 200 : 429);
        EXPECT_EQ(answer.body, "");
        collector sink;
        const auto rest = decoder.feed_body(text.substr(*head), sink);
        ASSERT_TRUE(rest);
        EXPECT_EQ(*head + *rest, text.size());
        EXPECT_EQ(sink.body, decode(text).body);
        EXPECT_TRUE(decoder.is_complete());
        EXPECT_TRUE(decoder.keep_alive());
        EXPECT_EQ(decoder.take().body.capacity(), std::string().capacity()) << "nothing of the body is kept";
    }
}

TEST(h1_decode_streamed, is_the_same_for_every_size_of_the_pieces) {
    constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for (const auto& text :
         {std::string(with_length), std::string(with_chunks), std::string(interim) + std::string(with_chunks)}) {
        for (std::size_t size = 1; size <= text.size(); ++size) {
            h1_response_decoder decoder;
            decoder.start_streamed({});
            collector sink;
            std::string pending;
            for (std::size_t at = 0; at < text.size(); at += size) {
                pending += text.substr(at, size);
                if (!decoder.has_head()) {
                    const auto used = decoder.feed(pending);
                    ASSERT_TRUE(used);
                    pending.erase(0, *used);
                    if (!decoder.has_head()) continue;
                }
                const auto used = decoder.feed_body(pending, sink);
                ASSERT_TRUE(used);
                pending.erase(0, *used);
            }
            EXPECT_TRUE(decoder.is_complete()) << size;
            EXPECT_EQ(sink.body, decode(text).body);
            EXPECT_EQ(pending, "");
        }
    }
}

TEST(h1_decode_streamed, does_not_limit_the_body_and_does_limit_the_head) {
    limits caps;
    caps.body_bytes = 2;
    for (const auto text : {with_length, with_chunks}) {
        EXPECT_EQ(refusal(text, caps), errc::body_too_large);
        h1_response_decoder decoder;
        decoder.start_streamed(caps);
        const auto head = decoder.feed(text);
        ASSERT_TRUE(head);
        collector sink;
        EXPECT_TRUE(decoder.feed_body(text.substr(*head), sink));
        EXPECT_TRUE(decoder.is_complete());
        caps.head_bytes = 20;
        decoder.start_streamed(caps);
        const auto too_large = decoder.feed(text);
        ASSERT_FALSE(too_large);
        EXPECT_EQ(too_large.error(), errc::head_too_large);
        caps.head_bytes = 1000;
    }
}

TEST(h1_decode_streamed, hands_on_the_error_of_the_sink) {
    for (const auto text : {with_length, with_chunks}) {
        h1_response_decoder decoder;
        decoder.start_streamed({});
        const auto head = decoder.feed(text);
        ASSERT_TRUE(head);
        collector sink;
        sink.refuses_at = 1;
        const auto fed = decoder.feed_body(text.substr(*head), sink);
        ASSERT_FALSE(fed);
        EXPECT_EQ(fed.error(), errc::decode_failed);
        EXPECT_EQ(fed.error().text(), "no more");
    }
}

TEST(h1_decode_streamed, ends_with_the_stream_where_nothing_else_says_when) {
    for (const auto text :
         {std::string_view("HTTP/1.1 200 OK\r\n\r\nrest"), with_length.substr(0, with_length.size() - 1)}) {
        h1_response_decoder decoder;
        decoder.start_streamed({});
        const auto head = decoder.feed(text);
        ASSERT_TRUE(head);
        collector sink;
        ASSERT_TRUE(decoder.feed_body(text.substr(*head), sink));
        EXPECT_EQ(sink.body, text.substr(*head));
        EXPECT_FALSE(decoder.is_complete());
        const auto ended = decoder.feed_end();
        EXPECT_EQ(ended.has_value(), sink.body == "rest");
        EXPECT_EQ(decoder.is_complete(), sink.body == "rest");
        if (!ended) {
            EXPECT_EQ(ended.error(), errc::truncated);
        }
    }
}

TEST(h1_decode, refuses_a_line_of_a_chunked_body_that_does_not_end) {
    limits caps;
    caps.head_bytes = 100;
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(refusal(head + "5;" + std::string(90, 'x'), caps).code(), boost::system::error_code());
    EXPECT_EQ(refusal(head + "5;" + std::string(100, 'x'), caps), errc::protocol_error);
    EXPECT_EQ(refusal(head + "0\r\nX: " + std::string(100, 'x'), caps), errc::protocol_error);
}

}  // namespace
}  // namespace chorus::http::h1_codec_tests
