#pragma once

#include <chorus/json/text.hpp>
#include <chorus/observe/error_type.hpp>
#include <chorus/observe/text_logger.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <charconv>

namespace chorus {

namespace detail {

/// Appends what somebody else has named: printable, on one line, and not longer than a name.
CHORUS_DECL void append_name(std::string& out, std::string_view name) {
    constexpr std::size_t longest = 128;
    constexpr char hex[] = "0123456789abcdef";
    const bool is_cut = name.size() > longest;
    if (is_cut) name = name.substr(0, longest);
    const char* next = name.data();
    const char* const end = next + name.size();
    while (next != end) {
        const auto [length, valid] = json::detail::step_utf8(next, end);
        const auto byte = static_cast<unsigned char>(*next);
        // C1 controls begin with c2 in UTF-8, and U+2028 and U+2029 end lines for some readers.
        const bool is_control = byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\' ||
                                (byte == 0xc2 && length == 2 && static_cast<unsigned char>(next[1]) < 0xa0) ||
                                std::string_view(next, length) == "\u2028" ||
                                std::string_view(next, length) == "\u2029";
        for (std::size_t i = 0; i < length; ++i) {
            const auto c = static_cast<unsigned char>(next[i]);
            if (valid && !is_control) {
                out += next[i];
            } else {
                out.append("\\x") += hex[c >> 4];
                out += hex[c & 15];
            }
        }
        next += length;
    }
    if (is_cut) out += "...";
}

/// Appends a number of milliseconds, in tenths.
CHORUS_DECL void append_ms(std::string& out, std::string_view name, std::chrono::nanoseconds length) {
    const std::int64_t tenths = std::max<std::int64_t>(length.count(), 0) / 100'000;
    out.append(" ").append(name).append("=").append(std::to_string(tenths / 10));
    if (tenths % 10 != 0) out.append(".").append(std::to_string(tenths % 10));
}

CHORUS_DECL void append_count(std::string& out, std::string_view name, std::int64_t count) {
    out.append(" ").append(name).append("=").append(std::to_string(count));
}

/// Appends scheme, host and port alone, also of a host that holds more than it should.
CHORUS_DECL void append_origin(std::string& out, const http::origin& where) {
    std::string_view host = where.host;
    if (const auto at = host.rfind('@'); at != host.npos) host.remove_prefix(at + 1);
    host = host.substr(0, host.find_first_of("/?#"));
    const bool is_ipv6 = host.find(':') != host.npos;
    out += where.tls ? "https://" : "http://";
    if (is_ipv6) out += '[';
    append_name(out, host);
    if (is_ipv6) out += ']';
    out.append(":").append(std::to_string(where.port));
}

/// Appends a type or code of a server if it is what they are: a word such as `rate_limit_exceeded`, or a short number.
/// A key is neither: it has digits among its letters.
CHORUS_DECL void append_word(std::string& out, std::string_view name, std::string_view word) {
    const bool is_word = word.size() <= 64 && std::all_of(word.begin(), word.end(), [](char c) {
                             return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '_' || c == '.';
                         });
    const bool is_number =
        word.size() <= 5 && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!word.empty() && (is_word || is_number)) out.append(" ").append(name).append("=").append(word);
}

/// Copies a text with *** for what may be a key: a run of letters, digits and the like with some of both kinds, and
/// what stands before an `@`.
CHORUS_DECL std::string without_keys(std::string_view text) {
    const auto is_key_character = [](char c) {
        return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '+' || c == '=';
    };
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '@') {  // user information: back to the last white space or slash
            const auto start = out.find_last_of(" \t/");
            out.erase(start == out.npos ? 0 : start + 1);
            out += "***@";
            ++at;
            continue;
        }
        std::size_t length = 0;
        bool has_digit = false, has_letter = false;
        for (; at + length < text.size() && is_key_character(text[at + length]); ++length) {
            const char c = to_lower(text[at + length]);
            has_digit |= c >= '0' && c <= '9';
            has_letter |= c >= 'a' && c <= 'z';
        }
        if (length == 0) {
            out += text[at++];
            continue;
        }
        const std::string_view run = text.substr(at, length);
        const bool is_key = (run.size() >= 16 && has_digit && has_letter) || run.starts_with("sk-");
        out.append(is_key ? "***" : run);
        at += length;
    }
    return out;
}

