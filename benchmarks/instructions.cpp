// One piece of a call over and over again, for callgrind to count: count-instructions runs it.
#include <chorus/client.hpp>
#include <chorus/http/h1_codec.hpp>
#include <chorus/provider/chat_stream_reader.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/sse/decoder.hpp>
#include <chorus/testing/mock_openai.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/version.hpp>
#include <nlohmann/json.hpp>
#ifdef CHORUS_WITH_HTTP2
#include <nghttp2/nghttp2.h>
#endif

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <gnu/libc-version.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/// What runs inside is counted, and nothing else: callgrind is told its name.
extern "C" [[gnu::noinline]] void chorus_counted_region(const std::function<void()>& work) {
    work();
    asm volatile("" ::: "memory");  // the call above is none in tail position, which callgrind would not see return
}

namespace {

namespace asio = boost::asio;

/// Called by a pointer that the compiler knows nothing about, or it would make copies of the function by other names.
void (*volatile counted)(const std::function<void()>& work) = &chorus_counted_region;

constexpr std::string_view usage = R"(Usage: instructions PIECE [REQUESTS]
       instructions --versions
PIECE is encode, decode, sse, stream, http1 or http2. Prints how many requests, or events of a stream, were counted
(default: 320).
Alone it shows that the piece works; count-instructions says what it costs.
)";

constexpr std::string_view model = "gpt-4o-mini";
constexpr std::string_view prompt = "Why is the sky blue?";
constexpr std::string_view text = "Because air scatters short waves of light more than long ones.";

// --- what is sent and received --------------------------------------------------------------------------------------

std::vector<chorus::chat_request> questions(std::size_t count) {
    const auto one =
        chorus::chat_request(std::string(model)).system("Be terse.").user(std::string(prompt)).temperature(0.2);
    return std::vector<chorus::chat_request>(count, one);
}

/// An answer as small ones of OpenAI are: about 900 bytes, and the fields that chorus reads.
std::string answer_body() {
    std::string body;
    chorus::testing::append_completion(body, "chatcmpl-1", model, prompt, text, 900);
    return body;
}

constexpr std::pair<std::string_view, std::string_view> answer_fields[] = {
    {"date", "Sun, 01 Nov 2026 12:00:00 GMT"},
    {"content-type", "application/json"},
    {"server", "test"},
    {"x-request-id", "req_0123456789abcdef0123456789abcdef"},
    {"openai-processing-ms", "312"},
    {"x-ratelimit-limit-requests", "10000"},
    {"x-ratelimit-limit-tokens", "2000000"},
    {"x-ratelimit-remaining-requests", "9999"},
    {"x-ratelimit-remaining-tokens", "1999000"},
    {"x-ratelimit-reset-requests", "6ms"},
    {"x-ratelimit-reset-tokens", "30ms"},
};

void check(const chorus::result<chorus::chat_response>& reply) {
    if (!reply) throw std::runtime_error(reply.error().message());
    if (reply->text() != text) throw std::runtime_error("a wrong answer");
}

// --- a server that takes no thought ---------------------------------------------------------------------------------

/// One connection in blocking calls, between the turns of the client's loop: what it does is not counted, and the
/// client never meets half an answer, so that two runs do the same.
class peer {
 public:
    peer() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        require(listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        require(::bind(listener_, any, size));
        require(::listen(listener_, 1));
        require(::getsockname(listener_, any, &size));
        port_ = ntohs(address.sin_port);
    }
    virtual ~peer() {
        ::close(listener_);
        if (socket_ >= 0) ::close(socket_);
    }
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;

    std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

