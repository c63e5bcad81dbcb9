// What the lessons share: a server that answers as OpenAI's does, the way to it, a stopwatch, and a verdict.
#pragma once

#include <chorus/chorus.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lesson {

using namespace std::chrono_literals;
using server = chorus::testing::mock_server_thread;

/// Whether the lessons that leave the version of HTTP to the two sides are to meet HTTP/2, which only TLS can agree on:
/// they are called with a file to write the server's certificate authority to, which they then trust.
inline const char* http2_ca_file() {
    return std::getenv("LESSONS_OVER_HTTP2");
}

/// A server on a thread of its own, over plain HTTP, whose answers take so long.
inline chorus::testing::mock_options answers_after(std::chrono::milliseconds latency) {
    auto options = chorus::testing::mock_options().plain(http2_ca_file() == nullptr).latency(latency);
#ifdef CHORUS_WITH_HTTP2
    options.http2();
#endif
    return options;
}

/// Which version of HTTP a lesson speaks: HTTP/2 if it is called with `--http2`.
class wire {
 public:
    wire(int count, char** words) : http2_(count == 2 && std::string_view(words[1]) == "--http2") {}
    chorus::client_options options() const {
        return chorus::client_options().protocol(http2_ ? chorus::http::protocol::http2
                                                        : chorus::http::protocol::http1);
    }

 private:
    bool http2_;
};

/// The API that a client of that server is made with. In your program: `chorus::openai()`.
inline chorus::openai at(const server& where) {
    if (const char* const file = http2_ca_file()) {
        std::ofstream(file, std::ios::trunc) << where.ca_pem();
        ::setenv("SSL_CERT_FILE", file, 1);
    }
    return chorus::openai().base_url(where.base_url()).api_key("");
}

inline chorus::chat_request question(std::string text) {
    return chorus::chat_request("gpt-4o-mini").user(std::move(text));
}

/// Makes a server reply as a model that calls tools, each given by its name and its arguments as JSON.
inline auto calls(std::vector<std::pair<std::string, std::string>> tools) {
    return [tools = std::move(tools)](const chorus::testing::mock_request&, chorus::testing::mock_reply& reply) {
        reply.headers.add("content-type", "application/json");
        chorus::json::writer json(reply.body);
        json.begin_object().key("choices").begin_array().begin_object().member("finish_reason", "tool_calls");
        json.key("message").begin_object().member("role", "assistant").key("tool_calls").begin_array();
        for (const auto& [name, arguments] : tools) {
            json.begin_object().member("id", "call_" + name).member("type", "function").key("function");
            json.begin_object().member("name", name).member("arguments", arguments).end_object().end_object();
        }
        json.end_array().end_object().end_object().end_array().end_object();
    };
}

/// Measures from its making: the time on the wall, and the time that the CPU worked for this thread.
class stopwatch {
 public:
    double wall_ms() const {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - wall_start_).count();
    }
    double cpu_ms() const { return thread_cpu_ms() - cpu_start_; }

    void print(std::string_view what) const {
        std::cout << what << ": " << wall_ms() << " ms of wall time, " << cpu_ms() << " ms of CPU\n";
    }

 private:
    static double thread_cpu_ms() {
        timespec used{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) * 1e-6;
    }

    std::chrono::steady_clock::time_point wall_start_ = std::chrono::steady_clock::now();
    double cpu_start_ = thread_cpu_ms();
};

/// The last line of a lesson, and its exit status: not 0 if what it teaches did not hold.
inline int verdict(bool held, std::string_view claim) {
    std::cout << (held ? "True: " : "NOT TRUE: ") << claim << '\n';
    return held ? 0 : 1;
}

}  // namespace lesson
