// The prompts: lines of a text, each of which becomes a request when its turn comes.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/error.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace batch {

/// One line that is not empty, still as it was written. Refers to the text that it was split from.
struct prompt {
    std::size_t index;  // among the prompts, from 0
    std::size_t line;   // in the file, from 1
    std::string_view text;
    bool json;
};

/// Reads a file, or standard input if the path is empty, to its end: a loop that waited for a slow pipe would be
/// blocked.
inline std::string read_text(const std::string& path) {
    if (path.empty()) return std::string(std::istreambuf_iterator<char>(std::cin), {});
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file || text.empty()) throw std::invalid_argument(path + " cannot be read, or is empty");
    return text;
}

inline std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r";
    const auto first = text.find_first_not_of(blank);
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// The first line that is not empty decides for all of them whether they are JSON: a broken line of JSON must not be
/// sent as if it were a question.
inline std::vector<prompt> split_prompts(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    std::vector<prompt> prompts;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        const std::string_view content = trimmed(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (content.empty()) continue;
        const bool json = prompts.empty() ? content.front() == '{' : prompts.front().json;
        prompts.push_back({prompts.size(), line, content, json});
    }
    return prompts;
}

inline chorus::error bad_prompt(std::string why) {
    chorus::error problem(chorus::errc::invalid_argument, std::move(why));
    return problem.phase(chorus::phase::input);
}

/// Reads a message. `lost` becomes the name of a member that a prompt cannot hold, such as `tool_calls`.
inline chorus::message read_message(chorus::json::reader& in, std::string& lost) {
    using chorus::json::kind;
    std::string role;
    std::string name;
    chorus::content content;
    in.object([&](std::string_view key) {
        if (key == "role" && in.peek() == kind::string) {
            in.read(role);
        } else if (key == "name" && in.peek() == kind::string) {
            in.read(name);
        } else if (key == "content" && in.peek() == kind::array) {
            in.array([&] { content.json(std::string(in.raw())); });
        } else if (key == "content" && in.peek() == kind::string) {
            std::string text;
            if (in.read(text)) content = chorus::content(std::move(text));
        } else {
            std::string member(key);
            const std::string_view value = in.raw();
            if (value != "null" && value != "[]") lost = std::move(member);
        }
    });
    chorus::message next(role, std::move(content));
    if (!name.empty()) next.name(std::move(name));
    return next;
}

/// Whether a member beside the prompt would change the answer. Others may be there, such as an id.
inline bool is_parameter(std::string_view member) {
    static constexpr std::array<std::string_view, 24> parameters = {"model",
                                                                    "system",
                                                                    "developer",
                                                                    "instructions",
                                                                    "tools",
                                                                    "tool_choice",
                                                                    "functions",
                                                                    "function_call",
                                                                    "temperature",
                                                                    "top_p",
                                                                    "top_k",
                                                                    "seed",
                                                                    "stop",
                                                                    "n",
                                                                    "max_tokens",
                                                                    "stream",
                                                                    "logit_bias",
                                                                    "presence_penalty",
                                                                    "frequency_penalty",
                                                                    "max_completion_tokens",
                                                                    "thinking",
                                                                    "reasoning",
                                                                    "reasoning_effort",
                                                                    "response_format"};
    return std::find(parameters.begin(), parameters.end(), member) != parameters.end();
}

/// Errors: `errc::invalid_argument` if the line is no prompt.
inline chorus::result<chorus::chat_request> to_request(const prompt& from, const std::string& model) {
    chorus::chat_request request(model);
    if (!chorus::json::is_valid_utf8(from.text)) return bad_prompt("the line is not UTF-8");
    if (!from.json) return std::move(request).user(from.text);

    std::optional<std::string> text;
    std::string lost;
    chorus::json::reader in(from.text);
    in.object([&](std::string_view key) {
        if (key == "prompt" && in.peek() == chorus::json::kind::string) {
            in.read(text);
        } else if (lost.empty() && is_parameter(key)) {
            lost = key;
        } else if (key == "messages") {
            in.array([&] {
                std::string member;
                request.add(read_message(in, member));
                if (!member.empty() && lost.empty())
                    lost = "messages[" + std::to_string(request.messages().size() - 1) + "]." + member;
            });
        }
    });
    if (const auto end = in.finish(); !end)
        return bad_prompt("the line is not JSON: " + std::string(end.error().text()));
    if (text.has_value() == !request.messages().empty())
        return bad_prompt(R"(the line needs "prompt", a text, or "messages", a list, and not both)");
    if (!lost.empty()) return bad_prompt(lost + " is not what the line of a prompt can hold");
    if (text) request.user(std::move(*text));
    return request;
}

}  // namespace batch