    /// Takes what arrives in this time at most. Returns whether so many requests are there.
    bool receive(std::size_t requests, std::chrono::milliseconds patience) {
        while (pending_ < requests) {
            pollfd ready{socket_ < 0 ? listener_ : socket_, POLLIN, 0};
            require(::poll(&ready, 1, static_cast<int>(patience.count())));
            if (ready.revents == 0) return false;
            if (socket_ < 0) {
                require(socket_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
                greet();
                continue;
            }
            char buffer[16 * 1024];
            const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
            require(size);
            if (size == 0) throw std::runtime_error("the client hung up");
            input_.append(buffer, static_cast<std::size_t>(size));
            while (take_request()) ++pending_;
        }
        return true;
    }

    /// Answers all the requests that are there, by one write.
    void answer() {
        std::string output;
        for (; pending_ > 0; --pending_) append_answer(output);
        send(output);
    }

 protected:
    void send(std::string_view bytes) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        require(sent);
        if (static_cast<std::size_t>(sent) != bytes.size()) throw std::runtime_error("a short write");
    }
    virtual void greet() {}
    /// Takes one whole message off the front of `input_`, if one is there that completes a request.
    virtual bool take_request() = 0;
    virtual void append_answer(std::string& output) = 0;

    std::string input_;

 private:
    static void require(ssize_t outcome) {
        if (outcome < 0) throw std::system_error(errno, std::generic_category());
    }

    int listener_ = -1;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::size_t pending_ = 0;
};

class http1_peer final : public peer {
    bool take_request() override {
        const std::size_t end_of_head = input_.find("\r\n\r\n");
        if (end_of_head == input_.npos) return false;
        constexpr std::string_view name = "content-length: ";
        const auto same = [](char a, char b) { return (a | 32) == (b | 32); };
        const auto field = std::search(input_.begin(), input_.end(), name.begin(), name.end(), same);
        if (field == input_.end()) throw std::runtime_error("a request without its length");
        std::size_t length = 0;
        const char* const digits = &*field + name.size();
        std::from_chars(digits, input_.data() + end_of_head, length);
        if (input_.size() < end_of_head + 4 + length) return false;
        input_.erase(0, end_of_head + 4 + length);
        return true;
    }
    void append_answer(std::string& output) override {
        if (answer_.empty()) {
            const std::string body = answer_body();
            answer_ = "HTTP/1.1 200 OK\r\n";
            for (const auto& [name, value] : answer_fields) answer_.append(name).append(": ").append(value) += "\r\n";
            answer_ += "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        }
        output += answer_;
    }

    std::string answer_;
};

#ifdef CHORUS_WITH_HTTP2
/// Frames by hand (RFC 9113 section 4): the same bytes each time, but for the number of the stream.
class http2_peer final : public peer {
    enum type : std::uint8_t { data = 0, headers = 1, settings = 4, ping = 6, window_update = 8 };
    static constexpr std::uint8_t end_stream = 1, ack = 1, end_headers = 4;

    static void append_number(std::string& out, std::size_t value, int bytes) {
        while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
    }
    static void append_frame(std::string& out, type kind, std::uint8_t flags, std::uint32_t stream,
                             std::string_view payload) {
        append_number(out, payload.size(), 3);
        out += static_cast<char>(kind);
        out += static_cast<char>(flags);
        append_number(out, stream, 4);
        out += payload;
    }
    /// A literal without indexing and without Huffman (RFC 7541 section 6.2.2).
    static void append_field(std::string& out, std::string_view name, std::string_view value) {
        out += '\0';
        for (const std::string_view each : {name, value}) {
            if (each.size() >= 127) throw std::runtime_error("a string too long for its length to fit one byte");
            out += static_cast<char>(each.size());
            out += each;
        }
    }

