// What a hostile or broken server may send in place of a response, each cut at every byte.
#include <chorus/http/h1_codec.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <support/collecting_sink.hpp>

namespace chorus::http::h1_hostile_tests {
namespace {

using testing_support::collecting_sink;

/// What became of some bytes: as a whole response, or as one whose body goes elsewhere.
struct outcome {
    std::optional<errc> failure;
    std::string cause;
    int status = 0;
    std::string headers;
    std::string body;
    bool is_reusable = false;

    bool operator==(const outcome&) const = default;
    friend void PrintTo(const outcome& shown, std::ostream* out) {
        if (shown.failure) *out << error(*shown.failure).message() << ": " << shown.cause;
        *out << shown.status << " " << shown.headers << shown.body << (shown.is_reusable ? " (reusable)" : "");
    }
};

outcome failed(const error& why) {
    return {static_cast<errc>(why.code().value()), std::string(why.cause()), 0, {}, {}, false};
}

/// Feeds `text` as it comes when the network cuts it at `cut`, and then ends the stream.
outcome whole(std::string_view text, std::size_t cut, const limits& caps) {
    h1_response_decoder decoder;
    decoder.start(caps);
    std::string pending;
    for (const auto piece : {text.substr(0, cut), text.substr(cut)}) {
        pending += piece;
        const auto used = decoder.feed(pending);
        if (!used) return failed(used.error());
        EXPECT_LE(*used, pending.size());
        pending.erase(0, *used);
    }
    if (!decoder.is_complete()) {
        const auto ended = decoder.feed_end();
        if (!ended) return failed(ended.error());
    }
    // What follows a response makes its connection unfit, as net::h1_connection sees to.
    const bool is_reusable = decoder.keep_alive() && pending.empty();
    const response message = decoder.take();
    return {{}, {}, message.status, message.headers.block(), message.body, is_reusable};
}

outcome streamed(std::string_view text, std::size_t cut, const limits& caps) {
    h1_response_decoder decoder;
    decoder.start_streamed(caps);
    collecting_sink sink;
    std::string pending;
    std::optional<response> head;
    for (const auto piece : {text.substr(0, cut), text.substr(cut)}) {
        pending += piece;
        if (!head) {
            const auto used = decoder.feed(pending);
            if (!used) return failed(used.error());
            pending.erase(0, *used);
            if (decoder.has_head()) head = decoder.take();
        }
        if (!head) continue;
        const auto used = decoder.feed_body(pending, sink);
        if (!used) return failed(used.error());
        pending.erase(0, *used);
    }
    if (!decoder.is_complete()) {
        const auto ended = decoder.feed_end();
        if (!ended) return failed(ended.error());
    }
    const bool is_reusable = decoder.keep_alive() && pending.empty();
    return {{}, {}, head->status, head->headers.block(), sink.body, is_reusable};
}

/// The outcome, which must not depend on where the bytes are cut, nor on who takes the body.
outcome of(const std::string& text, const limits& caps = {}) {
    const outcome uncut = whole(text, text.size(), caps);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        EXPECT_EQ(whole(text, cut, caps), uncut) << "cut at " << cut << " of " << text;
        EXPECT_EQ(streamed(text, cut, caps), uncut) << "streamed, cut at " << cut << " of " << text;
    }
    return uncut;
}

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

TEST(h1_hostile, refuses_framing_that_two_readers_may_take_for_two_lengths) {
    for (const std::string& head : std::vector<std::string>{
             "Content-Length: 3\r\nContent-Length: 5\r\n",
             "Content-Length: 3, 5\r\n",
             "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
             "Content-Length: -3\r\n",
             "Content-Length: +3\r\n",
             "Content-Length: 0x3\r\n",
             "Content-Length: 3.0\r\n",
             "Content-Length: 3 3\r\n",
             "Content-Length: 3,\r\n",
             "Content-Length: ,3\r\n",
             "Content-Length:\r\n",
             "Content-Length: 18446744073709551616\r\n",
             "Content-Length: 99999999999999999999999999999\r\n",
             "Transfer-Encoding: gzip\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: chunked, gzip\r\n",
             "Transfer-Encoding: chunked, chunked\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: xchunked\r\n",
             "Transfer-Encoding: \"chunked\"\r\n",
             "Transfer-Encoding: chunked;q=1\r\n",
             "Transfer-Encoding: identity\r\nContent-Length: 3\r\n",
             "Transfer-Encoding:\r\n",
         }) {
        EXPECT_EQ(of(ok + head + "\r\n3\r\nabc\r\n0\r\n\r\n").failure, errc::protocol_error) << head;
    }
}

TEST(h1_hostile, refuses_lines_that_two_readers_may_end_at_two_places) {
    using namespace std::string_literals;
    for (const std::string& head : std::vector<std::string>{
             ok + "X : y\r\n\r\n",
             ok + " X: y\r\n\r\n",
             ok + "X\t: y\r\n\r\n",
             ok + ": y\r\n\r\n",
             ok + "X\r\n\r\n",
             ok + "X(: y\r\n\r\n",
             ok + "X\x80: y\r\n\r\n",
             ok + "X: y\nContent-Length: 0\r\n\r\n",
             ok + "X: y\rContent-Length: 0\r\n\r\n",
             ok + "X: y\r\r\n\r\n",
             ok + "X: a\0b\r\n\r\n"s,
             ok + "X: a\x7f\r\n\r\n",
             ok + "X\0: a\r\n\r\n"s,
             "HTTP/1.1 200 OK\nContent-Length: 0\n\n"s,
             "HTTP/1.1 200 O\0K\r\n\r\n"s,
             ok + "\rX: y\r\n\r\n",
         }) {
        EXPECT_EQ(of(head).failure, errc::protocol_error) << head;
    }
}

TEST(h1_hostile, refuses_what_is_no_response_of_http_1) {
    for (const std::string& text : std::vector<std::string>{
             "<html>no head at all</html>\r\n\r\n",
             "\r\nHTTP/1.1 200 OK\r\n\r\n",
             "HTTP/1.1 200OK\r\n\r\n",
             " HTTP/1.1 200 OK\r\n\r\n",
             "HTTP/0.9 200 OK\r\n\r\n",
             "HTTP/2.0 200 OK\r\n\r\n",
             "HTTP/3 200 OK  \r\n\r\n",
             "HTTP/1.2 200 OK\r\n\r\n",
             "HTTP/1.10 200 OK\r\n\r\n",
             "http/1.1 200 OK\r\n\r\n",
             "HTTP/1.1  200 OK\r\n\r\n",
             "HTTP/1.1\t200 OK\r\n\r\n",
             "HTTP/1.1 20 OK\r\n\r\n",
             "HTTP/1.1 2000 OK\r\n\r\n",
             "HTTP/1.1 -20 OK\r\n\r\n",
             "HTTP/1.1 000 OK\r\n\r\n",
             "HTTP/1.1 099 OK\r\n\r\n",
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
             "POST /v1 HTTP/1.1\r\nHost: x\r\n\r\n",
         }) {
        EXPECT_EQ(of(text).failure, errc::protocol_error) << text;
    }
}

TEST(h1_hostile, refuses_chunks_that_are_none) {
    using namespace std::string_literals;
    for (const std::string& body : std::vector<std::string>{
             "\r\nabc\r\n0\r\n\r\n",
             "-3\r\nabc\r\n0\r\n\r\n",
             "+3\r\nabc\r\n0\r\n\r\n",
             "0x3\r\nabc\r\n0\r\n\r\n",
             " 3\r\nabc\r\n0\r\n\r\n",
             "3 \r\nabc\r\n0\r\n\r\n",
             "3g\r\nabc\r\n0\r\n\r\n",
             "3\nabc\r\n0\r\n\r\n",
             "3\rabc\r\n0\r\n\r\n",
             "3;\0\r\nabc\r\n0\r\n\r\n"s,
             "3;\rx\r\nabc\r\n0\r\n\r\n",
             "3 x\r\nabc\r\n0\r\n\r\n",
             "3\r\nabcd\r\n0\r\n\r\n",
             "3\r\nab\r\n0\r\n\r\n ",
             "3\r\nabc0\r\n\r\n",
             "10000000000000000\r\nabc\r\n0\r\n\r\n",
             "fffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
             "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
         }) {
        EXPECT_EQ(of(chunked + body).failure, errc::protocol_error) << body;
    }
}

TEST(h1_hostile, allocates_nothing_on_the_word_of_the_peer) {
    for (const std::string& text :
         {chunked + "ffffffffffffffff\r\nabc", chunked + "8\r\n01234567\r\nffffffffffffffff\r\n",
          ok + "Content-Length: 18446744073709551615\r\n\r\nabc"}) {
        EXPECT_EQ(whole(text, 0, {}).failure, errc::body_too_large);
        EXPECT_EQ(streamed(text, 0, {}).failure, errc::truncated);
    }
}

TEST(h1_hostile, takes_chunked_bodies_of_every_form_that_is_allowed) {
    struct row {
        const char* body;
        const char* taken;
    };
    for (const auto& [body, taken] : {
             row{"0\r\n\r\n", ""},
             row{"000\r\n\r\n", ""},
             row{"0;last\r\n\r\n", ""},
             row{"0\r\nX: y\r\n\r\n", ""},
             row{"3\r\nabc\r\n0\r\n\r\n", "abc"},
             row{"0003\r\nabc\r\n0\r\n\r\n", "abc"},
             row{"3;a;b=c;d=\"e;f\"\r\nabc\r\n0\r\n\r\n", "abc"},
             row{"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
         }) {
        const outcome answer = of(chunked + body);
        EXPECT_EQ(answer.failure, std::nullopt) << body << ": " << answer.cause;
        EXPECT_EQ(answer.body, taken);
        EXPECT_TRUE(answer.is_reusable) << body;
    }
}

TEST(h1_hostile, does_not_take_trailers_for_headers) {
    const outcome answer = of(chunked +
                              "3\r\nabc\r\n0\r\nRetry-After: 9\r\nContent-Length: 1\r\n"
                              "Content-Encoding: gzip\r\n\r\n");
    EXPECT_EQ(answer.body, "abc");
    EXPECT_EQ(answer.headers, "Transfer-Encoding: chunked\r\n");
}

TEST(h1_hostile, takes_what_is_merely_doubtful_and_does_not_use_the_connection_again) {
    for (const std::string& text : std::vector<std::string>{
             ok + "X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
             ok + "X:\r\n a b\r\nContent-Length: 3\r\n\r\nabc",
             ok + "X: a b\r\n\t\r\nContent-Length: 3\r\n\r\nabc",
             ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
             ok + "Content-Length: 3, 3\r\n\r\nabc",
             ok + "Content-Length: 3\r\n\r\nabcd",
             ok + "Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             ok + "Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
             ok + "\r\nabc",
             "HTTP/1.1 103 Early Hints\r\nX: a\r\n b\r\n\r\n" + ok + "Content-Length: 3\r\n\r\nabc",
             std::string("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\n\r\n"),
         }) {
        const outcome answer = of(text);
        EXPECT_EQ(answer.failure, std::nullopt) << text << ": " << answer.cause;
        EXPECT_EQ(answer.body, "abc") << text;
        EXPECT_FALSE(answer.is_reusable) << text;
        const std::string_view first_line = std::string_view(answer.headers).substr(0, answer.headers.find('\r'));
        EXPECT_TRUE(!first_line.starts_with("X:") || first_line == "X: a b" || first_line == "X: a   b") << first_line;
    }
}

TEST(h1_hostile, takes_no_body_where_there_is_none) {
    struct row {
        const char* text;
        bool is_reusable;
    };
    for (const auto& [text, is_reusable] : {
             row{"HTTP/1.1 204 No Content\r\n\r\n", true},
             row{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true},
             row{"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false},
             row{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false},
             row{"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", false},
             row{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", true},
             row{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc", false},
         }) {
        const outcome answer = of(text);
        EXPECT_EQ(answer.failure, std::nullopt) << text;
        EXPECT_EQ(answer.body, "") << text;
        EXPECT_EQ(answer.is_reusable, is_reusable) << text;
    }
}

TEST(h1_hostile, takes_the_body_of_an_interim_response_for_a_broken_head) {
    EXPECT_EQ(of("HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc" + ok + "Content-Length: 0\r\n\r\n").failure,
              errc::protocol_error);
}

TEST(h1_hostile, takes_interim_responses_only_up_to_the_limit_of_a_head) {
    std::string flood;
    for (int i = 0; i < 12; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
    const std::string end = ok + "Content-Length: 3\r\n\r\nabc";
    EXPECT_EQ(of(flood + end, {.head_bytes = flood.size() - 1}).failure, errc::head_too_large);
    EXPECT_EQ(of(flood + end, {.head_bytes = flood.size() + end.size()}).body, "abc");
}

TEST(h1_hostile, takes_a_line_that_is_too_long_for_that_however_it_ends) {
    const limits caps{.head_bytes = 100};
    for (const std::string& end : std::vector<std::string>{"\r\n\r\n", "\n\n", "\r\n b\n\r\n", ""}) {
        EXPECT_EQ(of(ok + "X: " + std::string(90, 'a') + end, caps).failure, errc::head_too_large) << end;
    }
}

TEST(h1_hostile, takes_header_fields_only_up_to_their_number) {
    std::string head = ok;
    for (int i = 0; i < 9; ++i) head += "A:\r\n";
    EXPECT_EQ(of(head + "Content-Length: 0\r\n\r\n", {.head_fields = 10}).failure, std::nullopt);
    const outcome refused = of(head + "B:\r\nContent-Length: 0\r\n\r\n", {.head_fields = 10});
    EXPECT_EQ(refused.failure, errc::head_too_large);
    EXPECT_EQ(refused.cause, "more than 10 header fields");
}

TEST(h1_hostile, takes_trailers_and_extensions_only_up_to_the_limit_of_a_head) {
    const limits caps{.head_bytes = 200};
    std::string trailers;
    for (int i = 0; i < 20; ++i) trailers += "Some: trailer\r\n";
    EXPECT_EQ(of(chunked + "0\r\n" + trailers + "\r\n", caps).failure, errc::protocol_error);
    EXPECT_EQ(of(chunked + "3;x=" + std::string(300, 'y') + "\r\nabc\r\n0\r\n\r\n", caps).failure,
              errc::protocol_error);
}

TEST(h1_hostile, does_not_pass_on_a_body_that_is_coded) {
    for (const std::string& coding :
         std::vector<std::string>{"gzip", "br", "zstd", "deflate", "GZIP", "identity, gzip", "\xff"}) {
        h1_response_decoder decoder;
        decoder.start({});
        const auto fed = decoder.feed(ok + "Content-Encoding: " + coding + "\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08");
        ASSERT_FALSE(fed) << coding;
        EXPECT_EQ(fed.error(), errc::decode_failed);
        EXPECT_EQ(fed.error().phase(), phase::read);
        const std::string named = coding[0] == '\xff' ? "'?'" : "'" + coding + "'";
        EXPECT_EQ(fed.error().text(), "the body has the content coding " + named + ", which was not asked for");
        EXPECT_EQ(of(ok + "Content-Encoding: " + coding + "\r\nContent-Length: 3\r\n\r\nabc").failure,
                  errc::decode_failed);
        EXPECT_EQ(
            of(chunked.substr(0, chunked.size() - 2) + "Content-Encoding: " + coding + "\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
                .failure,
            errc::decode_failed);
    }
    EXPECT_EQ(of(ok + "Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc").body, "abc");
    EXPECT_EQ(of(ok + "Content-Encoding:\r\nContent-Length: 3\r\n\r\nabc").body, "abc");
}

TEST(h1_hostile, keeps_the_status_of_a_failure_whose_body_is_coded) {
    const outcome answer =
        of("HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_EQ(answer.failure, std::nullopt);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.headers.find("Retry-After: 3\r\n"), 0u);
    EXPECT_EQ(answer.body, "");
    EXPECT_TRUE(answer.is_reusable);
}

}  // namespace
}  // namespace chorus::http::h1_hostile_tests
