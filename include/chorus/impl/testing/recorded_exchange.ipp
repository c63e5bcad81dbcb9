#pragma once

#include <chorus/base64.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/observe/error_type.hpp>
#include <chorus/provider/detail/percent_encoding.hpp>
#include <chorus/testing/recorded_exchange.hpp>
#include <chorus/text.hpp>

#include <boost/system/system_category.hpp>

#include <algorithm>
#include <optional>
#include <span>

namespace chorus::testing {

namespace detail {

inline constexpr std::string_view struck = "***";

// Writing.

/// A member with this name, or with `_base64` after it.
CHORUS_DECL void write_bytes(json::writer& json, std::string_view name, std::string_view bytes) {
    if (json::is_valid_utf8(bytes)) {
        json.member(name, bytes);
    } else {
        const auto raw = std::as_bytes(std::span(bytes.data(), bytes.size()));
        json.member(std::string(name) + "_base64", chorus::detail::encode_base64(raw));
    }
}

CHORUS_DECL void write_fields(json::writer& json, const http::headers& fields) {
    json.key("headers").begin_array();
    for (const auto& [name, value] : fields) {
        json.begin_array().value(name);
        if (json::is_valid_utf8(value)) {
            json.value(value);
        } else {  // obs-text of RFC 9110, 5.5
            std::string repaired;
            json::append_repaired(repaired, value);
            json.value(repaired);
        }
        json.end_array();
    }
    json.end_array();
}

CHORUS_DECL void write_clean(json::writer& json, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    std::string clean;
    json::append_repaired(clean, text);
    json.member(name, clean);
}

CHORUS_DECL void write_failure(json::writer& json, const error& failure) {
    json.key("error").begin_object();
    const auto code = failure.code();
    if (code.category() == error_category()) {
        json.member("code", name_of(static_cast<errc>(code.value())));
    } else {
        json.member("category", std::string_view(code.category().name())).member("value", code.value());
    }
    json.member("phase", to_string(failure.phase()));
    write_clean(json, "text", failure.text());
    write_clean(json, "cause", failure.cause());
    json.end_object();
}

// Reading.

struct line_reader {
    json::reader in;
    std::string problem;

    std::string text() {
        std::string value;
        in.read(value);
        return value;
    }

    std::int64_t number() {
        std::int64_t value = 0;
        in.read(value);
        return value;
    }

    bool flag() {
        bool value = false;
        in.read(value);
        return value;
    }

    std::string base64() {
        const std::string value = text();
        std::string bytes(chorus::detail::base64_decoded_size(value), '\0');
        if (!chorus::detail::decode_base64(value, std::as_writable_bytes(std::span(bytes)))) problem = "is no base64";
        return bytes;
    }

    http::headers fields() {
        http::headers all;
        in.array([&] {
            std::string name, value;
            std::size_t index = 0;
            in.array([&] {
                const std::string part = text();
                if (index == 0) name = part;
                if (index == 1) value = part;
                ++index;
            });
            if (index == 2 && http::headers::is_valid_name(name) && http::headers::is_valid_value(value)) {
                all.add(name, value);
            } else {
                problem = "has a header that is none";
            }
        });
        return all;
    }

    chorus::phase phase() {
        const std::string name = text();
        for (int i = 0; i <= static_cast<int>(phase::status); ++i) {
            if (to_string(static_cast<chorus::phase>(i)) == name) return static_cast<chorus::phase>(i);
        }
        problem = "has a phase that is none";
        return phase::none;
    }

    error failure() {
        std::string code, category, words, cause;
        int value = 0;
        auto where = phase::none;
        in.object([&](std::string_view key) {
            if (key == "code")
                code = text();
            else if (key == "category")
                category = text();
            else if (key == "value")
                value = static_cast<int>(number());
            else if (key == "phase")
                where = phase();
            else if (key == "text")
                words = text();
            else if (key == "cause")
                cause = text();
        });
        const auto known = errc_named(code);
        if (!known && category.empty()) problem = "has an error that is none";
        error made = category == "system"
                         ? error(boost::system::error_code(value, boost::system::system_category()), std::move(words))
                         : error(known.value_or(errc::connection_lost), std::move(words));
        made.phase(where);
        if (!cause.empty()) made.cause(std::move(cause));
        return made;
    }

    recorded_exchange::piece piece() {
        recorded_exchange::piece one;
        in.object([&](std::string_view key) {
            if (key == "after_us")
                one.after = std::chrono::microseconds(number());
            else if (key == "bytes")
                one.bytes = text();
            else if (key == "bytes_base64")
                one.bytes = base64();
        });
        return one;
    }

    void request(http::request& into) {
        in.object([&](std::string_view key) {
            if (key == "method")
                into.method = text();
            else if (key == "url")
                url(text(), into);
            else if (key == "headers")
                into.headers = fields();
            else if (key == "body")
                into.body = text();
            else if (key == "body_base64")
                into.body = base64();
        });
    }

