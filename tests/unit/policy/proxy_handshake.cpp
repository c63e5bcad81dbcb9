// Contracts of the conversations with proxies, in whatever pieces they arrive.
#include <chorus/policy/proxy_handshake.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

namespace proxy_handshake_tests {

namespace {

using namespace std::string_literals;
using chorus::errc;
using chorus::policy::proxy;
using chorus::policy::proxy_handshake;
using ::testing::HasSubstr;
using ::testing::Not;

using talk = std::unique_ptr<proxy_handshake>;

talk connect(const char* url = "http://proxy", std::string_view host = "api.example.com", std::uint16_t port = 443) {
    return chorus::policy::connect_handshake(proxy::parse(url).value(), host, port);
}
talk socks5(const char* url = "socks5h://proxy", std::string_view host = "api.example.com", std::uint16_t port = 443) {
    return chorus::policy::socks5_handshake(proxy::parse(url).value(), host, port);
}

struct course {
    std::string sent;
    chorus::result<void> outcome = {};
    std::size_t taken = 0;  // bytes of the answers
    bool is_done = false;
};

/// Lets a machine talk to a peer that says all of `answers`, at most so many bytes at a time.
course run(const talk& machine, std::string_view answers, std::size_t piece = 1000) {
    course seen;
    seen.sent = machine->start();
    while (machine->wants() != 0 && seen.taken < answers.size()) {
        const auto bytes = answers.substr(seen.taken, std::min(piece, machine->wants()));
        seen.taken += bytes.size();
        auto next = machine->feed(bytes);
        if (!next) {
            seen.outcome = next.error();
            return seen;
        }
        seen.sent += *next;
    }
    seen.is_done = machine->wants() == 0;
    return seen;
}

void expect_failure(const course& seen, errc code, std::string_view cause) {
    ASSERT_FALSE(seen.outcome) << cause;
    EXPECT_EQ(seen.outcome.error(), code) << cause;
    EXPECT_EQ(seen.outcome.error().phase(), chorus::phase::proxy);
    EXPECT_EQ(seen.outcome.error().cause(), cause);
}

constexpr std::string_view tunnel_stands = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";

TEST(connect_handshake, asks_for_host_and_port) {
    EXPECT_EQ(connect()->start(), "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n");
    EXPECT_EQ(connect("http://proxy", "fd00::1", 8443)->start(),
              "CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n\r\n");
    EXPECT_THAT(connect("http://Aladdin:open%20sesame@proxy")->start(),
                HasSubstr("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"));
}

TEST(connect_handshake, ends_with_the_head_and_never_asks_for_a_byte_more) {
    const std::string answer = std::string(tunnel_stands) + "what goes through the tunnel";
    for (const std::string_view head :
         {tunnel_stands, std::string_view("HTTP/1.0 200\r\n\r\n"), std::string_view("HTTP/1.1 204 x\r\na: b\r\n\r\n"),
          std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
          std::string_view("HTTP/1.1 100 Continue\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")}) {
        for (std::size_t piece = 1; piece <= 5; ++piece) {
            const auto seen = run(connect(), std::string(head) + "behind", piece);
            ASSERT_TRUE(seen.outcome) << head << seen.outcome.error().message();
            EXPECT_TRUE(seen.is_done) << head;
            EXPECT_EQ(seen.taken, head.size());
        }
    }
}

TEST(connect_handshake, waits_for_more_when_cut_at_any_byte) {
    for (std::size_t size = 0; size < tunnel_stands.size(); ++size) {
        const auto seen = run(connect(), tunnel_stands.substr(0, size));
        EXPECT_TRUE(seen.outcome) << size;
        EXPECT_FALSE(seen.is_done) << size;
    }
}

TEST(connect_handshake, says_what_the_proxy_answered) {
    const auto failed = [](errc code, std::string_view line, std::string_view cause) {
        expect_failure(run(connect(), std::string(line) + "\r\nContent-Length: 3\r\n\r\nbad"), code, cause);
    };
    failed(errc::proxy_failed, "HTTP/1.1 403 Filtered", "answered 403 Filtered");
    failed(errc::proxy_failed, "HTTP/1.1 302 Found", "answered 302 Found");
    failed(errc::proxy_failed, "HTTP/1.1 400", "answered 400");
    failed(errc::connect_failed, "HTTP/1.1 502 Bad Gateway", "answered 502 Bad Gateway");
    failed(errc::connect_failed, "HTTP/1.0 599 Odd\x1b[31m", "answered 599 Odd?[31m");
    failed(errc::proxy_failed, "HTTP/1.1 407 Proxy Authentication Required",
           "answered 407 Proxy Authentication Required: it asks for a user and password");
    failed(errc::proxy_failed, "HTTP/1.1 403 " + std::string(500, 'x'), "answered 403 " + std::string(100, 'x'));
}

TEST(connect_handshake, never_repeats_the_password) {
    for (const char* reason : {"wrong: hush", "wrong: dXNlcjpodXNo", ""}) {
        const auto seen = run(connect("http://user:hush@proxy"), "HTTP/1.1 407 "s + reason + "\r\n\r\n");
        expect_failure(seen, errc::proxy_failed, "answered 407: it does not take the user and password given");
    }
}

TEST(connect_handshake, refuses_what_is_no_http) {
    for (const std::string_view garbage :
         {"SSH-2.0-OpenSSH", "\x05\x00", "HTTP/2 200\r\n\r\n", "\r\n\r\n", "\n", "HTTP/1.1 200\n", "HTTP/1.1\r\n\r\n",
          "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 +20 x\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n",
          "HTTP/1.1x200 x\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 200 OK\r\na: b\n\n",
          "{\"error\":\"no\"}"}) {
        expect_failure(run(connect(), garbage), errc::proxy_failed, "answered with no HTTP");
    }
}

TEST(connect_handshake, refuses_endless_answers) {
    for (const std::string_view line : {"x: y\r\n", "xxxxxxxx"}) {
        std::string answer = "HTTP/1.1 200 OK\r\n";
        while (answer.size() < 20'000) answer += line;
        const auto seen = run(connect(), answer);
        expect_failure(seen, errc::proxy_failed, "answered with an endless head");
        EXPECT_LT(seen.taken, 17'000u);
    }
}

TEST(connect_handshake, refuses_more_than_it_asked_for) {
    const auto machine = connect();
    machine->start();
    EXPECT_FALSE(machine->feed(std::string(tunnel_stands) + "x"));
}

// --- SOCKS5 ---------------------------------------------------------------------------------------------------------

const std::string hello = "\x05\x01\x00"s;
const std::string hello_with_password = "\x05\x02\x00\x02"s;
const std::string by_name = "\x05\x01\x00\x03\x0f"s + "api.example.com" + "\x01\xbb"s;
const std::string stands = "\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"s;

TEST(socks5_handshake, asks_by_name_or_address) {
    EXPECT_EQ(run(socks5(), "\x05\x00"s + stands).sent, hello + by_name);
    EXPECT_EQ(run(socks5("socks5://p", "10.1.2.3", 80), "\x05\x00"s).sent,
              hello + "\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x50"s);
    EXPECT_EQ(run(socks5("socks5://p", "fd00::1", 80), "\x05\x00"s).sent,
              hello + "\x05\x01\x00\x04\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"s);
}

TEST(socks5_handshake, gives_user_and_password_where_they_are_asked_for) {
    const auto with_password = [] { return socks5("socks5h://user:word@proxy"); };
    EXPECT_EQ(run(with_password(), "\x05\x02"s).sent, hello_with_password + "\x01\x04user\x04word"s);
    EXPECT_EQ(run(with_password(), "\x05\x02\x01\x00"s).sent, hello_with_password + "\x01\x04user\x04word"s + by_name);
    EXPECT_EQ(run(with_password(), "\x05\x00"s).sent, hello_with_password + by_name) << "not wanted, not sent";
    EXPECT_EQ(run(socks5("socks5://user@proxy"), "\x05\x02"s).sent, hello_with_password + "\x01\x04user\x00"s);
}

TEST(socks5_handshake, ends_with_the_reply_and_never_asks_for_a_byte_more) {
    const std::string by_ipv6 = "\x05\x00\x00\x04"s + std::string(18, 'a');
    const std::string by_host = "\x05\x00\x00\x03\x05hello\x00\x50"s;
    const std::string by_nothing = "\x05\x00\x00\x03\x00\x00\x50"s;
    for (const auto& reply : {stands, by_ipv6, by_host, by_nothing}) {
        const std::string answers = "\x05\x02\x01\x00"s + reply;
        for (std::size_t piece = 1; piece <= answers.size(); ++piece) {
            const auto seen = run(socks5("socks5h://user:word@proxy"), answers + "behind", piece);
            ASSERT_TRUE(seen.outcome) << seen.outcome.error().message();
            EXPECT_TRUE(seen.is_done);
            EXPECT_EQ(seen.taken, answers.size());
        }
        for (std::size_t size = 0; size < answers.size(); ++size) {
            const auto seen = run(socks5("socks5h://user:word@proxy"), answers.substr(0, size));
            EXPECT_TRUE(seen.outcome) << size;
            EXPECT_FALSE(seen.is_done) << size;
        }
    }
}

TEST(socks5_handshake, says_in_words_what_the_proxy_answered) {
    struct example {
        char code;
        errc kind;
        const char* cause;
    };
    for (const example& each : {
             example{1, errc::connect_failed, "answered: general failure"},
             {2, errc::proxy_failed, "answered: the connection is not allowed by its rules"},
             {3, errc::connect_failed, "answered: the network cannot be reached"},
             {4, errc::connect_failed, "answered: the host cannot be reached"},
             {5, errc::connect_failed, "answered: the connection was refused"},
             {6, errc::connect_failed, "answered: the time to live expired"},
             {7, errc::proxy_failed, "answered: it does not support this command"},
             {8, errc::connect_failed, "answered: it does not support this type of address"},
             {9, errc::proxy_failed, "answered with the unknown code 9"},
             {'\xff', errc::proxy_failed, "answered with the unknown code 255"},
         }) {
        // Some send the whole reply, others close behind the code.
        for (const std::string& rest : {"\x00\x01\x00\x00\x00\x00\x00\x00"s, ""s}) {
            expect_failure(run(socks5(), "\x05\x00\x05"s + each.code + rest), each.kind, each.cause);
        }
    }
}

TEST(socks5_handshake, says_who_was_refused) {
    expect_failure(run(socks5(), "\x05\xff"s), errc::proxy_failed, "asks for a user and password, or for more");
    expect_failure(run(socks5(), "\x05\x02"s), errc::proxy_failed, "asks for a user and password, or for more");
    const char* const with_password = "socks5://user:hush@proxy";
    expect_failure(run(socks5(with_password), "\x05\xff"s), errc::proxy_failed,
                   "takes none of the ways to authenticate that are spoken");
    expect_failure(run(socks5(with_password), "\x05\x02\x01\x01"s), errc::proxy_failed,
                   "does not take the user and password given");
}

TEST(socks5_handshake, refuses_what_is_no_socks5) {
    for (const std::string& garbage : {"HTTP/1.1 400 Bad Request\r\n\r\n"s, "\x04\x5b"s, "\x05\x00\x01"s,
                                       "\x05\x00\x05\x00\x00\x02\x00"s, "\x05\x00\x05\x00\x00\x00\x00"s}) {
        expect_failure(run(socks5(), garbage), errc::proxy_failed, "does not speak SOCKS5");
    }
    expect_failure(run(socks5("socks5://u:p@proxy"), "\x05\x02\x05\x00"s), errc::proxy_failed, "does not speak SOCKS5");
    const auto machine = socks5();
    machine->start();
    EXPECT_FALSE(machine->feed("\x05\x00"s + stands + "x"));
}

}  // namespace

}  // namespace proxy_handshake_tests
