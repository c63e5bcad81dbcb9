// A mock LLM server as a program: aim any client at it, without a key and without cost.
#include <chorus/async/awaitable.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using chorus::testing::mock_counters;
using chorus::testing::mock_latency;
using chorus::testing::mock_options;
using chorus::testing::mock_server;

constexpr std::string_view usage =
    R"(Usage: mock_server [options]
Serves the APIs of OpenAI and Anthropic on 127.0.0.1: chats are answered with "echo: " and the last user message.
Prints one line, "<base URL> <CA file>" ("-" where there is no file), then serves until SIGINT or SIGTERM.

  --port N                  the port to listen on (default: any free one)
  --plain                   HTTP in place of HTTPS
  --http2                   HTTP/2 too, for clients that choose it by ALPN or begin with its preface
  --max-streams N           the most streams of an HTTP/2 connection (default: 100)
  --ca-out FILE             where to write the certificate authority that clients must trust
  --latency-ms L            how long each reply takes (default: 0)
  --jitter-ms J             spreads latencies evenly from L - J to L + J
  --lognormal SIGMA         draws latencies from a log-normal distribution with the median L
  --seed N                  of the latencies (default: 1)
  --body-bytes N            the least size of a completion (default: 900)
  --stream-interval-ms T    the time between the events of a stream (default: 0)
  --stream-chunks N         how many events with text a stream has (default: one a word)
  --stream-chunk-bytes N    the exact size of an event with text
  --stream-record-bytes N   what is gathered before it is written, up to 16384 (default: each event at once)
  --api-key K               the key that clients must send (default: none is needed)
  --max-requests N          closes a connection after N requests
  --idle-close-ms T         closes a connection that was idle so long
  --until-eof               serves until standard input ends, too: for a parent that may die
  --json                    prints the counters at the end as one JSON object
)";

struct arguments {
    mock_options server;
    std::string ca_file;
    bool until_eof = false;
    bool json = false;
    bool help = false;
};

template <class Number>
Number number(std::string_view option, std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || !(value >= Number{})) {
        throw std::invalid_argument(std::string(option) + " needs a number, not \"" + std::string(text) + '"');
    }
    return value;
}

std::chrono::nanoseconds milliseconds(std::string_view option, std::string_view text) {
    constexpr double longest = 1e9;
    const double value = number<double>(option, text);
    if (value > longest) throw std::invalid_argument(std::string(option) + " is more than eleven days");
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double, std::milli>(value));
}

arguments parse(int count, char** words) {
    arguments parsed;
    std::chrono::nanoseconds latency{};
    std::chrono::nanoseconds jitter{};
    double sigma = 0;
    std::uint64_t seed = 1;
    for (int index = 1; index < count; ++index) {
        const std::string_view option = words[index];
        const auto value = [&]() -> std::string_view {
            if (++index == count) throw std::invalid_argument(std::string(option) + " needs a value");
            return words[index];
        };
        if (option == "--port") {
            parsed.server.port(number<std::uint16_t>(option, value()));
        } else if (option == "--plain") {
            parsed.server.plain();
        } else if (option == "--http2") {
            parsed.server.http2();
        } else if (option == "--max-streams") {
            parsed.server.max_concurrent_streams(number<std::uint32_t>(option, value()));
        } else if (option == "--ca-out") {
            parsed.ca_file = value();
        } else if (option == "--latency-ms") {
            latency = milliseconds(option, value());
        } else if (option == "--jitter-ms") {
            jitter = milliseconds(option, value());
        } else if (option == "--lognormal") {
            sigma = number<double>(option, value());
        } else if (option == "--seed") {
            seed = number<std::uint64_t>(option, value());
        } else if (option == "--body-bytes") {
            parsed.server.body_bytes(number<std::size_t>(option, value()));
        } else if (option == "--stream-interval-ms") {
            parsed.server.stream_interval(milliseconds(option, value()));
        } else if (option == "--stream-chunks") {
            parsed.server.stream_chunks(number<std::size_t>(option, value()));
        } else if (option == "--stream-chunk-bytes") {
            parsed.server.stream_chunk_bytes(number<std::size_t>(option, value()));
        } else if (option == "--stream-record-bytes") {
            parsed.server.stream_record_bytes(number<std::size_t>(option, value()));
        } else if (option == "--api-key") {
            parsed.server.api_key(std::string(value()));
        } else if (option == "--max-requests") {
            parsed.server.max_requests_per_connection(number<std::size_t>(option, value()));
        } else if (option == "--idle-close-ms") {
            parsed.server.idle_close(std::chrono::milliseconds(number<std::int64_t>(option, value())));
        } else if (option == "--until-eof") {
            parsed.until_eof = true;
        } else if (option == "--json") {
            parsed.json = true;
        } else if (option == "--help") {
            parsed.help = true;
        } else {
            throw std::invalid_argument("unknown option " + std::string(option));
        }
    }
    if (sigma > 0) {
        parsed.server.latency(mock_latency::lognormal(latency, sigma, seed));
    } else if (jitter.count() > 0) {
        parsed.server.latency(mock_latency::uniform(latency - jitter, latency + jitter, seed));
    } else {
        parsed.server.latency(latency);
    }
    return parsed;
}