CHORUS_DECL void append_failure(std::string& out, const error& failure) {
    out.append(" error=").append(error_type(failure.code()));
    const phase where = failure.phase();
    if (where != phase::none) {
        out += " phase=";
        for (const char c : to_string(where)) out += c == ' ' ? '_' : c;
    }
    if (failure.http_status() != 0) append_count(out, "status", failure.http_status());
    append_word(out, "type", failure.type());
    append_word(out, "code", failure.provider_code());
    // These layers speak of addresses and certificates: their words are not those of a body.
    if ((where == phase::dns || where == phase::connect || where == phase::tls) && !failure.cause().empty() &&
        failure != errc::exception) {
        out += " cause=\"";
        append_name(out, without_keys(failure.cause()));
        out += '"';
    }
}

CHORUS_DECL void append_call(std::string& out, const call_info& call) {
    out.append("call ").append(std::to_string(call.id)).append(" ");
    append_name(out, call.operation);
    out += ' ';
    append_name(out, call.provider);
    if (call.model.empty()) return;
    out += ' ';
    append_name(out, call.model);
}

CHORUS_DECL void append_text(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    out.append(" ").append(name).append("=\"");
    append_name(out, text);
    out += '"';
}

CHORUS_DECL text_logger::line_sink sink_into(std::FILE* file) {
    return [file](std::string_view line) {
        std::string whole(line);
        whole += '\n';
        std::fwrite(whole.data(), 1, whole.size(), file);
        std::fflush(file);
    };
}

}  // namespace detail

CHORUS_DECL std::optional<log_level> log_level_named(std::string_view name) {
    const std::string word = detail::to_lower(detail::trimmed(name));
    if (word == "none" || word == "off") return log_level::none;
    if (word == "errors" || word == "error") return log_level::errors;
    if (word == "calls" || word == "info") return log_level::calls;
    if (word == "everything" || word == "debug") return log_level::everything;
    return std::nullopt;
}

CHORUS_DECL text_logger::text_logger(line_sink sink, log_level level) : sink_(std::move(sink)), level_(level) {}

CHORUS_DECL text_logger::text_logger(std::FILE* file, log_level level) : text_logger(detail::sink_into(file), level) {}

CHORUS_DECL std::shared_ptr<text_logger> text_logger::from_environment(const char* (*variables)(const char* name),
                                                                       line_sink sink) {
    const char* const value = variables("CHORUS_LOG");
    if (value == nullptr || detail::trimmed(value).empty()) return nullptr;
    const auto level = log_level_named(value);
    if (level == log_level::none) return nullptr;
    auto logger = std::make_shared<text_logger>(std::move(sink), level.value_or(log_level::calls));
    if (!level) {
        logger->write(log_level::errors, [value](std::string& line) {
            line += "CHORUS_LOG=\"";
            detail::append_name(line, value);
            line += "\" is none of none, errors, calls and everything; it is taken as calls";
        });
    }
    return logger;
}

CHORUS_DECL std::shared_ptr<text_logger> text_logger::from_environment(const char* (*variables)(const char* name),
                                                                       std::FILE* file) {
    return from_environment(variables, detail::sink_into(file));
}

template <class Fill>
void text_logger::write(log_level least, Fill fill) noexcept {
    if (level_ < least) return;
    try {
        line_.clear();
        fill(line_);
        sink_(line_);
    } catch (...) {  // a log that cannot be written must not end the call that it tells of
    }
}

CHORUS_DECL void text_logger::on_call(const call_info& call) noexcept {
    write(log_level::everything, [&](std::string& line) {
        detail::append_call(line, call);
        line += call.is_streamed ? " called, streamed" : " called";
    });
}

CHORUS_DECL void text_logger::on_limited(const call_info& call, std::chrono::nanoseconds waited) noexcept {
    write(log_level::everything, [&](std::string& line) {
        detail::append_call(line, call);
        line += " let through";
        detail::append_ms(line, "waited_ms", waited);
    });
}

