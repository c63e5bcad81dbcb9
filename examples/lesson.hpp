// What the lessons share: a server that answers as OpenAI's does, the way to it, a stopwatch, and a verdict.
#pragma once

#include <chorus/chorus.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <chrono>
#include <ctime>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace lesson {

using namespace std::chrono_literals;
using server = chorus::testing::mock_server_thread;

/// A server on a thread of its own, over plain HTTP, whose answers take so long.
inline chorus::testing::mock_options answers_after(std::chrono::milliseconds latency) {
    return chorus::testing::mock_options().plain().latency(latency);
}

/// The API that a client of that server is made with. In your program: `chorus::openai()`.
inline chorus::openai at(const server& where) {
    return chorus::openai().base_url(where.base_url()).api_key("");
}

inline chorus::chat_request question(std::string text) {
    return chorus::chat_request("gpt-4o-mini").user(std::move(text));
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
