#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/testing/replaying_transport.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace chorus::testing {

namespace detail {

CHORUS_DECL std::string replay_key(const http::request& message) {
    return message.method + ' ' + message.target + '\n' + message.body;
}

/// Some bytes around an offset, fit for a message.
CHORUS_DECL std::string excerpt(std::string_view text, std::size_t around) {
    constexpr std::size_t before = 16, after = 24;
    const std::size_t first = around > before ? around - before : 0;
    std::string out = first > 0 ? "\"..." : "\"";
    for (const char c : text.substr(std::min(first, text.size()), around - first + after)) {
        out += c >= 0x20 && c < 0x7f ? c : '?';
    }
    return out + (around + after < text.size() ? "...\"" : "\"");
}

CHORUS_DECL std::string difference(const recorded_exchange& recorded, const http::request& sent) {
    const std::string number = std::to_string(recorded.number);
    const http::request& was = recorded.request;
    if (was.method != sent.method || was.target != sent.target) {
        return "the next one recorded, number " + number + ", is " + was.method + " " + was.target;
    }
    const auto [at, other] = std::mismatch(was.body.begin(), was.body.end(), sent.body.begin(), sent.body.end());
    const auto offset = static_cast<std::size_t>(at - was.body.begin());
    return "its body differs from that of number " + number + " from byte " + std::to_string(offset) +
           " on: " + excerpt(was.body, offset) + " was recorded, " + excerpt(sent.body, offset) + " is sent";
}

CHORUS_DECL error recording_ended() {
    error cut(errc::truncated, "the recording ends here, where its reader left the stream");
    return cut.phase(phase::read);
}

/// The limit of the wait for a response that passes first.
CHORUS_DECL net::time_limit first_limit(const http::limits& caps, clock::time_point start) {
    const auto total = chorus::detail::saturating_add(start, caps.total);
    const auto first_byte = chorus::detail::saturating_add(start, caps.first_byte);
    if (first_byte < total) return {first_byte, errc::first_byte_timed_out};
    return {total, errc::deadline_exceeded};
}

}  // namespace detail

/// Gives out the pieces of an exchange.
class replaying_transport::incoming final : public net::incoming_response {
 public:
    incoming(std::shared_ptr<const recorded_exchange> exchange, bool has_original_timing)
        : exchange_(std::move(exchange)), head_(exchange_->response), has_original_timing_(has_original_timing) {}

    http::response take_head() noexcept override { return std::move(head_); }
    bool is_complete() const noexcept override {
        return next_ == exchange_->pieces.size() && !exchange_->failure.code() && !exchange_->is_abandoned;
    }

    awaitable<result<bool>> read(http::body_sink& into, net::time_limit limit) override {
        if (next_ == exchange_->pieces.size()) co_return ending();
        const recorded_exchange::piece& piece = exchange_->pieces[next_];
        if (has_original_timing_ && piece.after > piece.after.zero()) {
            const clock::time_point there = chorus::now(co_await this_coro::executor) + piece.after;
            co_await sleep_until(std::min(there, limit.when));
            if (there > limit.when) {
                error late(limit.reason);
                co_return late.phase(phase::read);
            }
        }
        ++next_;
        if (const auto taken = into.take(piece.bytes); !taken) co_return taken.error();
        co_return true;
    }

 private:
    result<bool> ending() const {
        if (exchange_->failure.code()) return exchange_->failure;
        if (!exchange_->is_abandoned) return false;
        return detail::recording_ended();
    }

    std::shared_ptr<const recorded_exchange> exchange_;
    http::response head_;
    std::size_t next_ = 0;
    bool has_original_timing_;
};

CHORUS_DECL replaying_transport::replaying_transport(std::vector<recorded_exchange> exchanges, replay_options options)
    : striker_(std::move(options.secrets)), has_original_timing_(options.original_timing), left_(exchanges.size()) {
    std::stable_sort(exchanges.begin(), exchanges.end(),
                     [](const auto& left, const auto& right) { return left.number < right.number; });
    for (recorded_exchange& one : exchanges) {
        striker_.strike(one);  // as the requests will be
        track& equals = tracks_[detail::replay_key(one.request)];
        equals.exchanges.push_back(std::make_shared<const recorded_exchange>(std::move(one)));
    }
}

CHORUS_DECL result<std::shared_ptr<replaying_transport>> replaying_transport::parse(std::string_view lines,
                                                                                    replay_options options) {
    std::vector<recorded_exchange> exchanges;
    for (std::size_t number = 1; !lines.empty(); ++number) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(lines.size(), line.size() + 1));
        if (chorus::detail::trimmed(line).empty()) continue;
        auto read = exchange_from_line(line);
        if (!read) {
            return error(errc::decode_failed,
                         "line " + std::to_string(number) + ": " + std::string(read.error().text()));
        }
        exchanges.push_back(std::move(*read));
    }
    return std::shared_ptr<replaying_transport>(new replaying_transport(std::move(exchanges), std::move(options)));
}

