// A server that fails in every way it can, and which outcome each of its failures explains.
#pragma once

#include <chorus/error.hpp>
#include <chorus/http/limits.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/mock_server.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chorus::testing_support {

/// What happens to one request. It follows from the number in the question, so that who asks knows it too.
enum class trouble : std::uint8_t {
    none,
    slow_drip,   ///< The right answer, a few bytes at a time.
    busy,        ///< 429
    broken,      ///< 500
    no_json,     ///< 200, and a body that is none.
    too_long,    ///< A length beyond the body; the connection ends.
    too_short,   ///< A length short of the body; the rest follows.
    no_http,     ///< Text in place of a response.
    drop,        ///< The connection is closed, from the first byte on or later.
    reset,       ///< The same by a reset.
    half_close,  ///< The same by half closing it.
    noise,       ///< Bytes below TLS.
    stall,       ///< Nothing more comes.
    refuse,      ///< The right answer; the next connection is closed before TLS.
    nobody,      ///< The question goes to a port where nobody listens.
};

/// Every other question is troubled, but few stall: each takes as long as the limit of the client. What breaks a
/// connection is rare where calls share one, or none would be answered.
inline trouble trouble_of(std::size_t question, bool is_shared) {
    if (question % 2 == 0) return trouble::none;
    if (question % 1001 == 501) return trouble::stall;
    constexpr trouble kinds[] = {trouble::slow_drip, trouble::busy,  trouble::broken,     trouble::no_json,
                                 trouble::nobody,    trouble::reset, trouble::too_long,   trouble::drop,
                                 trouble::refuse,    trouble::noise, trouble::half_close, trouble::no_http,
                                 trouble::too_short};
    const std::size_t chosen = question / 2 % std::size(kinds);
    const bool breaks_all = chosen > 5;  // and a reset, over HTTP/1.1
    return is_shared && breaks_all && question / 2 / std::size(kinds) % 8 != 0 ? trouble::none : kinds[chosen];
}

/// After how many bytes of the response a connection breaks: none, in the head, in the body.
inline std::size_t break_point(std::size_t question) {
    return question / 26 * 37 % 500;
}

inline std::string chaos_prompt(std::size_t question) {
    return "Question number " + std::to_string(question) + " of many, whose answer has some words";
}

inline std::size_t number_in(std::string_view prompt) {
    prompt.remove_prefix(std::min(prompt.size(), std::string_view("Question number ").size()));
    std::size_t number = 0;
    std::from_chars(prompt.data(), prompt.data() + prompt.size(), number);
    return number;
}

/// Limits under which a stall is soon noticed, and a busy machine is not taken for one.
inline http::limits chaos_limits() {
    http::limits limits;
    limits.first_byte = limits.idle = std::chrono::seconds(3);
    limits.total = std::chrono::seconds(6);
    return limits;
}

/// Makes a server answer each question with its trouble.
inline void make_trouble(testing::mock_server& server, bool is_shared) {
    server.expect().times(SIZE_MAX).reply_with(
        [&server, is_shared, echo = testing::mock_openai()](const testing::mock_request& request,
                                                            testing::mock_reply& reply) mutable {
            const std::size_t question = number_in(request.prompt);
            const auto break_by = [&](testing::mock_fault how) {
                reply.fault = how;
                reply.fault_after = break_point(question);
                reply.error_code = 2;  // INTERNAL_ERROR, RFC 9113 section 7
                echo.answer(request, reply);
            };
            const auto refuse_by = [&](int status) {
                reply.status = status;
                reply.headers.add("content-type", "application/json");
                testing::append_openai_error(reply.body, "trouble", "trouble_error", {});
            };
            const auto raw = [&](std::size_t length, std::string_view body) {
                const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
                reply.raw = head + std::to_string(length) + "\r\n\r\n" + std::string(body);
            };
            constexpr std::string_view body = R"({"choices":[{"message":{"role":"assistant","content":"half of an)";
            switch (trouble_of(question, is_shared)) {
                case trouble::none:
                case trouble::nobody:
                    return echo.answer(request, reply);
                case trouble::slow_drip: {
                    echo.answer(request, reply);
                    if (!reply.is_streamed()) {
                        auto whole = std::make_shared<const std::vector<std::string>>(1, std::exchange(reply.body, {}));
                        reply.streamed().source(testing::mock_pieces(std::move(whole)));
                    }
                    reply.stream->cut(90).every(std::chrono::microseconds(300));
                    return;
                }
                case trouble::busy:
                    return refuse_by(429);
                case trouble::broken:
                    return refuse_by(500);
                case trouble::no_json:
                    reply.headers.add("content-type", "text/html");
                    reply.body = "<html>welcome</html>";
                    return;
                case trouble::too_long:
                    reply.close_after = true;
                    return raw(body.size() + 10, body);
                case trouble::too_short:
                    return raw(body.size() - 10, body);
                case trouble::no_http:
                    reply.raw = "I speak something else.\r\nEvery day.\r\n\r\n";
                    return;
                case trouble::drop:
                    return break_by(testing::mock_fault::drop);
                case trouble::reset:
                    return break_by(testing::mock_fault::reset);
                case trouble::half_close:
                    return break_by(testing::mock_fault::half_close);
                case trouble::noise:
                    return break_by(testing::mock_fault::noise);
                case trouble::stall:
                    return break_by(testing::mock_fault::stall);
                case trouble::refuse:
                    server.drop_connections(1);
                    reply.close_after = true;
                    return echo.answer(request, reply);
            }
        });
}