// One descriptor a connection: the soft limit of most systems, 1024, is far below what this server holds.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string counters_json(const mock_counters& seen) {
    std::string text;
    chorus::json::writer json(text);
    json.begin_object().member("requests", seen.requests).member("replies", seen.replies);
    json.member("abandoned", seen.abandoned).member("malformed", seen.malformed);
    json.member("chunks", seen.chunks).member("peak_streams", seen.peak_streams);
    json.member("peak_in_flight", seen.peak_in_flight).member("connections", seen.connections);
    json.member("peak_connections", seen.peak_connections);
    json.member("handshakes_full", seen.handshakes_full).member("handshakes_resumed", seen.handshakes_resumed);
    json.member("handshakes_failed", seen.handshakes_failed).member("resets_received", seen.resets_received);
    json.member("resets_after_end", seen.resets_after_end).member("cpu_s", cpu_seconds()).end_object();
    return text;
}

void print(const mock_counters& seen) {
    std::cout << seen.requests << " requests, " << seen.replies << " answered, " << seen.abandoned << " abandoned, "
              << seen.malformed << " malformed, at most " << seen.peak_in_flight << " in flight\n"
              << seen.connections << " connections, at most " << seen.peak_connections
              << " at once; TLS handshakes: " << seen.handshakes_full << " full, " << seen.handshakes_resumed
              << " resumed, " << seen.handshakes_failed << " failed\n";
    if (seen.peak_streams > 0) {
        std::cout << seen.chunks << " pieces of streams, of which at most " << seen.peak_streams
                  << " were open at once\n";
    }
    if (seen.resets_received > 0) {
        std::cout << seen.resets_received << " streams reset by clients, " << seen.resets_after_end
                  << " of them after their end\n";
    }
}

int serve(const arguments& wanted) {
    raise_descriptor_limit();
    asio::io_context loop(1);
    mock_server server(loop.get_executor(), wanted.server);
    std::string ca_file = "-";
    if (!server.ca_pem().empty() && !wanted.ca_file.empty()) {
        ca_file = wanted.ca_file;
        if (!(std::ofstream(ca_file) << server.ca_pem() << std::flush)) {
            throw std::runtime_error("cannot write " + ca_file);
        }
    }
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code&, int) { loop.stop(); });

    asio::posix::stream_descriptor input(loop);
    char ignored[256];
    std::function<void()> watch_input = [&] {
        input.async_read_some(asio::buffer(ignored), [&](const boost::system::error_code& end, std::size_t) {
            end ? loop.stop() : watch_input();
        });
    };
    if (wanted.until_eof) {
        input.assign(dup(STDIN_FILENO));
        watch_input();
    }
    std::cout << server.base_url() << ' ' << ca_file << std::endl;
    loop.run();
    wanted.json ? void(std::cout << counters_json(server.counters()) << '\n') : print(server.counters());
    return 0;
}

}  // namespace

int main(int count, char** words) {
    try {
        const arguments wanted = parse(count, words);
        if (!wanted.help) return serve(wanted);
        std::cout << usage;
        return 0;
    } catch (const std::invalid_argument& problem) {
        std::cerr << "mock_server: " << problem.what() << '\n' << usage;
        return 2;
    } catch (const std::exception& problem) {
        std::cerr << "mock_server: " << problem.what() << '\n';
        return 1;
    }
}
