#include <chorus/testing/mock_http1.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mock_http1_tests {

namespace {

using namespace chorus::testing;

constexpr std::string_view post =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello";

// Feeds pieces as a connection does: what was not taken is given again with what came after it.
std::string feed(http1_request_parser& parser, std::string_view bytes, std::size_t piece) {
    std::string rest;
    while (!bytes.empty() && !parser.complete() && parser.failed_status() == 0) {
        rest.append(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        rest.erase(0, parser.feed(rest));
    }
    return rest.append(bytes);
}

TEST(mock_http1, parses_a_request_in_pieces_of_every_size) {
    for (std::size_t piece = 1; piece <= post.size(); ++piece) {
        http1_request_parser parser;
        EXPECT_EQ(feed(parser, post, piece), "");
        ASSERT_TRUE(parser.complete()) << piece;
        const mock_request& request = parser.request();
        EXPECT_EQ(request.method, "POST");
        EXPECT_EQ(request.target, "/v1/chat/completions?x=1");
        EXPECT_EQ(request.headers.get("x-one"), "1");
        EXPECT_EQ(request.body, "hello");
        EXPECT_TRUE(parser.keep_alive());
    }
}

TEST(mock_http1, parses_a_chunked_body_in_pieces_of_every_size) {
    const std::string_view chunked =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n";
    for (std::size_t piece = 1; piece <= chunked.size(); ++piece) {
        http1_request_parser parser;
        feed(parser, chunked, piece);
        ASSERT_TRUE(parser.complete()) << piece;
        EXPECT_EQ(parser.request().body, "hello!");
    }
}

TEST(mock_http1, is_never_complete_before_the_last_byte) {
    for (std::size_t length = 0; length < post.size(); ++length) {
        http1_request_parser parser;
        parser.feed(post.substr(0, length));
        EXPECT_FALSE(parser.complete()) << length;
        EXPECT_EQ(parser.failed_status(), 0) << length;
    }
}

TEST(mock_http1, takes_pipelined_requests_one_at_a_time) {
    const std::string two = std::string(post) + "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n";
    http1_request_parser parser;
    std::size_t taken = parser.feed(two);
    EXPECT_EQ(taken, post.size());
    ASSERT_TRUE(parser.complete());
    parser.next();
    EXPECT_FALSE(parser.complete());
    taken += parser.feed(std::string_view(two).substr(taken));
    EXPECT_EQ(taken, two.size());
    ASSERT_TRUE(parser.complete());
    EXPECT_EQ(parser.request().method, "GET");
    EXPECT_EQ(parser.request().body, "");
    EXPECT_FALSE(parser.request().headers.contains("x-one"));
    EXPECT_FALSE(parser.keep_alive());
}

TEST(mock_http1, http_1_0_closes_by_default) {
    http1_request_parser parser;
    parser.feed("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(parser.complete());
    EXPECT_FALSE(parser.keep_alive());
}

TEST(mock_http1, nonsense_is_a_bad_request) {
    for (const std::string_view bytes :
         {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
        http1_request_parser parser;
        parser.feed(bytes);
        EXPECT_EQ(parser.failed_status(), 400) << bytes;
        EXPECT_FALSE(parser.complete());
        EXPECT_FALSE(parser.keep_alive());
    }
}

TEST(mock_http1, a_body_over_the_limit_is_refused_with_413) {
    http1_request_parser declared(10);
    declared.feed("POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n");
    EXPECT_EQ(declared.failed_status(), 413);
    http1_request_parser chunked(10);
    chunked.feed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.failed_status(), 413);
    http1_request_parser exact(10);
    exact.feed("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789");
    EXPECT_TRUE(exact.complete());
}

TEST(mock_http1, a_head_over_the_limit_is_refused_with_431) {
    http1_request_parser parser;
    const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n";
    feed(parser, head, 4096);
    EXPECT_EQ(parser.failed_status(), 431);
}

TEST(mock_http1, expect_continue_is_told_once_and_only_before_the_body) {
    const std::string_view head = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    http1_request_parser parser;
    EXPECT_FALSE(parser.take_expect_continue());
    parser.feed(head);
    EXPECT_TRUE(parser.take_expect_continue());
    EXPECT_FALSE(parser.take_expect_continue());
    parser.feed("ab");
    EXPECT_TRUE(parser.complete());
    http1_request_parser impatient;
    impatient.feed(std::string(head) + "ab");
    EXPECT_FALSE(impatient.take_expect_continue());
}

std::string render(const mock_reply& reply, const http1_framing& framing = {}) {
    std::string out;
    append_http1_response(out, reply, framing);
    return out;
}

TEST(mock_http1, renders_a_response_with_its_length) {
    mock_reply reply;
    reply.headers.add("a", "b");
    reply.body = "hello";
    EXPECT_EQ(render(reply), "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 5\r\n\r\nhello");
    reply.status = 429;
    reply.body.clear();
    EXPECT_EQ(render(reply), "HTTP/1.1 429 Too Many Requests\r\na: b\r\ncontent-length: 0\r\n\r\n");
}

TEST(mock_http1, renders_chunks) {
    mock_reply reply;
    reply.chunk_bytes = 16;
    reply.body = "0123456789abcdefXY";
    EXPECT_EQ(render(reply),
              "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n2\r\nXY\r\n0\r\n\r\n");
    reply.body.clear();
    EXPECT_EQ(render(reply), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(mock_http1, says_what_becomes_of_the_connection) {
    const mock_reply reply;
    EXPECT_EQ(render(reply, {.keep_alive = false}),
              "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    EXPECT_EQ(render(reply, {.keep_alive_value = "timeout=5"}),
              "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 0\r\n\r\n");
}

TEST(mock_http1, a_response_without_content_has_no_body) {
    mock_reply reply;
    reply.body = "hello";
    EXPECT_EQ(render(reply, {.body = false}), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    reply.status = 204;
    EXPECT_EQ(render(reply), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(mock_http1, raw_bytes_are_sent_as_they_are) {
    mock_reply reply;
    reply.raw = "HTTP/9 x\n";
    EXPECT_EQ(render(reply), "HTTP/9 x\n");
}

}  // namespace

}  // namespace mock_http1_tests