/// A port of this host where nobody listens, for as long as it lives.
class closed_port {
 public:
    closed_port() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (socket_ < 0 || ::bind(socket_, any, size) != 0 || ::getsockname(socket_, any, &size) != 0) {
            throw std::system_error(errno, std::generic_category(), "a closed port");
        }
        port_ = ntohs(address.sin_port);
    }
    ~closed_port() { ::close(socket_); }
    closed_port(const closed_port&) = delete;
    closed_port& operator=(const closed_port&) = delete;

    std::string base_url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/v1"; }

 private:
    int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::uint16_t port_ = 0;
};

/// What the troubles of others do to a question on the same connection.
enum class company : std::uint8_t {
    harmless,  ///< It is alone, or they ended nothing but their own streams.
    breaking,  ///< One of them ended the connection.
    garbling,  ///< One of them put bytes into it that are no HTTP/2.
    unknown,   ///< Who asks cannot know.
};

/// What a trouble does to the others of its connection.
inline company company_of(trouble what) {
    switch (what) {
        case trouble::drop:
        case trouble::half_close:
        case trouble::noise:
            return company::breaking;
        case trouble::too_long:
        case trouble::too_short:
        case trouble::no_http:
            return company::garbling;
        default:
            return company::harmless;
    }
}

/// Whether a failed call failed as its trouble says, or as that of others on its connection does: who has no trouble of
/// his own fails only as the loss of a connection explains.
inline bool explains(trouble what, const error& failed, bool is_shared, company others) {
    // Whoever opens a connection may meet one that is closed at once.
    if (failed == errc::tls_failed && failed.phase() == phase::tls && what != trouble::nobody) return true;
    const bool is_cut = failed == errc::connection_lost || failed == errc::truncated;
    const bool is_strange = failed == errc::protocol_error;
    if (is_shared) {
        if (company_of(what) != company::harmless) others = std::max(others, company_of(what));
        if (others >= company::breaking && (is_cut || failed == errc::refused)) return true;
        if (others >= company::garbling && is_strange) return true;
    }
    switch (what) {
        case trouble::none:
        case trouble::slow_drip:
        case trouble::refuse:
            return false;
        case trouble::busy:
            return failed == errc::rate_limited;
        case trouble::broken:
            return failed == errc::server_error;
        case trouble::no_json:
            return failed == errc::decode_failed;
        case trouble::too_short:
            return !is_shared && failed == errc::decode_failed;
        case trouble::no_http:
            return is_strange;
        case trouble::too_long:
        case trouble::drop:
        case trouble::reset:
        case trouble::half_close:
            return is_cut;
        case trouble::noise:
            return is_cut || is_strange || failed == errc::tls_failed;
        case trouble::stall:
            return failed == condition::timeout;
        case trouble::nobody:
            return failed == errc::connect_failed && failed.phase() == phase::connect &&
                   failed.message().find("refused") != std::string::npos;
    }
    return false;
}

/// Whether a right answer can come of it.
inline bool may_succeed(trouble what) {
    return what == trouble::none || what == trouble::slow_drip || what == trouble::refuse;
}

}  // namespace chorus::testing_support
