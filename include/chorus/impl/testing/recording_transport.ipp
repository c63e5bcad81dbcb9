#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/testing/recorded_exchange.hpp>
#include <chorus/testing/recording_transport.hpp>

#include <cstdio>
#include <utility>

namespace chorus::testing {

namespace detail {

CHORUS_DECL std::chrono::microseconds microseconds_since(clock::time_point start, const executor& ex) {
    return std::chrono::duration_cast<std::chrono::microseconds>(chorus::now(ex) - start);
}

}  // namespace detail

struct recording_transport::recording {
    line_sink sink;
    secret_striker striker;
    std::uint64_t requests = 0;

    recorded_exchange begin(const http::request& message) {
        recorded_exchange made;
        made.number = ++requests;
        made.request = message;
        return made;
    }

    void write(recorded_exchange& exchange) noexcept {
        try {
            striker.strike(exchange);
            sink(to_line(exchange));
        } catch (...) {  // a recording that cannot be written must not end the call that it is of
        }
    }
};

/// Reads through another response, and keeps a copy.
class recording_transport::incoming final : public net::incoming_response {
 public:
    incoming(std::unique_ptr<net::incoming_response> next, std::shared_ptr<recording> into, recorded_exchange exchange,
             const executor& ex)
        : next_(std::move(next)),
          recording_(std::move(into)),
          exchange_(std::move(exchange)),
          executor_(ex),
          last_(chorus::now(ex)),
          head_(next_->take_head()) {
        exchange_.has_response = exchange_.is_streamed = true;
        exchange_.response.status = head_.status;
        exchange_.response.headers = head_.headers;
    }
    ~incoming() override {
        if (!is_over_) exchange_.is_abandoned = !next_->is_complete();
        recording_->write(exchange_);
    }

    http::response take_head() noexcept override { return std::move(head_); }
    bool is_request_sent() const noexcept override { return next_->is_request_sent(); }
    bool is_complete() const noexcept override { return next_->is_complete(); }

    awaitable<result<bool>> read(http::body_sink& into, net::time_limit limit) override {
        copying_sink both(*this, into);
        auto got = co_await next_->read(both, limit);
        if (got) {
            is_over_ = is_over_ || !*got;
        } else if (!both.was_refused && got.error() != condition::cancelled) {
            exchange_.failure = got.error();
            is_over_ = true;
        }
        co_return got;
    }

 private:
    struct copying_sink final : http::body_sink {
        copying_sink(incoming& copy, http::body_sink& reader) : copy_to(copy), reader_of(reader) {}
        result<void> take(std::string_view bytes) override {
            copy_to.keep(bytes);
            auto taken = reader_of.take(bytes);
            was_refused = !taken;
            return taken;
        }

        incoming& copy_to;
        http::body_sink& reader_of;
        bool was_refused = false;
    };

    void keep(std::string_view bytes) {
        const auto after = detail::microseconds_since(last_, executor_);
        exchange_.pieces.push_back({std::string(bytes), after});
        last_ += after;
    }

    std::unique_ptr<net::incoming_response> next_;
    std::shared_ptr<recording> recording_;
    recorded_exchange exchange_;
    executor executor_;
    clock::time_point last_;
    http::response head_;
    bool is_over_ = false;
};

CHORUS_DECL recording_transport::recording_transport(std::shared_ptr<net::transport> next, line_sink sink,
                                                     std::vector<std::string> secrets)
    : next_(std::move(next)),
      recording_(std::make_shared<recording>(recording{std::move(sink), secret_striker(std::move(secrets))})) {}

CHORUS_DECL result<std::shared_ptr<recording_transport>> recording_transport::to_file(
    std::shared_ptr<net::transport> next, const std::string& path, std::vector<std::string> secrets) {
    const std::shared_ptr<std::FILE> file(std::fopen(path.c_str(), "wb"), [](std::FILE* opened) {
        if (opened != nullptr) std::fclose(opened);
    });
    if (!file) return error(errc::invalid_argument, "the recording cannot be written to " + path);
    auto write = [file](std::string_view line) {
        std::fwrite(line.data(), 1, line.size(), file.get());
        std::fputc('\n', file.get());
        std::fflush(file.get());
    };
    return std::make_shared<recording_transport>(std::move(next), std::move(write), std::move(secrets));
}

CHORUS_DECL awaitable<result<void>> recording_transport::send(const http::request& message, const http::limits& caps,
                                                              http::response& answer) {
    const executor here = co_await this_coro::executor;
    const auto start = chorus::now(here);
    recorded_exchange exchange = recording_->begin(message);
    auto sent = co_await next_->send(message, caps, answer);
    exchange.taken = detail::microseconds_since(start, here);
    if (sent) {
        exchange.has_response = true;
        exchange.response.status = answer.status;
        exchange.response.headers = answer.headers;
        exchange.response.body = answer.body;
        recording_->write(exchange);
    } else if (sent.error() != condition::cancelled) {
        exchange.failure = sent.error();
        recording_->write(exchange);
    }
    co_return sent;
}

CHORUS_DECL awaitable<result<std::unique_ptr<net::incoming_response>>> recording_transport::open(
    const http::request& message, const http::limits& caps) {
    const executor here = co_await this_coro::executor;
    const auto start = chorus::now(here);
    recorded_exchange exchange = recording_->begin(message);
    auto opened = co_await next_->open(message, caps);
    exchange.taken = detail::microseconds_since(start, here);
    if (!opened) {
        if (opened.error() != condition::cancelled) {
            exchange.failure = opened.error();
            recording_->write(exchange);
        }
        co_return opened.error();
    }
    std::unique_ptr<net::incoming_response> copied =
        std::make_unique<incoming>(std::move(*opened), recording_, std::move(exchange), here);
    co_return copied;
}

}  // namespace chorus::testing
