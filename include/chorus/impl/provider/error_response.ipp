#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>
#include <chorus/policy/header_values.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace chorus {

namespace detail {

/// FastAPI: a text, or a list of `{"loc": [...], "msg": "..."}`.
CHORUS_DECL void read_error_details(json::reader& in, std::string& message) {
    if (in.peek() != json::kind::array) {
        in.read(message);
        return;
    }
    in.array([&] {
        std::string where;
        std::string what;
        in.object([&](std::string_view key) {
            if (key == "msg") {
                in.read(what);
            } else if (key == "loc") {
                in.array([&] {
                    std::string step;
                    if (in.read(step)) where.append(where.empty() ? "" : ".").append(step);
                });
            }
        });
        if (what.empty()) return;
        if (!message.empty()) message += "; ";
        if (!where.empty()) message.append(where).append(": ");
        message += what;
    });
}

/// An object with the words of an error, or with an `error` member that is one. The inner words win.
CHORUS_DECL void read_error_object(json::reader& in, error_body& out) {
    error_body inner;
    std::string status;
    in.object([&](std::string_view key) {
        if (key == "error") {
            if (in.peek() == json::kind::object) {
                read_error_object(in, inner);
                inner.found = true;
            } else if (in.peek() == json::kind::string) {
                in.read(inner.message);
                inner.found = !inner.message.empty();
            }
        } else if (key == "message") {
            in.read(out.message);
        } else if (key == "detail") {
            read_error_details(in, out.message);
        } else if (key == "type") {
            in.read(out.type);
        } else if (key == "code") {
            in.read(out.code);
        } else if (key == "param") {
            in.read(out.param);
        } else if (key == "request_id") {
            in.read(out.request_id);
        } else if (key == "status" && in.peek() == json::kind::string) {
            in.read(status);
        }
    });
    if (out.type.empty()) out.type = std::move(status);
    if (!inner.found) return;
    out.found = true;
    // Anthropic's outer type is just "error".
    out.type = std::move(inner.type);
    out.code = std::move(inner.code);
    out.param = std::move(inner.param);
    if (!inner.message.empty()) out.message = std::move(inner.message);
    if (!inner.request_id.empty()) out.request_id = std::move(inner.request_id);
}

/// A line to show of a page that a proxy made.
CHORUS_DECL std::string first_words(std::string_view page) {
    constexpr std::string_view opening = "<title>";
    constexpr std::size_t longest = 200;
    if (const std::size_t title = page.find(opening); title != page.npos) {
        page.remove_prefix(title + opening.size());
        page = page.substr(0, page.find('<'));
    } else if (page.find_first_not_of(" \t\r\n") != page.npos && page[page.find_first_not_of(" \t\r\n")] == '<') {
        return {};
    }
    std::string line;
    json::append_repaired(line, page.substr(0, longest));
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    const std::size_t first = line.find_first_not_of(' ');
    if (first == line.npos) return {};
    return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

CHORUS_DECL bool is_final_quota(std::string_view word) noexcept {
    static constexpr std::array<std::string_view, 7> words = {
        "insufficient_quota",           "credit_balance_exhausted",          "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
        "enforced_spend_limit_reached",
    };
    return std::find(words.begin(), words.end(), word) != words.end();
}

CHORUS_DECL int status_of_words(std::string_view type, std::string_view code) noexcept {
    struct named {
        std::string_view name;
        int status;
    };
    static constexpr std::array<named, 18> names = {{{"invalid_request_error", 400},
                                                     {"context_length_exceeded", 400},
                                                     {"content_filter", 400},
                                                     {"authentication_error", 401},
                                                     {"invalid_api_key", 401},
                                                     {"billing_error", 402},
                                                     {"permission_error", 403},
                                                     {"not_found_error", 404},
                                                     {"model_not_found", 404},
                                                     {"conflict_error", 409},
                                                     {"request_too_large", 413},
                                                     {"rate_limit_error", 429},
                                                     {"rate_limit_exceeded", 429},
                                                     {"slow_down", 429},
                                                     {"timeout_error", 504},
                                                     {"service_unavailable_error", 503},
                                                     {"server_is_overloaded", 503},
                                                     {"overloaded_error", 529}}};
    if (is_final_quota(code) || is_final_quota(type)) return 429;
    int status = 0;
    const auto [end, failure] = std::from_chars(code.data(), code.data() + code.size(), status);
    if (failure == std::errc() && end == code.data() + code.size() && status >= 400 && status < 600) return status;
    // The code first: the type of many is `invalid_request_error`, also that of a wrong key.
    for (const std::string_view word : {code, type}) {
        for (const named& known : names) {
            if (known.name == word) return known.status;
        }
    }
    return 0;
}

}  // namespace detail

CHORUS_DECL error_body read_error_body(std::string_view body) {
    error_body words;
    json::reader in(body);
    switch (in.peek()) {
        case json::kind::array: {
            bool first = true;
            in.array([&] {
                if (std::exchange(first, false)) detail::read_error_object(in, words);
            });
            break;
        }
        case json::kind::object:
            detail::read_error_object(in, words);
            break;
        case json::kind::string:
            in.read(words.message);
            break;
        default:
            in.skip();
    }
    if (in.finish()) return words;
    // No JSON, or cut off in the middle: what was read of it is kept.
    if (words.message.empty()) words.message = detail::first_words(body);
    return words;
}

CHORUS_DECL errc errc_of_status(int status, std::string_view type, std::string_view code) noexcept {
    const bool final_quota = detail::is_final_quota(code) || detail::is_final_quota(type);
    switch (status) {
        case 401:
            return errc::unauthenticated;
        case 402:
            return final_quota ? errc::quota_exhausted : errc::payment_required;
        case 403:
            return errc::permission_denied;
        case 404:
            return errc::not_found;
        case 408:
            return errc::request_timeout;
        case 409:
            return errc::conflict;
        case 413:
            return errc::request_too_large;
        case 422:
            return errc::unprocessable;
        case 429:
            // The code decides: a code that says "wait" outweighs a type that names the quota.
            if (code == "rate_limit_exceeded" || code == "slow_down") return errc::rate_limited;
            return final_quota ? errc::quota_exhausted : errc::rate_limited;
        case 503:
        case 529:
            return errc::overloaded;
        default:
            if (status >= 400 && status < 500) return errc::bad_request;
            if (status >= 500 && status < 600) return errc::server_error;
            return errc::unexpected_status;
    }
}

CHORUS_DECL error decode_error(http::response received, std::chrono::system_clock::time_point now) {
    error_body words = read_error_body(received.body);
    const bool success_status = received.status >= 200 && received.status < 300;
    int status = received.status;
    if (success_status) {
        status = detail::status_of_words(words.type, words.code);
        if (status == 0) status = 500;
    }
    error failure(errc_of_status(status, words.type, words.code), std::move(words.message));
    failure.phase(phase::status).http_status(received.status);
    if (const std::string_view id = find_request_id(received.headers); !id.empty()) {
        failure.request_id(std::string(id));
    } else {
        failure.request_id(std::move(words.request_id));
    }
    failure.type(std::move(words.type)).provider_code(std::move(words.code)).param(std::move(words.param));
    if (const auto wait = policy::retry_after(received.headers, now)) failure.retry_after(*wait);
    const std::string_view again = detail::trimmed(received.headers.get("x-should-retry"));
    if (again == "true" || again == "false") failure.should_retry(again == "true");
    failure.body(std::move(received.body));
    return failure;
}

CHORUS_DECL error decode_stream_error(std::string_view data) {
    http::response told;
    told.status = 200;
    told.body = data;
    return decode_error(std::move(told), {});
}

}  // namespace chorus