    void greet() override {
        std::string output;
        std::string limit;
        append_number(limit, 3, 2);  // SETTINGS_MAX_CONCURRENT_STREAMS
        append_number(limit, 100, 4);
        append_frame(output, settings, 0, 0, limit);
        std::string window;
        append_number(window, 0x7fffffff - 0xffff, 4);
        append_frame(output, window_update, 0, 0, window);  // as much as there can be: none is needed later
        send(output);
    }
    bool take_request() override {
        constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for (;;) {
            if (input_.starts_with(preface)) input_.erase(0, preface.size());
            const auto byte = [this](std::size_t at) { return static_cast<std::uint8_t>(input_[at]); };
            if (input_.size() < 9) return false;
            const std::size_t length = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
            if (input_.size() < 9 + length) return false;
            const std::uint8_t kind = byte(3), flags = byte(4);
            const auto stream = static_cast<std::uint32_t>((byte(5) << 24 | byte(6) << 16 | byte(7) << 8) | byte(8));
            input_.erase(0, 9 + length);
            if (kind == ping) throw std::runtime_error("a PING, which no run without a pause needs");
            if (kind == settings && (flags & ack) == 0) {
                std::string output;
                append_frame(output, settings, ack, 0, {});
                send(output);
            }
            if ((kind == data || kind == headers) && (flags & end_stream) != 0) {
                streams_.push_back(stream);
                return true;
            }
        }
    }
    void append_answer(std::string& output) override {
        if (body_.empty()) {
            body_ = answer_body();
            fields_ = "\x88";  // :status: 200
            for (const auto& [name, value] : answer_fields) append_field(fields_, name, value);
            append_field(fields_, "content-length", std::to_string(body_.size()));
        }
        append_frame(output, headers, end_headers, streams_.front(), fields_);
        append_frame(output, data, end_stream, streams_.front(), body_);
        streams_.erase(streams_.begin());
    }

    std::vector<std::uint32_t> streams_;
    std::string fields_;
    std::string body_;
};
#endif

// --- the pieces -----------------------------------------------------------------------------------------------------

constexpr std::size_t warm_up = 64;

std::shared_ptr<const chorus::provider> api(const std::string& base_url) {
    return chorus::openai().base_url(base_url).api_key("sk-0123456789abcdef0123456789abcdef").make();
}

/// A request becomes the bytes of HTTP/1.1.
void encode(std::size_t count) {
    const auto openai = api("https://api.openai.com/v1");
    const auto requests = questions(count);
    std::string out;
    const auto work = [&](std::size_t repetitions) {
        for (std::size_t i = 0; i < repetitions; ++i) {
            const auto encoded = openai->encode(requests[i]);
            if (!encoded) throw std::runtime_error(encoded.error().message());
            out.clear();
            chorus::http::encode_h1(*encoded, out);
        }
    };
    work(std::min(warm_up, count));
    counted([&] { work(count); });
}

/// A response with head and body becomes a typed one, and goes.
void decode(std::size_t count) {
    const auto openai = api("https://api.openai.com/v1");
    const auto now = std::chrono::system_clock::now();
    chorus::http::response received;
    received.status = 200;
    for (const auto& [name, value] : answer_fields) received.headers.add(name, value);
    received.body = answer_body();
    std::vector<chorus::http::response> copies(count + warm_up, received);
    const auto work = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) check(openai->decode(std::move(copies[i]), now));
    };
    work(0, warm_up);
    counted([&] { work(warm_up, warm_up + count); });
}

/// Events of about 220 bytes, as OpenAI sends them, each in a record of its own.
std::vector<std::string> streamed_events(std::size_t count) {
    std::vector<std::string> events;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string word = " word " + std::to_string(i % 10);
        events.push_back(
            R"(data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1760000000,"model":")" +
            std::string(model) + R"(","service_tier":"default","choices":[{"index":0,"delta":{"content":")" + word +
            "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }
    return events;
}

/// An event stream becomes events.
void sse(std::size_t count) {
    const auto events = streamed_events(count + warm_up);
    chorus::sse::decoder decoder;
    std::size_t found = 0;
    const auto work = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            decoder.feed(events[i]);
            for (chorus::sse::event next; decoder.next(next) == chorus::sse::step::event;) ++found;
        }
    };
    work(0, warm_up);
    counted([&] { work(warm_up, warm_up + count); });
    if (found != events.size()) throw std::runtime_error("events are missing");
}

/// An event stream becomes what a consumer of a chat stream sees.
void stream(std::size_t count) {
    const auto events = streamed_events(count + warm_up);
    const auto openai = api("https://api.openai.com/v1");
    chorus::http::response head;
    head.status = 200;
    chorus::chat_stream_reader reader(*openai, head, {}, std::chrono::system_clock::now(), chorus::http::limits{});
    std::size_t found = 0;
    const auto work = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            if (!reader.take(events[i])) throw std::runtime_error("an event was not understood");
            for (chorus::chat_event next; reader.next(next);) found += std::holds_alternative<chorus::text_event>(next);
        }
    };
    work(0, warm_up);
    counted([&] { work(warm_up, warm_up + count); });
    if (found != events.size()) throw std::runtime_error("events are missing");
}