CHORUS_DECL result<std::shared_ptr<replaying_transport>> replaying_transport::load(const std::string& path,
                                                                                   replay_options options) {
    std::FILE* const file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return error(errc::invalid_argument, "the recording cannot be read from " + path);
    std::string lines;
    char buffer[16 * 1024];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), file)) > 0;) lines.append(buffer, got);
    const bool has_failed = std::ferror(file) != 0;
    std::fclose(file);
    if (has_failed) return error(errc::invalid_argument, "the recording cannot be read from " + path);
    return parse(lines, std::move(options));
}

CHORUS_DECL error replaying_transport::mismatch(const http::request& struck, const track* same) const {
    std::string text = "the recording has no answer left for " + struck.method + " " + struck.target + ": ";
    const recorded_exchange* nearest = nullptr;
    const auto is_nearer = [&struck, &nearest](const recorded_exchange& one) {
        const auto likeness = [&struck](const recorded_exchange& other) {
            return other.request.method == struck.method && other.request.target == struck.target;
        };
        if (nearest == nullptr || likeness(one) != likeness(*nearest)) return nearest == nullptr || likeness(one);
        return one.number < nearest->number;
    };
    for (const auto& [key, one] : tracks_) {
        if (one.played < one.exchanges.size() && is_nearer(*one.exchanges[one.played])) {
            nearest = one.exchanges[one.played].get();
        }
    }
    if (same != nullptr) {
        text += "each of the " + std::to_string(same->played) + " recorded like it was played";
    } else if (nearest != nullptr) {
        text += detail::difference(*nearest, struck);
    } else {
        text += tracks_.empty() ? "it is empty" : "everything was played";
    }
    error refused(errc::invalid_argument, std::move(text));
    return refused.phase(phase::input);
}

CHORUS_DECL result<std::shared_ptr<const recorded_exchange>> replaying_transport::take(const http::request& message) {
    if (is_closed_) return error(errc::client_closed);
    recorded_exchange asked;
    asked.request = message;
    striker_.strike(asked);
    const auto found = tracks_.find(detail::replay_key(asked.request));
    if (found == tracks_.end()) return mismatch(asked.request, nullptr);
    track& equals = found->second;
    if (equals.played == equals.exchanges.size()) return mismatch(asked.request, &equals);
    --left_;
    return equals.exchanges[equals.played++];
}

CHORUS_DECL awaitable<result<std::shared_ptr<const recorded_exchange>>> replaying_transport::take_in_time(
    const http::request& message, const http::limits& caps) {
    auto found = take(message);
    if (!found) co_return found.error();
    if (has_original_timing_) {
        const auto start = chorus::now(co_await this_coro::executor);
        const net::time_limit limit = detail::first_limit(caps, start);
        const auto there = start + (*found)->taken;
        co_await sleep_until(std::min(there, limit.when));
        if (there > limit.when) {
            error late(limit.reason);
            co_return late.phase(phase::first_byte);
        }
    }
    if (!(*found)->has_response) co_return (*found)->failure;
    co_return found;
}

CHORUS_DECL awaitable<result<void>> replaying_transport::send(const http::request& message, const http::limits& caps,
                                                              http::response& answer) {
    const auto found = co_await take_in_time(message, caps);
    if (!found) co_return found.error();
    const recorded_exchange& exchange = **found;
    if (exchange.failure.code()) co_return exchange.failure;
    if (exchange.is_abandoned) co_return detail::recording_ended();
    answer = exchange.response;
    for (const auto& piece : exchange.pieces) answer.body += piece.bytes;
    if (answer.body.size() > caps.body_bytes) {
        error large(errc::body_too_large);
        co_return large.phase(phase::read);
    }
    co_return result<void>();
}

CHORUS_DECL awaitable<result<std::unique_ptr<net::incoming_response>>> replaying_transport::open(
    const http::request& message, const http::limits& caps) {
    const auto found = co_await take_in_time(message, caps);
    if (!found) co_return found.error();
    std::unique_ptr<net::incoming_response> opened;
    if ((*found)->is_streamed) {
        opened = std::make_unique<incoming>(*found, has_original_timing_);
    } else {
        opened = std::make_unique<net::whole_response>((*found)->response);
    }
    co_return opened;
}

CHORUS_DECL awaitable<void> replaying_transport::close() {
    is_closed_ = true;
    co_return;
}

}  // namespace chorus::testing
