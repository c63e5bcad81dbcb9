// The command line of batch.
#pragma once

#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace batch {

inline constexpr std::size_t live_prompts = 20;  // what --live sends unless told --all: nobody is billed by surprise

inline constexpr std::string_view usage =
    R"(Usage: batch WHERE [options] [FILE]
Sends every prompt of FILE (or of standard input) to a chat model, many at once, and writes one line of JSON for each
answer: {"index":0,"text":"...","usage":{...},"latency_ms":203.1}, or {"index":0,"error":{...}}. The index counts the
prompts from 0. FILE holds one prompt a line; if its first line begins with {, each line is {"prompt":"..."} or
{"messages":[{"role":"user","content":"..."}]}. Empty lines are passed over.

WHERE is one of
  --base-url URL         an OpenAI-compatible server, such as http://localhost:11434/v1
  --live                 OpenAI, or OPENAI_BASE_URL: the first 20 prompts
  --live --all           the same, all prompts
  --mock-latency-ms L    a mock server inside this program, over TLS, whose answers take L milliseconds
The key comes from OPENAI_API_KEY.

Options
  --out FILE             where answers go; the same command again does only what is missing (default: standard output)
  --ordered              leaves the answers of --out in the order of the prompts, not of their completion
  --concurrency N        how many calls are under way at once (default: 100)
  --model NAME           (default: gpt-4o-mini)
  --ca FILE              trusts the certificate authorities of this PEM file too

Ends with 0 if every prompt has its answer, 1 if some failed, 2 if nothing could begin, 130 after Ctrl-C.
)";

struct options {
    std::string prompts;  // empty: standard input
    std::string out;      // empty: standard output
    std::string base_url;
    std::string model = "gpt-4o-mini";
    std::string ca_file;
    std::size_t concurrency = 100;
    std::optional<std::chrono::milliseconds> mock_latency;
    bool live = false;
    bool all = false;
    bool ordered = false;
    bool help = false;
};

inline std::size_t number(std::string_view option, std::string_view text) {
    std::size_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || value > 1'000'000)
        throw std::invalid_argument(std::string(option) + " needs a number up to 1000000, not \"" + std::string(text) +
                                    '"');
    return value;
}

// Refuses what contradicts itself, before anything is read, written or sent.
inline void check(const options& wanted) {
    if (wanted.help) return;
    if (wanted.mock_latency && (wanted.live || !wanted.base_url.empty() || !wanted.ca_file.empty()))
        throw std::invalid_argument("--mock-latency-ms goes without --live, --base-url and --ca");
    if (!wanted.mock_latency && !wanted.live && wanted.base_url.empty())
        throw std::invalid_argument("say where to send the prompts: --base-url, --live or --mock-latency-ms");
    if (wanted.all && !wanted.live) throw std::invalid_argument("--all goes with --live");
    if (wanted.ordered && wanted.out.empty()) throw std::invalid_argument("--ordered needs --out");
    if (wanted.concurrency == 0) throw std::invalid_argument("--concurrency needs at least 1");
    if (wanted.model.empty()) throw std::invalid_argument("--model needs a name");
}

/// Throws `std::invalid_argument`.
inline options parse(const std::vector<std::string_view>& words) {
    options wanted;
    for (auto word = words.begin(); word != words.end(); ++word) {
        const std::string_view option = *word;
        const auto value = [&]() -> std::string_view {
            if (++word == words.end()) throw std::invalid_argument(std::string(option) + " needs a value");
            return *word;
        };
        if (option == "--base-url") {
            wanted.base_url = value();
        } else if (option == "--live") {
            wanted.live = true;
        } else if (option == "--all") {
            wanted.all = true;
        } else if (option == "--mock-latency-ms") {
            wanted.mock_latency = std::chrono::milliseconds(number(option, value()));
        } else if (option == "--out") {
            wanted.out = value();
        } else if (option == "--ordered") {
            wanted.ordered = true;
        } else if (option == "--concurrency") {
            wanted.concurrency = number(option, value());
        } else if (option == "--model") {
            wanted.model = value();
        } else if (option == "--ca") {
            wanted.ca_file = value();
        } else if (option == "--help") {
            wanted.help = true;
        } else if (option.starts_with("--")) {
            throw std::invalid_argument("unknown option " + std::string(option));
        } else if (!wanted.prompts.empty()) {
            throw std::invalid_argument("one file of prompts at a time, not " + wanted.prompts + " and " +
                                        std::string(option));
        } else {
            wanted.prompts = option;
        }
    }
    check(wanted);
    if (wanted.prompts == "-") wanted.prompts.clear();
    return wanted;
}

}  // namespace batch
