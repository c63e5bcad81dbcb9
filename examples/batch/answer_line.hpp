// One answer as one line of JSON, and what such a line says about itself.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/error.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace batch {

inline constexpr std::string_view line_start = R"({"index":)";

inline std::string answer_line(std::size_t index, const chorus::result<chorus::chat_response>& reply) {
    std::string line;
    chorus::json::writer out(line);
    const auto text = [&](std::string_view key, std::string_view value) {
        if (value.empty()) return;
        std::string clean;
        chorus::json::append_repaired(clean, value);
        out.member(key, clean);
    };
    const auto tokens = [&](std::string_view key, chorus::token_count count) {
        if (count) out.member(key, *count);
    };
    out.begin_object().member("index", index);
    if (reply) {
        out.member("text", reply->text());
        text("finish_reason", reply->finish_reason());
        text("refusal", reply->refusal());
        out.key("usage").begin_object();
        tokens("prompt_tokens", reply->usage().prompt_tokens);
        tokens("completion_tokens", reply->usage().completion_tokens);
        tokens("total_tokens", reply->usage().total_tokens);
        out.end_object();
        const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(reply->timing().total);
        out.member("latency_ms", static_cast<double>(microseconds.count()) / 1000);
    } else {
        const chorus::error& failure = reply.error();
        out.key("error").begin_object();
        text("message", failure.message());
        if (failure.http_status() != 0) out.member("status", failure.http_status());
        text("type", failure.type());
        text("code", failure.provider_code());
        text("request_id", failure.request_id());
        out.end_object();
    }
    out.end_object();
    return line += '\n';
}

/// What a line of the file says about itself.
struct answer_head {
    std::size_t index;
    bool failed;
};

/// Returns nothing if the line is no complete answer.
inline std::optional<answer_head> read_answer_head(std::string_view line) {
    std::optional<std::int64_t> index;
    bool answered = false;
    bool failed = false;
    chorus::json::reader in(line);
    in.object([&](std::string_view key) {
        if (key == "index" && in.peek() == chorus::json::kind::number) in.read(index);
        answered = answered || key == "text";
        failed = failed || key == "error";
    });
    if (!in.finish() || !index || *index < 0 || answered == failed) return {};
    return answer_head{static_cast<std::size_t>(*index), failed};
}

}  // namespace batch