chorus::awaitable<void> ask(chorus::client& llm, std::vector<chorus::chat_request> requests) {
    for (auto& each : requests) check(co_await llm.try_complete(std::move(each)));
}

/// Whole calls, so many at once on one connection: from the request to the typed response, and all between them but
/// TLS and the kernel.
template <class Peer>
void exchange(std::size_t count, std::size_t at_once, chorus::http::protocol protocol) {
    constexpr auto patience = std::chrono::seconds(20);
    const std::size_t rounds = count / at_once;
    const std::size_t first_round = (warm_up + at_once - 1) / at_once;
    Peer server;
    asio::io_context loop(1);
    chorus::client llm(loop.get_executor(), api(server.base_url()),
                       chorus::client_options().protocol(protocol).max_connections(1));
    std::size_t running = at_once;
    std::exception_ptr failure;
    for (std::size_t i = 0; i < at_once; ++i) {
        // One round more than is answered: the end of these coroutines is not counted.
        asio::co_spawn(loop, ask(llm, questions(first_round + rounds + 1)), [&](std::exception_ptr thrown) {
            if (thrown) failure = thrown;
            --running;
        });
    }
    while (!server.receive(at_once, std::chrono::milliseconds(1)) && !failure) loop.poll();
    for (std::size_t round = 0; round < first_round + rounds; ++round) {
        if (failure) std::rethrow_exception(failure);
        server.answer();
        // The first turn waits, however slow the kernel is; then everything that is ready is run.
        const auto turn = [&loop] {
            loop.run_one();
            loop.poll();
        };
        if (round < first_round) {
            turn();
        } else {
            counted(turn);
        }
        if (!server.receive(at_once, patience)) throw std::runtime_error("requests that should be there are not");
    }
    server.answer();
    while (running > 0) loop.run_one();
    if (failure) std::rethrow_exception(failure);
}

/// What the counts depend on beside chorus.
void print_versions(std::ostream& out) {
#ifdef __clang__
    out << "clang";
#else
    out << "g++";
#endif
    out << ' ' << __VERSION__ << ", glibc " << gnu_get_libc_version() << ", Boost " << BOOST_LIB_VERSION;
    out << ", JSON " << NLOHMANN_JSON_VERSION_MAJOR << '.' << NLOHMANN_JSON_VERSION_MINOR;
#ifdef CHORUS_WITH_HTTP2
    out << ", nghttp2 " << nghttp2_version(0)->version_str;
#endif
#ifndef __OPTIMIZE__
    out << ", not optimised";
#endif
    out << '\n';
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view piece = count > 1 ? arguments[1] : "";
    const std::size_t wanted = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 320;
    constexpr std::size_t streams = 16;
    const std::size_t requests = wanted / streams * streams;
    try {
        if (requests == 0 || count > 3) {
            std::cerr << usage;
            return 2;
        }
        if (piece == "--versions") {
            print_versions(std::cout);
            return EXIT_SUCCESS;
        }
        if (piece == "encode") {
            encode(requests);
        } else if (piece == "decode") {
            decode(requests);
        } else if (piece == "sse") {
            sse(requests);
        } else if (piece == "stream") {
            stream(requests);
        } else if (piece == "http1") {
            exchange<http1_peer>(requests, 1, chorus::http::protocol::http1);
#ifdef CHORUS_WITH_HTTP2
        } else if (piece == "http2") {
            exchange<http2_peer>(requests, streams, chorus::http::protocol::http2);
#endif
        } else {
            std::cerr << usage;
            return 2;
        }
        std::cout << requests << '\n';
        return EXIT_SUCCESS;
    } catch (const std::exception& problem) {
        std::cerr << "instructions: " << problem.what() << '\n';
        return EXIT_FAILURE;
    }
}
