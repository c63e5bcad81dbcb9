// The command line of a benchmark: what every one of them takes, and the numbers of its own.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

inline constexpr std::string_view common_usage = R"(
  --url URL           the API to call, such as https://127.0.0.1:8443/v1
                      (default: a mock server in a process of its own, on another core)
  --ca FILE           the certificate authority of that server, if the system does not trust it
  --model NAME        the model to ask for (default: mock-model)
  --any-answer        counts any answer that is not empty (default: it must repeat the prompt, as the mock server does)
  --http2             speaks HTTP/2 (default: HTTP/1.1)
  --json              prints one JSON object in place of a table
)";

/// What every benchmark takes.
struct settings {
    std::string url;
    std::string ca_file;
    std::string model = "mock-model";
    bool any_answer = false;
    bool http2 = false;
    bool json = false;
};

/// Reads the command line. Anything that it does not know is a `std::invalid_argument`.
class option_reader {
 public:
    explicit option_reader(settings& into) {
        text("--url", into.url).text("--ca", into.ca_file).text("--model", into.model);
        flag("--any-answer", into.any_answer).flag("--http2", into.http2).flag("--json", into.json);
    }

    option_reader& number(std::string_view name, std::size_t& into, std::size_t least = 1) {
        numbers_.push_back({name, &into, least});
        return *this;
    }
    option_reader& text(std::string_view name, std::string& into) {
        texts_.emplace_back(name, &into);
        return *this;
    }
    option_reader& flag(std::string_view name, bool& into) {
        flags_.emplace_back(name, &into);
        return *this;
    }

    void read(const std::vector<std::string_view>& words) {
        for (auto word = words.begin(); word != words.end(); ++word) {
            if (take_flag(*word)) continue;
            const std::string_view name = *word;
            if (!knows(name)) throw std::invalid_argument("unknown option " + std::string(name));
            if (++word == words.end()) throw std::invalid_argument(std::string(name) + " needs a value");
            take_value(name, *word);
        }
    }

 private:
    struct number_option {
        std::string_view name;
        std::size_t* into;
        std::size_t least;
    };

    bool take_flag(std::string_view word) {
        for (auto& [name, into] : flags_) {
            if (name == word) return *into = true;
        }
        return false;
    }

    bool knows(std::string_view word) const {
        for (const auto& [name, into] : texts_) {
            if (name == word) return true;
        }
        for (const auto& option : numbers_) {
            if (option.name == word) return true;
        }
        return false;
    }

    void take_value(std::string_view word, std::string_view value) {
        for (auto& [name, into] : texts_) {
            if (name == word) *into = value;
        }
        for (auto& option : numbers_) {
            if (option.name != word) continue;
            const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), *option.into);
            if (failure != std::errc() || end != value.data() + value.size() || *option.into < option.least) {
                throw std::invalid_argument(std::string(word) + " needs a number of at least " +
                                            std::to_string(option.least) + ", not \"" + std::string(value) + '"');
            }
        }
    }

    std::vector<number_option> numbers_;
    std::vector<std::pair<std::string_view, std::string*>> texts_;
    std::vector<std::pair<std::string_view, bool*>> flags_;
};

/// The frame of a benchmark's `main`: `--help`, a complaint about the command line (2), a failure (1).
template <class Body>
int run_benchmark(std::string_view usage, int count, char** arguments, Body body) {
    const std::vector<std::string_view> words(arguments + 1, arguments + count);
    for (const std::string_view word : words) {
        if (word == "--help") {
            std::cout << usage << common_usage;
            return EXIT_SUCCESS;
        }
    }
    try {
        return body(words);
    } catch (const std::invalid_argument& problem) {
        std::cerr << problem.what() << "\n\n" << usage << common_usage;
        return 2;
    } catch (const std::exception& problem) {
        std::cerr << problem.what() << '\n';
        return EXIT_FAILURE;
    }
}

}  // namespace bench
