// A transport without a network: a function answers each request.
#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/net/transport.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chorus::testing {

/// An answer whose body comes piece by piece.
struct streamed_answer {
    struct piece {
        std::string bytes;
        std::chrono::milliseconds after{};  ///< How long the server lets the reader wait for it.
    };

    http::response head;
    std::vector<piece> pieces;  ///< One a read.
    error ending;               ///< What happens after the last; none if the body ends in order.
};

/// Answers every request by a function of the test, and remembers what was sent.
///
///     auto fake = std::make_shared<chorus::testing::fake_transport>([](const chorus::http::request&) {
///         chorus::http::response answer;
///         answer.status = 503;
///         return answer;
///     });
///     chorus::client llm(executor, chorus::openai(), fake);
class fake_transport final : public net::transport {
 public:
    using answer = std::function<result<http::response>(const http::request&)>;
    using stream = std::function<result<streamed_answer>(const http::request&)>;

    explicit fake_transport(answer reply) : reply_(std::move(reply)) {}

    /// Answers in pieces whoever opens a response. Without this he gets the answer of `send`, in one piece.
    void answer_in_pieces(stream reply) { stream_ = std::move(reply); }

    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& into) override {
        note(message, caps);
        if (closed_) co_return error(errc::client_closed);
        auto reply = reply_(requests.back());
        if (!reply) co_return reply.error();
        into = std::move(*reply);
        co_return result<void>();
    }
    awaitable<result<std::unique_ptr<net::incoming_response>>> open(const http::request& message,
                                                                    const http::limits& caps) override {
        return stream_ ? open_stream(message, caps) : transport::open(message, caps);
    }
    awaitable<void> close() override {
        closed_ = true;
        co_return;
    }
    void abort() noexcept override { closed_ = true; }

    /// What became of the answers that were opened in pieces.
    struct stream_counts {
        std::size_t open = 0;     ///< Under way.
        std::size_t ended = 0;    ///< Read to their end, or to their error.
        std::size_t dropped = 0;  ///< Left before.
        std::size_t reads = 0;    ///< Of all of them.
    };
    const stream_counts& streams() const noexcept { return *streams_; }

    std::vector<http::request> requests;  ///< All that were sent, in order.
    http::limits last_limits;             ///< Of the last one.

 private:
    class incoming;

    void note(const http::request& message, const http::limits& caps) {
        requests.push_back(message);
        requests.back().listener = nullptr;  // gone with its call
        last_limits = caps;
    }
    awaitable<result<std::unique_ptr<net::incoming_response>>> open_stream(const http::request& message,
                                                                           const http::limits& caps);

    answer reply_;
    stream stream_;
    std::shared_ptr<stream_counts> streams_ = std::make_shared<stream_counts>();
    bool closed_ = false;
};

class fake_transport::incoming final : public net::incoming_response {
 public:
    incoming(streamed_answer script, std::shared_ptr<stream_counts> counts)
        : script_(std::move(script)), counts_(std::move(counts)) {
        ++counts_->open;
        end_if_known();
    }
    ~incoming() override {
        if (is_over_) return;
        --counts_->open;
        ++counts_->dropped;
    }

    http::response take_head() noexcept override { return std::move(script_.head); }
    bool is_complete() const noexcept override { return is_over_ && !script_.ending.code(); }

    awaitable<result<bool>> read(http::body_sink& into, net::time_limit limit) override {
        ++counts_->reads;
        if (next_ == script_.pieces.size()) {
            if (!is_over_) end();
            if (script_.ending.code()) co_return script_.ending;
            co_return false;
        }
        const streamed_answer::piece& piece = script_.pieces[next_];
        if (piece.after > std::chrono::milliseconds(0)) {
            const clock::time_point there = chorus::now(co_await this_coro::executor) + piece.after;
            co_await sleep_until(std::min(there, limit.when));
            if (there > limit.when) {
                error late(limit.reason);
                co_return late.phase(phase::read);
            }
        }
        ++next_;
        const auto taken = into.take(piece.bytes);
        if (!taken) co_return taken.error();
        end_if_known();
        co_return true;
    }

 private:
    void end_if_known() {
        if (next_ == script_.pieces.size() && !script_.ending.code()) end();
    }
    void end() {
        is_over_ = true;
        --counts_->open;
        ++counts_->ended;
    }

    streamed_answer script_;
    std::shared_ptr<stream_counts> counts_;
    std::size_t next_ = 0;
    bool is_over_ = false;
};

inline awaitable<result<std::unique_ptr<net::incoming_response>>> fake_transport::open_stream(
    const http::request& message, const http::limits& caps) {
    note(message, caps);
    if (closed_) co_return error(errc::client_closed);
    auto script = stream_(requests.back());
    if (!script) co_return script.error();
    std::unique_ptr<net::incoming_response> opened = std::make_unique<incoming>(std::move(*script), streams_);
    co_return opened;
}

}  // namespace chorus::testing