    void url(std::string_view written, http::request& into) {
        const auto parsed = http::url::parse(written);
        if (!parsed) {
            problem = "has a URL that is none";
            return;
        }
        into.origin = parsed->origin();
        into.target = parsed->target();
    }

    void response(recorded_exchange& into) {
        into.has_response = true;
        in.object([&](std::string_view key) {
            if (key == "status")
                into.response.status = static_cast<int>(number());
            else if (key == "headers")
                into.response.headers = fields();
            else if (key == "body")
                into.response.body = text();
            else if (key == "body_base64")
                into.response.body = base64();
            else if (key == "abandoned")
                into.is_abandoned = flag();
            else if (key == "pieces") {
                into.is_streamed = true;
                in.array([&] { into.pieces.push_back(piece()); });
            }
        });
    }
};

// Striking.

using word_list = std::vector<std::string>;

CHORUS_DECL std::string json_escaped(std::string_view text) {
    std::string out, clean;
    json::append_repaired(clean, text);
    json::writer(out).value(clean);
    return out.substr(1, out.size() - 2);
}

CHORUS_DECL void add_word(word_list& words, std::string_view word) {
    if (word.empty()) return;
    for (const std::string& form : {std::string(word), json_escaped(word), chorus::detail::percent_encoded(word)}) {
        if (std::find(words.begin(), words.end(), form) == words.end()) words.push_back(form);
    }
}

/// The part of the value of a credential field that is the secret: `Bearer abc` says `abc`. What is too short would
/// strike half of all text.
CHORUS_DECL void add_credential(word_list& words, std::string_view value) {
    constexpr std::size_t shortest = 4;
    const std::string_view all = chorus::detail::trimmed(value);
    if (const auto blank = all.find(' '); blank != all.npos) {
        const std::string_view rest = chorus::detail::trimmed(all.substr(blank));
        if (rest.size() >= shortest) add_word(words, rest);
    }
    if (all.size() >= shortest && all != struck) add_word(words, all);
}

/// `a=1; b=2` of `Cookie`, or `a=1; Path=/` of `Set-Cookie`, of which only the first pair is the server's secret.
CHORUS_DECL void add_cookies(word_list& words, std::string_view value, bool only_first) {
    constexpr std::size_t shortest = 8;
    while (!value.empty()) {
        const std::string_view pair = value.substr(0, value.find(';'));
        value.remove_prefix(std::min(value.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (equals != pair.npos && pair.size() - equals > shortest) add_word(words, pair.substr(equals + 1));
        if (only_first) return;
    }
}

CHORUS_DECL void add_secrets_of(word_list& words, const http::headers& fields) {
    for (const auto& [name, value] : fields) {
        if (!secret_striker::is_secret_field(name)) continue;
        if (chorus::detail::to_lower(name).find("cookie") == name.npos) {
            add_credential(words, value);
        } else {
            add_cookies(words, value, http::equal_names(name, "set-cookie"));
        }
    }
}

CHORUS_DECL bool is_secret_parameter(std::string_view name) {
    // What a header with the name would hold it holds too: Azure API Management takes `subscription-key` as either.
    std::string as_field = chorus::detail::to_lower(name);
    std::replace(as_field.begin(), as_field.end(), '_', '-');
    return as_field == "key" || as_field == "token" || as_field == "sig" || secret_striker::is_secret_field(as_field);
}

/// Strikes the values of a query that carry credentials, and tells what they were.
CHORUS_DECL std::string without_credentials(const std::string& target, word_list& words) {
    const auto query = target.find('?');
    if (query == target.npos) return target;
    std::string out = target.substr(0, query + 1);
    std::string_view rest = std::string_view(target).substr(query + 1);
    while (true) {
        const std::string_view part = rest.substr(0, rest.find('&'));
        const auto equals = part.find('=');
        if (equals != part.npos && is_secret_parameter(part.substr(0, equals))) {
            add_credential(words, part.substr(equals + 1));
            out.append(part.substr(0, equals + 1)).append(struck);
        } else {
            out += part;
        }
        if (part.size() == rest.size()) return out;
        out += '&';
        rest.remove_prefix(part.size() + 1);
    }
}

CHORUS_DECL std::string without_words(std::string_view text, const word_list& words) {
    std::string out;
    while (!text.empty()) {
        const auto hit = std::find_if(words.begin(), words.end(),
                                      [text](const std::string& word) { return text.starts_with(word); });
        if (hit == words.end()) {
            out += text.front();
            text.remove_prefix(1);
        } else {
            out += struck;
            text.remove_prefix(hit->size());
        }
    }
    return out;
}

CHORUS_DECL http::headers without_words(const http::headers& fields, const word_list& words) {
    http::headers out;
    for (const auto& [name, value] : fields) {
        out.add(name, secret_striker::is_secret_field(name) ? std::string(struck) : without_words(value, words));
    }
    return out;
}

/// A word that begins in one piece and ends in another leaves its *** in the first.
CHORUS_DECL void strike_pieces(std::vector<recorded_exchange::piece>& pieces, const word_list& words) {
    std::string all;
    for (const auto& one : pieces) all += one.bytes;
    std::string_view rest = all;
    std::size_t current = 0, left = pieces.empty() ? 0 : pieces.front().bytes.size();
    std::vector<std::string> clean(pieces.size());
    while (!rest.empty()) {
        while (left == 0) left = pieces[++current].bytes.size();
        const auto hit = std::find_if(words.begin(), words.end(),
                                      [rest](const std::string& word) { return rest.starts_with(word); });
        std::size_t length = hit == words.end() ? 1 : hit->size();
        clean[current] += hit == words.end() ? rest.substr(0, 1) : struck;
        rest.remove_prefix(length);
        for (; length > left; left = pieces[++current].bytes.size()) length -= left;
        left -= length;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) pieces[i].bytes = std::move(clean[i]);
}

}  // namespace detail

CHORUS_DECL std::string to_line(const recorded_exchange& exchange) {
    std::string line;
    json::writer json(line);
    json.begin_object().member("number", exchange.number).key("request").begin_object();
    json.member("method", exchange.request.method);
    json.member("url", exchange.request.origin.to_string() + exchange.request.target);
    detail::write_fields(json, exchange.request.headers);
    detail::write_bytes(json, "body", exchange.request.body);
    json.end_object().member("taken_us", exchange.taken.count());
    if (exchange.has_response) {
        json.key("response").begin_object().member("status", exchange.response.status);
        detail::write_fields(json, exchange.response.headers);
        if (exchange.is_streamed) {
            json.key("pieces").begin_array();
            for (const auto& piece : exchange.pieces) {
                json.begin_object().member("after_us", piece.after.count());
                detail::write_bytes(json, "bytes", piece.bytes);
                json.end_object();
            }
            json.end_array();
            if (exchange.is_abandoned) json.member("abandoned", true);
        } else {
            detail::write_bytes(json, "body", exchange.response.body);
        }
        json.end_object();
    }
    if (exchange.failure.code()) detail::write_failure(json, exchange.failure);
    json.end_object();
    return line;
}

CHORUS_DECL result<recorded_exchange> exchange_from_line(std::string_view line) {
    recorded_exchange made;
    detail::line_reader from{json::reader(line), {}};
    bool has_request = false;
    from.in.object([&](std::string_view key) {
        if (key == "number") {
            made.number = static_cast<std::uint64_t>(from.number());
        } else if (key == "request") {
            from.request(made.request);
            has_request = true;
        } else if (key == "taken_us") {
            made.taken = std::chrono::microseconds(from.number());
        } else if (key == "response") {
            from.response(made);
        } else if (key == "error") {
            made.failure = from.failure();
        }
    });
    if (const auto read = from.in.finish(); !read) return read.error();
    if (from.problem.empty() && !has_request) from.problem = "has no request";
    if (from.problem.empty() && !made.has_response && !made.failure.code()) {
        from.problem = "has neither a response nor an error";
    }
    if (!from.problem.empty()) return error(errc::decode_failed, "the line of a recording " + from.problem);
    return made;
}

CHORUS_DECL secret_striker::secret_striker(std::vector<std::string> words) {
    for (const auto& word : words) detail::add_word(words_, word);
}

CHORUS_DECL bool secret_striker::is_secret_field(std::string_view name) {
    const std::string lower = chorus::detail::to_lower(name);
    if (lower.find("ratelimit") != lower.npos) return false;  // x-ratelimit-remaining-tokens and its like
    for (const std::string_view part :
         {"authorization", "api-key", "apikey", "cookie", "secret", "signature", "password"}) {
        if (lower.find(part) != lower.npos) return true;
    }
    return http::holds_secret(name) || lower.ends_with("-key");
}

CHORUS_DECL void secret_striker::strike(recorded_exchange& exchange) const {
    detail::word_list words = words_;
    detail::add_secrets_of(words, exchange.request.headers);
    detail::add_secrets_of(words, exchange.response.headers);
    http::request& request = exchange.request;
    request.target = detail::without_credentials(request.target, words);
    // The longest first: a word that another one begins with must not leave the rest of it.
    std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });

    request.target = detail::without_words(request.target, words);
    request.headers = detail::without_words(request.headers, words);
    request.body = detail::without_words(request.body, words);
    exchange.response.headers = detail::without_words(exchange.response.headers, words);
    exchange.response.body = detail::without_words(exchange.response.body, words);
    detail::strike_pieces(exchange.pieces, words);
    error& failure = exchange.failure;
    if (!failure.text().empty()) failure.text(detail::without_words(failure.text(), words));
    if (!failure.cause().empty()) failure.cause(detail::without_words(failure.cause(), words));
}

}  // namespace chorus::testing
