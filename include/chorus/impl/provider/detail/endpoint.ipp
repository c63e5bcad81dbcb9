#pragma once

#include <chorus/chat/validate.hpp>
#include <chorus/provider/detail/endpoint.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <utility>

namespace chorus::detail {

CHORUS_DECL std::string variable_of(environment variables, const char* name) {
    const char* const value = variables(name);
    return value == nullptr ? std::string() : std::string(trimmed(value));
}

// --- secrets ---

CHORUS_DECL bool holds_key(std::string_view name) noexcept {
    return http::equal_names(name, "authorization") || http::equal_names(name, "api-key") ||
           http::equal_names(name, "x-api-key");
}

CHORUS_DECL bool has_key(const string_pairs& headers) noexcept {
    return std::any_of(headers.begin(), headers.end(), [](const auto& each) {
        return holds_key(each.first) && !secret_in_header(each.first, each.second).empty();
    });
}

/// A decoder whose errors show no secret.
class cleaned_stream_decoder final : public chat_stream_decoder {
 public:
    cleaned_stream_decoder(std::unique_ptr<chat_stream_decoder> decoder, std::shared_ptr<const redactor> secrets)
        : decoder_(std::move(decoder)), secrets_(std::move(secrets)) {}

    result<void> read(const sse::event& next, chat_accumulator& into) override {
        auto understood = decoder_->read(next, into);
        if (!understood) return secrets_->cleaned(understood.error());
        return understood;
    }
    bool is_complete() const noexcept override { return decoder_->is_complete(); }
    result<void> finish(chat_accumulator& into) override {
        auto finished = decoder_->finish(into);
        if (!finished) return secrets_->cleaned(finished.error());
        return finished;
    }

 private:
    std::unique_ptr<chat_stream_decoder> decoder_;
    std::shared_ptr<const redactor> secrets_;
};

// --- requests ---

CHORUS_DECL endpoint::endpoint(result<http::url> base, std::string_view option) {
    if (base) {
        base_ = std::move(*base);
    } else {
        refuse(option, std::string(option).append(": ").append(base.error().text()));
    }
    headers_.add("Content-Type", "application/json").add("Accept", "application/json");
    headers_.add("User-Agent", "chorus/" CHORUS_VERSION_STRING);
}

CHORUS_DECL endpoint& endpoint::refuse(std::string_view option, std::string text) {
    if (failure_) return *this;
    failure_.emplace(errc::invalid_argument, std::move(text));
    failure_->phase(phase::input).param(std::string(option));
    return *this;
}

CHORUS_DECL endpoint& endpoint::add(std::string_view option, std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    // The value is not quoted: it may be a key.
    if (!http::headers::is_valid_value(value)) {
        return refuse(option, std::string(option) + " holds a line break or another control character");
    }
    headers_.set(name, value);
    return *this;
}

CHORUS_DECL endpoint& endpoint::add_key(std::string_view option, std::string_view name, const secret& key,
                                        std::string_view prefix) {
    if (key.empty()) return *this;
    secrets_->add(key.expose());
    return add(option, name, std::string(prefix) + key.expose());
}

CHORUS_DECL endpoint& endpoint::set_from(std::string_view variable, const secret& lines, bool takes_keys) {
    std::string_view rest = lines.expose();
    for (int number = 1; !rest.empty(); ++number) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.empty()) continue;
        const std::size_t colon = line.find(':');
        if (colon == line.npos) {
            return refuse(variable, std::string(variable) + ": line " + std::to_string(number) +
                                        " is no header, which is a name, a colon and a value");
        }
        const std::string_view name = trimmed(line.substr(0, colon));
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (auto valid = validate_header(name, value, variable); !valid) {
            if (!failure_) failure_ = valid.error();
        } else if (holds_key(name) && takes_keys && has(name)) {
            // Which of the two is meant, nobody can tell.
            refuse(variable, std::string(variable).append(": ").append(name).append(
                                 " is also sent with the key of a variable of its own: unset one of them"));
        } else if (!holds_key(name) || takes_keys) {
            set(name, value);
        }
    }
    return *this;
}

CHORUS_DECL void endpoint::set(std::string_view name, std::string_view value) {
    headers_.set(name, value);
    secrets_->add(secret_in_header(name, value));
}

CHORUS_DECL endpoint& endpoint::set(const string_pairs& headers) {
    for (const auto& [name, value] : headers) {
        if (auto valid = validate_header(name, value, "headers"); !valid) {
            if (!failure_) failure_ = valid.error();
            continue;
        }
        set(name, value);
    }
    return *this;
}

CHORUS_DECL bool endpoint::is_at(std::string_view home) const noexcept {
    const std::string_view host = base_.origin().host;
    return host == home || (host.ends_with(home) && host[host.size() - home.size() - 1] == '.');
}

CHORUS_DECL result<void> endpoint::check() const {
    if (failure_) return *failure_;
    return {};
}

CHORUS_DECL http::request endpoint::request(const std::string& target, const string_pairs& headers,
                                            std::string body) const {
    constexpr std::size_t added_on_the_way = 64;  // the name of the attempt
    http::request made{"POST", base_.origin(), target, {}, std::move(body)};
    made.headers.reserve(headers_.block().size() + added_on_the_way);
    made.headers.add(headers_);
    for (const auto& [name, value] : headers) made.headers.set(name, value);
    return made;
}

CHORUS_DECL http::request endpoint::get(std::string target) const {
    http::request made;
    made.method = "GET";
    made.origin = base_.origin();
    made.target = std::move(target);
    made.headers = headers_;
    made.headers.remove("Content-Type");
    return made;
}

CHORUS_DECL std::unique_ptr<chat_stream_decoder> endpoint::cleaned(std::unique_ptr<chat_stream_decoder> decoder) const {
    return std::make_unique<cleaned_stream_decoder>(std::move(decoder), secrets_);
}

}  // namespace chorus::detail