CHORUS_DECL void text_logger::on_attempt(const call_info& call, int number) noexcept {
    write(log_level::everything, [&](std::string& line) {
        detail::append_call(line, call);
        line.append(" attempt ").append(std::to_string(number));
        if (call.server == nullptr) return;
        line += " to ";
        detail::append_origin(line, *call.server);
    });
}

CHORUS_DECL void text_logger::on_first_byte(const call_info& call, std::chrono::nanoseconds since_sent) noexcept {
    write(log_level::everything, [&](std::string& line) {
        detail::append_call(line, call);
        line += " first byte";
        detail::append_ms(line, "since_sent_ms", since_sent);
    });
}

CHORUS_DECL void text_logger::on_first_token(const call_info& call, std::chrono::nanoseconds since_call) noexcept {
    write(log_level::everything, [&](std::string& line) {
        detail::append_call(line, call);
        line += " first token";
        detail::append_ms(line, "since_call_ms", since_call);
    });
}

CHORUS_DECL void text_logger::on_retry(const call_info& call, const error& why,
                                       std::chrono::milliseconds wait) noexcept {
    write(log_level::errors, [&](std::string& line) {
        detail::append_call(line, call);
        line += " retries";
        detail::append_ms(line, "in_ms", wait);
        detail::append_failure(line, why);
    });
}

CHORUS_DECL void text_logger::on_end(const call_info& call, const call_end& end) noexcept {
    const bool has_failed = end.failure != nullptr && end.failure->code();
    write(has_failed ? log_level::errors : log_level::calls, [&](std::string& line) {
        detail::append_call(line, call);
        line += has_failed ? " failed" : " ok";
        if (has_failed) detail::append_failure(line, *end.failure);
        detail::append_ms(line, "total_ms", end.total);
        if (end.queued >= std::chrono::milliseconds(1)) detail::append_ms(line, "queued_ms", end.queued);
        if (end.first_token) detail::append_ms(line, "first_token_ms", *end.first_token);
        detail::append_count(line, "attempts", end.attempts);
        if (end.tokens != nullptr) {
            if (end.tokens->prompt_tokens) detail::append_count(line, "tokens_in", *end.tokens->prompt_tokens);
            if (end.tokens->completion_tokens) detail::append_count(line, "tokens_out", *end.tokens->completion_tokens);
        }
        if (end.model != call.model) detail::append_text(line, "answered_by", end.model);
        detail::append_text(line, "finish", end.finish_reason);
        detail::append_text(line, "request_id", end.request_id);
    });
}

CHORUS_DECL void text_logger::on_connection(connection_event what, const connection_info& connection) noexcept {
    const bool has_failed = what == connection_event::failed;
    write(has_failed ? log_level::errors : log_level::everything, [&](std::string& line) {
        line += "connection";
        if (connection.server != nullptr) detail::append_origin(line += " to ", *connection.server);
        line.append(" ").append(to_string(what));
        if (connection.timing != nullptr) {
            detail::append_ms(line, "dns_ms", connection.timing->dns);
            detail::append_ms(line, "connect_ms", connection.timing->connect);
            detail::append_ms(line, "tls_ms", connection.timing->tls);
        }
        if (connection.failure != nullptr) detail::append_failure(line, *connection.failure);
    });
}

CHORUS_DECL void text_logger::on_server_limit(limit_event what, const limit_info& limit) noexcept {
    const bool is_alarming = what == limit_event::paused || what == limit_event::circuit_opened;
    // That a call was refused is told with its end.
    write(is_alarming ? log_level::errors : log_level::everything, [&](std::string& line) {
        if (limit.call != nullptr) {
            detail::append_call(line, *limit.call);
        } else {
            line += "limits";
            if (limit.server != nullptr) detail::append_origin(line += " of ", *limit.server);
            if (!limit.model.empty()) detail::append_name(line += ' ', limit.model);
        }
        line.append(" ").append(to_string(what));
        if (limit.concurrency != 0) {
            detail::append_count(line, "concurrency", static_cast<std::int64_t>(limit.concurrency));
        }
        if (limit.wait > limit.wait.zero()) detail::append_ms(line, "wait_ms", limit.wait);
        if (limit.failure != nullptr) detail::append_failure(line, *limit.failure);
    });
}

}  // namespace chorus
